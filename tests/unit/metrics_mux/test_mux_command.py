"""`extension-apiserver metrics-mux`, and `doctor` for it: what they print, and what is in the log."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from extension_apiserver.command import program
from unit.fake_apiserver import TOKEN
from unit.gateway.upstream import Visitor, answering
from unit.metrics_mux.conftest import Making
from unit.metrics_mux.fake_provider import EXTERNAL, FakeProvider, Served, a_resource_list, as_json, failure
from unit.running import Backend

A = "namespaces/default/a"


def written(folder: Path, *providers: FakeProvider, **more: object) -> Path:
    """Return a configuration file with providers."""
    entries = [
        {
            "name": one.name,
            "url": f"https://127.0.0.1:{one.port}",
            "tls": {"caFile": str(one.ca_file), "serverName": f"{one.name}.default.svc"},
        }
        for one in providers
    ]
    file = folder / "mux.json"
    file.write_text(json.dumps({"providers": entries, **more}))
    return file


def test_what_is_wrong_with_the_command_is_one_line(
    own: Backend, capsys: pytest.CaptureFixture[str], provider: Making, tmp_path: Path
) -> None:
    """With what to do, and exit code 2."""
    one = provider("one", Served().script)
    good = written(tmp_path, one)
    cases = [
        (Path("/nonexistent.json"), {}, "/nonexistent.json cannot be read: No such file or directory"),
        (good, {"METRICS_APIS": "external,custom"}, "custom metrics are registered (EXTENSION_APISERVER_METRICS_APIS has 'custom') and not among `apis` of the configuration"),
        (good, {"PORT": "many"}, "EXTENSION_APISERVER_PORT must be a port number from 0 to 65535, not 'many'"),
    ]  # fmt: skip
    for file, variables, words in cases:
        assert program.main(["metrics-mux", "--config", str(file)], own.environ(**variables)) == 2
        assert capsys.readouterr().err == f"{words}\n"
    one.ca_file.write_text("")
    assert program.main(["metrics-mux", "--config", str(good)], own.environ()) == 2
    assert capsys.readouterr().err == f"{one.ca_file} holds no certificate in PEM, or one that is malformed\n"


def test_a_token_that_is_none_is_named(
    own: Backend, capsys: pytest.CaptureFixture[str], provider: Making, tmp_path: Path
) -> None:
    """When it starts, not when somebody asks."""
    token = own.directory / "serviceaccount" / "token"
    token.write_text("a\nb")
    assert program.main(["metrics-mux", "--config", str(written(tmp_path, provider("one", Served().script)))], own.environ()) == 2  # fmt: skip
    assert capsys.readouterr().err == f"{token} holds no token\n"


def test_doctor_says_what_each_provider_answers(
    own: Backend, capsys: pytest.CaptureFixture[str], provider: Making, tmp_path: Path
) -> None:
    """And what to do about it."""
    good, away = provider("good", Served({}, "a", "b").script), provider("away", Served().script)
    away.close()

    file = written(tmp_path, good, away, provider("strict", answering(failure(403, "no"))))
    assert program.main(["doctor", "--config", str(file)], own.environ()) == 1
    said = capsys.readouterr().out
    assert "the provider good serves external.metrics.k8s.io/v1beta1 and lists 2 metrics" in said
    assert "the provider away takes no connection: Connection refused" in said
    assert "this is the hop from the multiplexer to the provider" in said
    assert "the provider strict does not let the multiplexer read: 403: no" in said
    assert "bind a ClusterRole with get and list on this group" in said
    assert f"the serving certificate names {own.environ()['EXTENSION_APISERVER_SERVICE_DNS_NAME']}" in said


@pytest.mark.parametrize(("served", "marks"), [("v1beta1", ["[+]", "[?]"]), ("v1beta2", ["[?]", "[+]"]), ("v1", ["[-]", "[-]"])])  # fmt: skip
def test_doctor_takes_one_version_of_an_api_for_enough(
    own: Backend, capsys: pytest.CaptureFixture[str], provider: Making, tmp_path: Path, served: str, marks: list[str]
) -> None:
    """An older provider is no fault; one that serves none is."""

    def script(visitor: Visitor) -> None:
        while header := visitor.header():
            path = f"/apis/custom.metrics.k8s.io/{served}"
            found = as_json(a_resource_list(path[6:]))
            visitor.socket.sendall(found if header.startswith(f"GET {path} ".encode()) else failure(404, "not found"))

    file = written(tmp_path, provider("one", script), apis=["custom"])
    program.main(["doctor", "--config", str(file)], own.environ())
    lines = [line for line in capsys.readouterr().out.splitlines() if "the provider one" in line]
    assert [line[:3] for line in lines] == marks, lines


def test_its_log_says_who_is_away_and_has_no_token_and_no_selector(
    own: Backend, provider: Making, tmp_path: Path
) -> None:
    """As a process, as the chart runs it, until SIGTERM."""
    away = provider("away", Served().script)
    away.close()
    file = written(tmp_path, away, provider("two", Served({A: ["1"]}).script))
    log = tmp_path / "log"
    environ = own.environ(LOG_LEVEL="info", METRICS_APIS="external")
    command = [sys.executable, "-m", "extension_apiserver", "metrics-mux", "--config", str(file)]
    with log.open("wb") as opened, subprocess.Popen(command, env={**os.environ, **environ}, stderr=opened) as process:
        try:
            own.wait_for(lambda: "on port" in log.read_text() or process.poll() is not None, seconds=60)
            own.port = int(log.read_text().partition("on port ")[2].partition(":")[0])
            own.wait_until_ready()
            answer = own.aggregator().request("GET", f"{EXTERNAL}/{A}?labelSelector=secret%3Dvalue")
            assert (answer.status, answer.header("X-Metrics-Provider")) == (200, "two")
            own.wait_for(lambda: _ready(own) and "check providers passes, but" in log.read_text())
        finally:
            process.terminate()
            process.wait(30)
    said = log.read_text()
    assert "serving external.metrics.k8s.io on port" in said
    assert "the provider away takes no connection: Connection refused" in said
    assert (TOKEN in said, "secret" in said, process.returncode) == (False, False, 0), said


def _ready(backend: Backend) -> bool:
    time.sleep(0.1)
    return backend.client(None).request("GET", "/readyz", user=None).status == 200

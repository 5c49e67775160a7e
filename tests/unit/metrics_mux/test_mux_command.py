"""`extension-apiserver metrics-mux`, and `doctor` for it: what they print, and what is in the log."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from extension_apiserver.command import program
from extension_apiserver.metrics_mux import answers, asking, configuration_file, line
from unit.fake_apiserver import TOKEN
from unit.gateway.upstream import Visitor, answering
from unit.metrics_mux.conftest import Making
from unit.metrics_mux.fake_provider import EXTERNAL, FakeProvider, Served, a_resource_list, as_json, failure
from unit.running import Backend

A = "namespaces/default/a"
ROOT = Path(__file__).resolve().parents[3]
DOCUMENT = ROOT / "docs" / "metrics-mux.md"


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


def document_blocks() -> tuple[str, list[list[str]]]:
    """Return the file that the document shows, and the arguments of its commands of this program."""
    text = DOCUMENT.read_text()
    (shown,) = re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    commands = [shlex.split(one) for one in re.findall(r"^    (extension-apiserver .*)$", text, re.MULTILINE)]
    return shown, [arguments for _, *arguments in commands]


def documented(folder: Path, providers: dict[str, FakeProvider], token: Path) -> None:
    """Write the file that the document shows, with addresses and files that are here."""
    shown, _ = document_blocks()
    for name, host in (("keda", "keda-operator-metrics-apiserver.keda.svc"), ("own", "queues.default.svc")):
        fake = providers[name]
        shown = shown.replace(f"https://{host}", f"https://127.0.0.1:{fake.port}")
        shown = shown.replace(f"/etc/metrics/{name}-ca.crt", str(fake.ca_file))
        shown = shown.replace("serverName: keda-operator-metrics-apiserver.keda.svc", "serverName: keda.default.svc")
    shown = shown.replace("caFile: " + str(providers["own"].ca_file), f"caFile: {providers['own'].ca_file}, serverName: own.default.svc")  # fmt: skip
    shown = shown.replace("/var/run/own/token", str(token))
    (folder / "mux.yaml").write_text(shown)


def test_the_documents_commands_do_what_it_says(own: Backend, provider: Making, tmp_path: Path) -> None:
    """As a process, as the chart runs it, until SIGTERM; its log says who is away and has no token and no selector."""
    token = tmp_path / "own-token"
    token.write_text("token-of-another")
    served = Served({A: ["1"]})
    keda, other = provider("keda", Served().script), provider("own", served.script)
    keda.close()
    documented(tmp_path, {"keda": keda, "own": other}, token)
    _, (serving, doctor) = document_blocks()
    log = tmp_path / "log"
    environ = {**os.environ, **own.environ(LOG_LEVEL="info", METRICS_APIS="external,custom")}
    environ["PYTHONPATH"] = str(ROOT / "backend")
    program_itself = [sys.executable, "-m", "extension_apiserver"]
    with (
        log.open("wb") as opened,
        subprocess.Popen([*program_itself, *serving], env=environ, stderr=opened, cwd=tmp_path) as process,
    ):
        try:
            own.wait_for(lambda: "on port" in log.read_text() or process.poll() is not None, seconds=120)
            own.port = int(log.read_text().partition("on port ")[2].partition(":")[0])
            own.wait_until_ready()
            answer = own.aggregator().request("GET", f"{EXTERNAL}/{A}?labelSelector=secret%3Dvalue")
            assert (answer.status, answer.header("X-Metrics-Provider")) == (200, "own")
            assert "Bearer token-of-another\r\n" in served.asked[-1]
            own.wait_for(lambda: _ready(own) and "check providers passes, but" in log.read_text())
            looked = subprocess.run([*program_itself, *doctor], env=environ, cwd=tmp_path, capture_output=True, text=True, check=False)  # fmt: skip
        finally:
            process.terminate()
            process.wait(60)
    said = log.read_text()
    assert "serving external.metrics.k8s.io, custom.metrics.k8s.io on port" in said
    assert "the provider keda takes no connection: Connection refused" in said
    assert "the provider keda takes no connection: Connection refused" in looked.stdout
    leaked = [word for word in (TOKEN, "token-of-another", "secret") if word in said + looked.stdout]
    assert (leaked, process.returncode) == ([], 0), said


def test_the_document_says_the_bounds_that_there_are() -> None:
    """Of numbers in two places, one is soon wrong."""
    text = " ".join(DOCUMENT.read_text().split())
    bounds = [
        f"| providers, routes | {configuration_file._MOST_PROVIDERS}, {configuration_file._MOST_ROUTES} |",
        f"| {line.MOST_BYTES // 2**20} MiB, {line.MOST_BYTES_TOGETHER // 2**20} MiB |",
        f"of which one caller has half | {line.CONNECTIONS} |",
        f"lists | {answers.MOST_LISTED:,} |",
        f"over all providers | {asking._MOST_SECONDS:g} seconds",
    ]
    assert [bound for bound in bounds if bound not in text] == []


def _ready(backend: Backend) -> bool:
    return backend.client(None).request("GET", "/readyz", user=None).status == 200

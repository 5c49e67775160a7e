"""A dump holds what could be had, and no secret."""

import base64
import datetime as dt
import threading
import time
from functools import partial

import pytest
import yaml

from harness_unit.diagnostics_shapes import LEAF, NOW, encoded, healthy
from pytest_apiservice.base.process import copy_ends
from pytest_apiservice.cluster import Choice, Collector
from pytest_apiservice.clusters.choose import cluster_for
from pytest_apiservice.why.collect import INDEX, collect_all
from pytest_apiservice.why.collect_certificates import in_words
from pytest_apiservice.why.collect_cluster import certificates, collectors
from pytest_apiservice.why.hooks import MOST_DUMPS, Diagnostics, folder_name
from pytest_apiservice.why.redact import REDACTED, Redactor, without_values

PLANTED = "planted-s3cret/with+signs"
KEY = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEplantedKeyMaterial\n-----END EC PRIVATE KEY-----\n"


def b64(text):
    return base64.b64encode(text.encode()).decode()


SECRET = {
    "metadata": {"name": "planted", "namespace": "echo"},
    "data": {"password": b64(PLANTED), "tls.key": b64(KEY), "tls.crt": encoded(LEAF), "namespace": b64("echo")},
}
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJwbGFudGVkIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "text",
    [
        f"connecting with {PLANTED}",
        f"value: {b64(PLANTED)}",
        f'{{"password": "{PLANTED}"}}',
        KEY,
        KEY.replace("\n", "\\n"),
        "\n".join(f"        {line}" for line in KEY.splitlines()),
        b64(KEY),
    ],
)
def test_a_value_of_a_known_secret_is_not_found_in_any_of_its_forms(text):
    shown = Redactor([SECRET]).text(text)
    assert REDACTED in shown
    for piece in (PLANTED, b64(PLANTED), "plantedKeyMaterial", b64(KEY)):
        assert piece not in shown


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {JWT}",
        f"token {JWT} was refused",
        "authorization: Basic cGxhbnRlZDpzZWNyZXQ=",
        KEY,
        f"client-key-data: {b64(KEY)}",
        "DB_PASSWORD=planted-hunter2",
        "api_key: planted-hunter2",
        "- name: UPSTREAM_PASSWORD\n  value: planted-hunter2",
    ],
)
def test_what_looks_like_a_secret_is_redacted_though_it_is_not_known(text):
    shown = Redactor().text(text)
    assert REDACTED in shown
    for piece in (JWT, "cGxhbnRlZDpzZWNyZXQ", "plantedKeyMaterial", "planted-hunter2", b64(KEY)):
        assert piece not in shown


@pytest.mark.parametrize(
    "text",
    [
        "secretName: header-echo-serving",
        "automountServiceAccountToken: false",
        f"caBundle: {encoded(LEAF)}",
        "namespace: echo",
        'reason: FailedMount, MountVolume.SetUp failed for volume "tls": secret "header-echo-serving" not found',
    ],
)
def test_what_explains_a_failure_stays(text):
    assert Redactor([SECRET]).text(text) == text


def test_a_shown_secret_keeps_its_keys_its_sizes_and_its_certificates():
    annotated = SECRET | {"metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": PLANTED}}}
    shown = without_values(annotated)
    assert list(shown["data"]) == list(SECRET["data"])
    assert shown["data"]["tls.crt"] == encoded(LEAF)
    assert shown["data"]["password"] == f"{REDACTED}, {len(PLANTED)} bytes"
    assert PLANTED not in yaml.safe_dump(shown)
    assert SECRET["data"]["password"] == b64(PLANTED), "the original was changed"


def test_a_collector_that_fails_or_hangs_costs_its_own_file_only(tmp_path):
    never = threading.Event()

    def broken(_):
        raise ValueError("kubectl caught fire")

    def hanging(_):
        never.wait(60)
        return ""

    def folder(path):
        path.mkdir()
        (path / "node.log").write_bytes(b"\xff" + PLANTED.encode())

    collectors = [
        Collector("broken.txt", "x", broken),
        Collector("hanging.txt", "x", hanging, deadline_seconds=0.2),
        Collector("ns/good.txt", "a good file", lambda _: f"found {PLANTED}"),
        Collector("logs", "a folder", folder),
    ]
    began = time.monotonic()
    index = collect_all(collectors, tmp_path, Redactor([SECRET]))
    never.set()
    assert time.monotonic() - began < 10
    assert [line.split(maxsplit=1) for line in index] == [
        ["broken.txt", "MISSING: ValueError: kubectl caught fire"],
        ["hanging.txt", "MISSING: not within 0.2 s"],
        ["ns/good.txt", "a good file"],
        ["logs", "a folder"],
    ]
    assert (tmp_path / "ns/good.txt").read_text() == f"found {REDACTED}"
    assert (tmp_path / "logs/node.log").read_bytes() == b"\xff" + REDACTED.encode()


def test_collectors_that_hang_do_not_keep_the_others_from_their_turn(tmp_path):
    never = threading.Event()
    hanging = [Collector(f"{n}.txt", "x", lambda _: str(never.wait(60)), deadline_seconds=0.2) for n in range(8)]
    index = collect_all(hanging, tmp_path, Redactor())
    never.set()
    assert all("MISSING: not within 0.2 s" in line for line in index)


def test_certificates_are_told_in_words_with_the_verdict():
    text = certificates(healthy())
    assert "# APIService v1.cats.example.com: caBundle, 1 certificate(s)" in text
    assert "names      header-echo.echo.svc" in text
    assert "issuer     CN=echo CA" in text
    assert "verifies against the caBundle of v1.cats.example.com as header-echo.echo.svc" in text


def test_an_expired_certificate_says_for_how_long():
    assert "EXPIRED 2 days ago" in in_words(LEAF, now=NOW + dt.timedelta(days=32, hours=1))


class Gone:
    """A cluster that never came up."""

    kind = "embedded"
    context = "header-echo-embedded"

    def __init__(self, directory):
        self.kubeconfig = directory / "kubeconfig"

    def collectors(self, _):
        """Return what its kind can tell: nothing."""
        return ()


def collected(cluster, restarts=0):
    """Return the names of what is collected of ``cluster`` with a healthy release, whose container restarted so often."""
    evidence = healthy()
    for pod in evidence.of("pods"):
        pod["status"]["containerStatuses"] = [{"name": "backend", "restartCount": restarts}]
    return [collector.name for collector in collectors(cluster, evidence)]


@pytest.mark.parametrize(("restarts", "ends"), [(0, ["backend.log"]), (1, ["backend.log", "backend.previous.log"])])
def test_a_container_that_restarted_shows_the_log_of_before_too(tmp_path, restarts, ends):
    logs = [name for name in collected(Gone(tmp_path), restarts) if "/logs/" in name]
    assert [name.rpartition("-")[2] for name in logs] == ends


@pytest.mark.parametrize(
    ("kind", "own"), [("embedded", {"control-plane"}), ("kind", {"kind-logs"}), ("existing", {"oc-adm-inspect"})]
)
def test_each_kind_of_cluster_is_asked_in_its_own_way(tmp_path, monkeypatch, kind, own):
    oc = tmp_path / "oc"
    oc.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("APISERVICE_CACHE", str(tmp_path))
    cluster = cluster_for(Choice(kind, keep=True, context="mine"))
    assert {collector.name for collector in cluster.collectors(["echo"])} == own


def test_a_cluster_that_never_came_up_still_leaves_a_dump_that_says_so(tmp_path):
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "etcd.log").write_text("panic: no space left\n")
    cluster = Gone(tmp_path)
    cluster.collectors = lambda _: [Collector("control-plane", "logs", partial(copy_ends, logs))]
    dump = Diagnostics("on-failure", tmp_path / "dumps").of("test_x.py::test_y-setup", cluster, None)
    assert "the embedded cluster cannot be asked: " in dump.lines[0]
    assert (dump.directory / INDEX).read_text().startswith(dump.lines[0])
    assert (dump.directory / "control-plane" / "etcd.log").read_text() == "panic: no space left\n"


def test_a_session_fixture_that_fails_again_is_looked_at_once(tmp_path):
    diagnostics = Diagnostics("on-failure", tmp_path)
    error = ValueError("helm failed")
    first = diagnostics.of("a.py::test_a-setup", Gone(tmp_path), error)
    assert diagnostics.of("a.py::test_b-setup", Gone(tmp_path), error) is first


def test_when_everything_fails_the_number_of_dumps_is_bounded(tmp_path):
    diagnostics = Diagnostics("on-failure", tmp_path)
    dumps = [diagnostics.of(f"a.py::test_{n}-call", Gone(tmp_path), ValueError(n)) for n in range(MOST_DUMPS + 2)]
    assert [dump.directory is None for dump in dumps] == [False] * MOST_DUMPS + [True] * 2
    assert all(dump.lines for dump in dumps)


def test_a_folder_is_named_after_its_test():
    name = folder_name("tests/e2e/test_echo.py::test_every_method_is_echoed[GET /x]-call")
    assert name == "test_echo-test_every_method_is_echoed-GET-x-call"

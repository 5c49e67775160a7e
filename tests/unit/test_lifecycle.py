"""Start and end of the process, as a pod lives them."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from unit.running import BASE, Backend, start
from unit.test_http1 import paced

BACKEND = Path(__file__).parents[2] / "backend"


@contextmanager
def process(
    backend: Backend, *, command: Sequence[str] = ("-m", "header_echo", "serve"), **variables: str
) -> Iterator[subprocess.Popen[str]]:
    """Run a backend as a process of Python and learn its port from its log."""
    environ = {
        "PYTHONPATH": str(BACKEND),
        **{name: value for name, value in os.environ.items() if name == "PATH" or name.startswith("COVERAGE_")},
        **backend.environ(LOG_LEVEL="info", **variables),
    }
    with subprocess.Popen([sys.executable, *command], env=environ, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        try:
            for line in child.stderr:
                if " on port " in line:
                    backend.port = int(json.loads(line)["message"].partition(" on port ")[2].partition(":")[0])
                    break
            yield child
        finally:
            child.kill()


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def test_must_29_while_starting_everything_is_503(own: Backend) -> None:
    """Never 404, or kube-apiserver would take the server for one without OpenAPI v3 for as long as it lives."""
    own.apiserver.set_config_map(500)
    start(own, ready=False)
    client = own.client(None)
    for path in ("/openapi/v3", "/openapi/v2", "/apis", BASE, f"{BASE}/", f"{BASE}/echoes", "/no-such", "/metrics"):
        answer = client.request("GET", path, user="system:aggregator", groups=())
        assert (answer.status, answer.json()["reason"], answer.header("Retry-After")) == (
            503,
            "ServiceUnavailable",
            "1",
        ), path
    codes = {path: client.request("GET", path, user=None).status for path in ("/readyz", "/livez", "/healthz")}

    assert codes == {"/readyz": 503, "/livez": 200, "/healthz": 200}


def test_must_30_sigterm_drains(own: Backend) -> None:
    """Readiness fails first, requests are still answered on new connections until the delay ends; exit code 0."""
    with process(own, SHUTDOWN_DELAY_SECONDS="1.5") as child:
        own.wait_until_ready()
        client = own.aggregator()
        assert client.request("GET", BASE).header("Connection") == ""
        child.send_signal(signal.SIGTERM)
        own.wait_for(lambda: own.client(None).request("GET", "/readyz", user=None).status == 503)
        assert "[-]shutdown failed" in own.client(None).request("GET", "/readyz", user=None).text
        answer = own.aggregator().request("GET", BASE)
        assert (answer.status, answer.header("Connection")) == (200, "close")
        assert child.wait(10) == 0


def test_must_30_requests_in_flight_are_finished(own: Backend) -> None:
    """A request that is being answered when the port closes is answered."""
    begun = threading.Event()

    def application(_environ, start_response):  # type: ignore[no-untyped-def]
        begun.set()
        time.sleep(1)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"done"]

    start(own, app=application, blocking=True, SHUTDOWN_DELAY_SECONDS="0", SHUTDOWN_TIMEOUT_SECONDS="5")
    client = own.aggregator()
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(client.request, "GET", f"{BASE}/slow")
        assert begun.wait(10)
        own.stop()
        assert (answer.result().status, answer.result().body) == (200, b"done")
    with pytest.raises((ConnectionError, ssl.SSLError)):
        own.aggregator().request("GET", BASE)


def test_a_drain_lets_the_last_answer_be_read(own: Backend) -> None:
    """Whoever is still reading when the port closes has the rest of the time."""

    def application(_environ, start_response):  # type: ignore[no-untyped-def]
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"x" * 12_000_000]

    start(own, app=application, SHUTDOWN_DELAY_SECONDS="0", SHUTDOWN_TIMEOUT_SECONDS="15")
    tls = own.aggregator().connect()
    tls.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    tls.sendall(f"GET {BASE}/ HTTP/1.1\r\nHost: x\r\nX-Remote-User: a\r\n\r\n".encode())
    tls.recv(1)
    with ThreadPoolExecutor(1) as threads:
        stopped = threads.submit(own.stop)
        received = paced(tls, 400_000, 0.15)
        stopped.result()

    assert len(received) > 12_000_000


HANGS = """
import sys, time
from extension_apiserver import main
def application(environ, start_response):
    if environ["PATH_INFO"].endswith("/hangs"):
        time.sleep(600)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"answer"]
sys.exit(main(application))
"""


def test_a_call_that_hangs_does_not_hold_the_end(own: Backend) -> None:
    """A thread cannot be stopped, but the process ends with the shutdown timeout, exit code 0."""
    with process(own, command=("-c", HANGS), SHUTDOWN_TIMEOUT_SECONDS="1") as child:
        own.wait_until_ready()
        tls = own.aggregator().connect()
        tls.sendall(f"GET {BASE}/hangs HTTP/1.1\r\nHost: x\r\nX-Remote-User: a\r\n\r\n".encode())
        assert own.aggregator().request("GET", f"{BASE}/x").text == "answer"
        child.send_signal(signal.SIGTERM)
        code = child.wait(15)
        tls.close()

    assert code == 0


def test_unfinished_connections_do_not_delay_the_end(own: Backend) -> None:
    """Silent, half a hello, idle, half a header, half a body: the exit code is 0 all the same."""
    with process(own) as child:
        own.wait_until_ready()
        plain = [socket.create_connection(("127.0.0.1", own.port), 5) for _ in range(2)]
        plain[1].sendall(b"\x16\x03\x01\x02\x00\x01")
        secure = [own.aggregator().connect() for _ in range(3)]
        secure[1].sendall(f"GET {BASE} HTTP/1.1\r\nHost".encode())
        secure[2].sendall(
            f"POST {BASE}/ HTTP/1.1\r\nHost: x\r\nX-Remote-User: a\r\nContent-Length: 9\r\n\r\na".encode()
        )
        child.send_signal(signal.SIGTERM)
        code = child.wait(15)
        for connection in (*plain, *secure):
            connection.close()

    assert code == 0


@pytest.mark.usefixtures("unmeasured")
def test_start_to_ready_is_quick(own: Backend, capsys: pytest.CaptureFixture[str]) -> None:
    """From the start of Python to a passing `/readyz`; printed, and bounded generously because tests share their machine."""
    started = time.monotonic()
    with process(own) as child:
        own.wait_until_ready()
        seconds = time.monotonic() - started
        resident = resident_mib(child.pid)
    with capsys.disabled():
        sys.stdout.write(f" start to ready {seconds:.2f} s, {resident:.1f} MiB resident ")

    assert seconds < 15


def test_every_request_is_one_json_line(own: Backend) -> None:
    """With audit id, user, verb, path, code and seconds; without query and headers, which may hold secrets."""
    with process(own) as child:
        own.wait_until_ready()
        client = own.aggregator()
        client.request("GET", f"{BASE}/echoes?token=s3cret", headers=[("Cookie", "s3cret"), ("Audit-Id", "42")])
        client.request("GET", "/readyz", user=None)
        own.client(None).request("GET", BASE, user=None, headers=[("Authorization", "Bearer s3cret")])
        child.send_signal(signal.SIGTERM)
        _, log = child.communicate(timeout=10)
    lines = [json.loads(line) for line in log.splitlines()]
    # Probes before the server was ready failed, and such are logged.
    requests = [line for line in lines if "code" in line and (line["path"], line["code"]) != ("/readyz", 503)]

    assert "s3cret" not in log
    assert [(line["user"], line["verb"], line["path"], line["code"]) for line in requests] == [
        ("alice", "list", f"{BASE}/echoes", 200),
        ("", "get", BASE, 401),
    ]
    assert requests[0]["auditID"].endswith("42")
    assert 0 < requests[0]["seconds"] < 5

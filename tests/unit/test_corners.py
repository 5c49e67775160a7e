"""Corners of the server that no request of a good client reaches."""

from __future__ import annotations

import asyncio
import resource as limits
import threading
import time
from pathlib import Path
from typing import Any, cast

import pytest

from extension_apiserver import Api, Settings, serve
from extension_apiserver.apps.calls import _Threads
from extension_apiserver.cluster.kubernetes import ApiClient, ApiError
from extension_apiserver.host import _allow_descriptors
from extension_apiserver.observe.metrics import Gauge, Metrics
from extension_apiserver.trust import tls
from extension_apiserver.wire.connections import Bounded, Connections
from header_echo.app import create_app
from unit.pki import DNS_NAME
from unit.raw import closed_after, exchange
from unit.running import BASE, Backend, Pki, start
from unit.test_tls_stream import Session


def request(*lines: str, method: str = "GET") -> bytes:
    """Return a request of alice with these header lines."""
    return "\r\n".join([f"{method} {BASE}/ HTTP/1.1", "Host: x", "X-Remote-User: alice", *lines, "", ""]).encode()


def test_a_header_that_comes_whole_is_bounded_too(own: Backend) -> None:
    """All of it by the bound of all headers, each line by that of a line, the identity and the target included."""
    start(own, MAX_HEADER_BYTES="8000")
    client = own.aggregator()
    [(code, body)] = exchange(client.connect(), request("X-Long: " + "x" * 9000))
    assert (code, b"at most 8000 bytes" in body) == (431, True)
    own.stop()
    start(own)
    client = own.aggregator()
    [(code, body)] = exchange(client.connect(), request("X-Long: " + "x" * 16300, "X-More: x", "Y: " + "y" * 16385))
    assert (code, b"a line of the request header is too long" in body) == (431, True)


def test_what_surrounds_a_body_is_bounded(own: Backend) -> None:
    """Chunks whose sizes take more room than what is in them do not go on for ever."""
    start(own, MAX_BODY_BYTES="1000")
    chunk = "1;" + "x" * 998 + "\r\nx\r\n"
    [(code, body)] = exchange(
        own.aggregator().connect(),
        request("Transfer-Encoding: chunked", method="POST") + (chunk * 400).encode(),
    )

    assert (code, b"at most 1000 bytes" in body) == (413, True)


def test_a_record_that_was_tampered_with_ends_the_connection(own: Backend) -> None:
    """And nothing else."""
    start(own)
    client = own.aggregator()
    session = Session(client, own.port)
    session.tls.write(request())
    record = bytearray(session.outgoing.read())
    record[-1] ^= 1
    with session.socket:
        session.socket.sendall(record)

        assert closed_after(session.socket, 8, time.monotonic) < 5
    assert client.request("GET", BASE).status == 200


class Late:
    """A connection whose deadline has passed."""

    deadline = 0.0
    client_address = "127.0.0.1"

    def __init__(self, error: Exception | None) -> None:
        self.error, self.done = error, ""

    def busy(self) -> bool:
        """It has nothing to do."""
        return False

    def trusted(self) -> bool:
        """It is a stranger's."""
        return False

    def abort(self) -> None:
        """Note it."""
        self.done = "aborted"

    def expire(self) -> None:
        """Note it, or fail."""
        if self.error is not None:
            raise self.error
        self.done = "expired"


def test_a_connection_that_cannot_be_closed_is_aborted_and_the_others_have_their_deadlines(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With a line of log."""
    connections = Connections(10, 10, Metrics())
    late = [Late(None), Late(RuntimeError("broken")), Late(None)]
    for one in late:
        connections.admit(cast("Bounded", one))
    connections.check(1.0)

    assert [one.done for one in late] == ["expired", "aborted", "expired"]
    assert "a connection could not be closed in time" in caplog.text


def test_a_task_that_ends_by_itself_ends_the_server_with_its_reason(
    own: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather than to serve on with a certificate that nobody looks after."""

    async def run(_: tls.Tls) -> None:
        raise RuntimeError("the certificate's task is broken")

    monkeypatch.setattr(tls.Tls, "run", run)
    settings = Settings.from_environ(own.environ())
    with pytest.raises(RuntimeError, match="the certificate's task is broken"):
        asyncio.run(serve(create_app(), Api(settings.group, settings.versions, []), settings, blocking=False))


def test_a_call_that_nobody_waits_for_any_more_is_not_made() -> None:
    """Who gave up while all threads were busy leaves no work behind."""
    made: list[str] = []
    go_on = threading.Event()

    def call(name: str, _: object) -> None:
        go_on.wait(10)
        made.append(name)

    async def run() -> None:
        threads = _Threads()
        first, second = (asyncio.create_task(threads.run(call, name, 1)) for name in ("first", "second"))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait([second])
        go_on.set()
        await first
        await threads.run(call, "third", 1)

    asyncio.run(run())
    assert made == ["first", "third"]


def test_descriptors_are_allowed_up_to_the_hard_limit() -> None:
    """The soft limit follows the bound on connections, and is never lowered."""
    before = limits.getrlimit(limits.RLIMIT_NOFILE)
    few = before[0] - 1
    limits.setrlimit(limits.RLIMIT_NOFILE, (few, before[1]))
    try:
        _allow_descriptors(few - 1)
        assert limits.getrlimit(limits.RLIMIT_NOFILE)[0] == few
        _allow_descriptors(before[0])
        assert limits.getrlimit(limits.RLIMIT_NOFILE) == before
    finally:
        limits.setrlimit(limits.RLIMIT_NOFILE, before)


def test_a_gauge_that_nobody_reads_shows_nothing() -> None:
    """A missing line is no value; 0 would be one."""
    assert list(Gauge("extension_apiserver_x", "X.").lines()) == []


def test_a_pair_that_changes_while_it_is_read_is_read_again(pki: Pki, tmp_path: Path) -> None:
    """Half of it may be old and half new."""
    pki.serving.server(DNS_NAME).write(tmp_path)
    served = tls.Tls(tmp_path, DNS_NAME, Metrics())
    first, read = served.certificate, served._read
    pki.serving.server(DNS_NAME, days=(-1, 2)).write(tmp_path)

    def read_and_change() -> Any:
        pair = read()
        pki.serving.server(DNS_NAME, days=(-1, 33)).write(tmp_path)
        return pair

    served._read = read_and_change  # type: ignore[method-assign]
    served.poll()
    assert served.certificate is first
    served._read = read  # type: ignore[method-assign]
    served.poll()
    assert served.certificate.not_after > first.not_after


def test_authorities_that_openssl_does_not_take_change_nothing(pki: Pki, tmp_path: Path) -> None:
    """The sentence says what is wrong; new handshakes go on as before."""
    pki.serving.server(DNS_NAME).write(tmp_path)
    served = tls.Tls(tmp_path, DNS_NAME, Metrics())
    before = served.context
    with pytest.raises(tls.TlsError, match="the authorities of client certificates cannot be used: "):
        served.trust("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")

    assert served.context is before


def test_a_watch_that_kube_apiserver_refuses_has_its_code_and_words(own: Backend) -> None:
    """As a get has."""

    async def watch() -> None:
        client = ApiClient(Settings.from_environ(own.environ()))
        try:
            async for _ in client.watch("/no-such", timeout_seconds=5):
                pass
        finally:
            await client.close()

    with pytest.raises(ApiError, match="kube-apiserver answers 404: /no-such cannot be read") as raised:
        asyncio.run(watch())
    assert raised.value.code == 404


def test_a_kept_connection_that_kube_apiserver_closed_is_not_used_again(own: Backend) -> None:
    """The next call opens another."""
    own.apiserver.objects["/version"] = {"major": "1"}

    async def ask() -> None:
        client = ApiClient(Settings.from_environ(own.environ()))
        await client.get("/version")
        [kept] = client._idle
        kept._writer.close()
        assert await client.get("/version") == {"major": "1"}
        assert client._idle != [kept]
        await client.close()

    asyncio.run(ask())

"""Clients and applications that make the worst of streams: nothing is left behind, nobody else is harmed, and the server lives."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from websockets.frames import Frame, Opcode

from extension_apiserver import Settings
from extension_apiserver.apps.asgi import pace
from extension_apiserver.apps.asgi.handshake import handshake
from extension_apiserver.observe.metrics import Metrics
from extension_apiserver.request import Request, Response
from extension_apiserver.status import StatusError
from extension_apiserver.streams import Stream
from extension_apiserver.wire.connections import BytesInFlight
from extension_apiserver.wire.http1 import HttpConnection
from extension_apiserver.wire.request_parser import RequestParser
from unit.fake_peer import make_request, run, settle
from unit.pki import DNS_NAME
from unit.running import BASE, Backend, start
from unit.test_streams import EVENTS, StartResponse, gauge, get, read_until, refuses, rest
from unit.test_websocket import connect as open_websocket
from unit.test_websocket import echo

UPGRADE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


@pytest.fixture
def connect(own: Backend) -> Iterator[Callable[[], ssl.SSLSocket]]:
    """Open connections as the front proxy; they are closed in the end."""
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(own.aggregator().connect())


def connect_slowly(backend: Backend) -> ssl.SSLSocket:
    """Return a connection for which the kernel takes little ahead."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
    raw.connect(("127.0.0.1", backend.port))
    return backend.aggregator().context.wrap_socket(raw, server_hostname=DNS_NAME)


# What is left behind of who left.


@pytest.mark.parametrize("blocking", [True, False])
def test_a_stream_that_begins_after_its_client_left_ends(
    own: Backend, connect: Callable[[], ssl.SSLSocket], blocking: bool
) -> None:
    """An endless generator is closed, though nothing says any more that the client leaves."""
    asked, closed = threading.Event(), threading.Event()

    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", EVENTS)
        if not environ["PATH_INFO"].endswith("/endless"):
            yield b"served"
            return
        try:
            asked.set()
            own.wait_for(lambda: True if not blocking else gone.wait(10))
            while True:
                yield b"x" * 1000
        finally:
            closed.set()

    gone = threading.Event()
    start(own, app=application, blocking=blocking)
    tls = connect()
    tls.sendall(get("/endless"))
    if blocking:
        assert asked.wait(10)
    tls.close()
    assert own.aggregator().request("GET", f"{BASE}/x").text == "served"
    gone.set()

    assert closed.wait(15)
    own.wait_for(lambda: gauge(own, "extension_apiserver_streams") == 0)


# What ends the process.


class Raising:
    """An iterable that raises after its first part."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.parts = iter([b"first"])

    def __iter__(self) -> Raising:
        return self

    def __next__(self) -> bytes:
        for part in self.parts:
            return part
        raise self.error

    def close(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize(
    "error", [SystemExit(1), KeyboardInterrupt(), asyncio.CancelledError(), GeneratorExit()], ids=repr
)
def test_whatever_a_stream_raises_ends_it_alone_and_without_an_end_mark(
    own: Backend, connect: Callable[[], ssl.SSLSocket], blocking: bool, error: BaseException
) -> None:
    """Neither does the server stop, nor does the client take for whole what is not."""

    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", EVENTS)
        return Raising(error) if environ["PATH_INFO"].endswith("/raises") else [b"served"]

    start(own, app=application, blocking=blocking)
    tls = connect()
    tls.sendall(get("/raises"))
    received, _ = rest(tls)

    assert received.endswith(b"5\r\nfirst\r\n")
    assert own.aggregator().request("GET", f"{BASE}/x").text == "served"


# What stands between an answer and its end.


def test_100_continue_does_not_come_in_the_middle_of_an_answer(
    own: Backend, connect: Callable[[], ssl.SSLSocket]
) -> None:
    """Whoever answers before the body is read has answered."""

    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", EVENTS)
        yield b"hello"
        yield environ["wsgi.input"].read()

    start(own, app=application, blocking=True, MAX_STREAMED_BODY_BYTES="4000000")
    tls = connect()
    tls.sendall(get("/x", "Content-Length: 2000000", "Expect: 100-continue", method="POST"))
    read_until(tls, b"5\r\nhello\r\n")
    tls.sendall(b"x" * 2_000_000)
    received, _ = rest(tls)

    assert b"100 Continue" not in received
    assert received.endswith(b"\r\n0\r\n\r\n")


# What grows.


def parser() -> RequestParser:
    """Return a parser of requests whose bodies nobody reads."""

    async def never(_message: object) -> bytes:
        return b""

    settings = Settings.from_environ({"KUBERNETES_SERVICE_HOST": "127.0.0.1"})
    return RequestParser(settings, never, never, lambda _message: None)


@pytest.mark.parametrize("endless", [b"0\r\nX: ", b"1;x="], ids=["trailer", "extension"])
def test_what_surrounds_a_body_is_bounded_while_an_answer_goes_on(endless: bytes) -> None:
    """After the bound nothing is kept and nothing is parsed."""
    requests = parser()
    requests.feed(b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + endless)
    tracemalloc.start()
    try:
        for _ in range(256):
            requests.feed(b"a" * 16384)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert requests.deaf
    assert held < 2_000_000


class Transport(asyncio.Transport):
    """A transport that takes everything; `paused` says whether anything is read."""

    def __init__(self, client: socket.socket) -> None:
        super().__init__({"socket": client})
        self.paused = False

    def pause_reading(self) -> None:
        """Note it."""
        self.paused = True

    def resume_reading(self) -> None:
        """Note it."""
        self.paused = False

    def get_write_buffer_size(self) -> int:
        """Say that nothing waits."""
        return 0

    def write(self, data: object) -> None:
        """Take it."""


@pytest.mark.parametrize("what", ["requests", "body", "foreign"])
def test_reading_slowly_makes_no_room_for_more(what: str) -> None:
    """While an answer goes on, its client sends what nobody takes, and whenever it has read a little the server reads no more."""
    status, first, more = {
        "requests": (200, get("/x"), get("/x")),
        "body": (200, get("/x", "Content-Length: 1000000", method="POST"), bytes(65537)),
        "foreign": (101, get("/x", "Connection: Upgrade", "Upgrade: x"), bytes(65537)),
    }[what]

    async def handler(_request: Request) -> Response:
        return Response(status, [], stream=Stream(lambda peer: peer.ending.wait()))

    async def scenario(client: socket.socket) -> list[bool]:
        settings = Settings.from_environ({"KUBERNETES_SERVICE_HOST": "127.0.0.1"})
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        connection = HttpConnection(context, handler, settings, BytesInFlight(1 << 20, Metrics()))
        transport = Transport(client)
        connection.connection_made(transport)
        connection.send = lambda _data: None  # type: ignore[method-assign] # there was no handshake
        connection.received(first)
        await settle()
        assert connection.outgoing is not None
        connection.pause_writing()
        connection.resume_writing()
        paused = [transport.paused]
        connection.received(more)
        connection.pause_writing()
        connection.resume_writing()
        paused.append(transport.paused)
        connection.connection_lost(None)
        await settle()
        return paused

    with socket.socket() as client:
        assert run(scenario(client)) == [False, True]


@pytest.mark.parametrize(
    ("version", "lines"),
    [("1.0", ()), ("1.1", ("Content-Length: 5",)), ("1.1", ("Transfer-Encoding: chunked",))],
    ids=["HTTP/1.0", "length", "chunks"],
)
def test_an_upgrade_that_two_servers_may_read_differently_is_refused(version: str, lines: tuple[str, ...]) -> None:
    """HTTP/1.0 has no upgrades, and of a body nobody knows whose bytes they are; what follows is no request."""
    requests = parser()
    requests.feed(get("/x", *UPGRADE, *lines, version=version) + get("/evil"))

    assert [message.objection is not None and message.objection.code for message in requests.waiting] == [400]


# Who can keep others out.


def test_threads_that_work_for_nobody_any_more_are_bounded_for_each_caller(
    own: Backend, connect: Callable[[], ssl.SSLSocket]
) -> None:
    """Whoever opens streams and leaves, while the application waits for an event, is refused before it is called once more."""
    waiting: list[str] = []
    event = threading.Event()

    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", EVENTS)
        yield b"first"
        waiting.append(environ["REMOTE_USER"])
        event.wait(60)

    def open_one(user: str) -> bytes:
        tls = connect()
        tls.sendall(get("/x").replace(b"alice", user.encode()))
        status = read_until(tls, b"\r\n\r\n").split()[1]
        tls.close()
        own.wait_for(lambda: gauge(own, "extension_apiserver_streams") == 0)
        return status

    start(own, app=application, blocking=True, MAX_STREAMS="4")
    statuses = [open_one(user) for user in ("alice", "alice", "alice", "alice", "alice", "bob")]

    assert statuses == [b"200", b"200", b"503", b"503", b"503", b"200"]
    # One that is refused may have ended before it waited.
    assert waiting.count("alice") in {2, 3}
    assert waiting.count("bob") == 1
    event.set()
    own.wait_for(lambda: open_one("alice") == b"200")


@pytest.mark.parametrize("blocking", [True, False])
def test_a_stream_of_small_parts_goes_on_while_others_hold_all_that_is_in_flight(
    own: Backend, connect: Callable[[], ssl.SSLSocket], blocking: bool
) -> None:
    """As small answers do."""

    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", EVENTS)
        if environ["PATH_INFO"].endswith("/holder"):
            yield environ["wsgi.input"].read()
            return
        yield b"first"
        for _ in range(200):
            yield bytes(40_000)

    start(own, app=application, blocking=blocking, MAX_BYTES_IN_FLIGHT="1048576", BODY_TIMEOUT_SECONDS="60")
    # Each holds 64 KiB of its own.
    for length in (1_048_576, 131_000):
        holder = connect()
        holder.sendall(get("/holder", f"Content-Length: {length}", method="POST") + bytes(length - 1))
    own.wait_for(lambda: gauge(own, "extension_apiserver_bytes_in_flight") > 1_048_000)
    with connect_slowly(own) as tls:
        tls.sendall(get("/x", "Connection: close"))
        received, _ = rest(tls)

    assert received.endswith(b"\r\n0\r\n\r\n")
    assert len(received) > 8_000_000


def test_half_a_message_does_not_hold_what_is_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that stops within a long message has the time that the body of a request has, and is told why it is over."""
    monkeypatch.setattr(pace, "MESSAGE_SECONDS", 0.05)

    async def application(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await receive()

    async def scenario() -> tuple[int, bytes]:
        client = await open_websocket(application)
        client.peer.feed(Frame(Opcode.BINARY, bytes(1_000_000)).serialize(mask=True)[:500_000])
        await client.stream
        [(_, content)] = await client.frames()
        return int.from_bytes(content[:2], "big"), content[2:]

    assert run(scenario()) == (1008, b"the message comes too slowly")


def test_half_a_short_message_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else lacks what it holds."""
    monkeypatch.setattr(pace, "MESSAGE_SECONDS", 0)

    async def scenario() -> list[tuple[str, bytes]]:
        client = await open_websocket(echo)
        frame = Frame(Opcode.TEXT, b"hello").serialize(mask=True)
        client.peer.feed(frame[:8])
        await settle()
        client.peer.feed(frame[8:])
        return await client.frames()

    assert run(scenario()) == [("TEXT", b"hello")]


# What is said, and what goes wrong late.


def test_a_body_that_does_not_come_is_one_line_in_the_log(
    own: Backend, connect: Callable[[], ssl.SSLSocket], caplog: pytest.LogCaptureFixture
) -> None:
    """Though the answer had begun: whoever does that again and again writes no tracebacks."""

    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", EVENTS)
        yield b"first"
        yield environ["wsgi.input"].read()

    start(own, app=application, blocking=True, MAX_STREAMED_BODY_BYTES="4000000", BODY_TIMEOUT_SECONDS="0.2")
    tls = connect()
    tls.sendall(get("/x", "Transfer-Encoding: chunked", method="POST") + b"1\r\nx\r\n")
    received, _ = rest(tls)

    assert received.endswith(b"5\r\nfirst\r\n")
    assert "a stream was cut off: 65536 bytes or the rest of the request body must arrive within" in caplog.text
    assert "Traceback" not in caplog.text


def test_write_after_the_end_is_an_error_of_the_application(own: Backend) -> None:
    """It changes neither the answer nor the threads."""
    writers: list[Callable[[bytes], None]] = []

    def application(_environ: object, start_response: StartResponse) -> Iterable[bytes]:
        writers.append(start_response("200 OK", []))
        return [b"whole"]

    start(own, app=application, blocking=True)
    client = own.aggregator()
    answers = [client.request("GET", f"{BASE}/x").text for _ in range(2)]
    for write in writers:
        with pytest.raises(RuntimeError, match="write is called after the end of the answer"):
            write(b"more")

    assert [*answers, client.request("GET", f"{BASE}/x").text] == ["whole"] * 3


def test_a_thread_that_cannot_be_started_is_one_refusal(own: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """The call is not made later, when nobody waits for it, and the next is served."""
    called: list[str] = []

    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        called.append(environ["PATH_INFO"])
        start_response("200 OK", [])
        return [b"served"]

    def fail(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    start(own, app=application, blocking=True)
    client = own.aggregator()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        refused = [client.request("GET", f"{BASE}/refused").status for _ in range(40)]

    assert refused == [503] * 40
    assert client.request("GET", f"{BASE}/x").text == "served"
    assert called == [f"{BASE}/x"]


def test_a_handshake_is_refused_in_a_short_sentence() -> None:
    """Whatever the client wrote, and however much."""
    lines = [(b"connection", b"Upgrade"), *[(b"upgrade", b"a," * 8000 + b"a")] * 8]
    with pytest.raises(StatusError) as caught:
        handshake(make_request(headers=lines))

    assert caught.value.code == 426
    assert len(caught.value.message) <= 256


def test_frames_that_need_no_answer_leave_the_others_their_turn() -> None:
    """A connection that is full of the smallest frames is read in slices."""

    async def scenario() -> int:
        client = await open_websocket(echo)
        turns = 0
        client.peer.feed(
            Frame(Opcode.PONG, b"").serialize(mask=True) * 10_000 + Frame(Opcode.TEXT, b"x").serialize(mask=True)
        )
        while not client.peer.sent:
            turns += 1
            await asyncio.sleep(0)
        return turns

    assert run(scenario()) > 10


def test_an_end_does_not_come_within_a_part(own: Backend) -> None:
    """What the application gave at once arrives whole or without an end mark: a client must not take the half for all."""

    def application(_environ: object, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", EVENTS)
        yield b"first"
        yield bytes(6_000_000)
        while True:
            yield b"more"

    start(own, app=application, blocking=True, SHUTDOWN_TIMEOUT_SECONDS="20")
    with connect_slowly(own) as tls:
        tls.sendall(get("/x"))
        received = read_until(tls, b"first") + tls.recv(1000)
        stopping = threading.Thread(target=own.stop)
        stopping.start()
        own.wait_for(lambda: refuses(own.port))
        received += rest(tls)[0]
    stopping.join(20)

    assert received.count(b"\0") == 6_000_000
    assert received.endswith(b"\r\n0\r\n\r\n")

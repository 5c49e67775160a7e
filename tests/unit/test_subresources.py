"""What objects have below them: texts and streams that functions read, and connections that functions take over."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from extension_apiserver import Call, Gone, Peer, Resource, StatusError, Subresource, not_found
from unit.fake_aggregator import Aggregator
from unit.raw import exchange
from unit.running import BASE, GROUP, Backend, start
from unit.test_discovery import V2
from unit.test_rest import assert_status
from unit.test_streams import Ticker, gauge, read_until, rest

TOM = f"{BASE}/namespaces/a/cats/tom"
IDENTITY = "Host: x\r\nX-Remote-User: alice\r\n"
MEOW = ("Connection: Upgrade", "Upgrade: meow/1")


def find(call: Call) -> dict[str, Any]:
    """Return tom, who is the only cat."""
    if call.name != "tom":
        raise not_found(GROUP, "cats", call.name)
    return {"metadata": {"name": "tom"}}


def cats(**subresources: Subresource) -> Resource:
    """Return a namespaced resource with these subresources."""
    return Resource(
        kind="Cat",
        plural="cats",
        namespaced=True,
        description="A cat.",
        verbs={"get": find},
        subresources={name.replace("_", "-"): one for name, one in subresources.items()},
    )


async def echo(_call: Call, peer: Peer) -> None:
    """Send back what comes, in upper case."""
    while data := await peer.receive():
        await peer.send(data.upper())


EXEC = Subresource(connect=echo, protocols=["meow/1", "Purr"], check=find)


def raw(path: str, *lines: str, method: str = "GET", version: str = "1.1", user: str = "alice") -> bytes:
    """Return a request as it is sent."""
    text = "".join(f"{line}\r\n" for line in lines)
    return f"{method} {path} HTTP/{version}\r\n{IDENTITY.replace('alice', user)}{text}\r\n".encode()


@pytest.fixture
def connect(own: Backend) -> Iterator[Callable[[], ssl.SSLSocket]]:
    """Open connections as the front proxy; they are closed in the end."""
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(own.aggregator().connect())


def serve(
    own: Backend, *, blocking: bool = True, variables: dict[str, str] | None = None, **subresources: Any
) -> Aggregator:
    """Serve cats; a function is one that reads."""
    made = {name: one if isinstance(one, Subresource) else Subresource(read=one) for name, one in subresources.items()}
    start(own, resources=[cats(**made)], blocking=blocking, **(variables or {}))
    return own.aggregator()


# What reads.


@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize(
    ("result", "body"),
    [
        ("meow", b"meow"),
        ("mиau", "mиau".encode()),
        ("", b""),
        (b"", b""),
        (["one", b"two"], b"onetwo"),
        ((), b""),
        (b"x" * 3_000_000, b"x" * 3_000_000),
    ],
    ids=["text", "letters", "no text", "no bytes", "list", "no parts", "megabytes"],
)
def test_what_a_function_returns_is_the_answer(own: Backend, result: Any, body: bytes, blocking: bool) -> None:
    client = serve(own, blocking=blocking, log=lambda _call: result)
    answer = client.request("GET", f"{TOM}/log")

    assert (answer.status, answer.body) == (200, body)
    assert answer.header("Content-Type") == "text/plain; charset=utf-8"


@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_function_knows_whom_it_is_called_by_and_for_what(own: Backend, method: str, blocking: bool) -> None:
    """Also whether anything is asked for in the query; HEAD is GET without its body, and what is asked is `get`."""
    calls: list[Call] = []
    client = serve(own, blocking=blocking, log=lambda call: calls.append(call) or "meow")
    answer = client.request(method, f"{TOM}/log?follow=true", user="jane", accept="application/json")
    [call] = calls

    assert (call.identity.user, call.verb, call.namespace, call.name) == ("jane", "get", "a", "tom")
    assert (call.api_version, call.body, call.request.query()) == (f"{GROUP}/v1", {}, {"follow": ["true"]})
    assert (answer.status, answer.header("Content-Length"), len(answer.body)) == (200, "4", 4 * (method == "GET"))


@pytest.mark.parametrize(
    ("content_type", "said"),
    [("application/json", "application/json"), ("text/html", "text/plain; charset=utf-8"), ("image/png", "image/png")],
)
def test_the_content_type_is_the_resources_to_say_but_never_html(own: Backend, content_type: str, said: str) -> None:
    """The aggregator would rewrite HTML, and a browser run it."""
    client = serve(own, log=Subresource(read=lambda _call: "[]", content_type=content_type))
    answer = client.request("GET", f"{TOM}/log")

    assert (answer.header("Content-Type"), answer.header("X-Content-Type-Options")) == (said, "nosniff")


def test_each_part_is_sent_before_the_next_is_asked_for(own: Backend, connect: Callable[[], ssl.SSLSocket]) -> None:
    """A generator, in a thread of its own; when the client leaves, it is closed."""
    ticker = Ticker()
    serve(own, log=lambda _call: ticker.events())
    tls = connect()
    tls.sendall(raw(f"{TOM}/log"))
    for number in (1, 2, 3):
        ticker.go.release()
        read_until(tls, b"data: %d\n\n\r\n" % number)
    tls.close()
    own.wait_for(lambda: gauge(own, "extension_apiserver_streams") == 0)
    ticker.go.release()

    assert ticker.closed.wait(10)
    assert ticker.asked == 4


@pytest.mark.parametrize("blocking", [True, False])
def test_a_reader_that_reads_nothing_stops_the_generator_and_is_cut_off(
    own: Backend, connect: Callable[[], ssl.SSLSocket], blocking: bool
) -> None:
    """It waits with its client, within bounds; others are served, and in the end it is closed."""
    made, closed = [0], threading.Event()

    def log(_call: Call) -> Iterator[bytes]:
        try:
            while True:
                made[0] += 65536
                yield b"x" * 65536
        finally:
            closed.set()

    client = serve(own, blocking=blocking, log=log, variables={"BODY_TIMEOUT_SECONDS": "1"})
    tls = connect()
    tls.sendall(raw(f"{TOM}/log"))

    assert client.request("GET", TOM).status == 200
    assert closed.wait(30)
    # The kernel's buffers of both sides hold some megabytes.
    assert made[0] < 16_000_000


def test_the_first_part_sends_the_header_even_if_it_is_empty(
    own: Backend, connect: Callable[[], ssl.SSLSocket]
) -> None:
    """So who follows a quiet log knows that it is there; an empty part never ends the answer."""
    go = threading.Event()

    def log(_call: Call) -> Iterator[str]:
        yield ""
        assert go.wait(10)
        yield ""
        yield "at last"

    serve(own, log=log)
    tls = connect()
    tls.sendall(raw(f"{TOM}/log"))
    header = read_until(tls, b"\r\n\r\n")
    go.set()
    received = read_until(tls, b"0\r\n\r\n")

    assert (header.split(b" ")[1], received) == (b"200", b"7\r\nat last\r\n0\r\n\r\n")


def test_a_client_that_left_is_noticed_by_an_empty_part(own: Backend, connect: Callable[[], ssl.SSLSocket]) -> None:
    """The generator is closed, although there was never anything to send."""
    closed = threading.Event()
    left = threading.Event()

    def log(_call: Call) -> Iterator[bytes]:
        try:
            while True:
                yield b""
                left.wait(0.05)
        finally:
            closed.set()

    serve(own, log=log)
    tls = connect()
    tls.sendall(raw(f"{TOM}/log"))
    read_until(tls, b"\r\n\r\n")
    assert not closed.is_set()
    tls.close()

    assert closed.wait(10)
    own.wait_for(lambda: gauge(own, "extension_apiserver_streams") == 0)


@pytest.mark.parametrize("blocking", [True, False])
def test_a_failure_before_the_first_part_is_a_status(own: Backend, blocking: bool) -> None:
    """Of the function, and of the generator that it returns."""

    def lost(call: Call) -> Iterator[str]:
        yield str(find(call))

    def broken(_call: Call) -> Iterator[str]:
        yield str(1 / 0)

    client = serve(own, blocking=blocking, log=lambda call: str(find(call)), lines=lost, broken=broken)
    tim = TOM.replace("tom", "tim")
    for name in ("log", "lines"):
        status = assert_status(client.request("GET", f"{tim}/{name}"), 404, "NotFound")
        assert status["message"] == f'cats.{GROUP} "tim" not found'
    assert_status(client.request("GET", f"{TOM}/broken"), 500, "InternalError")
    assert client.request("GET", TOM).status == 200


@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize("result", [None, 7, [1], {"a": "b"}])
def test_what_is_neither_bytes_nor_text_is_an_error(
    own: Backend, caplog: pytest.LogCaptureFixture, result: Any, blocking: bool
) -> None:
    """The log says of which type it is."""
    client = serve(own, blocking=blocking, log=lambda _call: result)

    assert_status(client.request("GET", f"{TOM}/log"), 500, "InternalError")
    assert "subresource reads" in caplog.text


@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize("error", [StatusError(404, "s3cret"), RuntimeError("s3cret"), SystemExit("s3cret")])
def test_a_failure_after_the_first_part_cuts_the_answer_and_nothing_else(
    own: Backend,
    connect: Callable[[], ssl.SSLSocket],
    caplog: pytest.LogCaptureFixture,
    error: BaseException,
    blocking: bool,
) -> None:
    """No end mark; what failed is in the log alone, and the server goes on whatever it was."""

    def log(_call: Call) -> Iterator[str]:
        yield "first"
        raise error

    client = serve(own, blocking=blocking, log=log)
    tls = connect()
    tls.sendall(raw(f"{TOM}/log"))
    received, _ = rest(tls)

    assert received.endswith(b"5\r\nfirst\r\n")
    assert b"s3cret" not in received
    assert "s3cret" in caplog.text
    assert client.request("GET", TOM).status == 200


@pytest.mark.parametrize("blocking", [True, False])
def test_head_of_a_stream_asks_for_one_part_and_says_no_length(own: Backend, blocking: bool) -> None:
    """The stream may be without end, and the length of its beginning is not its length."""
    ticker = Ticker()
    ticker.go.release()
    client = serve(own, blocking=blocking, log=lambda _call: ticker.events())
    answer = client.request("HEAD", f"{TOM}/log")

    assert (answer.status, answer.body, answer.header("Content-Length")) == (200, b"", "")
    assert (ticker.asked, ticker.closed.wait(10)) == (1, True)


def test_what_has_a_close_is_closed_though_it_is_no_generator(own: Backend) -> None:
    """A file of one's own."""
    closed = threading.Event()

    class Lines:
        def __iter__(self) -> Iterator[str]:
            return iter("abc")

        def close(self) -> None:
            closed.set()

    client = serve(own, log=lambda _call: Lines())

    assert client.request("GET", f"{TOM}/log").text == "abc"
    assert closed.wait(10)


def test_quiet_logs_leave_verbs_their_threads(own: Backend, connect: Callable[[], ssl.SSLSocket]) -> None:
    """More readers wait for a first part than there are threads for calls."""
    over = threading.Event()
    reading = threading.Semaphore(0)

    def log(_call: Call) -> Iterator[str]:
        reading.release()
        over.wait(60)
        yield "late"

    client = serve(own, log=log)
    try:
        for _ in range(40):
            connect().sendall(raw(f"{TOM}/log"))
        for _ in range(32):
            assert reading.acquire(timeout=10)

        assert client.request("GET", TOM).status == 200
    finally:
        over.set()


def test_who_opens_a_quiet_log_and_leaves_does_not_fill_the_process_with_threads(
    own: Backend, connect: Callable[[], ssl.SSLSocket]
) -> None:
    """A thread that waits cannot be ended: beyond the caller's share of streams no more begin, and once they end all is as before."""
    over = threading.Event()
    waiting = []

    def log(_call: Call) -> Iterator[str]:
        yield ""
        waiting.append(1)
        over.wait(60)

    client = serve(own, log=log, variables={"MAX_STREAMS": "4"})
    codes = []
    try:
        for _ in range(12):
            tls = connect()
            tls.sendall(raw(f"{TOM}/log"))
            codes.append(read_until(tls, b"\r\n\r\n").split(b" ")[1])
            # Whoever leaves before the second part is asked for leaves no thread behind.
            own.wait_for(lambda: len(waiting) >= codes.count(b"200"))
            tls.close()
            own.wait_for(lambda: gauge(own, "extension_apiserver_streams") == 0)
        refused = client.request("GET", f"{TOM}/log")
        assert "too many streams of this caller" in assert_status(refused, 503, "ServiceUnavailable")["message"]
        tls = connect()
        tls.sendall(raw(f"{TOM}/log", user="bob"))
        assert read_until(tls, b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
        assert client.request("GET", TOM).status == 200
    finally:
        over.set()

    assert codes == [b"200"] * 2 + [b"503"] * 10
    # Of them one was begun and refused, since only then it is known that it streams; one is bob's.
    assert len(waiting) <= 4
    own.wait_for(lambda: client.request("GET", f"{TOM}/log").status == 200)


def test_a_reader_who_wants_another_protocol_is_told_that_there_is_none(
    own: Backend, connect: Callable[[], ssl.SSLSocket]
) -> None:
    """And nothing after it is taken for a request."""
    serve(own, log=lambda _call: "meow")
    answers = exchange(connect(), raw(f"{TOM}/log", *MEOW) + raw(TOM))

    assert [(code, json.loads(body)["message"]) for code, body in answers] == [
        (400, "connections cannot be upgraded here")
    ]


# What connects.


@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize(("method", "verb"), [("GET", "get"), ("POST", "create")])
def test_a_connection_carries_bytes_both_ways(
    own: Backend, connect: Callable[[], ssl.SSLSocket], method: str, verb: str, blocking: bool
) -> None:
    """What was sent with the header is not lost, nor is what is no HTTP; the function's return ends the connection."""
    calls: list[Call] = []

    async def noted(call: Call, peer: Peer) -> None:
        calls.append(call)
        assert await peer.receive()
        await peer.send(b"\x00begin\xff")
        await echo(call, peer)

    serve(own, blocking=blocking, exec=Subresource(connect=noted, protocols=["meow/1"]))
    tls = connect()
    length = ["Content-Length: 0"] if method == "POST" else []
    tls.sendall(raw(f"{TOM}/exec?command=ls", *MEOW, *length, method=method) + b"early")
    received = read_until(tls, b"\xff")
    head, _, first = received.partition(b"\r\n\r\n")
    for number in range(100):
        tls.sendall(b"GET / %d\r\n" % number)
        assert read_until(tls, b"\n") == b"GET / %d\r\n" % number
    [call] = calls

    assert head.startswith(b"HTTP/1.1 101 ")
    assert b"\r\nUpgrade: meow/1\r\n" in head
    assert b"\r\nConnection: Upgrade\r\n" in head
    assert b"Content-Length" not in head
    assert first == b"\x00begin\xff"
    assert (call.verb, call.name, call.identity.user) == (verb, "tom", "alice")
    assert call.request.query() == {"command": ["ls"]}


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ("meow/1", "meow/1"),
        ("MEOW/1", "meow/1"),
        ("bark, purr, meow/1", "Purr"),
        (",,\t purr ,", "Purr"),
        ("purr,purr", "Purr"),
    ],
)
def test_the_first_protocol_that_is_known_is_spoken(
    own: Backend, connect: Callable[[], ssl.SSLSocket], offered: str, chosen: str
) -> None:
    """In the client's order, and in the server's spelling."""
    serve(own, exec=EXEC)
    tls = connect()
    tls.sendall(raw(f"{TOM}/exec", "Connection: upgrade", f"Upgrade: {offered}"))

    assert f"\r\nUpgrade: {chosen}\r\n".encode() in read_until(tls, b"\r\n\r\n")


@pytest.mark.parametrize(
    ("lines", "code", "sentence"),
    [
        ((), 400, "this needs the headers 'Connection: Upgrade' and 'Upgrade' with one of: meow/1, Purr"),
        (("Upgrade: meow/1",), 400, "this needs the headers"),
        (("Connection: upgrade",), 400, "this needs the headers"),
        (("Connection: upgrade x", "Upgrade: meow/1"), 400, "this needs the headers"),
        (("Connection: Upgrade", "Upgrade: bark"), 426, "the header 'Upgrade' must name one of: meow/1, Purr"),
        (("Connection: Upgrade", "Upgrade: meow"), 426, "must name one of"),
        (("Connection: Upgrade", "Upgrade: ,"), 426, "must name one of"),
        (("Connection: Upgrade", f"Upgrade: {',' * 16000}"), 426, "must name one of"),
        ((*MEOW, "Content-Length: 3"), 400, "and have no body"),
        ((*MEOW, "Transfer-Encoding: chunked"), 400, "and have no body"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_is_no_upgrade_is_told_what_would_be_one(
    own: Backend, connect: Callable[[], ssl.SSLSocket], method: str, lines: tuple[str, ...], code: int, sentence: str
) -> None:
    """And the function is not called."""
    called: list[Call] = []
    serve(own, exec=Subresource(connect=echo, protocols=EXEC.protocols, check=called.append))
    tls = connect()
    tls.sendall(raw(f"{TOM}/exec", *lines, "Connection: close", method=method))
    received, _ = rest(tls)
    head, _, body = received.partition(b"\r\n\r\n")
    status = json.loads(body)

    assert (status["kind"], status["code"], head.split(b" ")[1]) == ("Status", code, str(code).encode())
    assert sentence in status["message"]
    assert (b"\r\nUpgrade: meow/1, Purr\r\n" in head) == (code == 426)
    assert called == []


def test_http_1_0_cannot_be_upgraded(own: Backend, connect: Callable[[], ssl.SSLSocket]) -> None:
    """RFC 9110, section 7.8."""
    serve(own, exec=EXEC)
    [(code, _)] = exchange(connect(), raw(f"{TOM}/exec", *MEOW, version="1.0"))

    assert code == 400


@pytest.mark.parametrize("blocking", [True, False])
def test_a_check_refuses_before_the_connection_is_taken_over(
    own: Backend, connect: Callable[[], ssl.SSLSocket], blocking: bool
) -> None:
    """Its error is a Status, and what follows is nobody's request."""
    serve(own, blocking=blocking, exec=EXEC)
    path = f"{TOM.replace('tom', 'tim')}/exec"
    [(code, body)] = exchange(connect(), raw(path, *MEOW) + raw(TOM))

    assert (code, json.loads(body)["reason"]) == (404, "NotFound")


@pytest.mark.parametrize(
    "error", [RuntimeError("s3cret"), SystemExit("s3cret"), KeyboardInterrupt(), StatusError(404, "s3cret")]
)
def test_a_connection_that_fails_ends_alone(
    own: Backend, connect: Callable[[], ssl.SSLSocket], caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    """The client gets nothing more, the log says why, and the server goes on."""

    async def broken(_call: Call, peer: Peer) -> None:
        await peer.send(b"first")
        raise error

    client = serve(own, exec=Subresource(connect=broken, protocols=["meow/1"]))
    tls = connect()
    tls.sendall(raw(f"{TOM}/exec", *MEOW))
    received, _ = rest(tls)

    assert received.endswith(b"\r\n\r\nfirst")
    assert "a stream was cut off" in caplog.text
    assert client.request("GET", TOM).status == 200


def test_a_function_learns_that_its_client_left(own: Backend, connect: Callable[[], ssl.SSLSocket]) -> None:
    """`ending` is set, there is no more to receive, and nobody takes what is sent."""
    learned: list[object] = []
    over = threading.Event()

    async def waits(_call: Call, peer: Peer) -> None:
        await peer.ending.wait()
        learned.append(await peer.receive())
        try:
            await peer.send(b"anybody?")
        except Gone:
            learned.append("gone")
        over.set()

    serve(own, exec=Subresource(connect=waits, protocols=["meow/1"]))
    tls = connect()
    tls.sendall(raw(f"{TOM}/exec", *MEOW))
    read_until(tls, b"\r\n\r\n")
    tls.close()

    assert over.wait(10)
    assert learned == [b"", "gone"]


def test_a_client_that_reads_nothing_stops_the_function(own: Backend, connect: Callable[[], ssl.SSLSocket]) -> None:
    """What is sent to it waits, within bounds, and not for ever."""
    sent = [0]
    over = threading.Event()

    async def floods(_call: Call, peer: Peer) -> None:
        try:
            while True:
                await peer.send(b"x" * 65536)
                sent[0] += 65536
        finally:
            over.set()

    client = serve(own, exec=Subresource(connect=floods, protocols=["meow/1"]), variables={"BODY_TIMEOUT_SECONDS": "1"})
    tls = connect()
    tls.sendall(raw(f"{TOM}/exec", *MEOW))

    assert over.wait(30)
    # The kernel's buffers of both sides hold some megabytes.
    assert sent[0] < 16_000_000
    assert client.request("GET", TOM).status == 200


def test_a_function_that_receives_nothing_stops_its_client(own: Backend, connect: Callable[[], ssl.SSLSocket]) -> None:
    """What a client sends and nobody takes stays with it, beyond some buffers."""

    async def deaf(_call: Call, peer: Peer) -> None:
        await peer.ending.wait()

    serve(own, exec=Subresource(connect=deaf, protocols=["meow/1"]))
    tls = connect()
    tls.sendall(raw(f"{TOM}/exec", *MEOW))
    read_until(tls, b"\r\n\r\n")
    tls.settimeout(1)
    taken = 0
    with contextlib.suppress(TimeoutError):
        while taken < 64_000_000:
            taken += tls.send(b"x" * 16384)

    assert taken < 32_000_000


def test_connections_beyond_the_bound_are_refused(own: Backend, connect: Callable[[], ssl.SSLSocket]) -> None:
    """Of one caller half of all, as of any streams."""
    serve(own, exec=EXEC, variables={"MAX_STREAMS": "4"})
    codes = []
    for user in ("alice", "alice", "alice", "bob"):
        tls = connect()
        tls.sendall(raw(f"{TOM}/exec", *MEOW, user=user))
        codes.append(read_until(tls, b"\r\n\r\n").split(b" ")[1])

    assert codes == [b"101", b"101", b"503", b"101"]


# Who may, and what is there.


def test_a_caller_without_the_right_is_refused_before_the_upgrade(own: Backend) -> None:
    """What is asked about is the subresource, and `create` for POST."""
    called: list[Call] = []
    start(
        own,
        resources=[cats(exec=Subresource(connect=echo, protocols=["meow/1"], check=called.append))],
        blocking=True,
        DELEGATED_AUTHENTICATION="true",
        DELEGATED_AUTHORIZATION="true",
    )
    own.apiserver.allow = lambda _spec: False
    client = own.aggregator()
    headers = [("Connection", "Upgrade"), ("Upgrade", "meow/1")]
    answers = [client.request(method, f"{TOM}/exec", user="eve", headers=headers) for method in ("GET", "POST")]

    assert [answer.status for answer in answers] == [403, 403]
    assert 'User "eve" cannot get resource "cats/exec"' in answers[0].json()["message"]
    assert 'User "eve" cannot create resource "cats/exec"' in answers[1].json()["message"]
    assert called == []


@pytest.mark.parametrize("headers", [[], [("Connection", "Upgrade"), ("Upgrade", "meow/1")]])
@pytest.mark.parametrize(
    "path",
    [
        f"{TOM}/logs",
        f"{TOM}/LOG",
        f"{TOM}/status",
        f"{TOM}/log/tail",
        f"{TOM}/log/log",
        f"{BASE}/namespaces/a/cats/log/log/log",
        f"{TOM}/exec/x",
        f"{BASE}/cats/tom/log",
        f"{BASE}/namespaces/a/cats//log",
        f"{BASE}/namespaces//cats/tom/log",
        f"{BASE}/watch/namespaces/a/cats/tom/log",
        f"{BASE}/watch/namespaces/a/cats/tom/exec",
        f"{TOM}/{'x' * 16000}",
        f"{TOM}/__class__",
        f"{TOM}/..",
        f"{TOM}/log%00",
    ],
    ids=range(16),
)
def test_what_is_no_subresource_is_not_found(own: Backend, path: str, headers: list[tuple[str, str]]) -> None:
    """With an upgrade and without; nothing is called."""
    called: list[Call] = []
    client = serve(
        own,
        log=lambda call: called.append(call) or "meow",
        exec=Subresource(connect=echo, protocols=["meow/1"], check=called.append),
    )

    assert_status(client.request("GET", path, headers=headers), 404, "NotFound")
    assert called == []


@pytest.mark.parametrize("path", [TOM, f"{BASE}/namespaces/a/cats", f"{BASE}/cats"])
def test_a_resource_itself_cannot_be_upgraded(own: Backend, connect: Callable[[], ssl.SSLSocket], path: str) -> None:
    """Though it has a subresource that can; and nothing hides behind the upgrade."""
    serve(own, exec=EXEC)
    [(code, body)] = exchange(connect(), raw(path, *MEOW) + raw(TOM))

    assert (code, json.loads(body)["message"]) == (400, "connections cannot be upgraded here")


def test_a_path_without_end_is_refused_by_its_length(own: Backend, connect: Callable[[], ssl.SSLSocket]) -> None:
    """128 KiB of a subresource's name."""
    serve(own, log=lambda _call: "meow")
    [(code, _)] = exchange(connect(), raw(f"{TOM}/{'x' * 131072}"))

    assert code == 431


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "PROPFIND"])
def test_other_methods_are_405_and_say_which_are_not(own: Backend, method: str) -> None:
    client = serve(own, log=lambda _call: "meow", exec=EXEC)
    for name, allowed in (("log", "GET"), ("exec", "GET, POST")):
        answer = client.request(method, f"{TOM}/{name}")
        if method in allowed or (method == "HEAD" and name == "log"):
            assert answer.status != 405
        else:
            assert (answer.status, answer.header("Allow")) == (405, allowed)


def test_a_resource_of_the_cluster_has_subresources_too(own: Backend) -> None:
    """Without a namespace in the path, and with none alone."""
    cows = Resource(
        kind="Cow",
        plural="cows",
        description="A cow.",
        verbs={},
        subresources={"log": Subresource(read=lambda _: "moo")},
    )
    start(own, resources=[cows])
    client = own.aggregator()

    assert client.request("GET", f"{BASE}/cows/berta/log").text == "moo"
    assert client.request("GET", f"{BASE}/cows/berta/log/").text == "moo"
    assert client.request("GET", f"{BASE}/namespaces/a/cows/berta/log").status == 404
    assert client.request("GET", f"{BASE}/cows/log").status == 405


def test_discovery_lists_them_with_their_verbs(own: Backend) -> None:
    """In both forms, as upstream lists pods/log and pods/exec."""
    client = serve(own, log=lambda _call: "meow", exec=EXEC)
    listed = client.request("GET", BASE).json()["resources"]
    [item] = client.request("GET", "/apis", accept=V2).json()["items"]
    kind = {"group": GROUP, "version": "v1", "kind": "Cat"}

    assert listed[1:] == [
        {"name": "cats/exec", "singularName": "", "namespaced": True, "kind": "Cat", "verbs": ["create", "get"]},
        {"name": "cats/log", "singularName": "", "namespaced": True, "kind": "Cat", "verbs": ["get"]},
    ]
    assert item["versions"][0]["resources"][0]["subresources"] == [
        {"subresource": "exec", "responseKind": kind, "verbs": ["create", "get"]},
        {"subresource": "log", "responseKind": kind, "verbs": ["get"]},
    ]


@pytest.mark.parametrize("document", ["/openapi/v2", f"/openapi/v3{BASE}"])
def test_openapi_describes_them_as_upstream_does(own: Backend, document: str) -> None:
    """An action for each method, the media type, and what is answered."""
    client = serve(own, log=lambda _call: "meow", sit_down=Subresource(connect=echo, protocols=["meow/1"]))
    paths = client.request("GET", document, accept="application/json").json()["paths"]
    place = f"{BASE}/namespaces/{{namespace}}/cats/{{name}}"
    told = {
        (path.removeprefix(place), method): (
            operation["operationId"],
            operation["description"],
            operation["x-kubernetes-action"],
            min(operation["responses"]),
        )
        for path, operations in paths.items()
        for method, operation in operations.items()
        if path != place
    }
    success = paths[f"{place}/log"]["get"]["responses"]["200"]
    connects = "connect to sit-down of the Cat"

    assert told == {
        ("/log", "get"): ("readCatsExampleComV1NamespacedCatLog", "read log of the Cat", "get", "200"),
        ("/sit-down", "get"): ("connectCatsExampleComV1GetNamespacedCatSitDown", connects, "connect", "101"),
        ("/sit-down", "post"): ("connectCatsExampleComV1PostNamespacedCatSitDown", connects, "connect", "101"),
    }
    if document == "/openapi/v2":
        assert success["schema"] == {"type": "string"}
        assert paths[f"{place}/log"]["get"]["produces"] == ["application/json", "text/plain"]
    else:
        assert success["content"] == {"text/plain": {"schema": {"type": "string"}}}
    assert [parameter["name"] for parameter in paths[f"{place}/log"]["get"]["parameters"]] == ["namespace", "name"]
    assert paths[f"{place}/sit-down"]["get"]["responses"]["101"] == {
        "description": "the connection speaks one of: meow/1"
    }


# The table.


def test_the_wells_of_the_documentation_have_a_log_and_a_rope(
    own: Backend, connect: Callable[[], ssl.SSLSocket]
) -> None:
    """docs/streams.md, as it stands there."""
    page = (Path(__file__).parents[2] / "docs" / "streams.md").read_text()
    (lines,) = re.findall(r"^# wells\.py\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    program = ModuleType("wells")
    exec(lines, vars(program))  # noqa: S102 - our own page
    start(own, resources=[program.wells], blocking=True, GROUP="wells.example.com")
    path = "/apis/wells.example.com/v1/wells/old"
    log, rope = connect(), connect()
    log.sendall(raw(f"{path}/log"))
    rope.sendall(raw(f"{path}/exec", "Connection: Upgrade", "Upgrade: rope"))
    read_until(rope, b"\r\n\r\n")
    rope.sendall(b"hello\n")

    assert read_until(rope, b"\n") == b"old says hello\n"
    read_until(log, b"old has given 1 buckets\n")


async def _generator(_call: Call) -> AsyncIterator[bytes]:
    await asyncio.sleep(0)
    yield b""


def _read(_call: Call) -> Iterable[bytes]:
    return [b""]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({}, "either `read` or `connect`"),
        ({"read": _read, "connect": echo, "protocols": ["x"]}, "either `read` or `connect`"),
        ({"read": _read, "protocols": ["x"]}, "belong to a subresource with `connect`"),
        ({"read": _read, "check": find}, "belong to a subresource with `connect`"),
        ({"read": echo}, "must not be an async function"),
        ({"read": _generator}, "must not be an async function"),
        ({"connect": _read, "protocols": ["x"]}, "must be an async function"),
        ({"connect": _generator, "protocols": ["x"]}, "must be an async function"),
        ({"connect": echo}, "at least one name"),
        ({"connect": echo, "protocols": "x"}, "at least one name"),
        ({"connect": echo, "protocols": ["x y"]}, "not 'x y'"),
        ({"connect": echo, "protocols": ["x\r\nSet-Cookie: y"]}, "must be a name"),
        ({"connect": echo, "protocols": [""]}, "not ''"),
        ({"connect": echo, "protocols": ["x\n"]}, "must be a name"),
        ({"connect": echo, "protocols": ["x", "WebSocket"]}, "cannot speak 'websocket'"),
    ],
)
def test_a_wrong_subresource_is_refused_when_it_is_made(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Subresource(**arguments)


@pytest.mark.parametrize("name", ["", "Log", "a/b", "a b", "-a", "a-", "x" * 64, "log\n", "."])
def test_a_wrong_name_is_refused_when_the_resource_is_made(name: str) -> None:
    with pytest.raises(ValueError, match="must be a DNS label"):
        Resource(kind="Cat", plural="cats", description="", verbs={}, subresources={name: Subresource(read=_read)})

"""Answers that are sent while they are made, and connections that become another protocol's, through the gateway."""

from __future__ import annotations

import contextlib
import re
import ssl
import threading
from collections.abc import Callable, Iterator

import pytest

from unit.gateway.upstream import Upstream, Visitor, ok
from unit.running import BASE, Backend, start_gateway


@pytest.fixture
def send(own: Backend) -> Iterator[Callable[..., ssl.SSLSocket]]:
    """Put an upstream with a script behind a gateway, send it a request, and return the connection."""
    with contextlib.ExitStack() as stack:

        def through(
            script: Callable[[Visitor], object], *lines: str, path: str = "/proxy/x", method: str = "GET"
        ) -> ssl.SSLSocket:
            upstream = Upstream(script)
            stack.callback(upstream.close)
            start_gateway(own, upstream.config())
            tls = stack.enter_context(own.aggregator().connect())
            tls.settimeout(10)
            head = "\r\n".join([f"{method} {BASE}{path} HTTP/1.1", "Host: x", "X-Remote-User: jane", *lines, "", ""])
            tls.sendall(head.encode())
            return tls

        yield through


def until(tls: ssl.SSLSocket, end: bytes) -> bytes:
    """Return what comes until `end` is there."""
    received = b""
    while end not in received:
        data = tls.recv(65536)
        assert data, f"closed after {received!r}"
        received += data
    return received


def test_each_event_is_passed_on_before_the_next_is_made(send: Callable[..., ssl.SSLSocket]) -> None:
    taken = threading.Semaphore(0)

    def script(visitor: Visitor) -> None:
        if not visitor.header():
            return
        visitor.socket.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for number in range(5):
            visitor.socket.sendall(b"9\r\ndata: %d\n\n\r\n" % number)
            assert taken.acquire(timeout=10)
        visitor.socket.sendall(b"0\r\n\r\n")

    tls = send(script)
    for number in range(5):
        until(tls, b"data: %d\n\n" % number)
        taken.release()
    until(tls, b"0\r\n\r\n")


def test_the_upstream_learns_at_once_that_the_client_left(send: Callable[..., ssl.SSLSocket]) -> None:
    left = threading.Event()

    def script(visitor: Visitor) -> None:
        if visitor.header():
            visitor.socket.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
            with contextlib.suppress(OSError):
                visitor.until(b"never")
            left.set()

    tls = send(script)
    until(tls, b"x\r\n")
    tls.close()
    assert left.wait(10)


def test_the_upstream_learns_that_the_client_left_before_the_answer(send: Callable[..., ssl.SSLSocket]) -> None:
    asked, left = threading.Event(), threading.Event()

    def script(visitor: Visitor) -> None:
        if visitor.header():
            asked.set()
            with contextlib.suppress(OSError):
                visitor.until(b"never")
            left.set()

    tls = send(script)
    assert asked.wait(10)
    tls.close()
    assert left.wait(10)


def test_a_client_that_does_not_read_holds_the_upstream_up(own: Backend, send: Callable[..., ssl.SSLSocket]) -> None:
    sent, stopped = [0], threading.Event()

    def script(visitor: Visitor) -> None:
        if not visitor.header():
            return
        visitor.socket.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        visitor.socket.settimeout(1)
        try:
            while True:
                sent[0] += visitor.socket.send(b"x" * 65536)
        except OSError:
            stopped.set()

    send(script)
    assert stopped.wait(20)
    assert sent[0] < 50_000_000


def echo(visitor: Visitor) -> None:
    """Answer with 101, and echo lines."""
    header = visitor.header()
    if not header:
        return
    protocol = re.search(rb"(?i)\r\nupgrade: ([^\r]*)\r\n", header)
    if protocol is None:
        visitor.socket.sendall(ok(header))
        return
    visitor.socket.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %b\r\nX-Seen: 1\r\n\r\nhello\n"
        % protocol[1]
    )
    visitor.upgraded = True
    while line := visitor.until(b"\n"):
        visitor.socket.sendall(line)
        if line == b"bye\n":
            return


@pytest.mark.parametrize("protocol", ["websocket", "SPDY/3.1", "tcp"])
def test_an_upgraded_connection_carries_bytes_both_ways(send: Callable[..., ssl.SSLSocket], protocol: str) -> None:
    tls = send(echo, "Connection: Upgrade", f"Upgrade: {protocol}", "Sec-WebSocket-Key: x")
    header = until(tls, b"hello\n")
    assert header.startswith(b"HTTP/1.1 101 ")
    assert f"\r\nUpgrade: {protocol}\r\n".encode() in header
    for number in range(1000):
        tls.sendall(b"%d\n" % number)
        assert until(tls, b"\n") == b"%d\n" % number
    tls.sendall(b"bye\n")
    until(tls, b"bye\n")
    assert tls.recv(1) == b""


@pytest.mark.parametrize("protocol", ["h2c", "H2C", "h2c, HTTP/2.0", "TLS/1.2", "HTTP/1.1"])
def test_no_tunnel_for_requests_that_nobody_looks_at(send: Callable[..., ssl.SSLSocket], protocol: str) -> None:
    tls = send(echo, "Connection: Upgrade, HTTP2-Settings", f"Upgrade: {protocol}", "HTTP2-Settings: AAMAAABkAAQAAP__")
    answer = until(tls, b"X-Remote-User: jane")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"upgrade:" not in answer.lower()
    assert b"http2-settings" not in answer.lower()


def test_a_refused_upgrade_is_an_answer(send: Callable[..., ssl.SSLSocket]) -> None:
    tls = send(
        lambda visitor: (
            visitor.header()
            and visitor.socket.sendall(ok(b'{"no":1}', "Content-Type: application/json", status="403 Forbidden"))
        ),
        "Connection: Upgrade",
        "Upgrade: websocket",
    )
    assert until(tls, b'{"no":1}').startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ],
)
def test_only_the_protocol_that_was_asked_for_is_spoken(send: Callable[..., ssl.SSLSocket], said: bytes) -> None:
    tls = send(
        lambda visitor: visitor.header() and visitor.socket.sendall(said), "Connection: Upgrade", "Upgrade: websocket"
    )
    assert until(tls, b"BadGateway").startswith(b"HTTP/1.1 502 ")


def test_both_ends_of_an_upgraded_connection_end_together(send: Callable[..., ssl.SSLSocket]) -> None:
    ended = threading.Event()

    def script(visitor: Visitor) -> None:
        try:
            echo(visitor)
        finally:
            if visitor.upgraded:  # and it is not the gateway, which looks whether somebody listens
                ended.set()

    tls = send(script, "Connection: Upgrade", "Upgrade: tcp")
    until(tls, b"hello\n")
    assert not ended.is_set()
    tls.close()
    assert ended.wait(5)


def test_no_request_follows_on_a_connection_that_was_upgraded(own: Backend, send: Callable[..., ssl.SSLSocket]) -> None:
    """The upstream would take it for a message of who was there before."""
    tls = send(echo, "Connection: Upgrade", "Upgrade: tcp")
    until(tls, b"hello\n")
    tls.close()
    with own.aggregator().connect() as other:
        other.settimeout(5)
        other.sendall(f"GET {BASE}/x HTTP/1.1\r\nHost: x\r\nX-Remote-User: other\r\n\r\n".encode())
        assert until(other, b"X-Remote-User: other").startswith(b"HTTP/1.1 200 ")


def test_an_answer_may_come_before_the_request_is_whole(send: Callable[..., ssl.SSLSocket]) -> None:
    def script(visitor: Visitor) -> None:
        if visitor.header():
            visitor.socket.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(3):
                size = int(visitor.until(b"\r\n"), 16)
                part = visitor.exactly(size)
                visitor.until(b"\r\n")
                visitor.socket.sendall(b"%x\r\n%b\r\n" % (size, part.upper()))
            visitor.until(b"0\r\n\r\n")
            visitor.socket.sendall(b"0\r\n\r\n")

    tls = send(script, "Transfer-Encoding: chunked", method="POST")
    for word in (b"one", b"two", b"six"):
        tls.sendall(b"3\r\n%b\r\n" % word)
        until(tls, word.upper())
    tls.sendall(b"0\r\n\r\n")
    until(tls, b"0\r\n\r\n")


def test_a_refusal_in_the_middle_of_an_upload_arrives(send: Callable[..., ssl.SSLSocket]) -> None:
    def script(visitor: Visitor) -> None:
        if visitor.header():
            visitor.socket.sendall(
                ok(b'{"too":"large"}', "Content-Type: application/json", "Connection: close", status="413 Too Large")
            )

    tls = send(script, "Content-Length: 100000000", method="POST")
    assert until(tls, b'{"too":"large"}').startswith(b"HTTP/1.1 413 ")

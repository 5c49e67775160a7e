"""Callers who leave at any moment leave nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import random
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from extension_apiserver.gateway.gateway import Gateway
from unit import running
from unit.gateway.upstream import Upstream, Visitor, ok
from unit.running import BASE, Backend, Pki, prepare, start_gateway

ROUNDS, CALLERS = 250, 4
PETS = [{"kind": "Pet", "list": {"path": "/pets", "items": "@"}, "fields": {"name": "id"}}]
#: With its close, a connection is reset.
RESET = struct.pack("ii", 1, 0)
_CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def own(pki: Pki, tmp_path: Path) -> Iterator[Backend]:
    backend = prepare(pki, tmp_path)
    yield backend
    backend.close()


def fickle(visitor: Visitor) -> None:
    """Answer as the path says, each time a little late."""
    while header := visitor.header():
        time.sleep(random.random() * 0.005)  # noqa: S311
        what = header.split(b" ")[1]
        if what == b"/cut":
            visitor.socket.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf")
            return
        if what == b"/early":
            visitor.socket.sendall(ok(status="413 X"))
        visitor.body(header)
        if what == b"/stream":
            visitor.socket.sendall(b"HTTP/1.1 200 OK\r\n" + _CHUNKED)
            for _ in range(random.randrange(40)):  # noqa: S311
                visitor.socket.sendall(b"4000\r\n%b\r\n" % bytes(0x4000))
            visitor.socket.sendall(b"0\r\n\r\n")
        elif what == b"/moved":
            visitor.socket.sendall(b"HTTP/1.1 302 X\r\nLocation: /moved/\r\nContent-Length: 0\r\n\r\n")
        elif b"\r\nUpgrade: " in header:
            visitor.socket.sendall(b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: tin/1\r\n\r\n")
            while data := visitor.socket.recv(65536):
                visitor.socket.sendall(data)
            return
        elif what != b"/early":
            visitor.socket.sendall(ok(b"[]", "Content-Type: application/json"))


def patient(visitor: Visitor) -> None:
    """Be fickle, and take it that requests end in the middle."""
    with contextlib.suppress(OSError, AssertionError, ValueError):
        fickle(visitor)


def requests(user: str) -> list[bytes]:
    """Return one request of each kind."""

    def request(method: str, path: str, lines: str = "", body: bytes = b"") -> bytes:
        return f"{method} {BASE}{path} HTTP/1.1\r\nHost: x\r\nX-Remote-User: {user}\r\n{lines}\r\n".encode() + body

    chunked = "Transfer-Encoding: chunked\r\n"
    return [
        request("GET", "/x"),
        request("HEAD", "/x"),
        request("GET", "/stream"),
        request("GET", "/proxy/stream"),
        request("GET", "/moved"),
        request("GET", "/cut"),
        request("GET", "/pets"),
        request("POST", "/x", chunked, b"8000\r\n%b\r\n0\r\n\r\n" % bytes(0x8000)),
        request("POST", "/early", chunked, b"8000\r\n%b\r\n" % bytes(0x8000)),
        request("PUT", "/x", "Content-Length: 100000\r\n", bytes(50000)),
        request("GET", "/proxy/up", "Connection: Upgrade\r\nUpgrade: tin/1\r\n", b"hello"),
    ]


def leave(backend: Backend, number: int) -> None:
    """Begin requests and leave in the middle of them."""
    chance = random.Random(number)  # noqa: S311
    aggregator = backend.aggregator()
    session: ssl.SSLSession | None = None
    for _ in range(ROUNDS):
        with contextlib.suppress(OSError), aggregator.connect(session) as tls:
            data = chance.choice(requests(f"user-{number}"))
            tls.sendall(data[: chance.choice([chance.randrange(len(data)), len(data), len(data)])])
            tls.settimeout(chance.choice([0.001, 0.003, 0.01, 0.03]))
            if chance.random() < 0.7:
                tls.recv(65536)
            if chance.random() < 0.5:
                tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def test_after_a_thousand_callers_who_left_nothing_is_counted_and_nobody_works(
    own: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateways: list[Gateway] = []

    class Kept(Gateway):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments)  # type: ignore[arg-type]
            gateways.append(self)

    monkeypatch.setattr(running, "Gateway", Kept)
    upstream = Upstream(patient)
    start_gateway(own, dataclasses.replace(upstream.config(), resources=PETS))
    served = gateways[0].upstreams[0]
    loop = gateways[0]._loop
    pool, tasks = served.client._pool, len(asyncio.all_tasks(loop))
    callers = [threading.Thread(target=leave, args=[own, number]) for number in range(CALLERS)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()

    own.wait_for(lambda: not served._by_user and not pool.waiting and pool.count == len(pool._idle))
    own.wait_for(lambda: len(asyncio.all_tasks(loop)) <= tasks)
    assert own.aggregator().request("GET", f"{BASE}/x").status == 200
    upstream.close()

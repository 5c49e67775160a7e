"""Bytes over TLS, for what no HTTP client would send."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable

_TIMEOUT_SECONDS = 10


def exchange(tls: ssl.SSLSocket, data: bytes) -> list[tuple[int, bytes]]:
    """Send bytes, read until the server closes, and return (code, body) of every answer."""
    tls.settimeout(_TIMEOUT_SECONDS)
    received = b""
    with tls:
        try:
            tls.sendall(data)
            while chunk := tls.recv(65536):
                received += chunk
        except (ConnectionError, ssl.SSLError):
            pass
    return list(split(received))


def split(received: bytes) -> list[tuple[int, bytes]]:
    """Split a stream of answers, each with a Content-Length."""
    answers = []
    while match := re.match(rb"HTTP/1\.[01] (\d{3})[^\r]*\r\n((?:[^\r]+\r\n)*)\r\n", received):
        length = int(re.search(rb"(?i)content-length: *(\d+)", match[2])[1])  # type: ignore[index]
        answers.append((int(match[1]), received[match.end() : match.end() + length]))
        received = received[match.end() + length :]
    assert received == b"", received
    return answers


def closed_after(tls: socket.socket, seconds: float, clock: Callable[[], float]) -> float:
    """Return after how many seconds the server closed, at most `seconds`."""
    tls.settimeout(seconds)
    started = clock()
    try:
        while tls.recv(65536):
            pass
    except (ConnectionError, ssl.SSLError, OSError):
        pass
    return clock() - started

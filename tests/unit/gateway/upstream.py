"""Upstreams that say byte for byte what a test wants, and see byte for byte what they are sent."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from extension_apiserver.apps.upstream.origin import origin
from extension_apiserver.gateway.config import GatewayConfig, UpstreamConfig

_TIMEOUT_SECONDS = 10


class Visitor:
    """One connection that an upstream accepted.

    Attributes:
        socket: it.
        upgraded: it carries another protocol; for scripts.

    """

    def __init__(self, accepted: socket.socket) -> None:
        self.socket = accepted
        self.upgraded = False
        self._received = b""
        accepted.settimeout(_TIMEOUT_SECONDS)

    def header(self) -> bytes:
        """Return the next request's header with its empty line, b'' if the connection ends."""
        return self.until(b"\r\n\r\n")

    def until(self, end: bytes) -> bytes:
        """Return what comes up to `end`, b'' if the connection ends before."""
        while end not in self._received:
            if not (data := self.socket.recv(65536)):
                return b""
            self._received += data
        found, _, self._received = self._received.partition(end)
        return found + end

    def exactly(self, count: int) -> bytes:
        """Return so many bytes."""
        while len(self._received) < count:
            data = self.socket.recv(65536)
            assert data, f"closed after {len(self._received)} of {count} bytes"
            self._received += data
        found, self._received = self._received[:count], self._received[count:]
        return found

    def body(self, header: bytes) -> bytes:
        """Return the body that a header announces."""
        if match := re.search(rb"(?i)\r\ncontent-length: (\d+)\r\n", header):
            return self.exactly(int(match[1]))
        if not re.search(rb"(?i)\r\ntransfer-encoding: chunked\r\n", header):
            return b""
        parts = b""
        while size := int(self.until(b"\r\n"), 16):
            parts += self.exactly(size)
            self.until(b"\r\n")
        self.until(b"\r\n")
        return parts


class Upstream:
    """Listens on loopback or a Unix socket; each connection is a call of `script` in a thread.

    Attributes:
        seen: every header that `answering` read, in order.
        accepted: how many connections there were.

    """

    def __init__(self, script: Callable[[Visitor], object], path: Path | None = None) -> None:
        self._script = script
        self.seen: list[bytes] = []
        self.accepted = 0
        self._path = path
        self._listening = self._listen(("127.0.0.1", 0) if path is None else str(path))
        self.port = 0 if path else self._listening.getsockname()[1]

    @property
    def url(self) -> str:
        """Where it is."""
        return f"unix://{self._path}" if self._path else f"http://127.0.0.1:{self.port}"

    def config(self, **fields: object) -> GatewayConfig:
        """Return the configuration of a gateway in front of it."""
        return GatewayConfig(upstreams=[UpstreamConfig(origin=origin(self.url), **fields)])  # type: ignore[arg-type]

    def close(self) -> None:
        """Take no more connections."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def reopen(self) -> None:
        """Take connections again, on the same port."""
        self._listening = self._listen(("127.0.0.1", self.port))

    def _listen(self, address: object) -> socket.socket:
        listening = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)  # type: ignore[arg-type]
        listening.listen()
        threading.Thread(target=self._accept, args=[listening], daemon=True).start()
        return listening

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                accepted, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[accepted], daemon=True).start()

    def _serve(self, accepted: socket.socket) -> None:
        # The gateway looks once a second whether somebody listens, over a connection on which nothing comes.
        with accepted, contextlib.suppress(OSError):
            visitor = Visitor(accepted)
            self._script(visitor)


def answering(
    answer: bytes | Callable[[bytes, bytes], bytes], seen: list[tuple[bytes, bytes]] | None = None
) -> Callable[[Visitor], None]:
    """Return a script that answers each request with bytes, or with what a function makes of header and body."""

    def script(visitor: Visitor) -> None:
        while header := visitor.header():
            body = visitor.body(header)
            if seen is not None:
                seen.append((header, body))
            said = answer if isinstance(answer, bytes) else answer(header, body)
            visitor.socket.sendall(said)
            if b"connection: close" in said.lower():
                return

    return script


def ok(body: bytes = b"ok", *lines: str, status: str = "200 OK") -> bytes:
    """Return an answer with a length."""
    head = "".join(f"{line}\r\n" for line in lines)
    return f"HTTP/1.1 {status}\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

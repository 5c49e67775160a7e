"""Bodies in the log, of chosen paths: what a request's line, which every request has, leaves out."""

from __future__ import annotations

import base64
import dataclasses
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from extension_apiserver.request import Request, Response
from extension_apiserver.streams import Peer

from .access import Pattern, segments_below
from .config import AuditBodies

_LONGEST = 1024


class _Part:
    """The beginning of a body."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._held = bytearray()
        self._count = 0

    def add(self, data: bytes) -> None:
        """Keep what fits of a part."""
        self._count += len(data)
        self._held += data[: self._most_bytes - len(self._held)]

    def words(self, name: str) -> dict[str, object]:
        """Return how a line says it; bytes that are no text are base64."""
        found: dict[str, object] = {f"{name}Bytes": self._count}
        if not self._count:
            return found
        try:
            found[f"{name}Body"] = self._held.decode()
        except UnicodeDecodeError:
            found[f"{name}BodyBase64"] = base64.b64encode(self._held).decode()
        return found


class _Peer:
    """A peer that keeps the beginning of what it is sent."""

    def __init__(self, peer: Peer, part: _Part) -> None:
        self._peer = peer
        self._part = part
        self.ending = peer.ending

    async def send(self, data: bytes) -> None:
        self._part.add(data)
        await self._peer.send(data)

    async def receive(self) -> bytes:
        return await self._peer.receive()


class Record:
    """One request whose bodies are in the log."""

    def __init__(self, request: Request, most_bytes: int) -> None:
        """Keep what is read of its body from now on."""
        self._request = request
        self._sent, self._answered = _Part(most_bytes), _Part(most_bytes)
        request.read_body = self._keeping(request.read_body)
        request.read_part = self._keeping(request.read_part)

    def answered(self, response: Response, user: str) -> Response:
        """Return the response; the line is written when all of it was sent."""
        stream = response.stream
        if stream is None or response.status < 200:  # noqa: PLR2004 - another protocol's bytes are no body
            self._answered.add(response.body)
            self._write(response.status, user)
            return response

        async def run(peer: Peer) -> None:
            try:
                await stream.run(_Peer(peer, self._answered))
            finally:
                self._write(response.status, user)

        def abandon() -> None:
            stream.abandon()
            self._write(response.status, user)

        return Response(response.status, response.headers, stream=dataclasses.replace(stream, run=run, abandon=abandon))

    def _keeping(self, read: Callable[[], Awaitable[bytes]]) -> Callable[[], Awaitable[bytes]]:
        async def keep() -> bytes:
            data = await read()
            self._sent.add(data)
            return data

        return keep

    def _write(self, status: int, user: str) -> None:
        request = self._request
        line = {
            "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
            "level": "info",
            "logger": "extension_apiserver.audit",
            "auditID": request.header(b"audit-id")[:_LONGEST],
            "user": user[:_LONGEST],
            "method": request.method,
            "path": request.path[:_LONGEST],
            "code": status,
            **self._sent.words("request"),
            **self._answered.words("response"),
        }
        sys.stderr.write(json.dumps(line) + "\n")


class Audit:
    """Which requests have their bodies in the log."""

    def __init__(self, rows: Sequence[AuditBodies]) -> None:
        """Take the paths apart."""
        self._rows = [(Pattern(row.path), row.most_bytes) for row in rows]

    def begin(self, request: Request) -> Record | None:
        """Return the record of a request, None if it has none."""
        if not self._rows:
            return None
        segments = segments_below(request.path)
        most = next((most for pattern, most in self._rows if pattern.match(segments) is not None), None)
        return None if most is None else Record(request, most)

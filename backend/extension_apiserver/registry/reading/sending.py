"""How a document that is made part by part reaches its client: whole if it is small, else as a stream, compressed if the client asks for it.

https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/endpoints/handlers/responsewriters/writers.go
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Iterable, Iterator

from extension_apiserver.request import JSON, Request, Response
from extension_apiserver.streams import Peer, Stream

#: What has more is compressed.
GZIP_BYTES = 128 * 2**10
#: What is sent at once, and what is compressed before others have their turn: some milliseconds. With one more object and the framing it
#: should fit into the 64 KiB that the connection sends in one go.
_PART_BYTES = 56 * 2**10
#: As upstream: higher levels take several times as long for a tenth less.
_LEVEL, _GZIP_WINDOW = 1, 31


def joined(items: Iterable[bytes], between: bytes = b",") -> Iterator[bytes]:
    """Yield items, by default with commas between them, in parts of about _PART_BYTES; so they are needed between parts."""
    gathered: list[bytes] = []
    size = 0
    for item in items:
        gathered.append(item)
        size += len(item)
        if size >= _PART_BYTES:
            yield between.join(gathered)
            gathered, size = [], 0
    if gathered:
        yield between.join(gathered)


async def answer(request: Request, parts: AsyncIterator[bytes]) -> Response:
    """Return the answer with a document; what its first parts raise is raised here, what later ones raise cuts it off."""
    first: list[bytes] = []
    size = 0
    async for part in parts:
        first.append(part)
        size += len(part)
        if size > GZIP_BYTES:
            break
    else:
        return Response(200, [("Content-Type", JSON)], b"".join(first))
    headers = [("Content-Type", JSON)]
    body = _all(first, parts)
    if any(one.strip() == "gzip" for one in request.header(b"accept-encoding").split(",")):
        headers += [("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")]
        body = _packed(body)

    async def run(peer: Peer) -> None:
        async for part in body:
            await peer.send(part)

    return Response(200, headers, stream=Stream(run, ends_anywhere=False))


async def _all(first: list[bytes], rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    while first:
        yield first.pop(0)
    async for part in rest:
        yield part


async def _packed(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    async for part in parts:
        for begin in range(0, len(part), _PART_BYTES):
            packed = packer.compress(part[begin : begin + _PART_BYTES])
            if packed:
                yield packed
    yield packer.flush()

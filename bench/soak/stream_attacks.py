"""Hostile clients of streams and WebSockets: users with rights, through the API server."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress

from bench.soak.target import PATIENCE_SECONDS, Target, until_closed

UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
#: Unmasked; longer than is taken; of a reserved kind; no UTF-8; a fragment of nothing; a ping that is too long.
BAD_FRAMES = (
    b"\x81\x01a",
    b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0",
    b"\x83\x80\0\0\0\0",
    b"\x81\x81\0\0\0\0\xff",
    b"\x80\x80\0\0\0\0",
    b"\x89\xfe\x01\x00\0\0\0\0" + bytes(256),
)


async def unread_stream(target: Target) -> None:
    """As a user with rights, ask for events without end and read none."""
    reader, writer = await target.connect(api=True)
    reader._transport.pause_reading()  # type: ignore[attr-defined]  # noqa: SLF001 - streams offer nothing else
    writer.write(target.asks(b"log"))
    await until_closed(reader, writer)


async def left_stream(target: Target) -> None:
    """As a user with rights, begin to read events and leave."""
    reader, writer = await target.connect(api=True)
    writer.write(target.asks(b"log"))
    with suppress(OSError, TimeoutError):
        await asyncio.wait_for(reader.read(4096), PATIENCE_SECONDS)
    writer.transport.abort()


async def bad_frames(target: Target) -> None:
    """As a user with rights, open a WebSocket and send what is no frame."""
    reader, writer = await target.connect(api=True)
    writer.write(target.asks(b"socket", UPGRADE))
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(PATIENCE_SECONDS):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(random.choice(BAD_FRAMES))  # noqa: S311 - no secret
            while await reader.read(65536):
                pass
    writer.transport.abort()


async def frame_flood(target: Target) -> None:
    """As a user with rights, open a WebSocket, send as much as it takes and read nothing of its echo."""
    reader, writer = await target.connect(api=True)
    writer.write(target.asks(b"socket", UPGRADE))
    with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
        async with asyncio.timeout(PATIENCE_SECONDS):
            await reader.readuntil(b"\r\n\r\n")
            reader._transport.pause_reading()  # type: ignore[attr-defined]  # noqa: SLF001 - streams offer nothing else
            while True:
                writer.write(b"\x82\xfe\x40\x00\0\0\0\0" + bytes(16384))
                await writer.drain()
                await asyncio.sleep(0.001)
    writer.transport.abort()


#: Of a backend that streams: kind → number of clients at once.
ON_STREAMS: dict[Callable[[Target], Awaitable[None]], int] = {
    unread_stream: 20,
    left_stream: 2,
    bad_frames: 2,
    frame_flood: 4,
}

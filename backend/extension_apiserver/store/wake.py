"""Wakes those who wait for a write of this process."""

from __future__ import annotations

import asyncio


class Wake:
    """Ask for `event` before looking, wait for it after: so no write in between is missed."""

    def __init__(self) -> None:
        self.event = asyncio.Event()

    def all(self) -> None:
        """Wake all who wait now."""
        self.event.set()
        self.event = asyncio.Event()


async def waited(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event, or for that long."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass

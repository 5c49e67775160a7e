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
    """Wait for the event, or for that long: who is woken looks whether there is anything."""
    # A thousand watchers wait anew after each event; `asyncio.timeout` would take a tenth of the time of all that is done for one.
    late = False

    def end() -> None:
        nonlocal late
        late = True
        event.set()

    timer = asyncio.get_running_loop().call_later(seconds, end)
    try:
        await event.wait()
    finally:
        timer.cancel()
        if late:
            event.clear()  # else who waits again would never wait, and leave nobody else a turn

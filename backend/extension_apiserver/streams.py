"""Answers that are made while they are sent, and connections that became something else than HTTP.

Who makes a stream knows a `Stream` and the `Peer` it is given, never a socket. A stream is run or abandoned, exactly once.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from typing import Protocol


class Gone(Exception):
    """Nobody takes what is sent: the client left, or the server ended the stream."""


class Peer(Protocol):
    """The client of a stream.

    Attributes:
        ending: set once the stream should end: the client left, the server stops, or `max_stream_seconds` are over. Who goes on gets
            `Gone`, or is cut off when the time of the shutdown is over.

    """

    ending: asyncio.Event

    async def send(self, data: bytes) -> None:
        """Send a part, and return once there is room for the next: whoever makes parts faster than the client reads them waits here.

        Raises:
            Gone: if nobody takes it.

        """

    async def receive(self) -> bytes:
        """Return what the client sent since the last time, once there is any; b'' if no more comes. Only after an upgrade.

        Raises:
            Gone: if the connection was reset.

        """


@dataclasses.dataclass(slots=True)
class Stream:
    """The rest of an answer, after its header.

    Attributes:
        run: sends it; the answer is complete when it returns, and cut off without an end mark if it raises.
        abandon: called instead of `run` if the answer is not wanted: lets go of what `run` would have used.
        length: how many bytes will be sent, None if that is not known.
        ends_anywhere: when it should end it may end after any part, with an end mark, as events do; else it ends where `run` returns, or
            is cut off, so that nobody takes its beginning for the whole.
        made: done once nobody works for it any more, if that may be after its end: a thread cannot be stopped.

    """

    run: Callable[[Peer], Awaitable[None]]
    abandon: Callable[[], object] = lambda: None
    length: int | None = None
    made: asyncio.Future[None] | None = None
    ends_anywhere: bool = True


async def contained(making: Awaitable[None]) -> None:
    """Await what an application does; an exception that would end more, or pass for a cancellation, becomes one that does not."""
    try:
        await making
    except (Exception, GeneratorExit):
        raise
    except BaseException as error:
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            raise
        raise RuntimeError(f"the application raised {error!r}") from error

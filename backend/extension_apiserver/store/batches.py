"""Lets writes that wait at the same time share one transaction, as databases share one write to the disk.

A disk that needs 8 ms for what must survive a loss of power has room for 125 transactions a second, however many objects each writes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from .protocol import Conflict, Key

_MOST_WRITES, _MOST_BYTES = 128, 4 * 2**20


class Write(NamedTuple):
    """What `put` and `delete` are asked for; a deletion has no value."""

    key: Key
    value: bytes | None
    expected: int


class Batches:
    """Writes one batch after the other; what comes meanwhile is the next."""

    def __init__(self, commit: Callable[[Sequence[Write]], Awaitable[Sequence[int | Conflict]]]) -> None:
        """Take what writes a batch: for each its new revision or its refusal, once all that were not refused are on the disk."""
        self._commit = commit
        self._waiting: deque[tuple[Write, asyncio.Future[int]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def write(self, write: Write) -> int:
        """Return the revision of a write; raises what `commit` raises, for all writes of a batch."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((write, future))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch = self._next()
                outcomes: Sequence[int | Exception]
                try:
                    outcomes = await self._commit([write for write, _ in batch])
                except Exception as error:  # noqa: BLE001 - it is for those who wait
                    outcomes = [error] * len(batch)
                for (_, future), outcome in zip(batch, outcomes, strict=True):
                    if future.done():
                        continue
                    if isinstance(outcome, int):
                        future.set_result(outcome)
                    else:
                        future.set_exception(outcome)
        finally:
            self._task = None

    def _next(self) -> list[tuple[Write, asyncio.Future[int]]]:
        batch: list[tuple[Write, asyncio.Future[int]]] = []
        size = 0
        while self._waiting and len(batch) < _MOST_WRITES and size < _MOST_BYTES:
            write, future = self._waiting.popleft()
            if not future.done():  # nobody waits for it any more
                batch.append((write, future))
                size += len(write.value or b"")
        return batch

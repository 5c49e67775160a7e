"""Objects in a file of SQLite, of one process or of several on one machine: not on a network's file system, where its locks do not hold."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from extension_apiserver.store.batches import Batches, Write
from extension_apiserver.store.checks import beginning, bounded, checked
from extension_apiserver.store.protocol import Change, Conflict, Key, Page, State, Stored
from extension_apiserver.store.wake import Wake, waited

from . import transactions
from .file import SqliteFile

P = ParamSpec("P")
T = TypeVar("T")
#: How soon a write of another process is seen; those of this one are seen at once.
_POLL_SECONDS = 0.1
#: Revisions compacted in one transaction: others write in between.
_STEP = 1000


class SqliteStore:
    """A Store whose statements run in one thread, one transaction after the other."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        """Take the file, made when it is first used, and seconds since 1970 from `clock`."""
        self._file = SqliteFile(path)
        self._thread = ThreadPoolExecutor(1, f"sqlite {path.name}")
        self._clock = clock
        self._wake = Wake()
        self._batches = Batches(self._commit)

    async def state(self) -> State:
        """As Store says."""
        return await self._read(transactions.state)

    async def get(self, key: Key) -> Stored | None:
        """As Store says."""
        return await self._read(transactions.current, checked(key))

    async def page(
        self,
        resource: str,
        namespace: str | None = None,
        *,
        after: tuple[str, str] = ("", ""),
        limit: int = 500,
        revision: int | None = None,
    ) -> Page:
        """As Store says."""
        begin = beginning(resource, namespace, after)
        return await self._read(transactions.page, resource, namespace, begin, limit, revision)

    async def count(
        self, resource: str, namespace: str | None = None, *, after: tuple[str, str] = ("", ""), revision: int
    ) -> int:
        """As Store says."""
        begin = beginning(resource, namespace, after)
        if begin is None:
            return 0
        return await self._read(transactions.count, resource, namespace, begin, bounded(revision))

    async def put(self, key: Key, value: bytes, *, expected: int) -> int:
        """As Store says."""
        return await self._batches.write(Write(checked(key, value), value, expected))

    async def delete(self, key: Key, *, expected: int) -> int:
        """As Store says."""
        return await self._batches.write(Write(checked(key), None, expected or -1))

    async def changes(self, after: int, *, limit: int = 500) -> tuple[Change, ...]:
        """As Store says."""
        return await self._read(transactions.changes, after, limit)

    async def wait(self, after: int, *, timeout_seconds: float) -> None:
        """As Store says."""
        deadline = time.monotonic() + timeout_seconds
        while (left := deadline - time.monotonic()) > 0:
            event = self._wake.event
            if (await self.state()).revision > after:
                return
            await waited(event, min(left, _POLL_SECONDS))

    async def compact(self, *, keep_seconds: float, most_bytes: int) -> int:
        """As Store says."""
        done, target = await self._write(transactions.mark, self._clock(), keep_seconds, most_bytes)
        while done < target:
            done = await self._write(transactions.forget, done, min(done + _STEP, target))
        return done

    async def close(self) -> None:
        """As Store says."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._file.close)
        self._thread.shutdown(wait=False)

    async def _commit(self, writes: Sequence[Write]) -> Sequence[int | Conflict]:
        outcomes = await self._write(_written, writes)
        self._wake.all()
        return outcomes

    async def _read(self, work: Callable[Concatenate[sqlite3.Connection, P], T], *rest: P.args, **more: P.kwargs) -> T:
        return await self._run(lambda: self._file.transaction(lambda db: work(db, *rest, **more)))

    async def _write(self, work: Callable[Concatenate[sqlite3.Connection, P], T], *rest: P.args, **more: P.kwargs) -> T:
        return await self._run(lambda: self._file.transaction(lambda db: work(db, *rest, **more), writes=True))

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _written(db: sqlite3.Connection, writes: Sequence[Write]) -> Sequence[int | Conflict]:
    return [transactions.write(db, *one) for one in writes]

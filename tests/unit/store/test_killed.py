"""SIGKILL of a writer or of the database at any moment: no acknowledged write is lost, and who watches sees each change once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from extension_apiserver.store.feed import Feed
from extension_apiserver.store.protocol import Change, Unavailable
from unit.store.databases import Database, asynchronous
from unit.store.server import Server
from unit.store.writer import SHARED

#: Acknowledged between two kills.
WRITES = 40


class Writer:
    """A process that writes."""

    def __init__(self, process: asyncio.subprocess.Process, database: Database) -> None:
        self.process = process
        self.database = database
        self.acknowledged: dict[int, tuple[str, int]] = {}

    @classmethod
    async def start(cls, database: Database, name: str) -> Writer:
        url = database.url + ("&application_name=writer" if database.kind == "postgresql" else "")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "unit.store.writer", database.kind, url, name),
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        return cls(process, database)

    async def read(self, count: int) -> None:
        """Wait until so many writes more were acknowledged."""
        assert self.process.stdout
        for _ in range(count):
            line = await self.process.stdout.readline()
            assert line, "the writer has ended"
            self._add(line)

    async def kill(self) -> None:
        self.process.kill()
        assert self.process.stdout
        for line in (await self.process.stdout.read()).splitlines(keepends=True):
            if line.endswith(b"\n"):
                self._add(line)
        await self.process.wait()
        if self.database.kind == "postgresql":
            await asyncio.to_thread(self.database.server.wait_for_leaving, "writer")

    def _add(self, line: bytes) -> None:
        revision, name, count = line.split()
        self.acknowledged[int(revision)] = (name.decode(), int(count))


@contextlib.asynccontextmanager
async def watched(store: Any) -> AsyncIterator[list[Change]]:
    """All that a watcher sees, which comes anew with its last revision after each failure."""
    feed = Feed(store)
    running = asyncio.create_task(feed.run())
    found: list[Change] = []
    after = 0

    async def watch() -> None:
        nonlocal after
        while True:
            try:
                with await feed.watch(SHARED.resource, after=after) as watcher:
                    for _ in range(5):
                        found.extend(await watcher.next(timeout_seconds=1))
                        after = watcher.revision
            except Unavailable:
                await asyncio.sleep(0.05)

    watching = asyncio.create_task(watch())
    yield found
    wanted = (await store.state()).revision
    while after < wanted:
        assert not watching.done(), watching
        assert not running.done(), running
        await asyncio.sleep(0.02)
    for task in (watching, running):
        task.cancel()
    await asyncio.gather(watching, running, return_exceptions=True)


async def check(store: Any, found: list[Change], writers: list[Writer]) -> None:
    """Compare what was acknowledged and what was watched with what the store has."""
    log: list[Change] = []
    while more := await store.changes(len(log)):
        log += more
    assert [one.revision for one in log] == list(range(1, len(log) + 1))
    there = {one.revision: (one.key.name, int(one.value or b"")) for one in log}
    for writer in writers:
        lost = {revision: one for revision, one in writer.acknowledged.items() if there.get(revision) != one}
        assert not lost, "acknowledged, and not in the store"
    assert [one.revision for one in found] == [one.revision for one in log], "what the watcher saw"
    counts: dict[str, int] = {}
    for name, count in there.values():
        assert count > counts.get(name, 0), f"{name} has been written over what it was"
        counts[name] = count
    shared = [count for name, count in there.values() if name == SHARED.name]
    assert shared == list(range(1, len(shared) + 1)), "an increment is lost"


@asynchronous
async def test_no_acknowledged_write_of_two_processes_is_lost_when_they_are_killed(shared: Database) -> None:
    store = shared.store()
    writers: list[Writer] = []
    async with watched(store) as found:
        for turn in range(2):
            pair = [await Writer.start(shared, f"{turn}-{number}") for number in range(2)]
            writers += pair
            await asyncio.gather(*(one.read(WRITES) for one in pair))
            await asyncio.gather(*(one.kill() for one in pair))
    await check(store, found, writers)


@asynchronous
async def test_no_acknowledged_write_is_lost_when_the_database_is_killed(own_server: Server) -> None:
    database = Database("postgresql", lambda: own_server)
    store = database.store()
    await store.state()
    writer = await Writer.start(database, "tom")
    async with watched(store) as found:
        for _ in range(3):
            await writer.read(WRITES)
            own_server.kill()
            with pytest.raises(Unavailable):
                await store.page("cats")
            await asyncio.to_thread(own_server.start)
        await writer.read(WRITES)
        await writer.kill()
    await check(store, found, [writer])
    await database.close()


@asynchronous
async def test_a_database_that_stands_still_is_unavailable(own_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes connections and says nothing; once it goes on all is well."""
    from extension_apiserver.store.postgresql import connections

    monkeypatch.setattr(connections, "_SECONDS", 0.5)
    monkeypatch.setattr(connections, "_CONNECT_SECONDS", 2)
    database = Database("postgresql", lambda: own_server)
    store, unopened = database.store(), database.store()
    own_server.signal(signal.SIGCONT)
    while True:  # the first connection makes the tables, and that may take longer
        try:
            await store.state()
            break
        except Unavailable:
            continue
    own_server.signal(signal.SIGSTOP)
    try:
        for one in (store, unopened):
            with pytest.raises(Unavailable, match=r"has not answered within 0.5 seconds|cannot be used: .*timeout"):
                await one.page("cats")
    finally:
        own_server.signal(signal.SIGCONT)
    while True:
        try:
            assert (await store.page("cats")).items == ()
            break
        except Unavailable:
            continue
    await database.close()

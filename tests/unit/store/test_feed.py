"""Who watches sees each change once and in order, costs the store nothing, and is cut off when it does not come to fetch it."""

from __future__ import annotations

import asyncio
import contextlib
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import pytest

from extension_apiserver.store import feed as feeds
from extension_apiserver.store import watcher as watchers
from extension_apiserver.store.feed import Feed
from extension_apiserver.store.memory import MemoryStore
from extension_apiserver.store.protocol import Change, Expired, State, TooNew, Unavailable
from extension_apiserver.store.watcher import TooSlow, Watcher
from unit.store.databases import Database, asynchronous, key, until


class Counted(MemoryStore):
    """Counts what it is asked, and is away as long as it shall be."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.away = False

    async def changes(self, after: int, *, limit: int = 500) -> tuple[Change, ...]:
        self.asked += 1
        if self.away:
            raise Unavailable("the database is away")
        return await super().changes(after, limit=limit)

    async def state(self) -> State:
        if self.away:
            raise Unavailable("the database is away")
        return await super().state()


@contextlib.asynccontextmanager
async def fed(store: Any) -> AsyncIterator[Feed]:
    """A feed that runs."""
    feed = Feed(store)
    task = asyncio.create_task(feed.run())
    yield feed
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def seen(watcher: Watcher, revision: int) -> list[int]:
    """Return the revisions that a watcher brings, up to one."""
    found: list[int] = []
    while watcher.revision < revision:
        found += [one.revision for one in await watcher.next(timeout_seconds=0.05)]
    return found


async def write(store: Any, count: int, name: str = "tom", namespace: str = "home", value: bytes = b"") -> int:
    """Write an object some times; return the last revision."""
    current = await store.get(key(name, namespace))
    revision = current.revision if current else 0
    for number in range(count):
        revision = await store.put(key(name, namespace), b"%d " % number + value, expected=revision)
    return revision


@asynchronous
async def test_a_watcher_sees_the_writes_of_all_replicas(database: Database) -> None:
    store, other = database.store(), database.store()
    async with fed(store) as feed:
        with await feed.watch("cats.example.com", after=0) as watcher:
            await asyncio.gather(write(store, 20, "tom"), write(other, 20, "kit"), write(other, 20, "zoe", "zoo"))
            assert await seen(watcher, 60) == list(range(1, 61))
            with await feed.watch("cats.example.com", "zoo", after=0) as one:
                assert len(await seen(one, 60)) == 20
    assert not feed._watchers


@pytest.mark.parametrize("most", [0, 10, 4096])
@asynchronous
async def test_who_resumes_misses_nothing_and_sees_nothing_twice(
    database: Database, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the feed knows what was missed or asks the store, while others write."""
    monkeypatch.setattr(feeds, "_MOST_CHANGES", most)
    store, other = database.store(), database.store()
    await write(store, 30)
    async with fed(store) as feed:
        writing = asyncio.create_task(write(other, 60, "kit"))

        async def watch(after: int) -> None:
            found: list[int] = []
            while after < 90:
                with await feed.watch("cats.example.com", after=after) as watcher:
                    found += [one.revision for one in await watcher.next(timeout_seconds=0.05)]
                    after = watcher.revision
            assert found == list(range(91 - len(found), 91))

        await asyncio.gather(*(watch(after) for after in (0, 10, 29, 30)))
        await writing


@asynchronous
async def test_a_bookmark_tells_what_is_passed_without_a_change_for_this_watcher(database: Database) -> None:
    store = database.store()
    async with fed(store) as feed:
        with await feed.watch("cats.example.com", "zoo", after=0) as watcher:
            await write(store, 3)

            async def passed() -> bool:
                assert await watcher.next(timeout_seconds=0.01) == ()
                return watcher.revision == 3

            await until("a bookmark", passed)


@asynchronous
async def test_a_revision_that_is_not_there_yet_is_refused(database: Database) -> None:
    store = database.store()
    async with fed(store) as feed:
        with pytest.raises(TooNew):
            await feed.watch("cats.example.com", after=1)


@asynchronous
async def test_what_is_forgotten_cannot_be_watched(database: Database) -> None:
    store = database.store()
    await write(store, 5)
    await store.compact(keep_seconds=0, most_bytes=10**9)
    async with fed(store) as feed:
        with pytest.raises(Expired):
            await feed.watch("cats.example.com", after=4)
        with await feed.watch("cats.example.com", after=5) as watcher:
            await write(store, 1)
            assert await seen(watcher, 6) == [6]


@pytest.mark.parametrize(("count", "size"), [(1200, 1), (20, 2**20)])
@asynchronous
async def test_a_watcher_that_does_not_fetch_is_cut_off(count: int, size: int) -> None:
    """Too many changes or too large ones; others are served on, and who comes again misses nothing."""
    store = MemoryStore()
    async with fed(store) as feed:
        with (
            await feed.watch("cats.example.com", after=0) as slow,
            await feed.watch("cats.example.com", after=0) as good,
        ):
            reading = asyncio.create_task(seen(good, count))
            await write(store, count, value=b"x" * size)
            assert await reading == list(range(1, count + 1))
            with pytest.raises(TooSlow):
                await slow.next(timeout_seconds=30)
            assert slow.revision == 0
            assert not slow._waiting
        with await feed.watch("cats.example.com", after=slow.revision) as again:
            assert await seen(again, count) == list(range(1, count + 1))


@pytest.mark.unmeasured
@asynchronous
async def test_many_watchers_that_stand_still_cost_little_more_than_one() -> None:
    store = MemoryStore()
    async with fed(store) as feed:
        still = [await feed.watch("cats.example.com", after=0) for _ in range(200)]
        tracemalloc.start()
        try:
            await write(store, 300, value=b"x" * 2000)
            with await feed.watch("cats.example.com", after=0) as watcher:
                await seen(watcher, 300)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert all(len(one._waiting) == 300 for one in still), "none was cut off yet"
        assert most < 2**22, "300 changes of 2 KB are kept once, 200 copies of them would be 120 MB"


@pytest.mark.parametrize("count", [0, 1, 300])
@asynchronous
async def test_the_store_is_asked_no_more_for_many_watchers_than_for_none(count: int) -> None:
    store = Counted()
    async with fed(store) as feed:
        several = [await feed.watch("cats.example.com", after=0) for _ in range(count)]
        store.asked = 0
        for _ in range(10):
            revision = await write(store, 1, value=b"%d" % store._state.revision)
            await until("the feed", lambda wanted=revision: _is(feed.revision == wanted))
        assert store.asked <= 2 * 10 + 2
        for one in several:
            assert len(await one.next(timeout_seconds=30)) == 10


async def _is(truth: bool) -> bool:
    return truth


@asynchronous
async def test_a_store_that_is_away_ends_no_watch(caplog: pytest.LogCaptureFixture) -> None:
    """It is told once, and what was written meanwhile comes when it is back."""
    store = Counted()
    async with fed(store) as feed:
        with await feed.watch("cats.example.com", after=0) as watcher:
            store.away = True
            await MemoryStore.put(store, key(), b"1", expected=0)
            await until("the failure", lambda: _is(feed.unavailable is not None))
            asked = store.asked
            await until("another try", lambda: _is(store.asked > asked))
            store.away = False
            assert await seen(watcher, 1) == [1]
        await until("the store", lambda: _is(feed.unavailable is None))
    told = [record.getMessage() for record in caplog.records]
    assert told == ["the store cannot be read: the database is away", "the store can be read again"]


@asynchronous
async def test_a_store_that_is_away_from_the_beginning_is_told_to_who_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "_START_SECONDS", 0.1)
    store = Counted()
    store.away = True
    async with fed(store) as feed:
        with pytest.raises(Unavailable, match="the database is away"):
            await feed.watch("cats.example.com", after=0)


@asynchronous
async def test_after_a_database_of_the_past_watchers_begin_anew() -> None:
    """A copy that was saved is put back: revisions will come twice, so nobody may go on."""
    store, copy = Counted(), MemoryStore()
    await write(copy, 3)
    async with fed(store) as feed:
        await write(store, 10)
        await until("the feed", lambda: _is(feed.revision == 10))
        with await feed.watch("cats.example.com", after=10) as watcher:
            vars(store).update({name: value for name, value in vars(copy).items() if name != "_wake"})
            store._wake.all()
            with pytest.raises(Expired):
                await watcher.next(timeout_seconds=30)
        with await feed.watch("cats.example.com", after=3) as watcher:
            await write(store, 1, "kit")
            assert await seen(watcher, 4) == [4]


@asynchronous
async def test_a_feed_that_was_away_for_too_long_ends_its_watches() -> None:
    store = Counted()
    async with fed(store) as feed:
        with await feed.watch("cats.example.com", after=0) as watcher:
            store.away = True
            await until("the failure", lambda: _is(feed.unavailable is not None or not store._wake.all()))
            for number in range(5):
                await MemoryStore.put(store, key(), b"%d" % number, expected=number)
            store._forget(5)
            store.away = False
            with pytest.raises(Expired):
                await watcher.next(timeout_seconds=30)


@asynchronous
async def test_watchers_end_with_the_feed() -> None:
    async with fed(MemoryStore()) as feed:
        watcher = await feed.watch("cats.example.com", after=0)
    with pytest.raises(Unavailable, match="this server ends"):
        await watcher.next(timeout_seconds=30)


def test_what_waits_for_a_watcher_is_bounded_by_less_than_what_the_feed_brings_at_once() -> None:
    """Or one burst would cut off everybody."""
    assert feeds._BATCH * 2 <= watchers._MOST_CHANGES

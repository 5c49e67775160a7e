"""What each store promises, one by one."""

from __future__ import annotations

import asyncio
import time

import pytest

from extension_apiserver.store.checks import MOST_KEY_BYTES, MOST_PAGE_BYTES, MOST_VALUE_BYTES
from extension_apiserver.store.protocol import Change, Conflict, Expired, Key, Refused, State, Stored, TooNew
from unit.store.databases import Database, asynchronous, key

HUGE = 10**30


@asynchronous
async def test_an_empty_store_is_at_revision_0(database: Database) -> None:
    store = database.store()
    assert await store.state() == State(0, 0)
    assert await store.get(key()) is None
    assert await store.page("cats.example.com") == ((), 0, False)
    assert await store.changes(0) == ()


@asynchronous
async def test_each_write_has_the_next_revision(database: Database) -> None:
    store = database.store()
    assert await store.put(key("tom"), b"1", expected=0) == 1
    assert await store.put(key("kit"), b"1", expected=0) == 2
    assert await store.put(key("tom"), b"2", expected=1) == 3
    assert await store.delete(key("kit"), expected=2) == 4
    assert await store.put(key("kit"), b"3", expected=0) == 5
    assert await store.state() == State(5, 0)
    assert await store.get(key("tom")) == Stored(key("tom"), 3, b"2")
    assert await store.changes(0) == (
        Change(1, key("tom"), b"1", None),
        Change(2, key("kit"), b"1", None),
        Change(3, key("tom"), b"2", b"1"),
        Change(4, key("kit"), None, b"1"),
        Change(5, key("kit"), b"3", None),
    )
    assert await store.changes(3, limit=1) == (Change(4, key("kit"), None, b"1"),)


@asynchronous
async def test_a_write_that_changes_nothing_writes_nothing(database: Database) -> None:
    store = database.store()
    await store.put(key(), b"1", expected=0)
    assert await store.put(key(), b"1", expected=1) == 1
    assert await store.state() == State(1, 0)


@pytest.mark.parametrize("expected", [0, 2, -1, HUGE, -HUGE])
@asynchronous
async def test_a_write_that_expects_another_revision_is_a_conflict_with_what_is_there(
    database: Database, expected: int
) -> None:
    store = database.store()
    await store.put(key(), b"1", expected=0)
    for write in (store.put(key(), b"2", expected=expected), store.delete(key(), expected=expected)):
        with pytest.raises(Conflict) as raised:
            await write
        assert raised.value.current == Stored(key(), 1, b"1")
    assert await store.state() == State(1, 0)


@pytest.mark.parametrize("expected", [0, 1])
@asynchronous
async def test_what_is_not_there_cannot_be_deleted(database: Database, expected: int) -> None:
    with pytest.raises(Conflict, match="does not exist") as raised:
        await database.store().delete(key(), expected=expected)
    assert raised.value.current is None
    assert await database.store().state() == State(0, 0)


@asynchronous
async def test_pages_are_of_one_moment(database: Database) -> None:
    """Whatever is written while they are read."""
    store = database.store()
    for name in "abcde":
        await store.put(key(name), name.encode(), expected=0)
    first = await store.page("cats.example.com", limit=2)
    await store.delete(key("c"), expected=3)
    await store.put(key("d"), b"new", expected=4)
    await store.put(key("d"), b"newer", expected=7)
    await store.put(key("bb"), b"b", expected=0)
    await store.put(key("c"), b"again", expected=0)
    assert (first.revision, first.more) == (5, True)
    second = await store.page("cats.example.com", after=("home", "b"), limit=2, revision=5)
    assert [(one.key.name, one.revision, one.value) for one in second.items] == [("c", 3, b"c"), ("d", 4, b"d")]
    assert await store.count("cats.example.com", after=("home", "d"), revision=5) == 1
    last = await store.page("cats.example.com", after=("home", "d"), limit=2, revision=5)
    assert ([one.key.name for one in last.items], last.revision, last.more) == (["e"], 5, False)
    newest = await store.page("cats.example.com")
    assert [one.key.name for one in newest.items] == ["a", "b", "bb", "c", "d", "e"]
    assert await store.count("cats.example.com", revision=newest.revision) == 6


@asynchronous
async def test_a_page_has_the_objects_of_its_resource_and_namespace_only(database: Database) -> None:
    """In the order of bytes, which is neither that of a language nor that of UTF-16."""
    store = database.store()
    names = ["B", "a", "a-", "a0", "é", "\uffff", "\U0001f408"]
    for resource in ("cats", "cats.a", "cat"):
        for namespace in ("", "home", "home2"):
            for name in reversed(names):
                await store.put(Key(resource, namespace, name), b"x", expected=0)
    page = await store.page("cats", "home")
    assert [one.key for one in page.items] == [Key("cats", "home", name) for name in names]
    page = await store.page("cats", "")
    assert [one.key.namespace for one in page.items] == [""] * len(names)
    page = await store.page("cats", limit=len(names), after=("", "\U0001f408"))
    assert [one.key.namespace for one in page.items] == ["home"] * len(names)
    assert page.more


@pytest.mark.parametrize("after", [("", "z"), ("home", "z"), ("zoo", "a"), ("\U0010ffff", "\U0010ffff")])
@asynchronous
async def test_a_forged_place_never_leads_out_of_the_namespace(database: Database, after: tuple[str, str]) -> None:
    store = database.store()
    for namespace in ("home", "zoo"):
        await store.put(key("tom", namespace), b"1", expected=0)
    page = await store.page("cats.example.com", "home", after=after)
    assert [one.key for one in page.items] == ([key()] if after < ("home", "tom") else [])
    assert await store.count("cats.example.com", "home", after=after, revision=2) == len(page.items)


@asynchronous
async def test_a_revision_that_is_not_reached_is_told(database: Database) -> None:
    store = database.store()
    await store.put(key(), b"1", expected=0)
    for revision in (2, HUGE):
        for ask in (store.page("cats.example.com", revision=revision), store.changes(revision)):
            with pytest.raises(TooNew, match="the newest is 1"):
                await ask


@asynchronous
async def test_what_is_older_than_it_is_kept_is_expired(database: Database) -> None:
    """And only that: what is there stays readable, as does the whole past since."""
    store = database.store()
    await store.put(key("a"), b"1", expected=0)
    await store.put(key("b"), b"1", expected=0)
    await store.put(key("a"), b"2", expected=1)
    await store.delete(key("b"), expected=2)
    assert await store.compact(keep_seconds=300, most_bytes=10**9) == 0
    database.now += 200
    await store.put(key("a"), b"3", expected=3)
    assert await store.compact(keep_seconds=300, most_bytes=10**9) == 0
    database.now += 101
    assert await store.compact(keep_seconds=300, most_bytes=10**9) == 4
    for revision in (3, 0, -1, -HUGE):
        for ask in (store.page("cats.example.com", revision=revision), store.changes(revision)):
            with pytest.raises(Expired, match="before 4 is forgotten") as raised:
                await ask
            assert raised.value.compacted == 4
    assert await store.changes(4) == (Change(5, key("a"), b"3", b"2"),)
    page = await store.page("cats.example.com", revision=4)
    assert page.items == (Stored(key("a"), 3, b"2"),)
    database.now += 1000
    assert await store.compact(keep_seconds=300, most_bytes=10**9) == 5
    assert (await store.page("cats.example.com")).items == (Stored(key("a"), 5, b"3"),)
    assert await store.state() == State(5, 5)


@asynchronous
async def test_a_clock_that_goes_back_makes_the_past_longer_by_what_is_kept_only(database: Database) -> None:
    """A clock that was a year ahead does not fill the disk for a year."""
    store = database.store()
    database.now += 365 * 86400
    await store.put(key("a"), b"1", expected=0)
    assert await store.compact(keep_seconds=300, most_bytes=10**9) == 0
    database.now -= 365 * 86400
    assert await store.compact(keep_seconds=300, most_bytes=10**9) == 0
    database.now += 301
    assert await store.compact(keep_seconds=300, most_bytes=10**9) == 1


@asynchronous
async def test_the_past_has_a_bound_in_bytes_too(database: Database) -> None:
    store = database.store()
    for number in range(10):
        await store.put(key(), b"%d" % number * 1000, expected=number)
        await store.compact(keep_seconds=300, most_bytes=3500)
    assert (await store.state()).compacted == 6


@asynchronous
async def test_a_page_is_shorter_when_its_objects_are_large(database: Database) -> None:
    """So that no reader needs more memory than some objects have."""
    store = database.store()
    value = b"x" * MOST_VALUE_BYTES
    for number in range(5):
        await store.put(key(f"{number}"), value + b"", expected=0)
    names, after = [], ("", "")
    while True:
        page = await store.page("cats.example.com", after=after)
        assert 0 < sum(len(one.value) for one in page.items) < MOST_PAGE_BYTES + MOST_VALUE_BYTES
        names += [one.key.name for one in page.items]
        after = page.items[-1].key[1:]
        if not page.more:
            break
    assert names == ["0", "1", "2", "3", "4"]
    revision = 0
    while found := await store.changes(revision):
        assert sum(one.size for one in found) < MOST_PAGE_BYTES + MOST_VALUE_BYTES
        assert [one.revision for one in found] == list(range(revision + 1, revision + 1 + len(found)))
        revision = found[-1].revision
    assert revision == 5


@pytest.mark.parametrize("limit", [0, -1, -HUGE])
@asynchronous
async def test_a_limit_below_one_is_one(database: Database, limit: int) -> None:
    store = database.store()
    for name in "ab":
        await store.put(key(name), b"1", expected=0)
    assert len((await store.page("cats.example.com", limit=limit)).items) == 1
    assert len(await store.changes(0, limit=limit)) == 1
    assert len((await store.page("cats.example.com", limit=HUGE)).items) == 2
    assert len(await store.changes(0, limit=HUGE)) == 2


@pytest.mark.parametrize(
    "bad",
    [
        key("x" * (MOST_KEY_BYTES + 1)),
        key("é" * (MOST_KEY_BYTES // 2 + 1)),
        key("\0"),
        key("\ud800"),
        key(""),
        key(namespace="x" * 10**6),
        key(resource="\0"),
    ],
    ids=range(7),
)
@asynchronous
async def test_a_key_that_no_database_takes_is_refused_in_words(database: Database, bad: Key) -> None:
    store = database.store()
    asks = [store.get(bad), store.put(bad, b"1", expected=0), store.delete(bad, expected=1)]
    if bad.name:
        asks += [
            store.page(bad.resource, bad.namespace, after=bad[1:]),
            store.count(bad.resource, after=bad[1:], revision=0),
        ]
    for ask in asks:
        with pytest.raises(Refused, match=r"^(a part of a key|the name in a key) .{1,200}$"):
            await ask
    longest = "x" * MOST_KEY_BYTES
    assert await store.put(Key(longest, longest, longest), b"1", expected=0) == 1


@asynchronous
async def test_a_value_that_is_too_large_is_refused(database: Database) -> None:
    with pytest.raises(Refused, match=f"has {MOST_VALUE_BYTES + 1} bytes, and may have {MOST_VALUE_BYTES}"):
        await database.store().put(key(), b"x" * (MOST_VALUE_BYTES + 1), expected=0)


@pytest.mark.parametrize("name", ["'; DROP TABLE objects; --", "%s", ":name", "%(name)s", '"', "\\"])
@asynchronous
async def test_a_name_is_no_statement(database: Database, name: str) -> None:
    store = database.store()
    one = Key(name, name, name)
    await store.put(one, name.encode(), expected=0)
    assert (await store.page(name, name)).items == (Stored(one, 1, name.encode()),)
    assert await store.changes(0) == (Change(1, one, name.encode(), None),)


@asynchronous
async def test_of_many_who_write_the_same_at_once_one_wins(database: Database) -> None:
    stores = [database.store() for _ in range(4)]
    await stores[0].put(key(), b"0", expected=0)
    outcomes = await asyncio.gather(
        *(stores[number % 4].put(key(), b"%d" % number, expected=1) for number in range(1, 41)), return_exceptions=True
    )
    assert sorted(str(type(one).__name__) for one in outcomes) == ["Conflict"] * 39 + ["int"]
    assert await stores[0].state() == State(2, 0)


@asynchronous
async def test_no_increment_of_many_at_once_is_lost(database: Database) -> None:
    """Eight tasks in four replicas add to one number; each tries again after a conflict, with what the conflict told."""
    stores = [database.store() for _ in range(4)]
    await stores[0].put(key(), b"0", expected=0)

    async def add(number: int) -> None:
        store = stores[number % 4]
        current = await store.get(key())
        for _ in range(25):
            while True:
                try:
                    await store.put(key(), b"%d" % (int(current.value) + 1), expected=current.revision)
                    current = await store.get(key())
                    break
                except Conflict as conflict:
                    current = conflict.current

    await asyncio.gather(*map(add, range(8)))
    assert await stores[0].get(key()) == Stored(key(), 201, b"200")


@asynchronous
async def test_who_waits_for_nothing_waits_each_time(database: Database) -> None:
    """Else the feed would look again and again, and keep a core busy, after the first time that nothing came."""
    store = database.store()
    revision = (await store.state()).revision
    begin = time.monotonic()
    for _ in range(5):
        await store.wait(revision, timeout_seconds=0.05)

    assert time.monotonic() - begin > 0.1  # of 0.25: it may look earlier, for reasons of its own


@asynchronous
async def test_who_waits_is_woken_by_a_write_of_any_replica(database: Database) -> None:
    store, other = database.store(), database.store()
    for revision in range(3):
        waiting = asyncio.create_task(_reached(store, revision))
        await asyncio.sleep(0)
        await other.put(key(f"{revision}"), b"1", expected=0)
        await asyncio.wait_for(waiting, 30)
    await store.wait(3, timeout_seconds=0.01)
    await store.wait(2, timeout_seconds=60)


async def _reached(store: object, revision: int) -> None:
    while (await store.state()).revision <= revision:  # type: ignore[attr-defined]
        await store.wait(revision, timeout_seconds=60)  # type: ignore[attr-defined]


@asynchronous
async def test_a_wait_whose_time_is_over_does_not_end_the_next(database: Database) -> None:
    store = database.store()
    await store.state()
    for _ in range(2):  # the first may return because it begins to listen
        await store.wait(0, timeout_seconds=0.01)
    waiting = asyncio.create_task(store.wait(0, timeout_seconds=60))
    done, _ = await asyncio.wait([waiting], timeout=0.1)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert not done

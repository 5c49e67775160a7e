"""What many watchers, slow ones and many objects cost a whole server and its database."""

from __future__ import annotations

import asyncio
import functools
import json
import time
from collections.abc import Callable
from typing import Any

from extension_apiserver.store.opening import store_of
from extension_apiserver.store.protocol import Key, Store
from resource_faults.site import COUNTS, GROUP, Client, Replica, count, until
from unit.running import Backend
from unit.store.server import Server

WRITES = 50
OBJECTS, CHANGED = 100_000, 5
SLOW, BALLAST, LARGE_WRITES = 50, "x" * 200_000, 200


def test_statements_for_a_write_do_not_grow_with_watchers(
    backend: Backend,
    replica: Callable[[str], Replica],
    postgresql: Server,
    record_property: Callable[[str, Any], None],
) -> None:
    one = replica(postgresql.url)

    async def statements(watchers: int) -> int:
        async with Client(backend, [one]) as client:
            name = f"for-{watchers}"
            _, made = await client.ask(0, "POST", COUNTS, count(name, 1))
            version = made["metadata"]["resourceVersion"]
            watching: list[asyncio.Task[list[str]]] = []
            for known in range(0, watchers, 20):  # not all at once: handshakes that are not complete are bounded
                more = range(known, min(known + 20, watchers))
                watching += [asyncio.create_task(told(client, version, WRITES)) for _ in more]
                await until("the watchers", functools.partial(streams, client, more.stop))
            before = len(postgresql.statements())
            for number in range(WRITES):
                _, made = await client.ask(
                    0, "PUT", f"{COUNTS}/{name}", count(name, number + 2, made["metadata"]["resourceVersion"])
                )
            await asyncio.gather(*watching)
            return len(postgresql.statements()) - before

    few, many = asyncio.run(statements(1)), asyncio.run(statements(200))
    record_property("statements a write with 1 and with 200 watchers", f"{few / WRITES:.1f}, {many / WRITES:.1f}")
    # To read the object, to write it, and to read the change; the rest is what is done from time to time.
    assert max(few, many) <= 3 * WRITES + 20


def test_who_resumes_costs_what_changed_and_not_what_there_is(
    backend: Backend,
    replica: Callable[[str], Replica],
    postgresql: Server,
    record_property: Callable[[str, Any], None],
) -> None:
    """On a server that has just started, and so has nothing of it in memory."""
    store = store_of(postgresql.url)
    table = f"counts.{GROUP}"

    async def whole() -> tuple[float, list[str]]:
        await fill(store, table, OBJECTS)
        before = (await store.state()).revision
        one = replica(postgresql.url)
        async with Client(backend, [one]) as client:
            for number in range(CHANGED):
                _, found = await client.ask(0, "GET", f"{COUNTS}/c-{number}")
                found["spec"]["count"] = 2
                code, answer = await client.ask(0, "PUT", f"{COUNTS}/c-{number}", found)
                assert code == 200, answer
            asked, began = len(postgresql.statements()), time.monotonic()
            names = await told(client, str(before), CHANGED)
            seconds = time.monotonic() - began
        await store.close()
        assert names == [f"c-{number}" for number in range(CHANGED)]
        return seconds, postgresql.statements()[asked:]

    seconds, statements = asyncio.run(whole())
    record_property(f"seconds until {CHANGED} changes of {OBJECTS} objects were told", f"{seconds:.2f}")
    assert not [one for one in statements if "LATERAL" in one], "a page of all objects was read"
    assert len(statements) < 20


def test_watchers_that_do_not_read_are_cut_off_and_fill_no_memory(
    backend: Backend,
    replica: Callable[[str], Replica],
    record_property: Callable[[str, Any], None],
) -> None:
    one = replica("memory:")

    async def whole() -> tuple[float, float]:
        async with Client(backend, [one]) as client:
            _, made = await client.ask(0, "POST", COUNTS, count("large", 1))
            version = made["metadata"]["resourceVersion"]
            query = f"{COUNTS}?watch=1&resourceVersion={version}"
            slow = [await client.open(0, "GET", query) for _ in range(SLOW)]
            reader = asyncio.create_task(told(client, version, LARGE_WRITES))
            await until("the watchers", lambda: streams(client, SLOW + 1))
            begin = one.peak_mebibytes()
            for number in range(LARGE_WRITES):
                new = count("large", number + 2, made["metadata"]["resourceVersion"], BALLAST)
                code, made = await client.ask(0, "PUT", f"{COUNTS}/large", new)
                assert code == 200, made
            assert len(await reader) == LARGE_WRITES, "who reads is told all"
            await until("the end of those who do not read", lambda: streams(client, 0))
            for answer in slow:
                answer.close()
            return begin, one.peak_mebibytes()

    begin, peak = asyncio.run(whole())
    sent = LARGE_WRITES * len(BALLAST) / 2**20
    record_property(
        f"MiB before and at most, {SLOW} watchers each left {sent:.0f} MiB unread", f"{begin:.0f}, {peak:.0f}"
    )
    # The log of the store in memory has 64 MiB, the feed and what waits for a watcher 16 each, and they share the objects.
    assert peak < begin + 256


async def told(client: Client, version: str, events: int) -> list[str]:
    """Return the names in so many events after a version."""
    names: list[str] = []
    async with client.open(0, "GET", f"{COUNTS}?watch=1&resourceVersion={version}") as answer:
        assert answer.status == 200, await answer.text()
        rest = b""
        async for part in answer.content.iter_any():
            *lines, rest = (rest + part).split(b"\n")
            names += [json.loads(line)["object"]["metadata"]["name"] for line in lines]
            if len(names) >= events:
                return names
    raise AssertionError(f"the watch ended after {len(names)} of {events} events")


async def streams(client: Client, wanted: int) -> bool:
    """Return whether so many streams are open."""
    return await client.metric(0, "extension_apiserver_streams") == wanted


async def fill(store: Store, table: str, objects: int) -> None:
    """Write objects as the library keeps them."""
    numbers = iter(range(objects))

    async def write() -> None:
        for number in numbers:
            name = f"c-{number}"
            value = {**count(name, 1), "metadata": {"name": name, "uid": f"uid-{number}", "generation": 1}}
            await store.put(Key(table, "", name), json.dumps(value, separators=(",", ":")).encode(), expected=0)

    await asyncio.gather(*(write() for _ in range(128)))

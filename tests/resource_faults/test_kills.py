"""kill -9 of servers and of the database under 8 writers and 8 watchers."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from extension_apiserver.store.opening import store_of
from resource_faults.clients import Acknowledged, Log, Watcher, Writer
from resource_faults.site import COUNTS, Client, Replica, count, until
from unit.running import Backend
from unit.store.server import Server

WRITERS = WATCHERS = 8
#: Acknowledged between two kills, and before the first, while all is well.
BETWEEN, CALM = 40, 400


class Victim(Protocol):
    """What can be killed, and started again."""

    def kill(self) -> None: ...

    def start(self) -> None: ...


def test_nothing_is_lost_or_told_twice_when_replicas_and_their_database_are_killed(
    backend: Backend, replica: Callable[[str], Replica], postgresql: Server, record_property: Callable[[str, Any], None]
) -> None:
    replicas = [replica(postgresql.url) for _ in range(2)]
    victims = [*replicas, postgresql] * 7
    found = asyncio.run(under_load(backend, replicas, postgresql.url, victims[:20]))
    for name, value in found.items():
        record_property(name, value)


def test_nothing_is_lost_or_told_twice_when_the_one_server_of_a_file_is_killed(
    backend: Backend,
    replica: Callable[[str], Replica],
    tmp_path: Path,
    record_property: Callable[[str, Any], None],
) -> None:
    url = f"sqlite:///{tmp_path / 'counts.db'}"
    only = replica(url)
    found = asyncio.run(under_load(backend, [only], url, [only] * 10))
    for name, value in found.items():
        record_property(name, value)


async def under_load(
    backend: Backend, replicas: list[Replica], url: str, victims: Sequence[Victim]
) -> dict[str, object]:
    """Kill one after the other while clients write and watch; check what they remember, and return figures."""
    acknowledged: dict[int, Acknowledged] = {}
    store = store_of(url)
    log = Log(store)
    async with Client(backend, replicas) as client:
        # A list of nothing has the resourceVersion "0", and who watches from there is told of what there is, not of what was.
        code, made = await client.ask(0, "POST", COUNTS, count("first", 1))
        assert code == 201, made
        writers = [Writer(client, number, acknowledged) for number in range(WRITERS)]
        watchers = [Watcher(client, number) for number in range(WATCHERS)]
        readers = [asyncio.create_task(one.run()) for one in (log, *watchers)]
        writing = [asyncio.create_task(one.run()) for one in writers]

        async def more(writes: int) -> None:
            enough = len(acknowledged) + writes

            async def reached() -> bool:
                for task in (*readers, *writing):
                    if task.done():
                        task.result()
                return len(acknowledged) >= enough

            await until(f"{writes} writes", reached)

        await more(CALM)
        calm = max(acknowledged)
        dice = random.Random(19)  # noqa: S311 - not a secret
        for victim in victims:
            await more(BETWEEN)
            await asyncio.sleep(dice.uniform(0, 0.1))  # so that it ends in the middle of anything
            await asyncio.to_thread(victim.kill)
            await asyncio.to_thread(victim.start)
        await more(BETWEEN)
        for one in writers:
            one.stop = True
        await asyncio.gather(*writing)
        last = (await store.state()).revision

        async def told() -> bool:
            return all(one.revision >= last for one in watchers) and len(log.changes) >= last

        await until("the last event", told)
        for task in readers:
            task.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
    await store.close()
    check(log, acknowledged, watchers)
    return {
        "kills": len(victims),
        "writes": last,
        "acknowledged": len(acknowledged),
        "resumed": sum(one.resumed for one in watchers),
        "lists anew after 410": sum(len(one.seen) - 1 for one in watchers),
        "p99 seconds from an answer to the event at the other replica": p99(acknowledged, watchers, calm),
    }


def check(log: Log, acknowledged: dict[int, Acknowledged], watchers: list[Watcher]) -> None:
    """Compare what was acknowledged and what was told with what the database has."""
    written = log.written()
    assert [revision for revision, _, _ in written] == list(range(1, len(written) + 1)), "each revision is one write"
    there = {revision: (name, count) for revision, name, count in written}
    lost = {revision: one for revision, one in acknowledged.items() if there.get(revision) != (one.name, one.count)}
    assert not lost, "acknowledged, and not in the database"
    for name, group in itertools.groupby(sorted(written, key=lambda one: (one[1], one[0])), key=lambda one: one[1]):
        counts = [count for _, _, count in group]
        assert counts == list(range(1, len(counts) + 1)), f"of {name} something was written over"
    for number, watcher in enumerate(watchers):
        for seen in watcher.seen:
            end = seen.events[-1][0] if seen.events else seen.begin
            told = [event[:3] for event in seen.events]
            assert told == written[seen.begin : end], f"what watcher {number} was told since revision {seen.begin}"
        assert watcher.revision >= len(written), f"watcher {number} was not told the last"


def p99(acknowledged: dict[int, Acknowledged], watchers: list[Watcher], calm: int) -> str:
    """Return the time from the answer to a writer until a watcher of another replica knows, before anything was killed."""
    times = sorted(
        when - acknowledged[revision].at
        for watcher in watchers
        for seen in watcher.seen
        for revision, _, _, replica, when in seen.events
        if revision <= calm and revision in acknowledged and acknowledged[revision].replica != replica
    )
    return f"{times[int(0.99 * (len(times) - 1))]:.3f} ({len(times)} events)" if times else "one replica only"

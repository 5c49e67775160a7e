"""A process that writes, to be killed: `python -m unit.store.writer KIND URL NAME`.

It adds to one number that all share and writes objects of its own, and prints each revision once it was acknowledged.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from extension_apiserver.store.postgresql.store import PostgresqlStore
from extension_apiserver.store.protocol import Conflict, Key, Store, Unavailable
from extension_apiserver.store.sqlite.store import SqliteStore

SHARED = Key("cats", "home", "shared")


async def write(store: Store, name: str) -> None:
    """Write for ever."""
    await asyncio.gather(*(_own(store, f"{name}-{number}") for number in range(3)), _shared(store))


async def _own(store: Store, name: str) -> None:
    revision = count = 0
    while True:
        count += 1
        try:
            revision = await store.put(Key("cats", "home", name), b"%d" % count, expected=revision)
        except Unavailable:
            await asyncio.sleep(0.05)
        except Conflict as conflict:  # it was written and nobody told us
            revision = conflict.current.revision if conflict.current else 0
        else:
            _acknowledged(revision, name, count)


async def _shared(store: Store) -> None:
    while True:
        try:
            current = await store.get(SHARED)
            count = int(current.value) + 1 if current else 1
            revision = await store.put(SHARED, b"%d" % count, expected=current.revision if current else 0)
        except (Conflict, Unavailable):
            await asyncio.sleep(0.01)
        else:
            _acknowledged(revision, SHARED.name, count)


def _acknowledged(revision: int, name: str, count: int) -> None:
    sys.stdout.write(f"{revision} {name} {count}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    kind, url, name = sys.argv[1:]
    made: Store = SqliteStore(Path(url)) if kind == "sqlite" else PostgresqlStore(url, schema="cats")
    asyncio.run(write(made, name))

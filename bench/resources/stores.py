"""How fast each store is here: `python -m bench.resources.stores [URL ...]`.

Without URLs: memory, and SQLite in a file of the working directory's disk. PostgreSQL is measured where a URL says; it gets a schema of
its own, `extension_apiserver_bench`, which stays.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from extension_apiserver.store.opening import store_of
from extension_apiserver.store.postgresql.store import PostgresqlStore
from extension_apiserver.store.protocol import Key, Store

OBJECTS, VALUE = 10_000, b"x" * 2000
WRITERS, SECONDS = 64, 3.0


async def measure(name: str, store: Store) -> None:
    """Print one line."""
    run = f"{time.time_ns()}"
    alone = await writes_per_second(store, f"{run}-alone", 1)
    together = await writes_per_second(store, f"{run}-together", WRITERS)
    resource = f"{run}-list"
    waiting = iter(range(OBJECTS))

    async def fill() -> None:
        for number in waiting:
            await store.put(Key(resource, "home", f"cat-{number:06}"), VALUE, expected=0)

    await asyncio.gather(*(fill() for _ in range(WRITERS)))
    began = time.perf_counter()
    count = await listed(store, resource)
    seconds = time.perf_counter() - began
    print(
        f"{name:12} {alone:8.0f} writes/s by one, {together:8.0f} by {WRITERS}; "
        f"a list of {count} objects of {len(VALUE)} bytes: {seconds:.2f} s"
    )
    await store.close()


async def writes_per_second(store: Store, resource: str, writers: int) -> float:
    """Let writers create and replace objects for some seconds."""
    began = time.perf_counter()

    async def write(number: int) -> int:
        count = revision = 0
        while time.perf_counter() - began < SECONDS:
            revision = await store.put(Key(resource, "home", f"{number}"), VALUE + b"%d" % count, expected=revision)
            count += 1
        return count

    counts = await asyncio.gather(*map(write, range(writers)))
    return sum(counts) / (time.perf_counter() - began)


async def listed(store: Store, resource: str) -> int:
    """Read all pages; return how many objects they have."""
    page = await store.page(resource)
    count = len(page.items)
    while page.more:
        last = page.items[-1].key
        page = await store.page(resource, after=(last.namespace, last.name), revision=page.revision)
        count += len(page.items)
    return count


def main() -> None:
    """Measure one after the other."""
    with tempfile.TemporaryDirectory(prefix="bench-stores-", dir=Path.cwd()) as folder:
        urls = sys.argv[1:] or ["memory:", f"sqlite:///{folder}/cats.db"]
        for url in urls:
            name = url.partition(":")[0]
            postgresql = name.startswith("postgres")
            store = PostgresqlStore(url, schema="extension_apiserver_bench") if postgresql else store_of(url)
            asyncio.run(measure(name, store))


if __name__ == "__main__":
    main()

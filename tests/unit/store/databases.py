"""The three kinds of store, each with a database of its own for each test."""

from __future__ import annotations

import asyncio
import functools
import shutil
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from extension_apiserver.store.memory import MemoryStore
from extension_apiserver.store.postgresql.store import PostgresqlStore
from extension_apiserver.store.protocol import Key, Store
from extension_apiserver.store.sqlite.store import SqliteStore
from unit.store.server import Server, quick_folder

#: For a test; no test of a store takes a tenth of it.
TIMEOUT_SECONDS = 120


class Database:
    """Where objects are kept; `store()` is what each replica has."""

    def __init__(self, kind: str, server: Callable[[], Server]) -> None:
        self.kind = kind
        self.now = 1_800_000_000.0
        self._stores: list[Store] = []
        if kind == "memory":
            self._make: Callable[[], Store] = functools.cache(lambda: MemoryStore(clock=self._clock))
        elif kind == "sqlite":
            self.folder = quick_folder("store-")
            self.url = str(self.folder / "cats.db")
            self._make = lambda: SqliteStore(Path(self.url), clock=self._clock)
        else:
            self.server = server()
            self.url = self.server.url
            self.schema = "cats"  # making one takes a second, emptying it some milliseconds
            self._make = lambda: PostgresqlStore(self.url, schema=self.schema, clock=self._clock)

    def _clock(self) -> float:
        return self.now

    def store(self) -> Any:
        """Return the store of one more replica."""
        made = self._make()
        if made not in self._stores:
            self._stores.append(made)
        return made

    async def close(self) -> None:
        """Close all stores, in their loop."""
        while self._stores:
            await self._stores.pop().close()

    def remove(self) -> None:
        """Remove its files, or what was written."""
        if self.kind == "postgresql":
            self.server.empty(self.schema)
        if self.kind == "sqlite":
            shutil.rmtree(self.folder)


def asynchronous(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test in an event loop, and close the stores of its databases there."""

    @functools.wraps(test)
    def run(**fixtures: Any) -> None:
        async def whole() -> None:
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    await test(**fixtures)
            finally:
                for one in fixtures.values():
                    if isinstance(one, Database):
                        await one.close()

        asyncio.run(whole())

    return run


def key(name: str = "tom", namespace: str = "home", resource: str = "cats.example.com") -> Key:
    return Key(resource, namespace, name)


async def until(what: str, reached: Callable[[], Coroutine[Any, Any, bool]]) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + TIMEOUT_SECONDS / 2
    while not await reached():
        assert time.monotonic() < deadline, f"{what} does not come"
        await asyncio.sleep(0.02)

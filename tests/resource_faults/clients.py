"""Who write and who watch while servers and databases are killed, and what they remember."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import time
from typing import Any

import aiohttp

from extension_apiserver.store.protocol import Change, Store, Unavailable
from resource_faults.site import COUNTS, Client, Unreachable, count

SHARED = "shared"
_PAUSE_SECONDS = 0.05


@dataclasses.dataclass(frozen=True)
class Acknowledged:
    """A write that was answered with success; times are of time.monotonic()."""

    name: str
    count: int
    replica: int
    at: float


class Writer:
    """Adds one to an object of its own and to one that all share, by turns, and goes to another replica when one does not answer."""

    def __init__(self, client: Client, number: int, acknowledged: dict[int, Acknowledged]) -> None:
        self._client = client
        self._name = f"of-{number}"
        self._replica = number % len(client.replicas)
        self._acknowledged = acknowledged
        self.stop = False

    async def run(self) -> None:
        """Write until `stop`."""
        names = self._name, SHARED
        while not self.stop:
            for name in names:
                try:
                    await self._add(name)
                except Unreachable:
                    self._replica = (self._replica + 1) % len(self._client.replicas)
                    await asyncio.sleep(_PAUSE_SECONDS)

    async def _add(self, name: str) -> None:
        replica = self._replica
        code, found = await self._client.ask(replica, "GET", f"{COUNTS}/{name}")
        if code == 404:
            code, made = await self._client.ask(replica, "POST", COUNTS, count(name, 1))
        else:
            assert code == 200, found
            new = count(name, found["spec"]["count"] + 1, found["metadata"]["resourceVersion"])
            code, made = await self._client.ask(replica, "PUT", f"{COUNTS}/{name}", new)
        if code != 409:
            assert code in {200, 201}, made
            one = Acknowledged(name, made["spec"]["count"], replica, time.monotonic())
            self._acknowledged[int(made["metadata"]["resourceVersion"])] = one


@dataclasses.dataclass
class Seen:
    """What a watcher was told since it listed: from which revision on, and (revision, name, count, replica, when) of each event."""

    begin: int
    events: list[tuple[int, str, int, int, float]] = dataclasses.field(default_factory=list)
    revision: int = 0


class Watcher:
    """Lists, watches, comes again with its last revision, and lists anew only if it is told 410.

    Attributes:
        seen: one for each list.
        resumed: how often it came again.

    """

    def __init__(self, client: Client, number: int) -> None:
        self._client = client
        self._replica = number % len(client.replicas)
        self.seen: list[Seen] = []
        self.resumed = 0
        self._listed = False

    @property
    def revision(self) -> int:
        """Up to here it has been told."""
        return self.seen[-1].revision if self.seen else 0

    async def run(self) -> None:
        """Watch until it is cancelled."""
        while True:
            try:
                if not self._listed:
                    await self._list()
                await self._follow(self.seen[-1])
            except (Unreachable, aiohttp.ClientError, TimeoutError, OSError):
                self._replica = (self._replica + 1) % len(self._client.replicas)
                await asyncio.sleep(_PAUSE_SECONDS)
            self.resumed += 1

    async def _list(self) -> None:
        code, found = await self._client.ask(self._replica, "GET", COUNTS)
        assert code == 200, found
        revision = int(found["metadata"]["resourceVersion"])
        self.seen.append(Seen(revision, revision=revision))
        self._listed = True

    async def _follow(self, seen: Seen) -> None:
        query = f"?watch=1&allowWatchBookmarks=true&resourceVersion={seen.revision}"
        async with self._client.open(self._replica, "GET", COUNTS + query) as answer:
            if answer.status == 410:
                self._listed = False
                return
            if answer.status == 503:
                raise Unreachable
            assert answer.status == 200, await answer.text()
            async for line in answer.content:
                if not line.endswith(b"\n"):
                    return  # the rest did not come
                self._take(json.loads(line), seen)

    def _take(self, event: dict[str, Any], seen: Seen) -> None:
        item = event["object"]
        if event["type"] == "ERROR":
            assert item["code"] == 410, event
            self._listed = False
            return
        seen.revision = int(item["metadata"]["resourceVersion"])
        if event["type"] != "BOOKMARK":
            one = seen.revision, item["metadata"]["name"], item["spec"]["count"], self._replica, time.monotonic()
            seen.events.append(one)


class Log:
    """All that was ever written, as the database has it: read while it is written, since a database forgets."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.changes: list[Change] = []

    async def run(self) -> None:
        """Read until it is cancelled."""
        while True:
            try:
                found = await self._store.changes(len(self.changes))
                self.changes += found
                if not found:
                    await self._store.wait(len(self.changes), timeout_seconds=1)
            except Unavailable:
                await asyncio.sleep(_PAUSE_SECONDS)

    def written(self) -> list[tuple[int, str, int]]:
        """Return revision, name and count of each."""
        return [(one.revision, one.key.name, json.loads(one.value or b"{}")["spec"]["count"]) for one in self.changes]

"""What a function `list` returned last, kept like the objects of a store: so all that a store can be asked can be asked of it."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import time
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from extension_apiserver.api.call import Call, Object, call_of
from extension_apiserver.api.resources import Api, Resource
from extension_apiserver.api.rest import Run
from extension_apiserver.objects.apply.versions import Versions
from extension_apiserver.registry.kept import Kept
from extension_apiserver.request import Connection, Request
from extension_apiserver.request_info import RequestInfo
from extension_apiserver.status import StatusError
from extension_apiserver.store.feed import Feed
from extension_apiserver.store.memory import MemoryStore
from extension_apiserver.store.protocol import Key, Refused, State
from extension_apiserver.trust.identity import Identity

_CALLER = Identity("system:apiserver", ("system:masters",))
#: Of the past, for those who resume.
_KEEP_SECONDS, _MOST_LOG_BYTES = 300.0, 16 * 2**20
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True)


class _Memory(MemoryStore):
    """Begins at a revision that no other process has: the microseconds since 1970, and nobody has a million changes a second."""

    def __init__(self) -> None:
        super().__init__()
        now = time.time_ns() // 1000
        self._state = State(now, now)


class Mirror:
    """The objects of one resource.

    Attributes:
        kept: where they are.

    """

    def __init__(self, resource: Resource, api: Api, run: Run) -> None:
        """Take the resource, its group, and who runs functions where they may block."""
        store = _Memory()
        version = api.versions[0]
        versions = Versions({}, lambda item, _: item)
        self.kept = Kept(resource, api.group, {}, versions, version, store, Feed(store), local=True)
        self._run = run
        self._call = _call(resource, api.group, version)
        self._known: dict[Key, tuple[int, bytes]] = {}
        self._since: dict[Key, str] = {}
        self._running = asyncio.Lock()
        self._begun = self._done = 0

    async def refresh(self) -> None:
        """Call the function, and note what is different. Those who wait for it at the same time share a call that begins after all of them came.

        Raises:
            StatusError: 500, what it returned is no list of objects with names; and what the function raises.

        """
        came = self._begun
        async with self._running:
            if self._done > came:
                return
            self._begun += 1
            number = self._begun
            values = await self._run(self._values, self._call)
            await self._note(values)
            self._done = number

    async def _note(self, values: Mapping[Key, bytes]) -> None:
        store = self.kept.store
        for key in [key for key in self._known if key not in values]:
            await store.delete(key, expected=self._known.pop(key)[0])
            self._since.pop(key, None)
        for key, value in values.items():
            revision, before = self._known.get(key, (0, b""))
            if value != before:
                try:
                    self._known[key] = await store.put(key, value, expected=revision), value
                except Refused as error:
                    raise self._wrong(str(error)) from error
        await store.compact(keep_seconds=_KEEP_SECONDS, most_bytes=_MOST_LOG_BYTES)

    def _values(self, call: Call) -> Mapping[Key, bytes]:
        """Return what the function returns, as a store has it. It runs where the function does."""
        found: dict[Key, bytes] = {}
        items: Iterable[Object] = self.kept.resource.verbs["list"](call)
        for item in items:
            metadata = item.get("metadata", {})
            name, namespace = metadata.get("name"), metadata.get("namespace", "")
            if not isinstance(name, str) or not name or bool(namespace) is not self.kept.resource.namespaced:
                place = "a namespace" if self.kept.resource.namespaced else "no namespace"
                raise self._wrong(f"each object must have a name and {place}, not {name!r:.100} and {namespace!r:.100}")
            key = self.kept.key(namespace, name)
            if key in found:
                raise self._wrong(f"there are two objects '{name}'")
            found[key] = self._value(key, item, metadata)
        return found

    def _value(self, key: Key, item: Object, metadata: Object) -> bytes:
        """Return an object as a store has it; equal ones are equal bytes."""
        added: dict[str, Any] = {}
        if "uid" not in metadata:
            # The same in each replica, and after each start.
            added["uid"] = str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(key)))
        if "creationTimestamp" not in metadata:
            now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            added["creationTimestamp"] = self._since.setdefault(key, now)
        own = {name: one for name, one in metadata.items() if name != "resourceVersion"}
        rest = {name: one for name, one in item.items() if name not in {"apiVersion", "kind", "metadata"}}
        try:
            head = {"apiVersion": self._call.api_version, "kind": self.kept.resource.kind, "metadata": own | added}
            text = f"{_ENCODER.encode(head)[:-1]},{_ENCODER.encode(rest)[1:]}" if rest else _ENCODER.encode(head)
            return text.encode()
        except (TypeError, ValueError) as error:
            raise self._wrong(f"'{key.name}' is no JSON: {error}") from error

    def _wrong(self, why: str) -> StatusError:
        return StatusError(
            500, f"Internal error occurred: what `list` of {self.kept.resource.plural} returned is wrong: {why}"
        )


def _call(resource: Resource, group: str, version: str) -> Call:
    """Return what the function is called with."""

    async def nothing() -> bytes:
        return b""

    path = f"/apis/{group}/{version}/{resource.plural}"
    info = RequestInfo("list", path, is_resource=True, group=group, version=version, resource=resource.plural)
    return call_of(Request("GET", path, [], Connection(), nothing), _CALLER, info)

"""Reads an object, computes what becomes of it, and stores that if nobody wrote meanwhile; else again.

https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/registry/generic/registry/store.go (Update)
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from weakref import WeakValueDictionary

from extension_apiserver.objects.apply.writer import without_managed
from extension_apiserver.objects.go_words import quote
from extension_apiserver.objects.values import Object
from extension_apiserver.objects.writing import Written
from extension_apiserver.registry.kept import Kept
from extension_apiserver.registry.work import Work, acquire
from extension_apiserver.status import StatusError, not_found
from extension_apiserver.store import checks
from extension_apiserver.store.protocol import Conflict, Key, Refused, Stored

#: As often other replicas may be first; within a process writers of one object wait for each other.
MOST_TRIES = 5
#: What becomes of an object, itself if nothing; None is given where there is none.
Compute = Callable[[Object | None], Written]


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What a write made.

    Attributes:
        item: in the version of the request.
        created: it was not there before.

    """

    item: Object
    warnings: Sequence[str] = ()
    created: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """What is to be stored: a value, nothing, or that the object is gone."""

    item: Object
    warnings: Sequence[str]
    value: bytes | None = None
    deletes: bool = False


class Storing:
    """Changes objects of one resource."""

    def __init__(self, kept: Kept, work: Work) -> None:
        """Take whose, and where it is computed."""
        self._kept = kept
        self._work = work
        self._locks: WeakValueDictionary[Key, asyncio.Lock] = WeakValueDictionary()

    @contextlib.asynccontextmanager
    async def turn(self, key: Key) -> AsyncIterator[None]:
        """Let others wait for an object: who computes for long would else never be first, and all others compute in vain.

        Raises:
            StatusError: 429, so many others wait that the turn does not come.

        """
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        await acquire(lock)
        try:
            yield
        finally:
            lock.release()

    async def read(self, key: Key) -> Stored | None:
        """Return what is there; a name that no store takes is that of nothing."""
        try:
            return await self._kept.store.get(key)
        except Refused:
            return None

    async def change(
        self,
        key: Key,
        version: str,
        size_bytes: int,
        compute: Compute,
        *,
        dry_run: bool,
        applies: bool = False,
        creates: Callable[[], Awaitable[None]] | None = None,
    ) -> Outcome:
        """Change an object, or delete it, if its deletion began and its last finalizer goes.

        Args:
            key: where it is.
            version: of the request, and of what `compute` is given and returns.
            size_bytes: of the request's body.
            compute: may be called several times, in any thread; raises StatusError.
            dry_run: store nothing.
            applies: who owns which field must not be forgotten, as it is where the object would be too large with it.
            creates: raises StatusError where the object must not be created; None: it must be there.

        Raises:
            StatusError: 404, it is not there; 409, others were first MOST_TRIES times; 429, too many wait for it.

        """
        async with self.turn(key):
            for _ in range(MOST_TRIES):
                stored = await self.read(key)
                if stored is None:
                    if creates is None:
                        raise not_found(self._kept.group, self._kept.resource.plural, key.name)
                    await creates()
                size = size_bytes + (len(stored.value) if stored else 0)
                step = await self._work.run(size, self._step(stored, version, compute, applies=applies))
                try:
                    return await self._stored(key, stored, version, step, dry_run=dry_run)
                except Conflict:
                    continue
        raise modified(self._kept, key.name)

    def _step(self, stored: Stored | None, version: str, compute: Compute, *, applies: bool) -> Callable[[], Step]:
        def step() -> Step:
            old = self._kept.object(stored.value, stored.revision, version) if stored else None
            new, warnings = compute(old)
            if old and _is_gone(new, old):
                return Step(new, warnings, deletes=True)
            if new is old:
                return Step(new, warnings)
            made, value = (new, self._kept.value(new)) if applies else fitting(self._kept, new)
            return Step(made, warnings, value)

        return step

    async def _stored(self, key: Key, stored: Stored | None, version: str, step: Step, *, dry_run: bool) -> Outcome:
        if dry_run or (stored and step.value is None and not step.deletes):
            return Outcome(step.item, step.warnings, created=stored is None)
        if stored and step.deletes:
            await self._kept.store.delete(key, expected=stored.revision)
            return Outcome(step.item, step.warnings)
        value = step.value or b""
        revision = await self._kept.store.put(key, value, expected=stored.revision if stored else 0)
        return Outcome(await self.as_stored(step.item, value, revision, version), step.warnings, created=stored is None)

    async def as_stored(self, item: Object, value: bytes, revision: int, version: str) -> Object:
        """Return an object that was stored, as a client of the version gets it."""
        if version == self._kept.stored_version:
            return item | {"metadata": item["metadata"] | {"resourceVersion": str(revision)}}
        return await self._work.run(len(value), lambda: self._kept.object(value, revision, version))


def fitting(kept: Kept, item: Object) -> tuple[Object, bytes]:
    """Return an object, and it as the store has it; without managedFields where it would be too large with them.

    https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/endpoints/handlers/create.go (isTooLargeError)
    """
    value = kept.value(item)
    if len(value) <= checks.MOST_VALUE_BYTES:
        return item, value
    plain = without_managed(item)
    return plain, kept.value(plain)


def _is_gone(new: Object, old: Object) -> bool:
    was = old["metadata"]
    ends = was.get("deletionTimestamp") and not was.get("deletionGracePeriodSeconds")
    return bool(ends) and not new["metadata"].get("finalizers")


def conflict(group: str, what: str, name: str, words: str) -> StatusError:
    """Return the 409 of upstream."""
    subject = f"{what}.{group}" if group else what
    details = {"name": name, "group": group, "kind": what}
    return StatusError(409, f"Operation cannot be fulfilled on {subject} {quote(name)}: {words}", details=details)


def modified(kept: Kept, name: str) -> StatusError:
    """Return the 409 for who was too late."""
    words = "the object has been modified; please apply your changes to the latest version and try again"
    return conflict(kept.group, kept.resource.plural, name, words)

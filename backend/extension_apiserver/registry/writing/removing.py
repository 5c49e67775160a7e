"""Removes an object, or lets its deletion begin where it has finalizers.

https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/registry/generic/registry/store.go (Delete)
"""

from __future__ import annotations

import dataclasses
import datetime as dt

from extension_apiserver.objects.metadata.times import written
from extension_apiserver.objects.values import Object
from extension_apiserver.registry.kept import Kept
from extension_apiserver.registry.work import Work
from extension_apiserver.store.protocol import Conflict, Key, Stored

from .delete_options import BACKGROUND, FOREGROUND, ORPHAN, DeleteOptions
from .storing import MOST_TRIES, Storing, conflict, modified

#: What the garbage collector takes away when it is done with the dependents.
_FINALIZERS = {ORPHAN: "orphan", FOREGROUND: "foregroundDeletion"}


@dataclasses.dataclass(frozen=True, slots=True)
class Removed:
    """What became of an object.

    Attributes:
        uid: its own.
        gone: it is deleted; else its deletion began, and it stays until its finalizers go.
        value, revision: as the store has it then, of one that stays.

    """

    uid: str
    gone: bool
    value: bytes = b""
    revision: int = 0


class Removing:
    """Removes objects of one resource."""

    def __init__(self, kept: Kept, work: Work, storing: Storing) -> None:
        """Take whose."""
        self._kept, self._work, self._storing = kept, work, storing

    async def remove(self, key: Key, options: DeleteOptions, stored: Stored | None = None) -> Removed | None:
        """Remove an object; None if there is none.

        Args:
            key: where it is.
            options: how.
            stored: what is there, if that is known; else it is read.

        Raises:
            StatusError: 409, it is another than the options say, or others were first too often.

        """
        async with self._storing.turn(key):
            for _ in range(MOST_TRIES):
                stored = stored or await self._storing.read(key)
                if stored is None:
                    return None
                try:
                    return await self._removed(stored, options)
                except Conflict:
                    stored = None
        raise modified(self._kept, key.name)

    async def _removed(self, stored: Stored, options: DeleteOptions) -> Removed:
        uid, value = await self._work.run(len(stored.value), lambda: self._left(stored, options))
        if value is None:
            if not options.dry_run:
                await self._kept.store.delete(stored.key, expected=stored.revision)
            return Removed(uid, gone=True)
        revision = stored.revision
        if not options.dry_run:
            revision = await self._kept.store.put(stored.key, value, expected=stored.revision)
        return Removed(uid, gone=False, value=value, revision=revision)

    def _left(self, stored: Stored, options: DeleteOptions) -> tuple[str, bytes | None]:
        """Return the uid, and what is left of the object: nothing if it has no finalizers."""
        item = self._kept.object(stored.value, stored.revision, self._kept.stored_version)
        metadata = item["metadata"]
        self._check(metadata, options)
        if options.unreadable:
            words = "unsafe deletion is not allowed because the object is decodable from storage"
            raise conflict(self._kept.group, self._kept.resource.plural, metadata["name"], words)
        finalizers = finalizers_of(metadata.get("finalizers", []), options)
        if not finalizers:
            return metadata["uid"], None
        now = written(dt.datetime.now(dt.UTC))
        began = metadata.get("deletionTimestamp")
        metadata["finalizers"] = finalizers
        if not began:
            metadata["generation"] = metadata.get("generation", 0) + 1
        metadata["deletionTimestamp"] = min(began or now, now)
        metadata["deletionGracePeriodSeconds"] = 0
        return metadata["uid"], self._kept.value(item)

    def _check(self, metadata: Object, options: DeleteOptions) -> None:
        for said, there, what, why in (
            (options.uid, metadata["uid"], "UID", "deleted and then recreated"),
            (options.resource_version, metadata["resourceVersion"], "ResourceVersion", "modified"),
        ):
            if said is not None and said != there:
                words = (
                    f"the {what} in the precondition ({said}) does not match the {what} in record ({there}). "
                    f"The object might have been {why}"
                )
                raise conflict(self._kept.group, self._kept.resource.kind, metadata["name"], words)


def finalizers_of(there: list[str], options: DeleteOptions) -> list[str]:
    """Return the finalizers once deletion begins: those of the garbage collector as the options say, or as they are."""
    policy = options.policy
    if options.orphan_dependents is not None:
        policy = ORPHAN if options.orphan_dependents else BACKGROUND
    if policy is None:
        return there
    others = [one for one in there if one not in _FINALIZERS.values()]
    return others + ([_FINALIZERS[policy]] if policy in _FINALIZERS else [])

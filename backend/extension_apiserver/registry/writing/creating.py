"""Stores a new object, under the name that it has or one that is generated for it.

https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/registry/generic/registry/store.go (Create)
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable

from extension_apiserver.objects.go_words import quote
from extension_apiserver.objects.values import Object
from extension_apiserver.objects.writing import Written
from extension_apiserver.registry.kept import Kept
from extension_apiserver.registry.namespaces import Namespaces
from extension_apiserver.registry.reading.forms.form import metadata_of
from extension_apiserver.registry.work import Work
from extension_apiserver.selectors.names import SUFFIX_LENGTH, SUFFIX_LETTERS, generated
from extension_apiserver.status import StatusError
from extension_apiserver.store.protocol import Conflict, Key, Stored

from .storing import Outcome, Storing, fitting

#: So many names are tried; see maxNameGenerationCreateAttempts there.
MOST_NAMES = 8


class Creating:
    """Makes objects of one resource."""

    def __init__(self, kept: Kept, work: Work, storing: Storing, namespaces: Namespaces | None) -> None:
        """Take whose, and who knows where objects can be."""
        self._kept, self._work, self._storing, self._namespaces = kept, work, storing, namespaces

    async def check_place(self, namespace: str, name: str) -> None:
        """Let nothing be created where it cannot be.

        Raises:
            StatusError: as Namespaces.check.

        """
        if self._namespaces is not None and namespace:
            await self._namespaces.check(namespace, self._kept.group, self._kept.resource.plural, name)

    async def create(
        self, namespace: str, version: str, size_bytes: int, make: Callable[[str], Written], *, dry_run: bool
    ) -> Outcome:
        """Store a new object.

        Args:
            namespace: where, or "".
            version: of the request, and of what `make` returns.
            size_bytes: of the request's body.
            make: returns the object, given the end of its name, should that be generated; raises StatusError.
            dry_run: store nothing.

        Raises:
            StatusError: 409, there is one of that name.

        """
        for tried in range(1, MOST_NAMES + 1):
            suffix = "".join(random.choices(SUFFIX_LETTERS, k=SUFFIX_LENGTH))  # noqa: S311 - not a secret: it only has to differ
            new, warnings, value = await self._work.run(size_bytes, functools.partial(self._made, make, suffix))
            metadata = new["metadata"]
            key = self._kept.key(namespace, metadata["name"])
            await self.check_place(namespace, metadata["name"])
            try:
                if dry_run:
                    await self._refuse_existing(key)
                    return Outcome(new, warnings, created=True)
                revision = await self._kept.store.put(key, value, expected=0)
            except Conflict as error:
                beginning = metadata.get("generateName", "")
                if tried == MOST_NAMES or not beginning or metadata["name"] != generated(beginning, suffix):
                    refusal = await self._exists(key, error.current, has_beginning=bool(beginning))
                    refusal.warnings = warnings
                    raise refusal from None
                continue
            item = await self._storing.as_stored(new, value, revision, version)
            return Outcome(item, warnings, created=True)
        raise AssertionError("unreachable")

    def _made(self, make: Callable[[str], Written], suffix: str) -> tuple[Object, list[str], bytes]:
        new, warnings = make(suffix)
        made, value = fitting(self._kept, new)
        return made, warnings, value

    async def _refuse_existing(self, key: Key) -> None:
        stored = await self._kept.store.get(key)
        if stored is not None:
            raise Conflict(key, 0, stored)

    async def _exists(self, key: Key, current: Stored | None, *, has_beginning: bool) -> StatusError:
        plural, group = self._kept.resource.plural, self._kept.group
        details: dict[str, object] = {"name": key.name, "group": group, "kind": plural}
        words = f"{plural}.{group} {quote(key.name)} already exists"
        headers = []
        if has_beginning:
            words += ", the server was not able to generate a unique name for the object"
            details["retryAfterSeconds"] = 1
            headers = [("Retry-After", "1")]
        if current:
            ends: bool = await self._work.run(len(current.value), lambda: _ends(current.value))
            words = f"object is being deleted: {words}" if ends else words
        return StatusError(409, words, reason="AlreadyExists", details=details, headers=headers)


def _ends(value: bytes) -> bool:
    return bool(metadata_of(value).get("deletionTimestamp"))

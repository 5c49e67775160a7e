"""What a store of objects does: revisions, conditional writes, pages, and what changed since.

A store knows bytes under keys, and nothing of Kubernetes or HTTP. Each write has a revision: one integer for the whole store, one larger
than that of the write before, in the order in which writes became visible: who has seen the revision n will see no other write at or below n.
Of the past it keeps what is needed to read the store at any revision since the compacted one, and to tell what changed since.

What strangers choose may be given as it is: keys, revisions and limits of any size cost one clear error or nothing.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol


class StoreError(Exception):
    """Whatever a store refuses; its text is one sentence."""


class Conflict(StoreError):
    """Another write was first: the object is not at the revision that was expected.

    Attributes:
        current: what is there now, None if nothing is.

    """

    def __init__(self, key: Key, expected: int, current: Stored | None) -> None:
        there = f"it is at revision {current.revision}" if current else "it does not exist"
        wanted = f"at revision {expected}" if expected else "not yet there"
        super().__init__(f"{key.resource} '{key.name}' was expected {wanted}, and {there}")
        self.current = current


class Expired(StoreError):
    """A revision is older than what is kept: read everything anew.

    Attributes:
        wanted: the revision.
        compacted: the oldest revision that can be read.

    """

    def __init__(self, revision: int, compacted: int) -> None:
        super().__init__(f"the revision {revision} is too old, what happened before {compacted} is forgotten")
        self.wanted, self.compacted = revision, compacted


class TooNew(StoreError):
    """A revision that the store has not reached; `revision` is the newest."""

    def __init__(self, wanted: int, revision: int) -> None:
        super().__init__(f"the revision {wanted} is not reached, the newest is {revision}")
        self.wanted, self.revision = wanted, revision


class Refused(StoreError):
    """A key or a value that no store takes: with too many bytes, without a name, or with characters that databases refuse."""


class Unavailable(StoreError):
    """The database cannot be asked, or did not answer in time: nothing is known, and a write may or may not have happened."""


class NewerSchema(Unavailable):
    """The database was made by a newer version of this library, and waiting does not help."""

    def __init__(self, where: str, found: int, known: int) -> None:
        known_words = f"and this program knows versions up to {known}"
        super().__init__(
            f"{where} has the schema version {found}, {known_words}: run the program that made it, or a newer one"
        )


class Key(NamedTuple):
    """Where an object is kept; `namespace` is empty if its kind has none. Keys are sorted by their bytes in UTF-8."""

    resource: str
    namespace: str
    name: str


class Stored(NamedTuple):
    """An object, and the revision of the write that made it what it is."""

    key: Key
    revision: int
    value: bytes


class Page(NamedTuple):
    """Some objects in the order of their keys.

    Attributes:
        items: as many as were asked for or fewer, see MOST_PAGE_BYTES; none only if there are none.
        revision: of the store, at which these were read; the next page is read with the same.
        more: whether others follow: ask for those after the namespace and name of the last item.

    """

    items: tuple[Stored, ...]
    revision: int
    more: bool


class Change(NamedTuple):
    """One write: a creation has no `previous` value, a deletion no `value`."""

    revision: int
    key: Key
    value: bytes | None
    previous: bytes | None

    @property
    def size(self) -> int:
        """Bytes of both values."""
        return len(self.value or b"") + len(self.previous or b"")


class State(NamedTuple):
    """The newest revision, 0 before the first write, and the oldest that can be read."""

    revision: int
    compacted: int


class Store(Protocol):
    """Each method may raise Unavailable: a store connects when it is first used, and again after a failure."""

    async def state(self) -> State:
        """Return where the store is."""

    async def get(self, key: Key) -> Stored | None:
        """Return the newest of an object, None if there is none."""

    async def page(
        self,
        resource: str,
        namespace: str | None = None,
        *,
        after: tuple[str, str] = ("", ""),
        limit: int = 500,
        revision: int | None = None,
    ) -> Page:
        """Return objects of a resource, in one namespace or in all.

        Args:
            after: namespace and name of the last one that is known already; it need not exist.
            limit: at least 1 and at most MOST_ITEMS are taken for what is outside.
            revision: of the store to be read, None for the newest.

        Raises:
            Expired, TooNew: the revision cannot be read.

        """

    async def count(
        self, resource: str, namespace: str | None = None, *, after: tuple[str, str] = ("", ""), revision: int
    ) -> int:
        """Return how many objects all pages after `after` have; a revision that has meanwhile expired gives a lower bound."""

    async def put(self, key: Key, value: bytes, *, expected: int) -> int:
        """Write an object that is at the revision `expected`, 0 if it must not be there yet; return its new revision.

        The same bytes once more write nothing, and the revision stays `expected`. Once it is returned the write survives the end of this
        process and of the database.

        Raises:
            Conflict: it is at another revision.
            Refused: the key or the value is none that stores take.

        """

    async def delete(self, key: Key, *, expected: int) -> int:
        """Delete an object that is at the revision `expected`; return the revision of the deletion.

        Raises:
            Conflict: it is at another revision, or nowhere.

        """

    async def changes(self, after: int, *, limit: int = 500) -> tuple[Change, ...]:
        """Return the writes since the revision `after`, one for each revision, the oldest first; none only if there are none.

        Raises:
            Expired, TooNew: the revision cannot be read.

        """

    async def wait(self, after: int, *, timeout_seconds: float) -> None:
        """Return when there may be a write since the revision `after`, of whatever process, or when the time is over; for one reader at a time."""

    async def compact(self, *, keep_seconds: float, most_bytes: int) -> int:
        """Forget what is older, and what values of more bytes than that were written since; return the compacted revision.

        Call it from time to time: each call remembers when it was, and the past is cut at such times only. A clock that goes back
        makes it keep more, one that goes forth less; what is there now is never touched.
        """

    async def close(self) -> None:
        """End connections and threads."""

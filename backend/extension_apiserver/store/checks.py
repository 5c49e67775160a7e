"""What a store takes, and what it says of the rest: the same for each."""

from __future__ import annotations

from .protocol import Expired, Key, Refused, State, TooNew

#: Of each part of a key, as UTF-8. The longest of Kubernetes has 317: a plural of 63, a dot, a group of 253. PostgreSQL's indexes end at 2704.
MOST_KEY_BYTES = 512
#: Of one value: what kube-apiserver takes of a body.
MOST_VALUE_BYTES = 3 * 2**20
#: Of one page or one answer of `changes`, unless a single item has more.
MOST_PAGE_BYTES = 8 * 2**20
MOST_ITEMS = 10_000
_MOST_REVISION = 2**63 - 1


def taken(limit: int) -> int:
    """Return how many items a page has at most."""
    return min(max(limit, 1), MOST_ITEMS)


def checked(key: Key, value: bytes = b"") -> Key:
    """Return the key.

    Raises:
        Refused: no store takes it, or the value.

    """
    if not key.name:
        raise Refused("the name in a key must not be empty")
    for part in key:
        if len(part) > MOST_KEY_BYTES or "\0" in part or len(_utf8(part)) > MOST_KEY_BYTES:
            raise Refused(f"a part of a key has at most {MOST_KEY_BYTES} bytes and no NUL, not {part[:32]!r}…")
    if len(value) > MOST_VALUE_BYTES:
        raise Refused(f"{key.resource} '{key.name}' has {len(value)} bytes, and may have {MOST_VALUE_BYTES}")
    return key


def _utf8(part: str) -> bytes:
    try:
        return part.encode()
    except UnicodeEncodeError:
        raise Refused(f"a part of a key must be valid Unicode, not {part[:32]!r}…") from None


def bounded(revision: int) -> int:
    """Return what databases take for a revision: -1, which is none, instead of what is below, their largest for what is above."""
    return min(max(revision, -1), _MOST_REVISION)


def beginning(resource: str, namespace: str | None, after: tuple[str, str]) -> tuple[str, str] | None:
    """Return the namespace and name behind which a page begins; None if it has nothing: `after` is behind the namespace that is asked for.

    Raises:
        Refused: no key has such parts.

    """
    checked(Key(resource, namespace or "", "-"))
    checked(Key(resource, after[0], after[1] or "-"))
    first = max(after, (namespace or "", ""))
    return None if namespace not in (None, first[0]) else first


def readable(revision: int, state: State) -> None:
    """Raise what is to be raised if a revision cannot be read, Expired or TooNew."""
    if revision < state.compacted:
        raise Expired(revision, state.compacted)
    if revision > state.revision:
        raise TooNew(revision, state.revision)

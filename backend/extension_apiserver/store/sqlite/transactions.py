"""What is done in one transaction; each function takes the connection first."""

from __future__ import annotations

from sqlite3 import Connection

from extension_apiserver.store.checks import MOST_PAGE_BYTES, readable, taken
from extension_apiserver.store.log import Mark, forgotten
from extension_apiserver.store.protocol import Change, Conflict, Key, Page, State, Stored

from . import schema as sql


def state(db: Connection) -> State:
    """Return where the store is."""
    return State(*db.execute(sql.STATE).fetchone())


def current(db: Connection, key: Key) -> Stored | None:
    """Return the newest of an object."""
    row = db.execute(sql.CURRENT, key).fetchone()
    return Stored(key, *row) if row else None


def write(db: Connection, key: Key, value: bytes | None, expected: int) -> int | Conflict:
    """Write or delete an object; return its revision, or the refusal."""
    present = current(db, key)
    if (present.revision if present else 0) != expected:
        return Conflict(key, expected, present)
    if present and present.value == value:
        return present.revision
    (revision,) = db.execute(sql.NEXT, (len(value or b""),)).fetchone()
    db.execute(sql.ADD, (revision, *key, present.revision if present else None, value))
    if value is None:
        db.execute(sql.REMOVE, key)
    else:
        db.execute(sql.POINT, (*key, revision))
    return int(revision)


def page(
    db: Connection,
    resource: str,
    namespace: str | None,
    begin: tuple[str, str] | None,
    limit: int,
    revision: int | None,
) -> Page:
    """Return objects after `begin`; see Store.page."""
    now = state(db)
    at = now.revision if revision is None else revision
    readable(at, now)
    items: list[Stored] = []
    size = 0
    if begin:
        statement = sql.PAGE.format(keys=_within(sql.KEYS, namespace))
        where = {**_place(resource, begin), "at": at, "limit": taken(limit) + 1}
        for in_namespace, name, found, value in db.execute(statement, where):
            size += len(value)
            if len(items) == taken(limit) or (items and size > MOST_PAGE_BYTES):
                return Page(tuple(items), at, more=True)
            items.append(Stored(Key(resource, in_namespace, name), found, value))
    return Page(tuple(items), at, more=False)


def count(db: Connection, resource: str, namespace: str | None, begin: tuple[str, str], revision: int) -> int:
    """Return how many objects follow `begin`."""
    where = {**_place(resource, begin), "at": revision}
    return int(db.execute(_within(sql.COUNT, namespace), where).fetchone()[0])


def changes(db: Connection, after: int, limit: int) -> tuple[Change, ...]:
    """Return the writes since a revision; see Store.changes."""
    readable(after, state(db))
    found: list[Change] = []
    size = 0
    for revision, resource, namespace, name, value, previous in db.execute(sql.CHANGES, (after, taken(limit))):
        change = Change(revision, Key(resource, namespace, name), value, previous)
        size += change.size
        if found and size > MOST_PAGE_BYTES:
            break
        found.append(change)
    return tuple(found)


def mark(db: Connection, now: float, keep_seconds: float, most_bytes: int) -> tuple[int, int]:
    """Remember the time; return the revision that is compacted and the one that may be."""
    compacted = state(db).compacted
    db.execute(sql.FORGET_MARKS, (now, compacted))
    db.execute(sql.MARK, (now,))
    (written,) = db.execute(sql.WRITTEN).fetchone()
    return compacted, forgotten(map(Mark._make, db.execute(sql.MARKS)), written, now, keep_seconds, most_bytes)


def forget(db: Connection, begin: int, end: int) -> int:
    """Forget what was replaced or deleted between two revisions, the first of which is the compacted one; return the compacted one."""
    compacted = state(db).compacted
    if compacted != begin:  # another process was quicker
        return compacted
    db.execute(sql.FORGET_REPLACED, (begin, end))
    db.execute(sql.FORGET_DELETED, (begin, end))
    db.execute(sql.COMPACTED, (end,))
    return end


def _within(statement: str, namespace: str | None) -> str:
    return statement.format(within=sql.IN_ALL if namespace is None else sql.IN_ONE)


def _place(resource: str, begin: tuple[str, str]) -> dict[str, object]:
    namespace, name = begin
    return {"resource": resource, "namespace": namespace, "name": name}

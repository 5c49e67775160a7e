"""Objects in PostgreSQL, for any number of processes."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg

from extension_apiserver.store.batches import Batches, Write
from extension_apiserver.store.checks import MOST_PAGE_BYTES, beginning, bounded, checked, readable, taken
from extension_apiserver.store.log import Mark, forgotten
from extension_apiserver.store.protocol import Change, Conflict, Key, Page, State, Stored

from . import schema as sql
from .connections import Connection, Connections

_REVISION = re.compile("[0-9]{1,18}")
#: Compacted in one transaction.
_STEP = 10_000


class PostgresqlStore:
    """A Store in one event loop. Reads share a few connections; writes that wait at the same time are one statement; one connection listens."""

    def __init__(
        self, url: str, *, schema: str = "extension_apiserver", clock: Callable[[], float] = time.time
    ) -> None:
        """Take a URL or words as libpq does, where our tables are, and seconds since 1970 from `clock`.

        Raises:
            ValueError: the URL or the schema is none.

        """
        self._connections = Connections(url, schema)
        self._clock = clock
        self._batches = Batches(self._commit)
        self._listener: Connection | None = None
        self._heard = 0

    async def state(self) -> State:
        """As Store says."""
        ((revision, compacted),) = await self._ask(sql.STATE, ())
        return State(revision, compacted)

    async def get(self, key: Key) -> Stored | None:
        """As Store says."""
        rows = await self._ask(sql.CURRENT, checked(key))
        return Stored(key, *rows[0]) if rows else None

    async def page(
        self,
        resource: str,
        namespace: str | None = None,
        *,
        after: tuple[str, str] = ("", ""),
        limit: int = 500,
        revision: int | None = None,
    ) -> Page:
        """As Store says."""
        begin = beginning(resource, namespace, after)
        where = {
            "at": None if revision is None else bounded(revision),
            "most_bytes": MOST_PAGE_BYTES,
            "limit": taken(limit) + 1 if begin else 0,
            **_place(resource, begin),
        }
        rows = await self._ask(_within(sql.PAGE, namespace), where)
        state = State(*rows[0][:2])
        at = state.revision if revision is None else revision
        readable(at, state)
        found = [row[2:] for row in rows if row[2] is not None]
        items = tuple(Stored(Key(resource, row[0], row[1]), row[2], row[3]) for row in found[: taken(limit)])
        return Page(items, at, more=bool(found) and found[0][4] > len(items))

    async def count(
        self, resource: str, namespace: str | None = None, *, after: tuple[str, str] = ("", ""), revision: int
    ) -> int:
        """As Store says."""
        begin = beginning(resource, namespace, after)
        if begin is None:
            return 0
        ((count,),) = await self._ask(
            _within(sql.COUNT, namespace), {"at": bounded(revision), **_place(resource, begin)}
        )
        return int(count)

    async def put(self, key: Key, value: bytes, *, expected: int) -> int:
        """As Store says."""
        return await self._batches.write(Write(checked(key, value), value, expected))

    async def delete(self, key: Key, *, expected: int) -> int:
        """As Store says."""
        return await self._batches.write(Write(checked(key), None, expected or -1))

    async def changes(self, after: int, *, limit: int = 500) -> tuple[Change, ...]:
        """As Store says."""
        rows = await self._ask(sql.CHANGES, (bounded(after), taken(limit), MOST_PAGE_BYTES))
        readable(after, State(*rows[0][:2]))
        return tuple(Change(row[2], Key(*row[3:6]), row[6], row[7]) for row in rows if row[2] is not None)

    async def wait(self, after: int, *, timeout_seconds: float) -> None:
        """As Store says."""
        try:
            if self._listener is None:
                self._listener = await self._connections.new()
                await self._listener.execute(self._connections.sql("LISTEN OURS"))
                return  # what was written before is not told
            if self._heard > after:
                return
            async for notice in self._listener.notifies(timeout=timeout_seconds):
                if _REVISION.fullmatch(notice.payload):  # anyone who may connect can tell anything
                    self._heard = max(self._heard, int(notice.payload))
                if self._heard > after:
                    return
        except (psycopg.Error, OSError) as error:
            await self._stop_listening()
            raise self._connections.unavailable(error) from error
        except BaseException:
            await self._stop_listening()
            raise

    async def compact(self, *, keep_seconds: float, most_bytes: int) -> int:
        """As Store says."""
        now = self._clock()
        async with self._connections.one() as connection, connection.transaction():
            await connection.execute(self._connections.sql(sql.FORGET_MARKS), (now,))
            await connection.execute(self._connections.sql(sql.MARK), (now,))
            cursor = await connection.execute(self._connections.sql(sql.MARKS))
            rows: list[tuple[Any, ...]] = await cursor.fetchall()
        done, written = rows[0][:2]
        target = forgotten(
            [Mark(*row[2:]) for row in rows if row[2] is not None], written, now, keep_seconds, most_bytes
        )
        while done < target:
            end = min(done + _STEP, target)
            async with self._connections.one() as connection, connection.transaction():
                cursor = await connection.execute(self._connections.sql(sql.COMPACTED), (end, done))
                if not cursor.rowcount:
                    break  # another process does it
                for statement in (sql.FORGET_REPLACED, sql.FORGET_DELETED):
                    await connection.execute(self._connections.sql(statement), (done, end))
            done = end
        return int(done)

    async def close(self) -> None:
        """As Store says."""
        await self._stop_listening()
        await self._connections.close()

    async def _commit(self, writes: Sequence[Write]) -> Sequence[int | Conflict]:
        columns = [
            [one.key.resource for one in writes],
            [one.key.namespace for one in writes],
            [one.key.name for one in writes],
            [bounded(one.expected) for one in writes],
            [one.value for one in writes],
        ]
        rows = await self._ask(sql.WRITE, columns)
        return [
            at
            if outcome == "done"
            else Conflict(one.key, one.expected, None if at is None else Stored(one.key, at, present))
            for one, (outcome, at, present) in zip(writes, rows, strict=True)
        ]

    async def _ask(self, statement: str, values: Sequence[object] | dict[str, object]) -> list[tuple[Any, ...]]:
        async with self._connections.one() as connection:
            cursor = await connection.execute(self._connections.sql(statement), values, binary=True)
            return await cursor.fetchall()

    async def _stop_listening(self) -> None:
        if self._listener:
            await self._listener.close()
        self._listener = None
        self._heard = 0


def _place(resource: str, begin: tuple[str, str] | None) -> dict[str, object]:
    namespace, name = begin or ("", "")
    return {"resource": resource, "namespace": namespace, "name": name}


def _within(statement: str, namespace: str | None) -> str:
    return statement.replace("WITHIN", sql.IN_ALL if namespace is None else sql.IN_ONE)

"""Connections to PostgreSQL: a few that are used again, with our tables behind them."""

from __future__ import annotations

import asyncio
import re
import select
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from extension_apiserver.store.protocol import NewerSchema, Unavailable

from .schema import MIGRATIONS

Connection: TypeAlias = AsyncConnection[tuple[object, ...]]

#: For a connection, and for all that is done with it: a database that says nothing is away.
_CONNECT_SECONDS, _SECONDS = 5, 10
_MOST_CONNECTIONS = 4
#: Identifiers of PostgreSQL that need no thought, https://www.postgresql.org/docs/current/sql-syntax-lexical.html
_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}")
#: What other settings of the server or the role would break: who writes looks again at what others have committed; what is acknowledged
#: is on the disk; a statement of a client that is gone ends; and what takes a millisecond is neither compiled for a second (jit) nor
#: done by reading a whole table, as PostgreSQL thinks best for tables that it has not counted yet.
_SETUP = b"""
    SELECT set_config('default_transaction_isolation', 'read committed', false), set_config('statement_timeout', '10s', false),
        set_config('jit', 'off', false), set_config('enable_seqscan', 'off', false),
        set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)
"""
#: Any number that others hardly take: who migrates holds it, https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
_MIGRATION_LOCK = 7_227_563_091


class Connections:
    """For one event loop."""

    def __init__(self, url: str, schema: str) -> None:
        """Take where to connect, and the schema for our tables, made when it is first used.

        Over a network the server's certificate and name are verified, unless the URL has another `sslmode`.

        Raises:
            ValueError: either is not what PostgreSQL takes; without the password.

        """
        if not _SCHEMA.fullmatch(schema):
            raise ValueError(f"the schema must be a name of lower-case letters, digits and '_', not '{schema[:80]}'")
        try:
            defaults: dict[str, str | int | None] = {
                "connect_timeout": _CONNECT_SECONDS,
                "application_name": "extension-apiserver",
                "sslmode": "verify-full",  # libpq's own default tries TLS and believes anybody
            }
            parts = defaults | conninfo_to_dict(url)
            self._url = make_conninfo("", **parts)
        except psycopg.ProgrammingError:
            # Its message has the URL, and the URL the password.
            raise ValueError("the URL of the database must be postgresql://user:password@host:port/database") from None
        self.where = f"the database {parts.get('dbname', '')} at {parts.get('host', 'localhost')}"
        self.schema = schema
        self._idle: list[Connection] = []
        self._slots = asyncio.Semaphore(_MOST_CONNECTIONS)
        self._migrating = asyncio.Lock()
        self._migrated = False

    def sql(self, text: str) -> bytes:
        """Return a statement of `schema` for our schema."""
        return text.replace("'OURS'", f"'{self.schema}'").replace("OURS", f'"{self.schema}"').encode()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Connection]:
        """Lend a connection that commits each statement.

        Raises:
            Unavailable: the database cannot be used, now or within 10 seconds.

        """
        try:
            async with asyncio.timeout(_SECONDS), self._slots:
                connection = self._rested() or await self.new()
                try:
                    yield connection
                except BaseException:
                    await connection.close()  # whatever it is in the middle of
                    raise
                self._idle.append(connection)
        except TimeoutError:
            raise Unavailable(f"{self.where} has not answered within {_SECONDS} seconds") from None
        except (psycopg.Error, OSError) as error:
            raise self.unavailable(error) from error

    async def new(self) -> Connection:
        """Return a connection of one's own; raises as psycopg does."""
        connection = await AsyncConnection.connect(self._url, autocommit=True)
        try:
            await connection.execute(_SETUP)
            await self._migrate(connection)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def close(self) -> None:
        """Close those that nobody uses."""
        while self._idle:
            await self._idle.pop().close()

    def unavailable(self, error: Exception) -> Unavailable:
        """Return what to say of an error: its first line, in which libpq says no password."""
        return Unavailable(f"{self.where} cannot be used: {f'{error}'.partition(chr(10))[0] or type(error).__name__}")

    def _rested(self) -> Connection | None:
        """Return an idle connection; those that were closed at the other end, by a restart for example, have something to read."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed:
                poll = select.poll()
                poll.register(connection.fileno(), select.POLLIN)
                if not poll.poll(0):
                    return connection
            connection.pgconn.finish()
        return None

    async def _migrate(self, connection: Connection) -> None:
        """Bring the tables to our version; who starts at the same time waits for the first."""
        async with self._migrating:
            if self._migrated:
                return
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_MIGRATION_LOCK,))
                cursor = await connection.execute(
                    b"SELECT to_regclass(%s) IS NOT NULL", (f'"{self.schema}".schema_version',)
                )
                if not (await _row(cursor))[0]:
                    await connection.execute(self.sql("CREATE SCHEMA IF NOT EXISTS OURS"))
                    await connection.execute(self.sql("CREATE TABLE OURS.schema_version (version integer NOT NULL)"))
                cursor = await connection.execute(self.sql("SELECT coalesce(max(version), 0) FROM OURS.schema_version"))
                found = int(str((await _row(cursor))[0]))
                if found > len(MIGRATIONS):
                    raise NewerSchema(self.where, found, len(MIGRATIONS))
                for version, script in enumerate(MIGRATIONS[found:], found + 1):
                    await connection.execute(self.sql(script))
                    await connection.execute(self.sql("INSERT INTO OURS.schema_version VALUES (%s)"), (version,))
            self._migrated = True


async def _row(cursor: psycopg.AsyncCursor[tuple[object, ...]]) -> tuple[object, ...]:
    row = await cursor.fetchone()
    if row is None:
        raise psycopg.OperationalError("the database has returned no row")
    return row

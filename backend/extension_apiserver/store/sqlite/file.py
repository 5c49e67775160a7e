"""One connection to a file of SQLite: made when it is needed, with our tables, and made anew after a failure."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from extension_apiserver.store.protocol import NewerSchema, Unavailable

from . import schema as sql

T = TypeVar("T")
#: For a lock of another process.
BUSY_SECONDS = 5.0
_RETRY_SECONDS = 0.02
#: A log of writes that has grown longer is cut when it has been taken over.
_MOST_WAL_BYTES = 64 * 2**20
_REMEDIES = {
    sqlite3.SQLITE_FULL: "its disk is full: make room",
    sqlite3.SQLITE_BUSY: f"another process has locked it for {BUSY_SECONDS:g} seconds",
    sqlite3.SQLITE_LOCKED: f"another process has locked it for {BUSY_SECONDS:g} seconds",
    sqlite3.SQLITE_NOTADB: "it is no database of SQLite: remove it, or name another",
    sqlite3.SQLITE_CORRUPT: "it is damaged: take a copy that was saved",
    sqlite3.SQLITE_READONLY: "it must be writable, and its folder too",
    sqlite3.SQLITE_CANTOPEN: "it must be a file in a folder that exists and is writable",
}
#: After these the connection is as good as before.
_PASSING = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class SqliteFile:
    """Not for two threads at once."""

    def __init__(self, path: Path) -> None:
        """Take the file, which need not be there."""
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._inode = 0

    def transaction(self, work: Callable[[sqlite3.Connection], T], writes: bool = False) -> T:
        """Return what `work` returns: in one transaction, which is taken back if it raises.

        Raises:
            Unavailable: the file cannot be used.

        """
        try:
            db = self._connected()
            # A read that becomes a write can fail for a write in between; one that is a write from its beginning waits.
            db.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
            try:
                result = work(db)
                db.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # a full disk has taken it back already
                    db.execute("ROLLBACK")
                raise
        except (sqlite3.Error, OSError) as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code not in _PASSING:
                self.close()
            why = _REMEDIES.get(code) or f"{error}"
            raise Unavailable(f"the file {self._path} cannot be used: {why}") from error
        return result

    def close(self) -> None:
        """Close the file until it is needed again."""
        if self._connection:
            self._connection.close()
        self._connection = None

    def _connected(self) -> sqlite3.Connection:
        if self._connection:
            # SQLite would write on into a file that nobody finds again.
            if self._path.stat().st_ino == self._inode:
                return self._connection
            raise FileNotFoundError("another file has taken its place")
        # Not for others to read: objects may hold secrets. SQLite gives its other two files the same mode.
        os.close(os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        db = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            self._inode = self._path.stat().st_ino
            _into_wal(db)
            # FULL: what is acknowledged survives a loss of power too, https://sqlite.org/pragma.html#pragma_synchronous
            db.execute("PRAGMA synchronous = FULL")
            db.execute(f"PRAGMA journal_size_limit = {_MOST_WAL_BYTES}")
            self._migrate(db)
        except BaseException:
            db.close()
            raise
        self._connection = db
        return db

    def _migrate(self, db: sqlite3.Connection) -> None:
        """Bring the tables to our version; who starts at the same time waits for the first."""
        known = len(sql.MIGRATIONS)
        db.execute("BEGIN IMMEDIATE")
        try:
            db.execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")
            (found,) = db.execute("SELECT coalesce(max(version), 0) FROM schema_version").fetchone()
            for version, script in enumerate(sql.MIGRATIONS[found:], found + 1):
                for statement in script.split(";"):
                    db.execute(statement)
                db.execute("INSERT INTO schema_version VALUES (?)", (version,))
            db.execute("COMMIT")
        except BaseException:
            db.execute("ROLLBACK")
            raise
        if found > known:
            raise NewerSchema(f"the file {self._path}", found, known)


def _into_wal(db: sqlite3.Connection) -> None:
    """Let readers and a writer be at once; SQLite does not wait by itself for others who start, https://sqlite.org/wal.html#busy."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_SECONDS)
        else:
            return

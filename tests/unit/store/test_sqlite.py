"""What can happen to a file."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import stat
from pathlib import Path

import pytest

from extension_apiserver.store.protocol import Conflict, NewerSchema, State, Stored, Unavailable
from extension_apiserver.store.sqlite import file, schema
from unit.store.databases import Database, asynchronous, key


@asynchronous
async def test_a_file_keeps_its_objects(sqlite: Database) -> None:
    await sqlite.store().put(key(), b"1", expected=0)
    await sqlite.close()
    assert await sqlite.store().get(key()) == Stored(key(), 1, b"1")


@asynchronous
async def test_nobody_else_may_read_the_files(sqlite: Database) -> None:
    await sqlite.store().put(key(), b"1", expected=0)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in sqlite.folder.iterdir()}
    assert modes == {"cats.db": 0o600, "cats.db-wal": 0o600, "cats.db-shm": 0o600}


@asynchronous
async def test_a_full_disk_is_told_and_what_was_written_is_there(sqlite: Database) -> None:
    """Reads go on, and writes as soon as there is room."""
    store = sqlite.store()
    await store.put(key(), b"1", expected=0)
    db = store._file._connection
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(Unavailable, match=r"cats.db cannot be used: its disk is full: make room"):
        await store.put(key(), b"x" * 100_000, expected=1)
    assert await store.get(key()) == Stored(key(), 1, b"1")
    assert await store.state() == State(1, 0)
    db.execute(f"PRAGMA max_page_count = {pages + 1000}")
    assert await store.put(key(), b"x" * 100_000, expected=1) == 2


@asynchronous
async def test_a_file_that_another_process_has_locked_is_told(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reads go on."""
    monkeypatch.setattr(file, "BUSY_SECONDS", 0.1)
    store = sqlite.store()
    await store.put(key(), b"1", expected=0)
    other = sqlite3.connect(sqlite.url, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="another process has locked it"):
        await store.put(key(), b"2", expected=1)
    assert await store.get(key()) == Stored(key(), 1, b"1")
    other.execute("ROLLBACK")
    other.close()
    assert await store.put(key(), b"2", expected=1) == 2


@asynchronous
async def test_a_file_that_is_removed_or_replaced_is_not_written_on(sqlite: Database) -> None:
    """SQLite itself would go on, and whatever it acknowledges would be gone."""
    store = sqlite.store()
    await store.put(key(), b"1", expected=0)
    for path in sqlite.folder.iterdir():
        path.unlink()
    with pytest.raises(Unavailable, match="No such file"):
        await store.put(key(), b"2", expected=1)
    with pytest.raises(Conflict):
        await store.put(key(), b"2", expected=1)
    assert await store.put(key(), b"2", expected=0) == 1


@pytest.mark.parametrize("content", [b"PK\3\4" * 1000, b"SQLite format 3\0" + b"x" * 5000])
@asynchronous
async def test_a_file_of_something_else_is_left_alone(sqlite: Database, content: bytes) -> None:
    found = Path(sqlite.url)
    found.write_bytes(content)  # noqa: ASYNC240 - nobody else waits
    with pytest.raises(Unavailable, match=r"it is no database of SQLite: remove it, or name another|it is damaged"):
        await sqlite.store().state()
    assert found.read_bytes() == content  # noqa: ASYNC240 - nobody else waits


@asynchronous
async def test_a_folder_that_is_missing_is_told(sqlite: Database) -> None:
    """And once it is there, all is well."""
    shutil.rmtree(sqlite.folder)
    store = sqlite.store()
    with pytest.raises(Unavailable, match=r"the file .*cats.db cannot be used: .*No such file or directory"):
        await store.state()
    sqlite.folder.mkdir()
    assert await store.state() == State(0, 0)


@asynchronous
async def test_a_newer_schema_is_refused(sqlite: Database) -> None:
    await sqlite.store().put(key(), b"1", expected=0)
    await sqlite.close()
    with sqlite3.connect(sqlite.url) as db:
        db.execute("INSERT INTO schema_version VALUES (9)")
    db.close()
    with pytest.raises(
        NewerSchema, match=r"the file .*cats.db has the schema version 9, and this program knows versions up to 1: "
    ):
        await sqlite.store().state()


@asynchronous
async def test_an_older_schema_is_migrated_once_by_many_at_the_same_time(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sqlite.store().put(key(), b"1", expected=0)
    await sqlite.close()
    more = "ALTER TABLE objects ADD COLUMN breed TEXT; CREATE TABLE litters (one INTEGER)"
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, more))
    states = await asyncio.gather(*(sqlite.store().state() for _ in range(8)))
    assert states == [State(1, 0)] * 8
    with sqlite3.connect(sqlite.url) as db:
        assert db.execute("SELECT version FROM schema_version").fetchall() == [(1,), (2,)]
    db.close()


@asynchronous
async def test_a_migration_that_fails_leaves_the_tables_as_they_were(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sqlite.store().put(key(), b"1", expected=0)
    await sqlite.close()
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "CREATE TABLE litters (one INTEGER); NONSENSE"))
        with pytest.raises(Unavailable, match="syntax error"):
            await sqlite.store().state()
    assert await sqlite.store().get(key()) == Stored(key(), 1, b"1")


@asynchronous
async def test_many_who_start_at_once_make_one_database(sqlite: Database) -> None:
    states = await asyncio.gather(*(sqlite.store().state() for _ in range(12)))
    assert states == [State(0, 0)] * 12


@asynchronous
async def test_a_resume_reads_what_has_changed_and_no_more(sqlite: Database) -> None:
    """With 100,000 objects: SQLite counts the steps of its machine."""
    store = sqlite.store()
    await store.state()
    db = store._file._connection
    _fill(db, 100_000)
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    db.set_progress_handler(count, 10)
    assert len(await store.changes(99_990)) == 10
    assert steps < 200, "ten times that many steps, for ten changes"
    steps = 0
    page = await store.page("cats", after=("home", "cat-0050000"), limit=10, revision=99_000)
    assert [one.key.name for one in page.items] == [f"cat-{number:07}" for number in range(50_001, 50_011)]
    assert steps < 3000, "the thousand changes since, and ten objects"
    steps = 0
    page = await store.page("cats", "home", after=("home", "cat-0050000"), limit=10)
    assert len(page.items) == 10
    assert steps < 200


def _fill(db: sqlite3.Connection, count: int) -> None:
    names = [(number, f"cat-{number:07}") for number in range(1, count + 1)]
    db.execute("BEGIN")
    db.executemany("INSERT INTO versions VALUES (?, 'cats', 'home', ?, NULL, '{}')", names)
    db.executemany("INSERT INTO objects VALUES ('cats', 'home', ?, ?)", [(name, number) for number, name in names])
    db.execute("UPDATE state SET revision = ?", (count,))
    db.execute("COMMIT")

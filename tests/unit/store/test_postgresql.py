"""What can happen with a server, and what its statements cost."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from extension_apiserver.store.feed import Feed
from extension_apiserver.store.opening import store_of
from extension_apiserver.store.postgresql import connections
from extension_apiserver.store.postgresql.store import PostgresqlStore
from extension_apiserver.store.protocol import NewerSchema, State, Unavailable
from unit.store.databases import Database, asynchronous, key, until
from unit.store.server import Server


@pytest.fixture
def pg(postgresql: Callable[[], Server]) -> Iterator[Database]:
    """Yield an empty database in PostgreSQL."""
    made = Database("postgresql", postgresql)
    yield made
    made.remove()


@pytest.fixture
def fresh(postgresql: Callable[[], Server]) -> Iterator[Database]:
    """Yield a database without our schema."""
    made = Database("postgresql", postgresql)
    made.schema = "fresh"
    yield made
    ask(made, "DROP SCHEMA IF EXISTS fresh CASCADE")


def ask(database: Database, statement: str) -> list[Any]:
    """Return what the server answers."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


@asynchronous
async def test_many_who_start_at_once_make_one_schema(fresh: Database) -> None:
    states = await asyncio.gather(*(fresh.store().state() for _ in range(6)))
    assert states == [State(0, 0)] * 6
    assert ask(fresh, "SELECT version FROM fresh.schema_version") == [(1,)]


@asynchronous
async def test_schemas_are_migrated_and_newer_ones_refused(fresh: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    older = fresh.store()
    await older.put(key(), b"1", expected=0)
    with monkeypatch.context() as patch:
        patch.setattr(
            connections, "MIGRATIONS", (*connections.MIGRATIONS, "ALTER TABLE OURS.objects ADD COLUMN breed text")
        )
        states = await asyncio.gather(*(fresh.store().state() for _ in range(3)))
        assert states == [State(1, 0)] * 3
    assert ask(fresh, "SELECT version FROM fresh.schema_version") == [(1,), (2,)]
    assert await older.state() == State(1, 0), "who runs goes on"
    with pytest.raises(
        NewerSchema,
        match=r"the database postgres at .* has the schema version 2, and this program knows versions up to 1: ",
    ):
        await fresh.store().state()


@asynchronous
async def test_a_schema_that_was_removed_is_unavailable_and_no_empty_list(fresh: Database) -> None:
    store = fresh.store()
    await store.state()
    ask(fresh, "DROP SCHEMA fresh CASCADE")
    with pytest.raises(Unavailable, match="does not exist"):
        await store.page("cats")


@asynchronous
async def test_no_database_is_unavailable_and_the_password_is_told_nobody(postgresql: Callable[[], Server]) -> None:
    url = "postgresql://tom:s3cret@/cats?host=/nowhere"
    for database_url in (url, f"postgresql://tom:s3cret@/none?host={postgresql().folder}"):
        store = PostgresqlStore(database_url)
        for question in (
            store.state(),
            store.page("cats"),
            store.put(key(), b"1", expected=0),
            store.wait(0, timeout_seconds=1),
        ):
            with pytest.raises(Unavailable, match=r"^the database (cats|none) at .* cannot be used: ") as raised:
                await question
            assert "s3cret" not in f"{raised.value}"
        await store.close()


def test_a_url_that_is_none_is_told_without_its_password() -> None:
    with pytest.raises(ValueError, match=r"^the URL of the database must be postgresql://[^ ]*$") as raised:
        store_of("postgresql://tom:s3cret@host:port:port/x?y")
    assert "s3cret" not in f"{raised.value}"
    with pytest.raises(ValueError, match=r"must be a name of lower-case letters, digits and '_', not 'Cats; DROP'"):
        PostgresqlStore("postgresql://", schema="Cats; DROP")


@pytest.mark.parametrize(("more", "mode"), [("", "verify-full"), ("?sslmode=disable", "disable")])
def test_the_certificate_of_a_server_is_verified_unless_the_url_says_otherwise(more: str, mode: str) -> None:
    store = PostgresqlStore(f"postgresql://tom@db.example.com/cats{more}")
    assert conninfo_to_dict(store._connections._url)["sslmode"] == mode


@asynchronous
async def test_settings_of_the_server_that_would_break_revisions_do_not(pg: Database) -> None:
    """Repeatable reads would not see what others committed while we waited; without synchronous commits acknowledged writes get lost."""
    ask(pg, "ALTER ROLE cats SET default_transaction_isolation = 'serializable'")
    ask(pg, "ALTER ROLE cats SET synchronous_commit = 'off'")
    try:
        stores = [pg.store() for _ in range(4)]
        await asyncio.gather(*(stores[n % 4].put(key(f"{n}"), b"1", expected=0) for n in range(40)))
        async with stores[0]._connections.one() as connection:
            cursor = await connection.execute("SELECT current_setting('synchronous_commit')")
            assert await cursor.fetchall() == [("on",)]
    finally:
        ask(pg, "ALTER ROLE cats RESET ALL")
    assert await stores[0].state() == State(40, 0)


@asynchronous
async def test_idle_connections_that_the_server_closed_cost_no_failure(pg: Database) -> None:
    """As after a restart."""
    store = pg.store()
    await asyncio.gather(*(store.page("cats") for _ in range(4)))
    ask(pg, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'extension-apiserver'")

    async def gone() -> bool:
        return ask(pg, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'extension-apiserver'") == [(0,)]

    await until("the end of the connections", gone)
    assert await store.put(key(), b"1", expected=0) == 1


@asynchronous
async def test_a_question_that_is_given_up_leaves_no_connection_in_the_middle_of_it(pg: Database) -> None:
    store = pg.store()
    await store.state()
    lock = await psycopg.AsyncConnection.connect(pg.url)
    await lock.execute("SELECT * FROM cats.state FOR UPDATE")
    writing = asyncio.create_task(store.put(key(), b"1", expected=0))
    reading = [asyncio.create_task(store.page("cats")) for _ in range(8)]
    await asyncio.gather(*reading)
    reading = [asyncio.create_task(store.page("cats")) for _ in range(8)]
    await asyncio.sleep(0)
    for one in reading:
        one.cancel()
    await asyncio.gather(*reading, return_exceptions=True)
    await lock.rollback()
    await lock.close()
    assert await writing == 1
    assert [len((await store.page("cats.example.com")).items) for _ in range(8)] == [1] * 8


@asynchronous
async def test_forged_notices_wake_and_no_more(pg: Database) -> None:
    store = pg.store()
    await store.wait(0, timeout_seconds=60)
    for payload in ("", "x" * 7000, "9" * 300, "-1", "²"):
        ask(pg, f"SELECT pg_notify('cats', '{payload}')")
    ask(pg, "SELECT pg_notify('cats', '7')")
    await store.wait(0, timeout_seconds=60)
    assert await store.changes(0) == ()


@pytest.mark.parametrize("watchers", [0, 100])
@asynchronous
async def test_a_write_is_one_statement_and_the_reader_of_a_process_another(pg: Database, watchers: int) -> None:
    """However many watch."""
    store, other = pg.store(), pg.store()
    await other.put(key(), b"0", expected=0)
    feed = Feed(store)
    running = asyncio.create_task(feed._read())
    several = [await feed.watch("cats.example.com", after=1) for _ in range(watchers)]
    await until("the feed", lambda: _reached(feed, 1))
    await until("an idle feed", lambda: _listens(store))
    before = len(pg.server.statements())
    for number in range(1, 11):
        await other.put(key(), b"%d" % number, expected=number)
        await until("the feed", lambda revision=number + 1: _reached(feed, revision))
    asked = pg.server.statements()[before:]
    writes = [one for one in asked if "write_objects" in one]
    assert len(writes) == 10
    # One more for whatever the pauses of the feed bring.
    assert len(asked) - len(writes) <= 10 + 2, "\n".join(asked)
    for one in several:
        assert [change.revision for change in await one.next(timeout_seconds=30)] == list(range(2, 12))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def _reached(feed: Feed, revision: int) -> bool:
    return feed.revision >= revision


async def _listens(store: Any) -> bool:
    return store._listener is not None


@asynchronous
async def test_a_resume_reads_what_has_changed_and_no_more(fresh: Database) -> None:
    """With 100,000 objects, whose tables nobody has analyzed: PostgreSQL counts the rows."""
    store = fresh.store()
    await store.state()
    numbers = "FROM generate_series(1, 100000) i"
    ask(
        fresh,
        f"INSERT INTO fresh.versions SELECT i, NULL, '{{}}', 'cats', 'home', 'cat-' || lpad(i::text, 7, '0') {numbers}",
    )
    ask(fresh, f"INSERT INTO fresh.objects SELECT 'cats', 'home', 'cat-' || lpad(i::text, 7, '0'), i {numbers}")
    ask(fresh, "UPDATE fresh.state SET revision = 100000")
    for what, question, most in (
        ("changes", lambda: store.changes(99_990), 200),
        ("a page of now", lambda: store.page("cats", after=("home", "cat-0050000"), limit=10), 200),
        ("a page of one namespace", lambda: store.page("cats", "home", after=("home", "cat-0050000"), limit=10), 200),
        (
            "a page of the past",
            lambda: store.page("cats", after=("home", "cat-0050000"), limit=10, revision=99_900),
            700,
        ),
    ):
        found = await question()
        assert len(found if isinstance(found, tuple) and not hasattr(found, "items") else found.items) == 10, what
        plan = "\n".join(str(row[0]) for row in await _explained(store, question))
        assert not re.search(r"Seq Scan on (versions|objects)|JIT", plan), f"{what}:\n{plan}"
        rows = max(int(number) for number in re.findall(r"actual rows=(\d+)", plan))
        assert rows <= most, f"{what}:\n{plan}"


async def _explained(store: PostgresqlStore, question: Callable[[], Any]) -> list[tuple[Any, ...]]:
    """Return the plan of what a question asks."""
    ours = store._connections.sql
    plan: list[tuple[Any, ...]] = []

    async def explain(statement: str, values: Any) -> list[tuple[Any, ...]]:
        async with store._connections.one() as connection:
            words = b"EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) " + ours(statement)
            plan.extend(await (await connection.execute(words, values)).fetchall())
        return await type(store)._ask(store, statement, values)

    store._ask = explain  # type: ignore[method-assign]
    try:
        await question()
    finally:
        del store._ask
    return plan

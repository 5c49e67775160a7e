"""The parts that stores share: page tokens, URLs, batches, and what is forgotten when."""

from __future__ import annotations

import asyncio
import base64
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extension_apiserver.store.batches import Batches, Write
from extension_apiserver.store.log import Mark, forgotten
from extension_apiserver.store.memory import MemoryStore
from extension_apiserver.store.opening import store_of
from extension_apiserver.store.protocol import Conflict, Unavailable
from extension_apiserver.store.token import BadToken, Place, parsed, token
from extension_apiserver.store.wake import Wake, waited
from unit.store.databases import asynchronous, key

names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=100)


@given(
    place=st.builds(Place, st.integers(-1, 2**63 - 1), st.tuples(names, names), st.integers(0, 2**63 - 1)),
)
def test_a_token_says_what_it_was_given(place: Place) -> None:
    assert parsed(token(place)) == place


@given(text=st.text(max_size=200) | st.binary(max_size=200).map(lambda data: base64.urlsafe_b64encode(data).decode()))
def test_any_text_is_a_token_or_refused(text: str) -> None:
    try:
        place = parsed(text)
    except BadToken:
        return
    assert isinstance(place.revision, int), place


@pytest.mark.parametrize(
    "document",
    [
        '{"rv":1}',
        "[]",
        "1",
        '{"rv":true,"after":["a","b"]}',
        '{"rv":1.5,"after":["a","b"]}',
        '{"rv":-2,"after":["a","b"]}',
        '{"rv":1' + "0" * 5000 + ',"after":["a","b"]}',
        '{"rv":1,"after":["a"]}',
        '{"rv":1,"after":"ab"}' * 2,
        '{"rv":1,"after":[["a"],"b"]}',
        '{"rv":1,"after":["a","\\u0000"]}',
        '{"rv":1,"after":["a","\\ud800"]}',
        '{"rv":1,"after":["a","' + "x" * 600 + '"]}',
        '{"rv":1,"after":["a","b"],"left":-1}',
        '{"rv":1,"after":["a","b"],"left":"1"}',
        "[" * 10_000,
        "x" * 100_000,
    ],
    ids=range(17),
)
def test_a_forged_token_is_refused_in_one_sentence(document: str) -> None:
    with pytest.raises(
        BadToken, match=r"^continue key is not valid: it must be the one that the last page ended with$"
    ):
        parsed(base64.urlsafe_b64encode(document.encode()).decode())


def test_a_url_names_a_store() -> None:
    assert isinstance(store_of("memory:"), MemoryStore)
    assert store_of("sqlite:///cats%20and%20dogs.db")._file._path == Path("cats and dogs.db")
    assert store_of("sqlite:////var/cats.db")._file._path == Path("/var/cats.db")


@pytest.mark.parametrize("url", ["", "memory", "mysql://tom:s3cret@host/cats", "s3cret"])
def test_an_unknown_url_is_refused_with_those_there_are_and_not_told(url: str) -> None:
    with pytest.raises(
        ValueError, match=r"^the URL of a store must be memory:, sqlite:///.* or postgresql://"
    ) as raised:
        store_of(url)
    assert "s3cret" not in f"{raised.value}"


@pytest.mark.parametrize("url", ["sqlite:", "sqlite:cats.db", "sqlite://cats.db", "sqlite:///", "sqlite:///a%00b"])
def test_a_url_without_a_file_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"must be sqlite:///path/of/the/file, and sqlite:////absolute/path, not '"):
        store_of(url)


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    for name in [name for name in sys.modules if name.startswith("extension_apiserver.store.postgresql.")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(
        ValueError, match=r"needs psycopg, which is not installed: pip install 'extension-apiserver\[postgresql\]'"
    ):
        store_of("postgresql://host/cats")


class Disk:
    """Takes batches, one at a time and only when it is let."""

    def __init__(self) -> None:
        self.batches: list[Sequence[Write]] = []
        self.ready = asyncio.Event()
        self.failure: Exception | None = None

    async def commit(self, writes: Sequence[Write]) -> Sequence[int | Conflict]:
        self.batches.append(writes)
        await self.ready.wait()
        if self.failure:
            raise self.failure
        return [one.expected + 1 if one.expected >= 0 else Conflict(one.key, one.expected, None) for one in writes]


@asynchronous
async def test_what_comes_while_a_batch_is_written_is_the_next_batch() -> None:
    disk = Disk()
    batches = Batches(disk.commit)
    asks = [asyncio.create_task(batches.write(Write(key(), b"1", number))) for number in range(-1, 20)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    late = asyncio.create_task(batches.write(Write(key(), b"1", 40)))
    disk.ready.set()
    outcomes = await asyncio.gather(*asks, late, return_exceptions=True)
    assert isinstance(outcomes[0], Conflict)
    assert outcomes[1:] == [*range(1, 21), 41]
    assert [len(one) for one in disk.batches] == [21, 1]


@asynchronous
async def test_a_batch_is_bounded_in_writes_and_in_bytes() -> None:
    disk = Disk()
    disk.ready.set()
    batches = Batches(disk.commit)
    await asyncio.gather(*(batches.write(Write(key(), b"", 0)) for _ in range(300)))
    assert [len(one) for one in disk.batches] == [128, 128, 44]
    disk.batches.clear()
    await asyncio.gather(*(batches.write(Write(key(), b"x" * 2**21, 0)) for _ in range(5)))
    assert [len(one) for one in disk.batches] == [2, 2, 1]


@asynchronous
async def test_a_batch_that_fails_fails_for_all_and_the_next_is_tried() -> None:
    disk = Disk()
    disk.ready.set()
    disk.failure = Unavailable("the disk is full")
    batches = Batches(disk.commit)
    outcomes = await asyncio.gather(*(batches.write(Write(key(), b"", 0)) for _ in range(3)), return_exceptions=True)
    assert [str(one) for one in outcomes] == ["the disk is full"] * 3
    disk.failure = None
    assert await batches.write(Write(key(), b"", 0)) == 1


@asynchronous
async def test_a_write_that_nobody_waits_for_any_more_is_not_begun() -> None:
    disk = Disk()
    batches = Batches(disk.commit)
    first = asyncio.create_task(batches.write(Write(key("first"), b"", 0)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    given_up = asyncio.create_task(batches.write(Write(key("given up"), b"", 0)))
    last = asyncio.create_task(batches.write(Write(key("last"), b"", 0)))
    await asyncio.sleep(0)
    given_up.cancel()
    disk.ready.set()
    assert await asyncio.gather(first, last) == [1, 1]
    assert [[one.key.name for one in batch] for batch in disk.batches] == [["first"], ["last"]]


def test_the_newest_mark_that_is_old_enough_or_far_enough_is_forgotten() -> None:
    marks = [Mark(10, 100, 0.0), Mark(20, 200, 50.0), Mark(30, 900, 100.0)]
    assert forgotten(marks, 1000, now=299, keep_seconds=300, most_bytes=10_000) == 0
    assert forgotten(marks, 1000, now=350, keep_seconds=300, most_bytes=10_000) == 20
    assert forgotten(marks, 1000, now=0, keep_seconds=300, most_bytes=850) == 10
    assert forgotten([], 1000, now=350, keep_seconds=300, most_bytes=10_000) == 0


@asynchronous
async def test_who_waits_in_vain_waits_again() -> None:
    wake, rounds = Wake(), 0

    async def waiting() -> None:
        nonlocal rounds
        while rounds < 100:
            await waited(wake.event, 0.01)
            rounds += 1

    task = asyncio.create_task(waiting())
    await waited(asyncio.Event(), 0.05)
    assert rounds < 50, "without a turn for others"
    task.cancel()

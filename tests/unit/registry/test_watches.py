"""A watch tells of each change once, in order and without a gap, as kube-apiserver does for a CustomResource."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import pytest

from extension_apiserver.registry.kept import Kept
from extension_apiserver.registry.reading import pages, session
from extension_apiserver.store import watcher as watchers
from extension_apiserver.store.memory import MemoryStore
from extension_apiserver.store.protocol import Page, Unavailable
from unit.registry.asking import JSON_AS, Client, Watch
from unit.registry.cats import cats
from unit.store.databases import asynchronous

HOME = "v1/namespaces/home/cats"
TABLE = f"{JSON_AS}Table,application/json"


class Zoo(Client):
    """A client whose registry is fed."""

    async def watch(self, path: str = "v1/cats", accept: str = "", *, stalled: bool = False, **query: Any) -> Watch:
        """Begin a watch."""
        response = await self.response(path, accept, watch="true", **query)
        assert ("Content-Type", "application/json") in response.headers
        return Watch(response, stalled=stalled)


@contextlib.asynccontextmanager
async def zoo(*names: str, **more: Any) -> AsyncIterator[Zoo]:
    """Yield a fed client with some cats."""
    client = Zoo(cats(**more))
    feeding = asyncio.create_task(client.kept.feed.run())
    for name in names:
        await client.write(name, color="red")
    yield client
    feeding.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await feeding


@asynchronous
async def test_a_watch_tells_what_happens_after_a_revision() -> None:
    async with zoo("tom", "kit") as client:
        watch = await client.watch(resourceVersion="1")
        assert await watch.until(1) == [("ADDED", "kit", "2")]
        await client.write("tom", color="blue")
        await client.write("new", "zoo")
        await client.delete("kit")

        told = await watch.until(4)
        assert told[1:] == [("MODIFIED", "tom", "3"), ("ADDED", "new", "4"), ("DELETED", "kit", "5")]
        assert [one["object"]["spec"] for one in watch.events] == [
            {"color": "red"},
            {"color": "blue"},
            {},
            {"color": "red"},
        ]
        await watch.leave()
    assert not client.kept.feed._watchers


@asynchronous
async def test_a_watch_is_of_its_namespace() -> None:
    async with zoo("tom") as client:
        watch = await client.watch("v1/namespaces/zoo/cats", resourceVersion="0")
        await client.write("kit")
        await client.write("leo", "zoo")
        assert await watch.until(1) == [("ADDED", "leo", "3")]


@pytest.mark.parametrize("version", ["", "0", None])
@asynchronous
async def test_a_watch_from_nowhere_begins_with_what_there_is(version: str | None) -> None:
    async with zoo("tom", "kit") as client:
        watch = await client.watch(**({} if version is None else {"resourceVersion": version}))
        assert await watch.until(2) == [("ADDED", "kit", "2"), ("ADDED", "tom", "1")]
        await client.write("kit", color="blue")
        assert (await watch.until(3))[2] == ("MODIFIED", "kit", "3")


@asynchronous
async def test_the_state_at_the_beginning_ends_with_a_marked_bookmark_for_who_takes_them() -> None:
    async with zoo("tom", "kit") as client:
        for query in (
            {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"},
            {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "resourceVersion": "2"},
            {"resourceVersion": "0"},
            {},
        ):
            watch = await client.watch(allowWatchBookmarks="true", **query)
            await watch.until(3)
            assert [one["type"] for one in watch.events] == ["ADDED", "ADDED", "BOOKMARK"], query
            assert watch.events[2]["object"] == {
                "kind": "Cat", "apiVersion": "zoo.example.com/v1",
                "metadata": {"resourceVersion": "2", "annotations": {"k8s.io/initial-events-end": "true"}},
            }  # fmt: skip
            await watch.leave()


@asynchronous
async def test_without_the_state_a_watch_begins_now() -> None:
    async with zoo("tom", "kit") as client:
        watch = await client.watch(
            sendInitialEvents="false", resourceVersionMatch="NotOlderThan", allowWatchBookmarks="1"
        )
        await client.write("new")
        assert await watch.until(1) == [("ADDED", "new", "3")]


@asynchronous
async def test_what_happens_while_the_state_is_told_is_told_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "_MOST_ITEMS", 1)
    async with zoo("a", "b", "c") as client:
        response = await client.response("v1/cats", watch="1", allowWatchBookmarks="true")
        await client.write("b", color="blue")
        await client.delete("c")
        await client.write("d")
        told = await Watch(response).until(7)

    assert told == [
        ("ADDED", "a", "1"), ("ADDED", "b", "2"), ("ADDED", "c", "3"), ("BOOKMARK", "", "3"),
        ("MODIFIED", "b", "4"), ("DELETED", "c", "5"), ("ADDED", "d", "6"),
    ]  # fmt: skip


@asynchronous
async def test_what_leaves_the_selection_is_deleted_and_what_enters_it_is_added() -> None:
    async with zoo() as client:
        watch = await client.watch(labelSelector="size in (1,2)")
        fields = await client.watch(fieldSelector="metadata.name=tom")
        await client.write("tom")
        await client.write("tom", labels={"size": "1"}, color="red")
        await client.write("tom", labels={"size": "2"}, color="blue")
        await client.write("tom", labels={"size": "3"}, color="green")
        await client.delete("tom")
        await client.write("kit", labels={"size": "1"})
        await client.delete("kit")
        told = await watch.until(5)

        assert told == [
            ("ADDED", "tom", "2"),
            ("MODIFIED", "tom", "3"),
            ("DELETED", "tom", "4"),
            ("ADDED", "kit", "6"),
            ("DELETED", "kit", "7"),
        ]
        assert watch.events[2]["object"]["spec"] == {"color": "blue"}, "the last state that was selected"
        assert [one[0] for one in await fields.until(5)] == ["ADDED", "MODIFIED", "MODIFIED", "MODIFIED", "DELETED"]


@asynchronous
async def test_fields_of_the_resource_select_in_the_version_of_the_request() -> None:
    async with zoo(selectable_fields=["spec.color", "spec.colour"]) as client:
        first = await client.watch(fieldSelector="spec.color=red")
        second = await client.watch("v2/cats", fieldSelector="spec.colour=red")
        for color in ("blue", "red", "blue"):
            await client.write("tom", color=color)
        assert await first.until(2) == [("ADDED", "tom", "2"), ("DELETED", "tom", "3")]
        assert await second.until(2) == [("ADDED", "tom", "2"), ("DELETED", "tom", "3")]
        assert second.events[1]["object"]["spec"] == {"colour": "red"}


@asynchronous
async def test_large_changes_are_read_once_for_all_who_select_by_the_same_field_and_told_a_few_at_a_time() -> None:
    reads = []
    async with zoo(selectable_fields=[".spec.color"]) as client:
        read = type(client.kept).object

        def counted(self: Kept, value: bytes, revision: int, version: str) -> Any:
            reads.append(revision)
            return read(self, value, revision, version)

        first = await client.write("tom", color="red")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Kept, "object", counted)
            query = {"fieldSelector": "spec.color=red,spec.color!=white", "resourceVersion": first}
            watches = [Watch(await client.response("v1/cats", watch=1, **query)) for _ in range(5)]
            for number in range(30):
                await client.write(f"cat-{number}", color="red", note="x" * 200_000)
            for watch in watches:
                assert len(await watch.until(30)) == 30
                await watch.leave()
        # Five who watch, and none reads again what another has read.
        assert len(reads) == 30


@asynchronous
async def test_a_revision_that_is_forgotten_is_an_error_event() -> None:
    async with zoo("a", "b", "c") as client:
        for _ in range(2):
            await client.kept.store.compact(keep_seconds=0, most_bytes=0)
        client.kept.feed._recent.clear()
        watch = await client.watch(resourceVersion="1")
        await watch.ended()

    assert watch.events == [
        {
            "type": "ERROR",
            "object": {
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 410, "reason": "Expired",
                "message": "too old resource version: 1 (3)",
            },
        }
    ]  # fmt: skip


@asynchronous
async def test_a_revision_that_is_not_there_yet_is_an_error_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "_WAIT_SECONDS", 0.01)
    async with zoo("tom") as client:
        for more in ({}, {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}):
            watch = await client.watch(resourceVersion="9", **more)
            await watch.ended()
            (event,) = watch.events
            assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 504, "Timeout")
            assert event["object"]["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"


@asynchronous
async def test_a_watch_that_falls_out_of_the_log_ends_with_an_error_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "_MOST_ITEMS", 1)
    async with zoo("a", "b") as client:
        response = await client.response("v1/cats", watch="1")
        await client.write("c")
        for _ in range(2):
            await client.kept.store.compact(keep_seconds=0, most_bytes=0)
        watch = Watch(response)
        assert await watch.ended() == [("ADDED", "a", "1"), ("ERROR", "", "")]
        assert watch.events[1]["object"]["code"] == 410


@asynchronous
async def test_who_hears_nothing_gets_a_bookmark_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_BOOKMARK_SECONDS", 0.01)
    async with zoo("tom") as client:
        with_ = await client.watch(resourceVersion="1", allowWatchBookmarks="true", labelSelector="nobody")
        without = await client.watch(resourceVersion="1", labelSelector="nobody")
        assert await with_.until(1) == [("BOOKMARK", "", "1")]
        await client.write("kit")
        while with_.told()[-1] != ("BOOKMARK", "", "2"):
            await with_.until(len(with_.told()) + 1)
        assert {"BOOKMARK"} == {one[0] for one in with_.told()}
        assert with_.events[-1]["object"] == {
            "kind": "Cat",
            "apiVersion": "zoo.example.com/v1",
            "metadata": {"resourceVersion": "2"},
        }
        assert not without.parts
        await with_.leave()
        await without.leave()


@asynchronous
async def test_a_watch_ends_in_time_with_a_last_bookmark(monkeypatch: pytest.MonkeyPatch) -> None:
    real = session.Session.__init__
    monkeypatch.setattr(session.Session, "__init__", lambda self, *before: real(self, *before[:-1], before[-1] / 100))
    async with zoo("tom") as client:
        for last, expected in ((0.02, [("BOOKMARK", "", "1")]), (2, [])):
            monkeypatch.setattr(session, "_LAST_BOOKMARK_SECONDS", last)
            watch = await client.watch(resourceVersion="1", timeoutSeconds="5", allowWatchBookmarks="true")
            assert expected == await watch.ended(), last
        for version in ("0", "1"):
            watch = await client.watch(resourceVersion=version, timeoutSeconds="-5", allowWatchBookmarks="true")
            assert await watch.ended() == []


@pytest.mark.parametrize(
    ("query", "code", "words"),
    [
        ({"sendInitialEvents": "true"}, 422, "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"),
        (
            {"resourceVersionMatch": "NotOlderThan"}, 422,
            "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
        ),
        ({"sendInitialEvents": "1", "resourceVersionMatch": "Exact"}, 422, 'resourceVersionMatch: Unsupported value: "Exact": supported values: "NotOlderThan"'),
        ({"resourceVersion": "abc"}, 400, 'strconv.ParseUint: parsing "abc": invalid syntax'),
        ({"timeoutSeconds": "1m"}, 400, 'strconv.ParseInt: parsing "1m": invalid syntax'),
        ({"fieldSelector": "spec.size=1"}, 400, "field label not supported: spec.size"),
    ],
)  # fmt: skip
@asynchronous
async def test_a_wrong_option_is_refused_in_upstreams_words(query: dict[str, str], code: int, words: str) -> None:
    async with zoo() as client:
        refused = await client.refusal(watch="1", **query)

    assert code == refused["code"]
    assert words in refused["message"]


@asynchronous
async def test_a_watch_of_tables_says_its_columns_once() -> None:
    async with zoo("tom") as client:
        watch = await client.watch(accept=TABLE, allowWatchBookmarks="true", includeObject="Metadata")
        await client.write("tom", color="blue")
        await client.delete("tom")
        await watch.until(4)
        objects = [one["object"] for one in watch.events]

    assert {"Table"} == {one["kind"] for one in objects}
    assert [one["columnDefinitions"] and len(one["columnDefinitions"]) for one in objects] == [2, None, None, None]
    assert [one["rows"][0]["cells"] for one in objects] == [
        ["tom", "red"],
        ["", None],
        ["tom", "blue"],
        ["tom", "blue"],
    ]
    assert [one["rows"][0]["object"]["metadata"]["resourceVersion"] for one in objects] == ["1", "1", "2", "3"]
    assert [one["metadata"]["resourceVersion"] for one in objects] == ["1", "1", "2", "3"]
    assert objects[1]["rows"][0]["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"] == "true"


@asynchronous
async def test_a_watch_of_metadata_has_nothing_else() -> None:
    async with zoo("tom") as client:
        watch = await client.watch(accept=f"{JSON_AS}PartialObjectMetadata", allowWatchBookmarks="true")
        await client.delete("tom")
        await watch.until(3)

    assert [{"kind", "apiVersion", "metadata"}] * 3 == [set(one["object"]) for one in watch.events]
    assert {("PartialObjectMetadata", "meta.k8s.io/v1")} == {
        (one["object"]["kind"], one["object"]["apiVersion"]) for one in watch.events
    }


@asynchronous
async def test_all_who_watch_the_same_share_the_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    made = 0
    real = Kept.text

    def text(*arguments: Any) -> bytes:
        nonlocal made
        made += 1
        return real(*arguments)

    async with zoo() as client:
        watches = [await client.watch(resourceVersion="0", labelSelector="size") for _ in range(50)]
        old = [await client.watch("v2/cats", resourceVersion="0") for _ in range(50)]
        monkeypatch.setattr(Kept, "text", text)
        await client.write("tom", labels={"size": "1"})
        for watch in watches + old:
            await watch.until(1)
        assert made == 2, "once for each version"
        for watch in watches + old:
            await watch.leave()


@asynchronous
async def test_a_watch_ends_when_the_server_stops_or_the_client_leaves() -> None:
    async with zoo() as client:
        watch = await client.watch()
        other = await client.watch()
        await client.write("tom")
        await watch.until(1)
        watch.ending.set()
        assert await watch.ended() == [("ADDED", "tom", "1")]
        await other.leave()
        assert not client.kept.feed._watchers
        refused = await client.response("v1/cats", watch="1", resourceVersion="1")
        assert refused.stream is not None
        assert client.kept.feed._watchers
        refused.stream.abandon()
        assert not client.kept.feed._watchers


@asynchronous
async def test_a_watch_that_is_too_slow_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchers, "_MOST_CHANGES", 10)
    async with zoo("tom") as client:
        watch = await client.watch(resourceVersion="1", stalled=True)
        for number in range(50):
            await client.write("tom", note=str(number))
            await asyncio.sleep(0)
        await watch.until(1)
        assert not client.kept.feed._watchers
        await watch.leave()


@asynchronous
async def test_a_store_that_is_away_is_503_and_ends_watches_so_that_they_come_again() -> None:
    class Away(MemoryStore):
        away = False

        async def page(self, *arguments: Any, **more: Any) -> Page:
            if self.away:
                raise Unavailable("it is away")
            return await super().page(*arguments, **more)

    store = Away()
    async with zoo("tom", store=store) as client:
        store.away = True
        assert (await client.refusal(watch="1"))["code"] == 503
        store.away = False
        watch = await client.watch(resourceVersion="1")
        await asyncio.sleep(0)
    assert await watch.ended() == []


@asynchronous
async def test_a_conversion_that_fails_ends_a_watch_with_what_failed() -> None:
    async with zoo() as client:
        watch = await client.watch("v2/cats")
        key = client.kept.key("home", "tom")
        await client.kept.store.put(
            key, b'{"apiVersion":"zoo.example.com/v1","kind":"Cat","metadata":{"name":"tom"}}', expected=0
        )
        assert await watch.ended() == [("ERROR", "", "")]
        assert watch.events[0]["object"]["code"] == 500
        assert "conversion of Cat 'tom'" in watch.events[0]["object"]["message"]


@asynchronous
async def test_many_watchers_cost_little_memory() -> None:
    async with zoo("tom") as client:
        watches = [await client.watch(resourceVersion="1") for _ in range(20)]
        await asyncio.sleep(0)
        gc.collect()
        tracemalloc.start()
        more = [await client.watch(resourceVersion="1") for _ in range(200)]
        await asyncio.sleep(0.01)
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        for watch in watches + more:
            await watch.leave()

    assert held < 200 * 20_000, f"{held / 200:.0f} bytes each"

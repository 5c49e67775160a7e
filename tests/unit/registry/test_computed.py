"""A resource of which there is only a function `list` can be watched: what the function returns is compared."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

import pytest

from extension_apiserver.api.call import Call, Object
from extension_apiserver.api.column import Column
from extension_apiserver.api.documents.discovery import entries
from extension_apiserver.api.resources import Api, Resource
from extension_apiserver.apps.calls import Calls
from extension_apiserver.registry.computed.computed import Computed
from extension_apiserver.request import Connection, Request, Response
from extension_apiserver.request_info import request_info
from extension_apiserver.status import StatusError
from unit.registry.asking import JSON_AS, Watch, body
from unit.registry.cats import GROUP
from unit.running import BASE, Backend, start
from unit.store.databases import asynchronous

PATH = f"/apis/{GROUP}/v1/cats"


def cat(name: str, namespace: str = "home", **spec: Any) -> Object:
    return {"metadata": {"name": name, "namespace": namespace}, "spec": spec}


class Source:
    """A function `list`, and who asks for what it returns."""

    def __init__(self, *items: Object, blocking: bool = False, poll_seconds: float = 0.01) -> None:
        self.items: Iterable[Object] | Exception = list(items)
        self.calls: list[Call] = []
        self.called = asyncio.Event()
        self.resource = Resource(
            kind="Cat", plural="cats", description="A cat.", namespaced=True, verbs={"list": self.list}, poll_seconds=poll_seconds,
            columns=[Column("Color", lambda item: item["spec"].get("color"))],
        )  # fmt: skip
        self.computed = Computed(self.resource, Api(GROUP, ("v1", "v2"), [self.resource]), Calls(blocking=blocking).run)

    def list(self, call: Call) -> Iterable[Object]:
        """Return the items, or raise."""
        self.calls.append(call)
        self.called.set()
        if isinstance(self.items, Exception):
            raise self.items
        return self.items

    async def response(self, path: str = PATH, accept: str = "", **query: Any) -> Response:
        """Return the answer to a GET."""

        async def no_body() -> bytes:
            return b""

        headers = [(b"accept", accept.encode())] if accept else []
        request = Request("GET", f"{path}?{urlencode(query)}", headers, Connection(), no_body)
        return await self.computed.answer(request, request_info(request))

    async def get(self, path: str = PATH, accept: str = "", **query: Any) -> Any:
        """Return the document of a list."""
        return json.loads(await body(await self.response(path, accept, **query)))

    async def watch(self, path: str = PATH, accept: str = "", **query: Any) -> Watch:
        """Begin a watch."""
        return Watch(await self.response(path, accept, watch="1", **query))

    async def polled(self) -> None:
        """Wait until the function was called twice more, so that what there was before the second is told."""
        for _ in range(2):
            self.called.clear()
            await self.called.wait()


@pytest.mark.parametrize("blocking", [False, True])
@asynchronous
async def test_a_list_has_what_the_function_returns(blocking: bool) -> None:
    source = Source(cat("tom", color="red"), cat("leo", "zoo"), blocking=blocking)
    found = await source.get()

    assert [(one["metadata"]["name"], one["metadata"]["namespace"]) for one in found["items"]] == [
        ("tom", "home"),
        ("leo", "zoo"),
    ]
    assert {f"{GROUP}/v1"} == {one["apiVersion"] for one in found["items"]}
    assert {"uid", "creationTimestamp", "resourceVersion"} < set(found["items"][0]["metadata"])
    assert [
        one["metadata"]["name"] for one in (await source.get(f"/apis/{GROUP}/v2/namespaces/zoo/cats"))["items"]
    ] == ["leo"]
    assert [row["cells"] for row in (await source.get(accept=f"{JSON_AS}Table"))["rows"]] == [
        ["tom", "red"],
        ["leo", None],
    ]
    page = await source.get(limit=1)
    assert [len(page["items"]), page["metadata"]["remainingItemCount"]] == [1, 1]
    assert {("", "system:apiserver", f"{GROUP}/v1")} == {
        (one.namespace, one.identity.user, one.api_version) for one in source.calls
    }


@asynchronous
async def test_a_watch_tells_what_is_different() -> None:
    source = Source(cat("tom", color="red"), cat("kit"))
    revision = (await source.get())["metadata"]["resourceVersion"]
    watch = await source.watch(resourceVersion=revision)
    source.items = [cat("tom", color="blue"), cat("new")]
    told = await watch.until(3)

    assert [(kind, name) for kind, name, _ in told] == [("DELETED", "kit"), ("MODIFIED", "tom"), ("ADDED", "new")]
    assert sorted(int(one) for *_, one in told) == [int(revision) + number for number in (1, 2, 3)]
    uids = {one["object"]["metadata"]["uid"] for one in watch.events if one["object"]["metadata"]["name"] == "tom"}
    assert uids == {
        next(one["metadata"]["uid"] for one in (await source.get())["items"] if one["metadata"]["name"] == "tom")
    }
    await watch.leave()


@asynchronous
async def test_equal_results_are_no_event() -> None:
    source = Source(cat("tom", color="red", note="x"))
    watch = await source.watch()
    await watch.until(1)
    source.items = [{"spec": {"note": "x", "color": "red"}, "metadata": {"namespace": "home", "name": "tom"}}]
    await source.polled()
    revision = (await source.get())["metadata"]["resourceVersion"]
    assert [("ADDED", "tom", revision)] == watch.told()
    await watch.leave()


@asynchronous
async def test_a_revision_of_another_process_is_expired() -> None:
    early, late = Source(cat("tom")), Source(cat("tom"))
    revisions = [(await source.get())["metadata"]["resourceVersion"] for source in (early, late)]
    for source, foreign in ((early, revisions[1]), (late, revisions[0]), (late, str(2**63))):
        for query in ({}, {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}):
            if source is late and foreign == revisions[0] and query:
                continue  # not older than that it is
            watch = await source.watch(resourceVersion=foreign, **query)
            await watch.ended()
            assert (watch.events[0]["object"]["code"], watch.events[0]["object"]["reason"]) == (410, "Expired"), query
    for query in (
        {"resourceVersion": revisions[1]},
        {"resourceVersion": revisions[1], "resourceVersionMatch": "Exact"},
    ):
        with pytest.raises(StatusError) as caught:
            await early.response(**query)
        assert caught.value.code == 410, query


@asynchronous
async def test_the_function_is_called_only_for_lists_and_while_somebody_watches() -> None:
    source = Source(cat("tom"))
    await source.get()
    assert source.computed._polling is None
    watches = [await source.watch() for _ in range(5)]
    await source.polled()
    for watch in watches:
        await watch.leave()
    assert not source.computed._watched.is_set()
    again = await source.watch()
    source.items = [cat("tom", color="blue")]
    assert [one[0] for one in await again.until(2)] == ["ADDED", "MODIFIED"]
    await again.leave()


@asynchronous
async def test_those_who_list_at_the_same_time_share_a_call() -> None:
    source = Source(*(cat(f"c{number}") for number in range(50)), blocking=True)
    await asyncio.gather(*(source.get() for _ in range(20)))

    assert len(source.calls) <= 3


@asynchronous
async def test_a_function_that_fails_is_told_to_who_lists_and_ends_no_watch(caplog: pytest.LogCaptureFixture) -> None:
    source = Source(cat("tom"))
    watch = await source.watch()
    await watch.until(1)
    source.items = StatusError(503, "the cats are asleep")
    with caplog.at_level(logging.WARNING):
        await source.polled()
        with pytest.raises(StatusError, match="asleep"):
            await source.get()
        source.items = [cat("tom", color="red")]
        assert [one[0] for one in await watch.until(2)] == ["ADDED", "MODIFIED"]
    assert [one.levelname for one in caplog.records] == ["ERROR", "WARNING"], "once each, however often it is polled"
    await watch.leave()


@pytest.mark.parametrize(
    "items",
    [
        [{"spec": {}}], [{"metadata": {"name": "tom"}}], [{"metadata": {"name": 5, "namespace": "home"}}], [cat("tom"), cat("tom")],
        [cat("tom", note=object())], [cat("tom", note=float("nan"))], [cat("x" * 600)],
    ],
    ids=["no metadata", "no namespace", "no text", "twice", "no JSON", "no number", "too long"],
)  # fmt: skip
@asynchronous
async def test_what_is_no_list_of_objects_is_said_in_one_sentence(items: list[Object]) -> None:
    with pytest.raises(StatusError, match="Internal error occurred: what `list` of cats returned is wrong: ") as caught:
        await Source(*items).get()

    assert caught.value.code == 500


def test_discovery_lists_watch_only_where_there_is_one() -> None:
    resource = Source().resource
    without = Resource(kind="Dog", plural="dogs", description="A dog.", verbs={"list": lambda _: []})

    assert [one["verbs"] for one in entries([resource, without])] == [["list", "watch"], ["list"]]
    for verbs, seconds in (({}, 1), ({"get": print}, 1), ({"list": print}, -1)):
        with pytest.raises(ValueError, match="poll_seconds"):
            Resource(kind="Dog", plural="dogs", description="A dog.", verbs=verbs, poll_seconds=seconds)


def test_a_server_answers_for_it_and_for_other_verbs_as_before(own: Backend) -> None:
    resource = Resource(
        kind="Cat", plural="cats", description="A cat.", poll_seconds=60,
        verbs={"list": lambda _: [{"metadata": {"name": "tom"}}], "get": lambda call: {"metadata": {"name": call.name}}},
    )  # fmt: skip
    start(own, resources=[resource])
    client = own.aggregator()
    (event,) = client.request("GET", f"{BASE}/cats?watch=1&timeoutSeconds=1").text.splitlines()

    assert json.loads(event)["object"]["metadata"]["name"] == "tom"
    assert client.request("GET", f"{BASE}/cats/kit").json()["metadata"]["name"] == "kit"
    assert client.request("GET", f"{BASE}/cats").json()["kind"] == "CatList"
    assert client.request("DELETE", f"{BASE}/cats/kit").status == 405
    assert client.request("GET", f"{BASE}/namespaces/home/cats?watch=1").status == 404

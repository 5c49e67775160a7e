"""Nothing is created in a namespace that is not there or ends, and kube-apiserver is asked no more than it must be."""

import asyncio
import contextlib

import pytest

from extension_apiserver.cluster.kubernetes import ApiError, TooLargeError
from extension_apiserver.registry import namespaces as module
from extension_apiserver.registry.namespaces import Namespaces
from extension_apiserver.status import StatusError
from unit.registry.client import APPLY, CATS, GROUP, Cats, cat


def namespace(name, *, ends=False, version="1"):
    metadata = {"name": name, "resourceVersion": version}
    return {"metadata": metadata | ({"deletionTimestamp": "2026-01-01T00:00:00Z"} if ends else {})}


class FakeClient:
    """Answers as kube-apiserver; `watched` is what the next watches tell."""

    def __init__(self, *pages):
        self.pages = list(pages)
        self.watched = []
        self.one = {}
        self.asked = []
        self.idle = asyncio.Event()

    async def get(self, path, *, accept, **_most):
        assert "as=PartialObjectMetadata" in accept
        self.asked.append(path)
        if "?" not in path:
            found = self.one.get(path.rpartition("/")[2], ApiError("kube-apiserver answers 404: gone", 404))
            if isinstance(found, Exception):
                raise found
            return found
        if not self.pages:
            raise ApiError("kube-apiserver cannot be reached: down")
        page = self.pages.pop(0)
        if isinstance(page, Exception):
            raise page
        return page

    async def watch(self, path, *, accept, **_timeout):
        assert "as=PartialObjectMetadata" in accept
        self.asked.append(path)
        if not self.watched:
            self.idle.set()
            await asyncio.Event().wait()
        for event in self.watched.pop(0):
            yield event


def page(*items, version="1", **metadata):
    return {"metadata": {"resourceVersion": version, **metadata}, "items": list(items)}


@contextlib.asynccontextmanager
async def running(client):
    known = Namespaces(client)
    task = asyncio.create_task(known.run())
    async with asyncio.timeout(20):
        await client.idle.wait()
    yield known
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def refusal(known, name):
    """Return the error of a check, None if it lets pass."""

    async def check():
        try:
            await known.check(name, GROUP, "cats", "tom")
        except StatusError as error:
            return error
        return None

    return check()


def test_what_the_list_and_the_watch_told_is_known_without_asking(monkeypatch):
    monkeypatch.setattr(module, "_SHORTEST_WATCH_SECONDS", 0)

    async def whole():
        client = FakeClient(page(namespace("a"), **{"continue": "x"}), page(namespace("b", ends=True), namespace("c")))
        client.watched = [
            [
                {"type": "MODIFIED", "object": namespace("a", ends=True, version="2")},
                {"type": "ADDED", "object": namespace("d", version="3")},
                {"type": "DELETED", "object": namespace("c", version="4")},
                {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "9"}}},
            ]
        ]
        async with running(client) as known:
            assert known.complaint() is None
            asked = len(client.asked)
            assert await refusal(known, "d") is None
            assert [(await refusal(known, name)).code for name in "ab"] == [403, 403]
            assert len(client.asked) == asked
            assert (await refusal(known, "c")).code == 404

    asyncio.run(whole())


def test_one_that_ends_is_403_with_the_cause_that_controllers_look_for():
    async def whole():
        async with running(FakeClient(page(namespace("a", ends=True)))) as known:
            error = await refusal(known, "a")
            assert (error.code, error.reason) == (403, "Forbidden")
            assert error.message == (
                f'cats.{GROUP} "tom" is forbidden: unable to create new content in namespace a because it is being terminated'
            )
            assert error.details["causes"] == [
                {
                    "reason": "NamespaceTerminating",
                    "message": "namespace a is being terminated",
                    "field": "metadata.namespace",
                }
            ]

    asyncio.run(whole())


def test_one_that_is_not_known_is_asked_for_once_and_then_is_404():
    async def whole():
        client = FakeClient(page())
        client.one = {"new": namespace("new"), "ends": namespace("ends", ends=True), "down": ApiError("down")}
        async with running(client) as known:
            assert await refusal(known, "new") is None
            assert (await refusal(known, "ends")).code == 403
            assert (await refusal(known, "down")).code == 503
            before = len(client.asked)
            error = await refusal(known, "gone")
            assert (error.code, error.message) == (404, 'namespaces "gone" not found')
            assert client.asked[before:] == ["/api/v1/namespaces/gone"]

    asyncio.run(whole())


@pytest.mark.parametrize("name", ["..", "a/b", "a?x=1", "A", "x" * 64, "%2e", "a\nb", ""])
def test_what_is_no_name_is_404_without_asking(name):
    async def whole():
        client = FakeClient()
        assert (await refusal(Namespaces(client), name)).code == 404
        assert client.asked == []

    asyncio.run(whole())


def test_before_the_first_list_it_is_not_ready_and_asks_for_each():
    async def whole():
        client = FakeClient()
        client.one = {"a": namespace("a")}
        known = Namespaces(client)
        assert known.complaint() == "the namespaces were not read yet"
        assert await refusal(known, "a") is None

    asyncio.run(whole())


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (ApiError("kube-apiserver answers 403: no", 403), "bind a ClusterRole that may get, list and watch namespaces"),
        (ApiError("kube-apiserver cannot be reached: down"), "cannot be reached: down"),
        ({"items": 3}, "kube-apiserver answers with something else"),
    ],
)
def test_a_failure_is_told_with_its_remedy_and_tried_again(monkeypatch, failure, words):
    monkeypatch.setattr(module, "backoff_seconds", lambda _failures: 0)
    complaints = []

    async def whole():
        client = FakeClient(failure, page(namespace("a")))
        inner = client.get

        async def get(path, **more):
            complaints.append(known.complaint())
            return await inner(path, **more)

        client.get = get
        known = Namespaces(client)
        task = asyncio.create_task(known.run())
        async with asyncio.timeout(20):
            await client.idle.wait()
        assert known.complaint() is None
        task.cancel()

    asyncio.run(whole())
    assert words in complaints[1]


def test_pages_that_are_too_large_are_asked_for_in_parts():
    async def whole():
        large = TooLargeError("kube-apiserver answers with more than 8 bytes")
        client = FakeClient(large, page(namespace("a"), **{"continue": "x"}), large, page(namespace("b")))
        async with running(client) as known:
            assert [await refusal(known, name) for name in "ab"] == [None, None]
            asked = [path.partition("limit=")[2] for path in client.asked[:4]]
            assert asked == ["200", "10", "10&continue=x", "1&continue=x"]

    asyncio.run(whole())


def test_an_error_of_the_watch_reads_all_anew(monkeypatch):
    monkeypatch.setattr(module, "backoff_seconds", lambda _failures: 0)

    async def whole():
        client = FakeClient(page(namespace("a")), page(namespace("b")))
        client.watched = [[{"type": "ERROR", "object": {"code": 410}}]]
        async with running(client) as known:
            assert (await refusal(known, "a")).code == 404
            assert await refusal(known, "b") is None

    asyncio.run(whole())


def test_a_watch_that_ends_goes_on_from_its_last_version(monkeypatch):
    monkeypatch.setattr(module, "_SHORTEST_WATCH_SECONDS", 0)

    async def whole():
        client = FakeClient(page(namespace("a"), version="5"))
        client.watched = [[{"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "8"}}}]]
        async with running(client):
            versions = [path.partition("resourceVersion=")[2].partition("&")[0] for path in client.asked[1:]]
            assert versions == ["5", "8"]

    asyncio.run(whole())


class Ending(Namespaces):
    """All namespaces end."""

    def __init__(self):
        super().__init__(FakeClient())
        self._ending = {"default": True}


def test_nothing_is_created_where_it_cannot_be_and_all_else_goes_on():
    with Cats() as cats:
        cats.create("tom", metadata={"finalizers": ["a.example.com/b"]})
        with Cats(store=cats.store, namespaces=Ending()) as ending:
            for answer in (
                ending.send("POST", "", cat("kit")),
                ending.send("POST", "?dryRun=All", cat("kit")),
                ending.send("PATCH", "/kit?fieldManager=me", cat("kit"), content_type=APPLY),
                ending.send("POST", "", cat(metadata={"generateName": "kit-"})),
            ):
                assert (answer.code, answer.json["details"]["causes"][0]["reason"]) == (403, "NamespaceTerminating")
            assert ending.send("PATCH", "/tom?fieldManager=me", cat("tom", spec={}), content_type=APPLY).code == 200
            assert ending.send("DELETE", "/tom").code == 200
            assert ending.send("POST", CATS.replace("default", "nowhere"), cat("kit")).code == 404

"""What `get` and `list` answer is what kube-apiserver answers for a CustomResource, from texts that nobody read."""

from __future__ import annotations

import asyncio
import gzip
import json
import tracemalloc
from typing import Any

import pytest

from extension_apiserver.registry.kept import Kept
from extension_apiserver.registry.reading import pages
from extension_apiserver.request import Connection, Request
from extension_apiserver.request_info import request_info
from extension_apiserver.status import StatusError
from extension_apiserver.store.memory import MemoryStore
from extension_apiserver.store.protocol import Page
from extension_apiserver.store.token import Place, token
from extension_apiserver.streams import Gone
from unit.registry.asking import JSON_AS, Client, Reader, body
from unit.registry.cats import cats
from unit.store.databases import asynchronous

HOME = "v1/namespaces/home/cats"
_INVALID = 'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch:'


class Counting(MemoryStore):
    """Counts the pages and the objects that it gives."""

    def __init__(self) -> None:
        super().__init__()
        self.pages = self.objects = 0

    async def page(self, *arguments: Any, **more: Any) -> Page:
        found = await super().page(*arguments, **more)
        self.pages += 1
        self.objects += len(found.items)
        return found


async def filled(count: int = 5, **more: Any) -> Client:
    """Return a client of some cats: c0, c1 …, each other one in the namespace zoo, with a label of its number."""
    client = Client(cats(**more))
    for number in range(count):
        await client.write(
            f"c{number}", "zoo" if number % 2 else "home", {"number": str(number)}, color=f"color{number % 3}"
        )
    return client


@asynchronous
async def test_an_object_is_got_in_its_namespace() -> None:
    client = await filled()

    found = await client.get(f"{HOME}/c0")

    assert tuple(found["metadata"][name] for name in ("name", "namespace", "resourceVersion")) == ("c0", "home", "1")
    for path in ("c1", "nobody", "x" * 600, "%00"):
        refused = await client.refusal(f"{HOME}/{path}")
        assert (refused["code"], refused["reason"]) == (404, "NotFound"), path
        assert {"name", "group", "kind"} == set(refused["details"]), path


@asynchronous
async def test_an_object_may_be_asked_for_not_older_than_a_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "_WAIT_SECONDS", 0.01)
    client = await filled()
    for version in ("", "0", "1", "5"):
        assert (await client.get(f"{HOME}/c0", resourceVersion=version))["metadata"]["name"] == "c0", version
    for path in (f"{HOME}/c0", HOME):
        too_large = await client.refusal(path, resourceVersion="6")
        assert tuple(too_large[name] for name in ("code", "reason", "message")) == (
            504,
            "Timeout",
            "Timeout: Too large resource version: 6, current: 5",
        )
        assert too_large["details"]["causes"] == [
            {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
        ]
    for version in ("-1", "abc", "1.0", str(2**64), "\u0661", "1_0", "9" * 10_000):
        refused = await client.refusal(HOME, resourceVersion=version)
        assert (refused["code"], refused["reason"]) == (400, "BadRequest"), version
        assert "strconv.ParseUint" in refused["message"]


@asynchronous
async def test_who_asks_for_a_revision_that_comes_meanwhile_gets_it() -> None:
    client = await filled()
    feeding = asyncio.create_task(client.kept.feed.run())
    asking = asyncio.create_task(client.get(HOME, resourceVersion="6"))
    await asyncio.sleep(0)
    await client.write("new")

    assert (await asking)["metadata"]["resourceVersion"] == "6"
    feeding.cancel()


@asynchronous
async def test_a_list_has_the_kind_the_revision_and_the_objects() -> None:
    client = await filled()

    found = await client.get(HOME)

    assert {name: found[name] for name in ("kind", "apiVersion", "metadata")} == {
        "kind": "CatList",
        "apiVersion": "zoo.example.com/v1",
        "metadata": {"resourceVersion": "5", "continue": ""},
    }
    assert [(one["metadata"]["name"], one["metadata"]["resourceVersion"]) for one in found["items"]] == [
        ("c0", "1"),
        ("c2", "3"),
        ("c4", "5"),
    ]
    assert await client.names("v1/cats") == ["c0", "c2", "c4", "c1", "c3"]
    assert (await client.get("v1/namespaces/nowhere/cats"))["items"] == []
    assert (await client.get(f"v1/namespaces/{'x' * 600}/cats"))["items"] == []
    old = await client.get("v2/cats")
    assert (old["apiVersion"], old["items"][0]["apiVersion"]) == ("zoo.example.com/v2", "zoo.example.com/v2")
    assert old["items"][0]["spec"] == {"colour": "color0"}


@asynchronous
async def test_nobody_reads_the_objects_of_a_list_as_it_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    client = await filled()

    def never(*_: object) -> None:
        raise AssertionError("an object was read")

    monkeypatch.setattr(Kept, "object", never)
    monkeypatch.setattr(json.JSONDecoder, "raw_decode", never)
    assert (await body(await client.response("v1/cats"))).count(b'"kind":"Cat"') == 5


@asynchronous
async def test_pages_follow_each_other_at_the_revision_of_the_first() -> None:
    client = await filled()
    first = await client.get("v1/cats", limit=2)
    await client.write("c00")
    await client.write("zzz", "zoo")
    await client.delete("c4")
    second = await client.get("v1/cats", limit=2, **{"continue": first["metadata"]["continue"]})
    third = await client.get("v1/cats", limit=2, resourceVersion="0", **{"continue": second["metadata"]["continue"]})

    assert [[one["metadata"]["name"] for one in page["items"]] for page in (first, second, third)] == [
        ["c0", "c2"],
        ["c4", "c1"],
        ["c3"],
    ]
    assert {"5"} == {page["metadata"]["resourceVersion"] for page in (first, second, third)}
    assert [page["metadata"].get("remainingItemCount") for page in (first, second, third)] == [3, 1, None]
    assert third["metadata"]["continue"] == ""


@asynchronous
async def test_what_follows_is_counted_once_for_all_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A count takes as long as there are objects, so one for each page would make the whole take as long as their square."""
    client = await filled(30)
    counted = []
    count = client.kept.store.count

    async def counting(*place: Any, **rest: Any) -> int:
        counted.append(place)
        return await count(*place, **rest)

    monkeypatch.setattr(client.kept.store, "count", counting)
    left, token = [], ""
    for _ in range(4):
        metadata = (await client.get("v1/cats", limit=8, **{"continue": token}))["metadata"]
        left.append(metadata.get("remainingItemCount"))
        token = metadata.get("continue", "")
    assert (left, len(counted)) == ([22, 14, 6, None], 1)


@asynchronous
async def test_a_limit_that_is_just_reached_has_no_next_page() -> None:
    client = await filled()
    for limit in (5, 6, 0, -1, 2**63 - 1):
        found = await client.get("v1/cats", limit=limit)
        assert (found["metadata"], len(found["items"])) == ({"resourceVersion": "5", "continue": ""}, 5), limit


@asynchronous
async def test_a_filtered_page_is_filled_and_tells_no_count() -> None:
    client = await filled(30)
    found = await client.get("v1/cats", limit=3, labelSelector="number in (4,20,7,28,1)")

    assert [one["metadata"]["name"] for one in found["items"]] == ["c20", "c28", "c4"]
    assert {"resourceVersion", "continue"} == set(found["metadata"])
    rest = await client.get(
        "v1/cats", limit=3, labelSelector="number in (4,20,7,28,1)", **{"continue": found["metadata"]["continue"]}
    )
    assert [one["metadata"]["name"] for one in rest["items"]] == ["c1", "c7"]
    assert "remainingItemCount" not in rest["metadata"]


@asynchronous
async def test_an_expired_page_tells_how_to_go_on() -> None:
    client = await filled()
    first = await client.get("v1/cats", limit=2)
    await client.write("c00")
    for _ in range(2):
        await client.kept.store.compact(keep_seconds=0, most_bytes=0)
    query = {"limit": 2, "continue": first["metadata"]["continue"]}
    refused = await client.refusal("v1/cats", **query)

    assert (refused["code"], refused["reason"]) == (410, "Expired")
    assert refused["message"].startswith(
        "The provided continue parameter is too old to display a consistent list result."
    )
    rest = await client.get("v1/cats", limit=2, **{"continue": refused["metadata"]["continue"]})
    assert [one["metadata"]["name"] for one in rest["items"]] == ["c4", "c1"]
    assert rest["metadata"]["resourceVersion"] == "6"
    old = await client.refusal("v1/cats", resourceVersion="1", resourceVersionMatch="Exact")
    assert tuple(old[name] for name in ("code", "reason", "message")) == (
        410,
        "Expired",
        "The resourceVersion for the provided list is too old.",
    )


@asynchronous
async def test_a_list_may_be_of_an_exact_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "_WAIT_SECONDS", 0.01)
    client = await filled()
    for query, names, revision in (
        ({"resourceVersion": "2", "resourceVersionMatch": "Exact"}, ["c0", "c1"], "2"),
        ({"resourceVersion": "2", "limit": 50}, ["c0", "c1"], "2"),
        ({"resourceVersion": "2"}, ["c0", "c2", "c4", "c1", "c3"], "5"),
        (
            {"resourceVersion": "2", "resourceVersionMatch": "NotOlderThan", "limit": 50},
            ["c0", "c2", "c4", "c1", "c3"],
            "5",
        ),
        ({"resourceVersion": "0", "resourceVersionMatch": "NotOlderThan"}, ["c0", "c2", "c4", "c1", "c3"], "5"),
        ({"resourceVersion": "0", "limit": 2}, ["c0", "c2", "c4", "c1", "c3"], "5"),
    ):
        found = await client.get("v1/cats", **query)
        assert (names, revision) == (
            [one["metadata"]["name"] for one in found["items"]], found["metadata"]["resourceVersion"],
        ), query  # fmt: skip
    assert (await client.refusal("v1/cats", resourceVersion="9", resourceVersionMatch="Exact"))["code"] == 504


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        (
            {"resourceVersionMatch": "Exact"}, 422,
            f"{_INVALID} Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
        ),
        (
            {"resourceVersionMatch": "Newer", "resourceVersion": "5"}, 422,
            f'{_INVALID} Unsupported value: "Newer": supported values: "Exact", "NotOlderThan", ""',
        ),
        (
            {"resourceVersionMatch": "Exact", "resourceVersion": "0"}, 422,
            f'{_INVALID} Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
        ),
        (
            {"sendInitialEvents": "true"}, 422,
            'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list',
        ),
        ({"limit": 2**63}, 400, 'strconv.ParseInt: parsing "9223372036854775808": value out of range'),
        ({"limit": "many"}, 400, 'strconv.ParseInt: parsing "many": invalid syntax'),
        ({"limit": ""}, 400, 'strconv.ParseInt: parsing "": invalid syntax'),
        ({"timeoutSeconds": "1s"}, 400, 'strconv.ParseInt: parsing "1s": invalid syntax'),
        ({"continue": "nonsense"}, 400, "invalid continue token: continue key is not valid: it must be the one that the last page ended with"),
        ({"continue": "x" * 2**20}, 400, "invalid continue token: continue key is not valid: it must be the one that the last page ended with"),
        ({"continue": token(Place(3, ("", "a"))), "resourceVersion": "3"}, 400, "specifying resource version is not allowed when using continue"),
        ({"fieldSelector": "spec.color=red"}, 400, "field label not supported: spec.color"),
        ({"fieldSelector": "metadata.uid=5"}, 400, "field label not supported: metadata.uid"),
        ({"labelSelector": "a in b"}, 400, "unable to parse requirement: found 'b' expected: '('"),
    ],
)  # fmt: skip
@asynchronous
async def test_a_wrong_option_is_refused_in_upstreams_words(query: dict[str, Any], code: int, message: str) -> None:
    refused = await (await filled(0)).refusal("v1/cats", **query)

    assert (code, message) == (refused["code"], refused["message"])
    assert {400: "BadRequest", 422: "Invalid"}[code] == refused["reason"]


@asynchronous
async def test_labels_select() -> None:
    client = Client(cats())
    await client.write("red", labels={"color": "red", "size": "1"})
    await client.write("blue", labels={"color": "blue"})
    await client.write("none")
    for selector, names in (
        ("color=red", ["red"]), ("color==red,size=1", ["red"]), ("color=red,size=2", []), ("color", ["blue", "red"]),
        ("!color", ["none"]), ("color!=red", ["blue", "none"]), ("color notin (red,blue)", ["none"]), ("color in (red,blue)", ["blue", "red"]),
        ("color in (red),color in (blue)", []), ("color,color in (red)", ["red"]), ("color in (red),color", ["red"]), ("!color,color", []),
        ("color notin (red),color notin (blue)", ["none"]), ("!color,color notin (red)", ["none"]), ("color notin (red),!color", ["none"]),
        ("size", ["red"]), ("size>0", ["red"]), ("size>0,size<1", []), ("size<5,size>0,size", ["red"]), ("color>1", []), ("", ["blue", "none", "red"]),
    ):  # fmt: skip
        assert names == await client.names(HOME, labelSelector=selector), selector


@asynchronous
async def test_fields_select() -> None:
    client = Client(cats(selectable_fields=["spec.color", ".spec.note"]))
    await client.write("tom", color="red", note=True)
    await client.write("tom", "zoo", color="red", note=5)
    await client.write("kit", color="blue")
    for path, selector, names in (
        ("v1/cats", "metadata.name=tom", ["tom", "tom"]), (HOME, "metadata.name=tom", ["tom"]), (HOME, "metadata.name!=tom", ["kit"]),
        ("v1/cats", "metadata.namespace=zoo", ["tom"]), (HOME, "metadata.namespace=zoo", []), ("v1/cats", "metadata.namespace!=zoo", ["kit", "tom"]),
        ("v1/cats", "metadata.namespace=zoo,metadata.name=tom", ["tom"]), (HOME, "metadata.name=tom,metadata.name=kit", []),
        (HOME, "metadata.name=tom,metadata.name!=tom", []), (HOME, "metadata.name=", []), (HOME, "metadata.name=to", []),
        (HOME, "metadata.name=" + "x" * 600, []), (HOME, "metadata.name=tom,spec.color=red", ["tom"]), (HOME, "spec.color=red", ["tom"]),
        ("v1/cats", "spec.color!=red", ["kit"]), ("v1/cats", "spec.note=true", ["tom"]), ("v1/cats", "spec.note=5", ["tom"]),
        ("v1/cats", "spec.note=", ["kit"]), ("v2/cats", "spec.color=red", []), (HOME, "metadata.name=\ud7ff\\,", []),
    ):  # fmt: skip
        assert names == await client.names(path, fieldSelector=selector), (path, selector)
    assert await client.names(HOME, fieldSelector="metadata.name=tom", labelSelector="color") == []


@asynchronous
async def test_a_name_is_found_without_reading_the_others() -> None:
    store = Counting()
    client = await filled(100, store=store)
    for name in ("c0", "c98", "zzz"):
        store.pages = store.objects = 0
        found = await client.get(HOME, fieldSelector=f"metadata.name={name}", limit=1)
        assert found["metadata"] == {"resourceVersion": "100", "continue": ""}
        assert max(store.pages, store.objects) == 1, name


@asynchronous
async def test_a_table_has_a_row_for_each_object() -> None:
    client = await filled()
    first = await client.get("v1/cats", f"{JSON_AS}Table,application/json", limit=2, includeObject="Object")
    second = await client.get("v2/cats", f"{JSON_AS}Table", **{"continue": first["metadata"]["continue"]})

    assert (
        first["kind"],
        first["apiVersion"],
        first["metadata"]["remainingItemCount"],
    ) == ("Table", "meta.k8s.io/v1", 3)
    assert [row["cells"] for row in first["rows"]] == [["c0", "color0"], ["c2", "color2"]]
    assert [one["name"] for one in first["columnDefinitions"]] == ["Name", "Color"]
    assert [row["object"]["spec"] for row in first["rows"]] == [{"color": "color0"}, {"color": "color2"}]
    assert [row["cells"] for row in second["rows"]] == [["c4"], ["c1"], ["c3"]], "v2 has no columns but the name"


@asynchronous
async def test_a_list_of_metadata_has_nothing_else() -> None:
    client = await filled()
    accept = f"application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList,{JSON_AS}PartialObjectMetadataList,application/json"
    found = await client.get("v1/cats", accept)

    assert (found["kind"], found["apiVersion"]) == ("PartialObjectMetadataList", "meta.k8s.io/v1")
    assert {"kind", "apiVersion", "metadata"} == {name for one in found["items"] for name in one}
    assert [one["metadata"]["resourceVersion"] for one in found["items"]] == ["1", "3", "5", "2", "4"]
    assert {"PartialObjectMetadata"} == {one["kind"] for one in found["items"]}


async def large(count: int = 300, store: MemoryStore | None = None) -> Client:
    """Return a client of cats of 2 KB each."""
    client = Client(cats(store))
    for number in range(count):
        await client.write(f"c{number:04}", labels={"number": str(number)}, note="x" * 2000)
    return client


@asynchronous
async def test_a_long_list_is_a_stream_of_small_parts() -> None:
    client = await large()
    response = await client.response("v1/cats")
    assert response.stream is not None
    assert not response.stream.ends_anywhere, "its beginning must not pass for the whole"
    reader = Reader()
    await response.stream.run(reader)

    document = json.loads(b"".join(reader.parts))
    assert ([f"c{number:04}" for number in range(300)], "300") == (
        [one["metadata"]["name"] for one in document["items"]], document["metadata"]["resourceVersion"],
    )  # fmt: skip
    assert max(map(len, reader.parts)) < 100_000


@asynchronous
async def test_a_long_list_is_compressed_if_the_client_asks_for_that() -> None:
    client = await large()
    plain = await body(await client.response("v1/cats"))
    for asked, packed in ((b"gzip", True), (b"deflate, gzip", True), (b"gzip;q=0", False), (b"br", False)):
        response = await client.response("v1/cats", headers=[(b"accept-encoding", asked)])
        headers = dict(response.headers)
        content = await body(response)
        assert (packed, packed) == (
            headers.get("Content-Encoding") == "gzip",
            headers.get("Vary") == "Accept-Encoding",
        ), asked
        assert plain == (gzip.decompress(content) if packed else content)
    short = await client.response("v1/cats", limit=3, headers=[(b"accept-encoding", b"gzip")])
    assert (short.stream, dict(short.headers).get("Content-Encoding")) == (None, None)


@asynchronous
async def test_a_list_that_fails_later_is_cut_off() -> None:
    client = await large()
    response = await client.response("v1/cats")
    await client.write("last")
    for _ in range(2):
        await client.kept.store.compact(keep_seconds=0, most_bytes=0)
    assert response.stream is not None
    with pytest.raises(StatusError) as caught:
        await response.stream.run(Reader())

    assert caught.value.code == 410


@asynchronous
async def test_a_list_that_nobody_reads_holds_one_page() -> None:
    store = Counting()
    client = await large(1500, store)
    store.objects = 0
    tracemalloc.start()
    streams = []
    for _ in range(10):
        response = await client.response("v1/cats")
        assert response.stream is not None
        streams.append(asyncio.create_task(response.stream.run(Reader(stalled=True))))
    await asyncio.sleep(0.01)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    for stream in streams:
        stream.cancel()

    assert held < 10 * 2**20, "1 MiB each; the list has 3 MiB"
    assert store.objects < 10 * 600


@asynchronous
async def test_others_have_their_turn_while_a_long_list_is_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "_MOST_ITEMS", 50)
    client = await filled(1000)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    assert await client.names(labelSelector="nobody") == []
    task.cancel()
    assert turns >= 19


@asynchronous
async def test_who_leaves_is_searched_for_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "_MOST_ITEMS", 10)
    store = Counting()
    client = await filled(1000, store=store)
    leaving = client.kept.store.page

    async def page(*arguments: Any, **more: Any) -> Page:
        for left in list(connection.watchers):
            left()
        return await leaving(*arguments, **more)

    connection = Connection()
    request = Request(
        "GET", "/apis/zoo.example.com/v1/cats?labelSelector=nobody", [], connection, client.registry.answer
    )  # type: ignore[arg-type]
    monkeypatch.setattr(store, "page", page)
    with pytest.raises(Gone):
        await client.registry.answer(request, request_info(request))
    assert store.pages == 1
    assert not connection.watchers


@asynchronous
async def test_a_selector_of_thousands_of_requirements_costs_what_the_labels_do() -> None:
    client = await filled(200)
    keys = [f"k{number}" for number in range(3_000)]
    for selector in (
        ",".join(f"!{key}" for key in keys), ",".join(keys), f"number in ({','.join(map(str, range(10_000)))})",
        ",".join(f"number!={number + 500}" for number in range(3_000)),
    ):  # fmt: skip
        found = await client.names(labelSelector=selector)
        assert len(found) == (0 if selector[0] == "k" else 200)


@asynchronous
async def test_a_head_is_answered_as_a_get() -> None:
    client = await filled()
    for path in ("v1/cats", f"{HOME}/c0"):
        assert (await client.response(path, method="HEAD")).headers == (await client.response(path)).headers


@asynchronous
async def test_fields_of_ten_thousand_terms_select_as_few_do() -> None:
    client = await filled(0)
    for name, color in (("a", "red"), ("b", "blue"), ("c", "")):
        await client.write(name, color=color)
    many = [f"metadata.name!=x{number}" for number in range(5000)]
    for terms, names in (
        ([*many, "metadata.name!=b"], ["a", "c"]),
        ([*many, "metadata.name=b"], ["b"]),
        ([*many, "metadata.name=b", "metadata.name!=b"], []),
        (["metadata.name=a", "metadata.name=b"], []),
        (["metadata.name=a", "metadata.name==a"], ["a"]),
        (["metadata.namespace=home", "metadata.namespace!=home"], []),
        (["metadata.namespace=home", *many[:2]], ["a", "b", "c"]),
    ):
        assert await client.names("v1/cats", fieldSelector=",".join(terms)) == names, terms[-2:]

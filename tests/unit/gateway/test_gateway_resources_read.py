"""What kubectl reads of a mapped resource."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extension_apiserver import Call, Identity, StatusError
from extension_apiserver.gateway.resources.listing import Room
from extension_apiserver.gateway.resources.metadata import timestamp
from unit.fake_aggregator import Answer
from unit.gateway.fake_pets import Serve, Upstream, pets, refusal
from unit.running import BASE, GROUP

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


def names(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.text
    return [item["metadata"]["name"] for item in answer.json()["items"]]


def test_an_item_becomes_the_spec_of_an_object(serve: Serve, upstream: Upstream) -> None:
    """A number is a name, too; what is not known of the time of creation is null, not now."""
    upstream.says("GET /pets", {"items": [{"id": 7, "name": "Tom"}]})
    item = serve().request("GET", f"{BASE}/pets").json()["items"][0]

    uid = item["metadata"].pop("uid")
    assert len(uid) == 36
    assert item == {
        "apiVersion": f"{GROUP}/v1",
        "kind": "Pet",
        "metadata": {"name": "7", "creationTimestamp": None, "resourceVersion": "1"},
        "spec": {"id": 7, "name": "Tom"},
    }
    assert upstream.calls[0].identity.user == "alice"
    assert upstream.calls[0].version == "v1"


def test_an_object_has_the_same_uid_each_time(serve: Serve, upstream: Upstream) -> None:
    """By it clients tell whether an object is another one; one that was made at another time is."""
    upstream.says("GET /pets/7", {"id": 7, "at": 1700000000})
    api = serve(pets(fields={"name": "id", "creationTimestamp": "at"}))
    uids = [api.request("GET", f"{BASE}/pets/7").json()["metadata"]["uid"] for _ in range(2)]
    upstream.says("GET /pets/7", {"id": 7, "at": 1800000000})
    uids.append(api.request("GET", f"{BASE}/pets/7").json()["metadata"]["uid"])

    assert uids[0] == uids[1] != uids[2]


def test_without_get_an_object_is_found_in_the_list(serve: Serve, upstream: Upstream) -> None:
    """And what is not in it is not found."""
    upstream.says("GET /pets", {"items": [{"id": "tom"}, {"id": "kim"}]})
    api = serve(pets(get=None))

    assert api.request("GET", f"{BASE}/pets/kim").json()["spec"] == {"id": "kim"}
    missing = api.request("GET", f"{BASE}/pets/leo")
    assert refusal(missing) == (404, f'pets.{GROUP} "leo" not found')
    assert missing.json()["details"] == {"name": "leo", "group": GROUP, "kind": "pets"}


def test_get_takes_the_object_out_of_its_envelope(serve: Serve, upstream: Upstream) -> None:
    """As list does with its items."""
    upstream.says("GET /pets/tom", {"data": {"id": "tom"}})

    answer = serve(pets(get={"path": "/pets/{name}", "object": "data"})).request("GET", f"{BASE}/pets/tom")
    assert answer.json()["spec"] == {"id": "tom"}


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({}, "has no name (fields.name 'id' gives null)"),
        ({"id": None}, "has no name (fields.name 'id' gives null)"),
        ({"id": True}, "has no name (fields.name 'id' gives true)"),
        ({"id": 1.5}, "has no name (fields.name 'id' gives 1.5)"),
        ({"id": ["a"]}, "has no name (fields.name 'id' gives a list)"),
        ({"id": ""}, "has the name '', which no object can have"),
        ({"id": ".."}, "has the name '..', which no object can have"),
        ({"id": "."}, "has the name '.', which no object can have"),
        ({"id": "..;a"}, "has the name '..;a', which no object can have"),
        ({"id": "a/b"}, "has the name 'a/b', which no object can have"),
        ({"id": "a\\b"}, "has the name 'a\\b', which no object can have"),
        ({"id": "a%2fb"}, "has the name 'a%2fb', which no object can have"),
        ({"id": "a\x1b[2J"}, "has the name 'a [2J', which no object can have"),
        ({"id": "\ud800"}, "has the name '', which no object can have"),
        ({"id": "a" * 254}, "which no object can have"),
        ("tom", "is 'tom', and must be an object"),
        (None, "is null, and must be an object"),
    ],
)
def test_an_item_that_is_no_object_is_named_by_path_and_number(
    serve: Serve, upstream: Upstream, item: object, words: str
) -> None:
    """Nothing is left out of a list in silence."""
    upstream.says("GET /pets", {"items": [{"id": "a"}, {"id": "b"}, {"id": "c"}, item]})
    code, message = refusal(serve().request("GET", f"{BASE}/pets"))

    assert (code, message.startswith("GET /pets of the upstream: item 3 ")) == (502, True)
    assert words in message


def test_two_items_of_one_name_are_refused(serve: Serve, upstream: Upstream) -> None:
    """Who deletes one of them would not know which; a number and its text are one name."""
    upstream.says("GET /pets", {"items": [{"id": 1}, {"id": 2}, {"id": "1"}]})

    message = "GET /pets of the upstream: items 0 and 2 have the same name '1'"
    assert refusal(serve().request("GET", f"{BASE}/pets")) == (502, message)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "the answer (200, application/json) is no JSON: it is empty"),
        (b"<html>Log in", "is no JSON: Expecting value"),
        (b'{"items": [{"id": 1, "x": NaN}]}', "is no JSON: it has NaN"),
        (b'{"items": [{"id": 1, "x": 1e999}]}', "the number 1e999 is too large"),
        (b'{"items": [{"id": ' + b"1" * 400 + b"}]}", "is too large"),
        (b'{"items": [{"id": ' + b"1" * 5000 + b"}]}", "is too large"),
        (b'{"items": [{"id": 1, "x": ' + b"[" * 99 + b"]" * 99 + b"}]}", "has more than 100 levels"),
        (b"[" * 100_000, "has more than 100 levels"),
        (b'{"items": "\xff"}', "is no JSON"),
        (b"{}", "list.items 'items' gives null, and must give a list; if that means none, write it with || `[]`"),
        (b'{"items": {"a": 1}}', "list.items 'items' gives an object, and must give a list"),
        (b"7", "list.items 'items' gives null"),
    ],
    ids=range(12),
)
def test_an_answer_that_is_no_list_is_refused_in_a_sentence(
    serve: Serve, upstream: Upstream, body: bytes, words: str
) -> None:
    """Whatever a broken upstream sends."""
    upstream.says("GET /pets", body)
    code, message = refusal(serve().request("GET", f"{BASE}/pets"))

    assert (code, message.startswith("GET /pets of the upstream: ")) == (502, True)
    assert words in message


def test_of_a_key_that_comes_twice_the_last_counts(serve: Serve, upstream: Upstream) -> None:
    """For the name and for the spec alike, so nobody is shown one and gets the other."""
    upstream.says("GET /pets", b'{"items": [{"id": "tom", "id": "kim"}]}')
    item = serve().request("GET", f"{BASE}/pets").json()["items"][0]

    assert (item["metadata"]["name"], item["spec"]) == ("kim", {"id": "kim"})


def test_a_function_that_cannot_be_applied_is_named(serve: Serve, upstream: Upstream) -> None:
    """JMESPath finds out only with the answer."""
    upstream.says("GET /pets", {"items": [{"id": 7}]})
    code, message = refusal(serve(pets(fields={"name": "join('-', id)"})).request("GET", f"{BASE}/pets"))

    assert code == 502
    assert message.startswith("GET /pets of the upstream: item 0: fields.name 'join('-', id)' cannot be applied: ")


@pytest.mark.parametrize(
    ("status", "headers", "body", "expected"),
    [
        (400, {}, {"message": "no such colour"}, (400, "BadRequest", ": no such colour")),
        (401, {}, {"error": {"message": "who?"}}, (502, "", ": who?")),
        (403, {}, {"title": "No", "detail": "vets only"}, (403, "Forbidden", ": vets only")),
        (404, {}, b"", (404, "NotFound", "")),
        (405, {}, b"", (502, "", "")),
        (410, {}, b"", (404, "NotFound", "")),
        (422, {}, {"detail": [{"msg": "a"}, {"msg": "b"}]}, (422, "Invalid", ": a; b")),
        (429, {"Retry-After": "7"}, b"slow down", (429, "TooManyRequests", ": slow down")),
        (500, {}, b"<html><head><title>x</title></head><h1>Oops &amp; sorry</h1>", (502, "", ": Oops & sorry")),
        (503, {"Retry-After": "7"}, b"\x1b[31mback\r\nsoon", (503, "ServiceUnavailable", ": [31mback soon")),
        (301, {}, b"", (502, "", "")),
        (100, {}, b"", (502, "", "")),
    ],
)
def test_a_refusal_of_the_upstream_is_a_status_with_its_words(
    serve: Serve, upstream: Upstream, status: int, headers: dict[str, str], body: object, expected: tuple[int, str, str]
) -> None:
    """It begins with who refuses, so nobody takes it for kube-apiserver's; 401 is no client's fault, who has just been accepted."""
    upstream.says("GET /pets", body, status, **headers)
    answer = serve().request("GET", f"{BASE}/pets")
    code, reason, words = expected

    assert refusal(answer) == (code, f"GET /pets of the upstream answered {status}{words}")
    assert answer.json().get("reason", "") == reason
    assert answer.header("Retry-After") == headers.get("Retry-After", "")


def test_the_words_of_the_upstream_are_bounded(serve: Serve, upstream: Upstream) -> None:
    """A page of 1 MiB becomes one line."""
    upstream.says("GET /pets", b"<p>" + b"word " * 200_000, 400)

    assert len(refusal(serve().request("GET", f"{BASE}/pets"))[1]) < 600


@pytest.mark.parametrize("name", ["..", ".", "..;x", "a%252fb", "a%5Cb", "x" * 254])
def test_a_name_that_would_leave_its_segment_is_not_found(serve: Serve, upstream: Upstream, name: str) -> None:
    """And the upstream is not asked."""
    answer = serve().request("GET", f"{BASE}/pets/{name.replace('..', '%2E%2E') if name.startswith('.') else name}")

    assert answer.status == 404
    assert upstream.calls == []


def test_a_name_stays_within_its_segment(serve: Serve, upstream: Upstream) -> None:
    """Everything that means something in a URL is encoded."""
    upstream.says("GET /pets/a%3Fb%23c%20d%3B%C3%A4", {"id": "a?b#c d;ä"})

    answer = serve().request("GET", f"{BASE}/pets/a%3Fb%23c%20d%3B%C3%A4")
    assert answer.json()["metadata"]["name"] == "a?b#c d;ä"


def test_an_object_by_another_name_is_not_found(serve: Serve, upstream: Upstream) -> None:
    """Whoever may get 'latest' has not been asked about 'tom'."""
    upstream.says("GET /pets/latest", {"id": "tom"})

    assert serve().request("GET", f"{BASE}/pets/latest").status == 404


@pytest.mark.parametrize(
    ("labels", "item", "expected"),
    [
        (
            "tags",
            {"tags": {"a": "x", "b": 3, "c": True, "d": None, "e": ""}},
            {"a": "x", "b": "3", "c": "true", "e": ""},
        ),
        ("tags[].name", {"tags": [{"name": "cute"}, {"name": "old"}]}, {"cute": "", "old": ""}),
        ("tags", {"tags": {"bad key": "x", "a": "bad value", "b": 1.5, "c": {}, "d/e": "y"}}, {"d/e": "y"}),
        ("tags", {"tags": "cute"}, None),
        ("tags", {}, None),
        ("tags", {"tags": {f"k{number}": "x" for number in range(101)}}, {f"k{number}": "x" for number in range(100)}),
    ],
)
def test_what_can_be_a_label_is_one(
    serve: Serve, upstream: Upstream, labels: str, item: dict[str, Any], expected: object
) -> None:
    """What cannot stays in the spec alone."""
    upstream.says("GET /pets/1", {"id": 1, **item})
    found = serve(pets(fields={"name": "id", "labels": labels})).request("GET", f"{BASE}/pets/1").json()

    assert found["metadata"].get("labels") == expected
    assert found["spec"] == {"id": 1, **item}


def test_what_can_be_no_label_is_in_the_log_once(
    serve: Serve, upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    """With path and number of the item; a list of ten thousand does not fill a disk."""
    upstream.says("GET /pets", {"items": [{"id": 1, "t": {"a\n": "x"}}, {"id": 2, "t": {"b": "y "}}]})
    serve(pets(fields={"name": "id", "labels": "t"})).request("GET", f"{BASE}/pets")

    assert [record.message for record in caplog.records if "label" in record.message] == [
        "resources[0]: GET /pets of the upstream: item 0: 'a' with 'x' can be no label; it stays in the spec alone, and this is said once"
    ]


def test_labels_select(serve: Serve, upstream: Upstream) -> None:
    """Kubectl get -l, and by the name."""
    upstream.says("GET /pets", {"items": [{"id": 1, "tags": {"a": "x"}}, {"id": 2, "tags": {"a": "y"}}]})
    api = serve(pets(fields={"name": "id", "labels": "tags"}))

    assert names(api.request("GET", f"{BASE}/pets?labelSelector=a%3Dx")) == ["1"]
    assert names(api.request("GET", f"{BASE}/pets?fieldSelector=metadata.name%3D2")) == ["2"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05.678+02:00", "2026-01-02T01:04:05Z"),
        ("2026-01-02 03:04:05", "2026-01-02T03:04:05Z"),
        ("2026-01-02", "2026-01-02T00:00:00Z"),
        (1700000000, "2023-11-14T22:13:20Z"),
        (1700000000.9, "2023-11-14T22:13:20Z"),
        ("1700000001", "2023-11-14T22:13:21Z"),
        (1700000000123, "2023-11-14T22:13:20Z"),
        (1700000000123456789, "2023-11-14T22:13:20Z"),
        (0, "1970-01-01T00:00:00Z"),
        ("yesterday", None),
        ("0001-01-01T00:00:00+14:00", None),
        (10**300, None),
        (-(10**10), "1653-02-10T06:13:20Z"),
        (True, None),
        ({}, None),
    ],
)
def test_a_time_of_creation_is_read_in_any_form(given: object, expected: object) -> None:
    """ISO 8601, seconds, thousandths; what is none is unknown, and that is no reason to show nothing."""
    assert timestamp(given) == expected


NAMESPACED = pets(namespaced=True, fields={"name": "id", "namespace": "team"})


def test_a_namespace_shows_its_own_objects_alone(serve: Serve, upstream: Upstream) -> None:
    """Also if the upstream's list is of all."""
    upstream.says("GET /pets", {"items": [{"id": 1, "team": "a"}, {"id": 1, "team": "b"}]})
    upstream.says("GET /pets/1", {"id": 1, "team": "b"})
    api = serve(NAMESPACED)

    found = api.request("GET", f"{BASE}/namespaces/a/pets").json()["items"]
    assert [item["metadata"]["namespace"] for item in found] == ["a"]
    assert len(api.request("GET", f"{BASE}/pets").json()["items"]) == 2
    assert api.request("GET", f"{BASE}/namespaces/b/pets/1").status == 200
    assert api.request("GET", f"{BASE}/namespaces/a/pets/1").status == 404


def test_an_item_without_a_namespace_is_named(serve: Serve, upstream: Upstream) -> None:
    """Nobody could say who may see it."""
    upstream.says("GET /pets", {"items": [{"id": 1}]})

    message = "GET /pets of the upstream: item 0 has no namespace (fields.namespace 'team' gives null)"
    assert refusal(serve(NAMESPACED).request("GET", f"{BASE}/namespaces/a/pets")) == (502, message)


def test_a_path_with_a_namespace_needs_no_field(serve: Serve, upstream: Upstream) -> None:
    """Then the upstream knows only lists of one namespace."""
    upstream.says("GET /teams/a%20b/pets", [{"id": 1}])
    entry = pets(
        namespaced=True,
        list={"path": "/teams/{namespace}/pets"},
        **dict.fromkeys(("get", "create", "update", "delete")),
    )
    api = serve(entry)

    assert api.request("GET", f"{BASE}/namespaces/a%20b/pets/1").json()["metadata"]["namespace"] == "a b"
    code, message = refusal(api.request("GET", f"{BASE}/pets"))
    assert (code, message) == (405, "pets can only be listed in a namespace: the upstream has no list of all")
    before = len(upstream.calls)
    assert api.request("GET", f"{BASE}/namespaces/..;/pets").status == 404
    assert len(upstream.calls) == before


def test_parameters_of_a_list_are_sent(serve: Serve, upstream: Upstream) -> None:
    """One about the namespace only if there is one."""
    upstream.says("GET /pets", [])
    query = {"limit": 100, "all": True, "team": "{namespace}"}
    api = serve({**NAMESPACED, "list": {"path": "/pets", "query": query}})
    api.request("GET", f"{BASE}/namespaces/a/pets")
    api.request("GET", f"{BASE}/pets?limit=5")

    fixed = [("limit", "100"), ("all", "true")]
    assert [list(call.query) for call in upstream.calls] == [[*fixed, ("team", "a")], fixed]


@pytest.mark.parametrize(
    ("listing", "following"),
    [
        ({"next": "next", "nextParameter": "after"}, "t1"),
        ({"next": "next"}, "http://elsewhere.example.com/pets?after=t1#x"),
    ],
)
def test_pages_are_one_list(serve: Serve, upstream: Upstream, listing: dict[str, str], following: str) -> None:
    """By a token or a URL, of which only the query counts: nobody is sent elsewhere."""
    upstream.says("GET /pets", {"items": [{"id": 1}], "next": following})
    upstream.says("GET /pets?after=t1", {"items": [{"id": 2}], "next": None})
    api = serve(pets(list={"path": "/pets", "items": "items", **listing}))

    assert names(api.request("GET", f"{BASE}/pets")) == ["1", "2"]
    assert upstream.asked == ["GET /pets", "GET /pets"]


def test_pages_without_an_end_end(serve: Serve, upstream: Upstream) -> None:
    """With a sentence instead of half a list."""
    upstream.says("GET /pets", {"items": [], "next": "t1"})
    api = serve(pets(list={"path": "/pets", "items": "items", "next": "next", "nextParameter": "after"}))
    code, message = refusal(api.request("GET", f"{BASE}/pets"))

    assert (code, len(upstream.calls)) == (502, 2)
    assert message.startswith("GET /pets of the upstream: list.next leads to a page that was there")


@pytest.mark.parametrize("token", [True, 1.5, {}, "a\n", "\ud800", "x" * 5000, "/pets"])
@pytest.mark.parametrize("parameter", ["after", ""], ids=["token", "URL"])
def test_what_leads_to_no_page_is_refused(upstream: Upstream, token: object, parameter: str) -> None:
    """Before it becomes part of a request."""
    upstream.says("GET /pets", {"items": [], "next": token})
    listing = {"path": "/pets", "items": "items", "next": "next", "nextParameter": parameter or None}
    call = Call(
        request=None, identity=Identity("alice"), verb="list", api_version="g/v1", namespace="", name="", body={}, dry_run=False  # type: ignore[arg-type]  # nobody looks at it
    )  # fmt: skip

    with pytest.raises(StatusError, match=r"list\.next") as caught:
        upstream.resources(pets(list=listing))[0].verbs["list"](call)
    assert (caught.value.code, len(upstream.calls)) == (502, 1 + (token == "/pets" and parameter == "after"))


def test_a_list_has_a_bound(serve: Serve, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather a sentence than the memory of the pod."""
    monkeypatch.setattr("extension_apiserver.gateway.resources.listing.MOST_ITEMS", 2)
    upstream.says("GET /pets", {"items": [{"id": 1}, {"id": 2}, {"id": 3}]})

    code, message = refusal(serve().request("GET", f"{BASE}/pets"))
    assert (code, message.startswith("GET /pets of the upstream: more than 2 items; ")) == (502, True)


def test_large_lists_wait_for_each_other() -> None:
    """A large one is let in alone, whatever its size; who waits too long is told to come again."""
    room = Room(10, seconds=0)
    with room.of(100), pytest.raises(StatusError, match="too many large lists") as caught, room.of(1):
        pass
    assert (caught.value.code, caught.value.headers) == (429, (("Retry-After", "1"),))
    with room.of(5), room.of(5):
        pass
    with room.of(10):
        pass


COLUMNS = [
    {"name": "Tag", "value": "tags"},
    {"name": "Size", "value": "size", "type": "integer", "description": "In cm.", "priority": 1},
    {"name": "Tags", "value": "length(tags)", "type": "integer"},
    {"name": "Fed", "value": "fed", "type": "date"},
    {"name": "Sum", "value": "sum(sizes)", "type": "number"},
    {"name": "Tame", "value": "tame", "type": "boolean"},
]


def test_columns_are_taken_from_the_item(serve: Serve, upstream: Upstream) -> None:
    """An item that does not have it shows nothing, and hides nothing."""
    full = {"id": 1, "tags": ["a", 1], "size": 3.0, "fed": "1970-01-01", "sizes": [1, 2.5], "tame": True}
    odd = {"id": 2, "tags": 5, "size": "large", "fed": "never", "sizes": [1e308, 1e308], "tame": "no"}
    upstream.says("GET /pets", {"items": [full, odd, {"id": 3, "tags": {"a": "\x1b[1m"}}]})
    table = serve(pets(columns=COLUMNS)).request("GET", f"{BASE}/pets", accept=TABLE).json()

    assert table["columnDefinitions"][2] == {
        "name": "Size", "type": "integer", "format": "", "description": "In cm.", "priority": 1
    }  # fmt: skip
    cells = [row["cells"] for row in table["rows"]]
    assert cells[0][4].endswith("y")
    cells[0][4] = "…"
    assert cells == [
        ["1", "a,1", 3, 2, "…", 3.5, True],
        ["2", "5", None, None, None, None, None],
        ["3", '{"a": "\\u001b[1m"}', None, 1, None, None, None],
    ]
    json.dumps(table, allow_nan=False)


def test_a_time_of_creation_gives_a_column_of_ages(serve: Serve, upstream: Upstream) -> None:
    """As kubectl shows them of any object."""
    upstream.says("GET /pets", {"items": [{"id": 1, "at": "2000-01-01"}, {"id": 2}]})
    entry = pets(fields={"name": "id", "creationTimestamp": "at"})
    table = serve(entry).request("GET", f"{BASE}/pets", accept=TABLE).json()

    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Age"]
    assert [row["cells"][1] for row in table["rows"]] == ["26y", None]


def test_kubectl_knows_a_resource_by_all_its_names(serve: Serve) -> None:
    """Discovery has what the mapping says, and verbs that the mapping has."""
    entry = pets(plural="petz", shortNames=["pt"], categories=["zoo"], delete=None)
    found = serve(entry).request("GET", BASE).json()["resources"]

    assert found == [
        {
            "name": "petz",
            "singularName": "pet",
            "namespaced": False,
            "kind": "Pet",
            "verbs": ["create", "get", "list", "update"],
            "shortNames": ["pt"],
            "categories": ["zoo"],
        }
    ]

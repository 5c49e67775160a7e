"""What kubectl creates, replaces and deletes of a mapped resource."""

from __future__ import annotations

import json
from typing import Any

import pytest

from unit.gateway.fake_pets import Serve, Upstream, pets, refusal
from unit.running import BASE, GROUP

NAMESPACED = pets(namespaced=True, fields={"name": "id", "namespace": "team"})


def pet(name: object = "tom", spec: object = None, **metadata: Any) -> dict[str, Any]:
    return {"kind": "Pet", "metadata": {"name": name, **metadata}, "spec": {} if spec is None else spec}


def sent(upstream: Upstream) -> Any:
    """Return the body of the last request."""
    return json.loads(upstream.calls[-1].body or b"null")


def test_create_sends_the_spec_with_the_name_in_it(serve: Serve, upstream: Upstream) -> None:
    """The object that comes back is the upstream's."""
    upstream.says("POST /pets", {"id": "tom", "age": 3, "born": "today"}, 201)
    answer = serve().request("POST", f"{BASE}/pets", body=pet(spec={"age": 3}))

    assert sent(upstream) == {"id": "tom", "age": 3}
    assert (answer.status, answer.json()["spec"]) == (201, {"id": "tom", "age": 3, "born": "today"})


@pytest.mark.parametrize("body", [b"", b"ok", {"status": "created"}, [1], {"id": ".."}], ids=repr)
def test_an_answer_that_is_no_object_gives_back_what_was_sent(serve: Serve, upstream: Upstream, body: object) -> None:
    """It is created all the same."""
    upstream.says("POST /pets", body, 201)
    answer = serve().request("POST", f"{BASE}/pets", body=pet(spec={"age": 3}))

    assert (answer.status, answer.json()["metadata"]["name"]) == (201, "tom")
    assert answer.json()["spec"] == {"id": "tom", "age": 3}


def test_the_upstream_may_choose_the_name(serve: Serve, upstream: Upstream) -> None:
    """Kubectl prints what it became."""
    upstream.says("POST /pets", {"id": 17}, 201)
    body = {"metadata": {"generateName": "pet-"}}

    assert serve().request("POST", f"{BASE}/pets", body=body).json()["metadata"]["name"] == "17"


def test_what_exists_already_is_said_so(serve: Serve, upstream: Upstream) -> None:
    """With the reason that clients of Kubernetes look for."""
    upstream.says("POST /pets", {"message": "there is a tom"}, 409)
    answer = serve().request("POST", f"{BASE}/pets", body=pet())

    assert refusal(answer) == (409, "POST /pets of the upstream answered 409: there is a tom")
    assert answer.json()["reason"] == "AlreadyExists"


def test_update_replaces_the_whole(serve: Serve, upstream: Upstream) -> None:
    """With PUT, unless the mapping has another method."""
    upstream.says("PUT /pets/tom", b"", 204)
    answer = serve().request("PUT", f"{BASE}/pets/tom", body=pet(spec={"id": "tom", "age": 4}))

    assert (answer.status, answer.json()["spec"], sent(upstream)) == (
        200,
        {"id": "tom", "age": 4},
        {"id": "tom", "age": 4},
    )
    assert upstream.asked == ["PUT /pets/tom"]


def test_what_kubectl_got_can_be_replaced(serve: Serve, upstream: Upstream) -> None:
    """The metadata that it was given comes back and harms nothing; a name that is a number stays one."""
    upstream.says("GET /pets/7", {"id": 7, "tags": ["a"], "at": 5})
    upstream.says("PUT /pets/7", {"id": 7})
    api = serve(pets(fields={"name": "id", "labels": "tags", "creationTimestamp": "at"}))
    found = api.request("GET", f"{BASE}/pets/7").json()

    assert api.request("PUT", f"{BASE}/pets/7?fieldValidation=Strict", body=found).status == 200
    assert sent(upstream) == {"id": 7, "tags": ["a"], "at": 5}


@pytest.mark.parametrize("verb", ["PUT", "DELETE"])
def test_what_is_not_there_is_not_found(serve: Serve, verb: str) -> None:
    """In the words of kubectl."""
    answer = serve().request(verb, f"{BASE}/pets/tom", body=pet() if verb == "PUT" else None)

    assert refusal(answer) == (404, f'pets.{GROUP} "tom" not found')


def test_delete_deletes(serve: Serve, upstream: Upstream) -> None:
    """With a Status, whatever the upstream says."""
    upstream.says("DELETE /pets/tom", b"gone!")
    answer = serve().request("DELETE", f"{BASE}/pets/tom", body={"propagationPolicy": "Background"})

    assert (answer.status, answer.json()["status"]) == (200, "Success")
    assert upstream.asked == ["DELETE /pets/tom"]


def test_a_dry_run_changes_nothing(serve: Serve, upstream: Upstream) -> None:
    """It looks only whether the object is there."""
    upstream.says("GET /pets/tom", {"id": "tom"})
    api = serve()
    codes = [
        api.request("POST", f"{BASE}/pets?dryRun=All", body=pet()).status,
        api.request("PUT", f"{BASE}/pets/tom?dryRun=All", body=pet()).status,
        api.request("PUT", f"{BASE}/pets/kim?dryRun=All", body=pet("kim")).status,
        api.request("DELETE", f"{BASE}/pets/tom?dryRun=All").status,
        api.request("DELETE", f"{BASE}/pets/kim?dryRun=All").status,
    ]

    assert codes == [201, 200, 404, 200, 404]
    assert {call.method for call in upstream.calls} == {"GET"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (pet(spec={"id": "kim"}), "spec.id: Invalid value: 'kim': must be as metadata.name is, 'tom'"),
        (pet(spec={"id": ["tom"]}), "spec.id: Invalid value: a list: must be as metadata.name is, 'tom'"),
        (pet(spec=["tom"]), "spec: Invalid value: must be of type object"),
        (pet(annotations={"a": "b"}), "metadata.annotations: Forbidden: an item of the upstream has no place for it"),
        (pet(finalizers=["a/b"]), "metadata.finalizers: Forbidden: an item of the upstream has no place for it"),
        (pet(labels={"a": "b"}), "metadata.labels: Forbidden: an item of the upstream has no place for it"),
        (pet("Tom"), 'metadata.name: Invalid value: "Tom": must be a lowercase RFC 1123 subdomain'),
    ],
)
def test_what_the_upstream_could_not_keep_is_refused(
    serve: Serve, upstream: Upstream, body: dict[str, Any], words: str
) -> None:
    """Nothing is dropped in silence, and nothing is written under another name."""
    code, message = refusal(serve().request("POST", f"{BASE}/pets", body=body))

    assert (code, words in message) == (422, True), message
    assert upstream.calls == []


@pytest.mark.parametrize(("schema", "expected"), [({}, {"a": "b"}), ({"type": "array"}, ["a"])], ids=["object", "list"])
def test_labels_go_where_they_come_from(
    serve: Serve, upstream: Upstream, schema: dict[str, Any], expected: object
) -> None:
    """Into one field, unless the spec has it already."""
    upstream.schemas = lambda _segment, _name: {"type": "object", "properties": {"tags": schema}}
    upstream.says("POST /pets", b"", 201)
    entry = pets(fields={"name": "id", "labels": "tags"}, schema="Pet")
    answer = serve(entry).request("POST", f"{BASE}/pets", body=pet(labels={"a": "b"}))

    assert sent(upstream)["tags"] == expected
    assert answer.json()["metadata"]["labels"] == {"a": "b" if isinstance(expected, dict) else ""}


def test_a_name_that_the_schema_calls_a_number_is_sent_as_one(serve: Serve, upstream: Upstream) -> None:
    """If it is one; the name need not stand in the spec although the schema requires it."""
    upstream.schemas = lambda _segment, _name: {
        "type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]
    }  # fmt: skip
    upstream.says("POST /pets", b"", 201)
    api = serve(pets(schema="Pet"))
    found = []
    for name in ("7", "tom"):
        assert api.request("POST", f"{BASE}/pets", body=pet(name)).status == 201
        found.append(sent(upstream)["id"])

    assert found == [7, "tom"]


def test_the_schema_of_the_upstream_is_checked(serve: Serve, upstream: Upstream) -> None:
    """Also one that came only after the start."""
    upstream.says("POST /pets", b"", 201)
    api = serve(pets(schema="Pet"))
    body = pet(spec={"age": "old"})

    assert api.request("POST", f"{BASE}/pets", body=body).status == 201
    upstream.schemas = lambda _segment, _name: {"type": "object", "properties": {"age": {"type": "integer"}}}
    assert refusal(api.request("POST", f"{BASE}/pets", body=body))[0] == 422


def test_an_object_is_created_in_its_namespace(serve: Serve, upstream: Upstream) -> None:
    """And in no other: who may create in one, may in that alone."""
    upstream.says("POST /pets", b"", 201)
    api = serve(NAMESPACED)
    path = f"{BASE}/namespaces/a/pets"

    assert api.request("POST", path, body=pet()).json()["metadata"]["namespace"] == "a"
    assert sent(upstream) == {"id": "tom", "team": "a"}
    code, message = refusal(api.request("POST", path, body=pet(spec={"team": "b"})))
    assert (code, "spec.team: Invalid value: 'b': must be as metadata.namespace is, 'a'" in message) == (422, True)


@pytest.mark.parametrize("verb", ["PUT", "DELETE"])
def test_nobody_changes_an_object_of_another_namespace(serve: Serve, upstream: Upstream, verb: str) -> None:
    """If its path does not say the namespace, the object does."""
    upstream.says("GET /pets/tom", {"id": "tom", "team": "b"})
    upstream.says(f"{verb} /pets/tom", b"", 204)
    api = serve(NAMESPACED)
    body = pet() if verb == "PUT" else None

    assert api.request(verb, f"{BASE}/namespaces/a/pets/tom", body=body).status == 404
    assert upstream.asked == ["GET /pets/tom"]
    assert api.request(verb, f"{BASE}/namespaces/b/pets/tom", body=body).status == 200


def test_an_answer_from_another_namespace_is_not_shown(serve: Serve, upstream: Upstream) -> None:
    """What was sent comes back instead."""
    upstream.says("POST /pets", {"id": "tom", "team": "b", "secret": 1}, 201)

    answer = serve(NAMESPACED).request("POST", f"{BASE}/namespaces/a/pets", body=pet())
    assert (answer.status, answer.json()["spec"]) == (201, {"id": "tom", "team": "a"})


def test_a_path_of_its_namespace_is_asked_at_once(serve: Serve, upstream: Upstream) -> None:
    """Without a look at the object before."""
    upstream.says("DELETE /teams/a/pets/tom", b"", 204)
    entry = pets(
        namespaced=True,
        list={"path": "/teams/{namespace}/pets"},
        delete={"path": "/teams/{namespace}/pets/{name}"},
        **dict.fromkeys(("get", "create", "update")),
    )

    assert serve(entry).request("DELETE", f"{BASE}/namespaces/a/pets/tom").status == 200
    assert upstream.asked == ["DELETE /teams/a/pets/tom"]


@pytest.mark.parametrize("path", ["pets?watch=1", "pets/tom"], ids=["watch", "patch"])
def test_what_there_is_not_yet_is_refused(serve: Serve, upstream: Upstream, path: str) -> None:
    """Kubectl get -w, edit and apply."""
    method = "GET" if "watch" in path else "PATCH"
    answer = serve().request(method, f"{BASE}/{path}", body=None if method == "GET" else {})

    assert refusal(answer)[0] == 405
    assert upstream.calls == []

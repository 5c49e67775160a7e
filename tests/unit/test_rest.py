"""The manners of a REST resource."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extension_apiserver import Call, Column, Resource, StatusError, not_found
from unit.fake_aggregator import Aggregator, Answer
from unit.running import BASE, GROUP, Backend, echo, start

ECHOES = f"{BASE}/echoes"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
KUBECTL_GET = f"{TABLE},application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"
PARTIAL = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
PARTIAL_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"


def assert_status(answer: Answer, code: int, reason: str) -> dict[str, Any]:
    """Check that a failure is a complete Status and return it."""
    status: dict[str, Any] = answer.json()
    assert (answer.status, status["kind"], status["apiVersion"]) == (code, "Status", "v1"), answer
    assert (status["code"], status["reason"], status["status"]) == (code, reason, "Failure"), answer
    assert status["message"], answer
    return status


@pytest.mark.parametrize(
    "accept",
    [None, "*/*", "application/json", "application/*", "application/vnd.kubernetes.protobuf,application/json",
     "application/json, */*", "text/html;q=0.9, application/json;q=0.1", "application/json;charset=utf-8"],
)  # fmt: skip
def test_must_35_json_is_always_acceptable(aggregator: Aggregator, accept: str | None) -> None:
    """Every client that knows JSON gets it."""
    answer = aggregator.request("GET", ECHOES, accept=accept)

    assert (answer.status, answer.header("Content-Type")) == (200, "application/json")


@pytest.mark.parametrize(
    "accept", ["application/vnd.kubernetes.protobuf", "text/html", "application/json;q=0", "x", "image/*"]
)
@pytest.mark.parametrize("path", [ECHOES, f"{ECHOES}/caller", "/apis"])
def test_must_35_nothing_acceptable_is_406(aggregator: Aggregator, accept: str, path: str) -> None:
    """The failure itself is JSON all the same."""
    assert_status(aggregator.request("GET", path, accept=accept), 406, "NotAcceptable")


@pytest.mark.parametrize("content_type", ["application/yaml", "text/plain", "application/vnd.kubernetes.protobuf"])
def test_must_35_an_unknown_body_is_415(aggregator: Aggregator, content_type: str) -> None:
    """Only JSON is read."""
    assert_status(
        aggregator.request("POST", ECHOES, body=b"a: 1", content_type=content_type), 415, "UnsupportedMediaType"
    )


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("application/json, */*", "text/plain; charset=utf-8"),
        (None, "text/plain; charset=utf-8"),
        ("application/json", "application/json"),
        ("application/yaml", "application/yaml; charset=utf-8"),
        ("text/html", None),
    ],
)
def test_must_35_the_echo_speaks_text_yaml_and_json(
    aggregator: Aggregator, accept: str | None, content_type: str | None
) -> None:
    """`kubectl get --raw` sends `application/json, */*` and gets the lines; who takes JSON alone gets JSON."""
    answer = aggregator.request("GET", f"{BASE}/", accept=accept)

    if content_type is None:
        assert_status(answer, 406, "NotAcceptable")
    else:
        assert (answer.status, answer.header("Content-Type")) == (200, content_type)


def test_must_36_unknown_parameters_are_tolerated(aggregator: Aggregator) -> None:
    """Everything that clients add to their queries passes."""
    query = (
        "allowWatchBookmarks=true&continue=&fieldManager=kubectl&limit=500&pretty=true&resourceVersion=0"
        "&resourceVersionMatch=NotOlderThan&sendInitialEvents=false&timeout=10s&unheard=of"
    )

    assert aggregator.request("GET", f"{ECHOES}?{query}").status == 200


def test_must_36_the_echo_sees_the_query_as_the_aggregator_sorts_it(own: Backend) -> None:
    """Keys come sorted and encoded anew; the order within a key stays."""
    seen: list[str] = []

    def application(environ, start_response):  # type: ignore[no-untyped-def]
        seen.append(environ["QUERY_STRING"])
        start_response("200 OK", [])
        return []

    start(own, app=application)
    own.aggregator().request("GET", f"{BASE}/x?b=2&a=z&a=y&c=%2f")

    assert seen == ["a=z&a=y&b=2&c=%2F"]


def test_must_37_create_answers_201_with_the_object(aggregator: Aggregator) -> None:
    """The object is what was sent, with the metadata that every object has and the status filled in."""
    answer = aggregator.request("POST", ECHOES, body=echo("kitty", message="miau"))

    created = answer.json()
    assert answer.status == 201
    assert (created["apiVersion"], created["kind"], created["metadata"]["name"]) == (f"{GROUP}/v1", "Echo", "kitty")
    assert {"uid", "resourceVersion", "creationTimestamp"} <= created["metadata"].keys()
    assert (created["spec"], created["status"]["user"]) == ({"message": "miau"}, "alice")


def test_must_37_create_invents_a_name_from_generate_name(aggregator: Aggregator) -> None:
    """As `kubectl create` of an object with generateName expects."""
    body = {**echo(""), "metadata": {"generateName": "kitty-"}}
    name = aggregator.request("POST", ECHOES, body=body).json()["metadata"]["name"]

    assert name.startswith("kitty-")
    assert len(name) == len("kitty-") + 5


def test_what_was_printed_can_be_created(aggregator: Aggregator) -> None:
    """Metadata that a server gave is given anew; labels and annotations stay."""
    printed = aggregator.request("GET", f"{ECHOES}/caller").json()
    printed["metadata"] |= {"labels": {"a": "b"}, "deletionTimestamp": "2026-01-01T00:00:00Z"}
    created = aggregator.request("POST", f"{ECHOES}?fieldValidation=Strict", body=printed)

    metadata = created.json()["metadata"]
    assert created.status == 201
    assert metadata["uid"] != printed["metadata"]["uid"]
    assert (metadata["labels"], metadata.get("deletionTimestamp")) == ({"a": "b"}, None)


def test_must_37_create_takes_the_kind_from_the_path(aggregator: Aggregator) -> None:
    """As upstream where the object does not say it."""
    created = aggregator.request("POST", ECHOES, body={"metadata": {"name": "kitty"}}).json()

    assert (created["apiVersion"], created["kind"]) == (f"{GROUP}/v1", "Echo")


def test_must_37_list_has_a_version_and_items(aggregator: Aggregator) -> None:
    """`resourceVersion` is not empty; `items` is a list."""
    listed = aggregator.request("GET", ECHOES).json()

    assert (listed["kind"], listed["apiVersion"]) == ("EchoList", f"{GROUP}/v1")
    assert listed["metadata"]["resourceVersion"]
    assert [item["metadata"]["name"] for item in listed["items"]] == ["caller"]


def test_must_37_a_dry_run_reaches_the_verb(own: Backend) -> None:
    """Whoever stores must not: `dryRun=All` is told to the verb; anything else is 400."""
    runs: list[bool] = []

    def create(call: Call) -> dict[str, Any]:
        runs.append(call.dry_run)
        return call.body

    start(own, resources=[cats(create=create)])
    aggregator = own.aggregator()
    codes = [
        aggregator.request("POST", f"{BASE}/namespaces/a/cats{query}", body=cat("tom")).status
        for query in ("", "?dryRun=All", "?dryRun=Some")
    ]

    assert (codes, runs) == ([201, 201, 400], [False, True])


def test_must_37_and_40_a_store_of_ones_own(own: Backend) -> None:
    """create, list, get, update, delete of a namespaced resource; delete answers 200 and nothing is left."""
    store: dict[tuple[str, str], dict[str, Any]] = {}

    def create(call: Call) -> dict[str, Any]:
        key = (call.namespace, call.body["metadata"]["name"])
        if key in store:
            raise StatusError(409, "it exists", reason="AlreadyExists")
        store[key] = call.body
        return call.body

    def find(call: Call) -> dict[str, Any]:
        try:
            return store[call.namespace, call.name]
        except KeyError:
            raise not_found(GROUP, "cats", call.name) from None

    def update(call: Call) -> dict[str, Any]:
        store[call.namespace, call.name] = call.body
        return call.body

    def list_all(call: Call) -> list[dict[str, Any]]:
        return [item for (namespace, _), item in store.items() if call.namespace in {"", namespace}]

    start(
        own,
        resources=[
            cats(
                create=create,
                get=find,
                list=list_all,
                update=update,
                delete=lambda call: store.pop((call.namespace, call.name)),
            )
        ],
    )
    aggregator = own.aggregator()
    collection = f"{BASE}/namespaces/a/cats"

    def names(path: str) -> list[str]:
        return [item["metadata"]["name"] for item in aggregator.request("GET", path).json()["items"]]

    assert aggregator.request("POST", collection, body=cat("tom")).status == 201
    assert_status(aggregator.request("POST", collection, body=cat("tom")), 409, "AlreadyExists")
    assert aggregator.request("PUT", f"{collection}/tom", body=cat("tom", age=3)).json()["spec"] == {"age": 3}
    assert (names(collection), names(f"{BASE}/cats"), names(f"{BASE}/namespaces/b/cats")) == (["tom"], ["tom"], [])
    deleted = aggregator.request("DELETE", f"{collection}/tom", body={"kind": "DeleteOptions", "apiVersion": "v1"})
    assert (deleted.status, deleted.json()["status"]) == (200, "Success")
    assert names(collection) == []
    assert_status(aggregator.request("GET", f"{collection}/tom"), 404, "NotFound")


def test_must_38_table_for_kubectl_get(aggregator: Aggregator) -> None:
    """The Accept header of kubectl gets a Table whose rows fit its columns and carry metadata."""
    table = aggregator.request("GET", ECHOES, accept=KUBECTL_GET).json()

    assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    names = [column["name"] for column in table["columnDefinitions"]]
    [row] = table["rows"]
    assert names[:3] == ["Name", "User", "Groups"]
    assert row["cells"][:3] == ["caller", "alice", "dev,system:authenticated"]
    assert len(row["cells"]) == len(names)
    assert row["object"]["kind"] == "PartialObjectMetadata"


@pytest.mark.parametrize(
    ("include", "kind"), [("None", None), ("Metadata", "PartialObjectMetadata"), ("Object", "Echo")]
)
def test_must_38_a_table_carries_what_is_asked_for(aggregator: Aggregator, include: str, kind: str | None) -> None:
    """`includeObject` decides; one object has a Table too."""
    [row] = aggregator.request("GET", f"{ECHOES}/caller?includeObject={include}", accept=TABLE).json()["rows"]

    assert row.get("object", {}).get("kind") == kind


def test_must_38_partial_object_metadata(aggregator: Aggregator) -> None:
    """What kube-controller-manager asks for."""
    one = aggregator.request("GET", f"{ECHOES}/caller", accept=f"{PARTIAL},application/json").json()
    several = aggregator.request("GET", ECHOES, accept=PARTIAL_LIST).json()

    assert (one["kind"], sorted(one)) == ("PartialObjectMetadata", ["apiVersion", "kind", "metadata"])
    assert (several["kind"], [item["kind"] for item in several["items"]]) == (
        "PartialObjectMetadataList",
        ["PartialObjectMetadata"],
    )


@pytest.mark.parametrize("query", ["watch=1", "watch=true", "watch=true&sendInitialEvents=true"])
def test_must_39_watch_is_not_offered(aggregator: Aggregator, query: str) -> None:
    """No stream is better than one that lies: 405, so clients fall back to lists."""
    assert_status(aggregator.request("GET", f"{ECHOES}?{query}"), 405, "MethodNotAllowed")
    assert "watch" not in aggregator.request("GET", BASE).json()["resources"][0]["verbs"]


def test_must_40_delete_is_not_offered(aggregator: Aggregator) -> None:
    """Namespace deletion and garbage collection leave the echo alone, since it invites neither."""
    [resource] = aggregator.request("GET", BASE).json()["resources"]

    assert (resource["verbs"], resource["namespaced"]) == (["create", "get", "list"], False)
    for path in (ECHOES, f"{ECHOES}/caller"):
        assert_status(aggregator.request("DELETE", path), 405, "MethodNotAllowed")


@pytest.mark.parametrize(
    ("method", "path", "body", "code", "reason"),
    [
        ("POST", ECHOES, b"{", 400, "BadRequest"),
        ("POST", ECHOES, b"[]", 400, "BadRequest"),
        ("POST", ECHOES, b"\xff", 400, "BadRequest"),
        ("POST", ECHOES, b"[" * 100_000, 400, "BadRequest"),
        ("POST", ECHOES, b'{"metadata": {"name": "x", "generation": NaN}}', 400, "BadRequest"),
        ("POST", ECHOES, echo("../x"), 422, "Invalid"),
        ("POST", ECHOES, echo("X"), 422, "Invalid"),
        ("POST", ECHOES, echo("x" * 254), 422, "Invalid"),
        ("POST", ECHOES, {"metadata": {"generateName": "-"}}, 422, "Invalid"),
        ("POST", ECHOES, {"kind": "Dog", "apiVersion": f"{GROUP}/v1"}, 400, "BadRequest"),
        ("POST", ECHOES, {**echo("x"), "metadata": [1]}, 400, "BadRequest"),
        ("POST", ECHOES, {**echo("x"), "metadata": None}, 422, "Invalid"),
        ("POST", f"{ECHOES}?fieldValidation=Often", echo("x"), 400, "BadRequest"),
        ("GET", f"{ECHOES}/nobody", None, 404, "NotFound"),
        ("GET", f"{ECHOES}/caller/status", None, 404, "NotFound"),
        ("GET", f"{BASE}/namespaces/default/echoes", None, 404, "NotFound"),
        ("GET", f"{BASE}/dogs", None, 404, "NotFound"),
        ("PUT", f"{ECHOES}/caller", None, 405, "MethodNotAllowed"),
        ("PATCH", f"{ECHOES}/caller", None, 405, "MethodNotAllowed"),
        ("POST", ECHOES, echo("x", message=1), 422, "Invalid"),
        ("POST", ECHOES, {**echo(""), "metadata": {}}, 422, "Invalid"),
        ("POST", ECHOES, {**echo("x"), "metadata": {"name": 1}}, 422, "Invalid"),
    ],
)  # fmt: skip
def test_must_41_failures_have_their_reason(
    aggregator: Aggregator, method: str, path: str, body: Any, code: int, reason: str
) -> None:
    """Code and reason are the pair that clients compare."""
    assert_status(aggregator.request(method, path, body=body), code, reason)


def test_must_41_a_broken_verb_is_500(own: Backend) -> None:
    """A traceback goes to the log, a Status to the client."""
    start(own, resources=[cats(list=lambda _call: 1 / 0)], LOG_LEVEL="error")

    assert_status(own.aggregator().request("GET", f"{BASE}/cats"), 500, "InternalError")


def test_must_42_wrong_methods_are_405_with_allow(aggregator: Aggregator) -> None:
    """On resources, discovery and documents alike."""
    allowed = {
        ECHOES: "GET, POST",
        BASE: "GET, HEAD",
        "/apis": "GET, HEAD",
        "/openapi/v2": "GET, HEAD",
        "/readyz": "GET, HEAD",
    }
    for path, methods in allowed.items():
        answer = aggregator.request("DELETE", path)
        assert_status(answer, 405, "MethodNotAllowed")
        assert answer.header("Allow") == methods, path


def test_strict_field_validation_names_unknown_and_duplicate_fields(aggregator: Aggregator) -> None:
    """`kubectl create --validate=strict`: 400 with each field."""
    body = (
        json.dumps({**echo("x"), "colour": 1}).replace('"spec"', "").encode()[:-1]
        + b', "spec": {"massage": ""}, "spec": {"massage": ""}}'
    )
    status = assert_status(aggregator.request("POST", f"{ECHOES}?fieldValidation=Strict", body=body), 400, "BadRequest")

    assert status["message"] == (
        'strict decoding error: unknown field "colour", unknown field "spec.massage", duplicate field "spec"'
    )


def test_field_validation_warns_by_default(aggregator: Aggregator) -> None:
    """The object is created, and the client told."""
    answer = aggregator.request("POST", ECHOES, body={**echo("x"), "colour": 'r"ed'})
    ignored = aggregator.request("POST", f"{ECHOES}?fieldValidation=Ignore", body={**echo("x"), "colour": 1})

    assert (answer.status, answer.header("Warning")) == (201, '299 - "unknown field \\"colour\\""')
    assert (ignored.status, ignored.header("Warning")) == (201, "")


def test_head_is_get_without_a_body(aggregator: Aggregator) -> None:
    """On a resource, discovery and the echo."""
    for path in (ECHOES, BASE, f"{BASE}/"):
        answer = aggregator.request("HEAD", path)
        assert (answer.status, answer.body) == (200, b""), path


def cats(**verbs: Any) -> Resource:
    """Return a namespaced resource with these verbs."""
    schema = {"spec": {"type": "object", "properties": {"age": {"type": "integer"}}}}
    columns = [Column("Age", lambda item: item.get("spec", {}).get("age"), type="integer")]
    return Resource(
        kind="Cat", plural="cats", namespaced=True, description="A cat.", verbs=verbs, schema=schema, columns=columns,
        short_names=["ct"], categories=["pets"],
    )  # fmt: skip


def cat(name: str, **spec: Any) -> dict[str, Any]:
    """Return a Cat."""
    return {"apiVersion": f"{GROUP}/v1", "kind": "Cat", "metadata": {"name": name}, "spec": spec}

"""The documents from which kubectl explains and validates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from unit.fake_aggregator import Aggregator
from unit.running import BASE, GROUP, Backend, start
from unit.test_rest import cats

GVK = "x-kubernetes-group-version-kind"
ECHO = {"group": GROUP, "version": "v1", "kind": "Echo"}
SCHEMA = "com.example.cats.v1.Echo"


@pytest.fixture
def v2(aggregator: Aggregator) -> dict[str, Any]:
    """Return the OpenAPI 2 document."""
    document: dict[str, Any] = aggregator.request("GET", "/openapi/v2", accept="application/json").json()
    return document


@pytest.fixture
def v3(aggregator: Aggregator) -> dict[str, Any]:
    """Return the OpenAPI 3 document of our version."""
    document: dict[str, Any] = aggregator.request("GET", f"/openapi/v3{BASE}").json()
    return document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield ('get /path', operation)."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def references(node: Any) -> Iterator[str]:
    """Yield every $ref below a node."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        if key == "$ref":
            yield value
        yield from references(value)


def test_must_32_v2_is_complete(v2: dict[str, Any]) -> None:
    """swagger, info, paths and definitions are there, and all paths below our own version."""
    assert (v2["swagger"], v2["info"]) == ("2.0", {"title": GROUP, "version": "v1"})
    assert sorted(key for key, _ in operations(v2)) == [
        f"get {BASE}/echoes",
        f"get {BASE}/echoes/{{name}}",
        f"post {BASE}/echoes",
    ]
    assert SCHEMA in v2["definitions"]


def test_must_33_v3_lists_our_own_version_alone(own: Backend) -> None:
    """The list is merged into the cluster's unfiltered, so it names nobody else; every entry can be read."""
    start(own, VERSIONS="v2,v1")
    aggregator = own.aggregator()
    paths = aggregator.request("GET", "/openapi/v3", user="system:aggregator", groups=()).json()["paths"]

    assert sorted(paths) == [f"apis/{GROUP}/v1", f"apis/{GROUP}/v2"]
    for entry in paths.values():
        answer = aggregator.request("GET", entry["serverRelativeURL"])
        assert (answer.status, answer.json()["openapi"]) == (200, "3.0.0")
        assert answer.header("Cache-Control") == "public, immutable"


@pytest.mark.parametrize("query", ["", "?hash=OLD", "?hash="])
def test_must_33_an_old_hash_gets_the_document(aggregator: Aggregator, query: str) -> None:
    """Upstream redirects here, which the aggregator would turn into 502."""
    answer = aggregator.request("GET", f"/openapi/v3{BASE}{query}")

    assert (answer.status, answer.header("Cache-Control")) == (200, "")


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_must_34_operations_and_schemas_carry_their_kind(request: pytest.FixtureRequest, version: str) -> None:
    """An object on operations, a list on schemas: what `kubectl explain` looks for."""
    document = request.getfixturevalue(version)
    schemas = document["definitions"] if version == "v2" else document["components"]["schemas"]

    assert [operation[GVK] for _, operation in operations(document)] == [ECHO] * 3
    assert schemas[SCHEMA][GVK] == [ECHO]
    assert schemas[f"{SCHEMA}List"][GVK] == [{**ECHO, "kind": "EchoList"}]


def test_must_34_there_is_no_patch(v3: dict[str, Any]) -> None:
    """A PATCH would have to offer server-side field validation; none is promised."""
    assert not [key for key, _ in operations(v3) if key.startswith("patch")]


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_every_reference_leads_somewhere(request: pytest.FixtureRequest, version: str) -> None:
    """No $ref dangles; every field of Echo is described."""
    document = request.getfixturevalue(version)
    schemas, prefix = (
        (document["definitions"], "#/definitions/")
        if version == "v2"
        else (document["components"]["schemas"], "#/components/schemas/")
    )
    found = set(references(document))

    assert found
    assert {reference for reference in found if reference.removeprefix(prefix) not in schemas} == set()
    status = schemas[SCHEMA]["properties"]["status"]["properties"]
    assert [name for name, schema in status.items() if not schema.get("description")] == []


def test_operation_ids_are_unique(own: Backend) -> None:
    """Also of a namespaced resource with every verb."""
    verbs: dict[str, Any] = dict.fromkeys(("get", "list", "create", "update", "delete"), lambda _call: {})
    start(own, resources=[cats(**verbs)])
    document = own.aggregator().request("GET", f"/openapi/v3{BASE}").json()
    ids = [operation["operationId"] for _, operation in operations(document)]

    assert len(ids) == len(set(ids)) == 6
    assert sorted(key for key, _ in operations(document)) == [
        f"delete {BASE}/namespaces/{{namespace}}/cats/{{name}}",
        f"get {BASE}/cats",
        f"get {BASE}/namespaces/{{namespace}}/cats",
        f"get {BASE}/namespaces/{{namespace}}/cats/{{name}}",
        f"post {BASE}/namespaces/{{namespace}}/cats",
        f"put {BASE}/namespaces/{{namespace}}/cats/{{name}}",
    ]

"""What an upstream's OpenAPI document is worth to kubectl, and what a broken or hostile one can do to it: nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from schemathesis.specs.openapi.definitions import OPENAPI_30_VALIDATOR

from extension_apiserver.api.documents.openapi import OpenApi
from extension_apiserver.api.resources import Api
from extension_apiserver.apps.application import Host, Hosted
from extension_apiserver.apps.calls import Calls
from extension_apiserver.apps.table_group import TableGroup
from extension_apiserver.gateway.resources.openapi.collection import Origin, UpstreamDocuments
from extension_apiserver.gateway.resources.openapi.document import OpenApiError, UpstreamOpenApi
from extension_apiserver.gateway.resources.openapi.merging import merged
from extension_apiserver.host import host
from extension_apiserver.settings import Settings
from unit.gateway.fake_pets import Upstream, pets
from unit.running import BASE, GROUP, Backend, _run

ANY = {"x-kubernetes-preserve-unknown-fields": True}
OURS: dict[str, Any] = {
    "openapi": "3.0.0",
    "info": {"title": GROUP, "version": "v1"},
    "paths": {f"{BASE}/pets": {"get": {"responses": {}}}, f"{BASE}/pets/{{name}}": {"get": {"responses": {}}}},
    "components": {"schemas": {"com.example.cats.v1.Pet": {"type": "object"}}},
}


def document(*, version: str = "3.1.0", paths: object = None, servers: object = None, **schemas: Any) -> dict[str, Any]:
    return {
        "openapi": version,
        "info": {"title": "Pets", "version": "1"},
        "security": [{"key": []}],
        "servers": servers or [],
        "paths": paths or {},
        "components": {"schemas": schemas, "securitySchemes": {"key": {"type": "http", "scheme": "basic"}}},
    }


def read(**parts: Any) -> UpstreamOpenApi:
    return UpstreamOpenApi.of(json.dumps(document(**parts)).encode())


def spec(schema: Any, **others: Any) -> Any:
    """Return what becomes of a schema, as the property `it` of an object."""
    found = read(Pet={"type": "object", "properties": {"it": schema}}, **others).schema("Pet")
    assert found is not None
    return found["properties"]["it"]


def references(node: Any) -> Iterator[str]:
    """Yield every $ref below a node."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        if key == "$ref":
            yield value
        yield from references(value)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            b"openapi: 3.0.0",
            "the upstream's OpenAPI is no JSON: Expecting value: line 1 column 1 (char 0); YAML is not read",
        ),
        (b"<html>", "the upstream's OpenAPI is no JSON: "),
        (b"", "the upstream's OpenAPI is no JSON: "),
        (b"[" * 10**5, "the upstream's OpenAPI has more than 100 levels"),
        (b"[]", "the upstream's OpenAPI must be an object, not a list"),
        (b'{"swagger": "2.0"}', "the upstream's OpenAPI is Swagger 2, and must be OpenAPI 3.0 or 3.1"),
        (b'{"openapi": "4.0.0"}', "the upstream's OpenAPI must be of version 3.0 or 3.1, not '4.0.0'"),
        (b'{"openapi": 3.0}', "the upstream's OpenAPI must be of version 3.0 or 3.1, not 3.0"),
        (b"{}", "the upstream's OpenAPI must be of version 3.0 or 3.1, not null"),
        (b" " * (8 * 2**20 + 1), "the upstream's OpenAPI has 8388609 bytes, and at most 8388608 are read"),
        (
            json.dumps({"openapi": "3.0.3", "paths": {f"/{number}": 0 for number in range(100_000)}}).encode(),
            "the upstream's OpenAPI has 100000 paths and 0 components, and at most 5000 and 10000 are served",
        ),
    ],
    ids=range(11),
)
def test_a_document_that_cannot_be_used_is_one_sentence(body: bytes, words: str) -> None:
    """For the log."""
    with pytest.raises(OpenApiError) as caught:
        UpstreamOpenApi.of(body)

    assert str(caught.value).startswith(words)


@pytest.mark.parametrize("parts", [{"paths": []}, {"components": []}, {"components": {"schemas": 7}}, {"servers": 7}])
def test_parts_that_are_none_are_none(parts: dict[str, Any]) -> None:
    """The rest is used."""
    found = UpstreamOpenApi.of(json.dumps({"openapi": "3.0.3", **parts}).encode())

    assert merged(OURS, found, BASE) == OURS


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string", "format": "date", "description": "A day."}, {"description": "A day.", "type": "string", "format": "date"}),
        ({"type": ["string", "null"]}, {"type": "string"}),
        ({"type": "string", "nullable": True, "pattern": "(", "x-a": 1}, {"type": "string"}),
        ({"type": ["string", "integer"]}, ANY),
        ({"type": "null"}, ANY),
        ({"type": "file"}, ANY),
        ({"type": 7}, ANY),
        ({}, ANY),
        (True, ANY),
        (None, ANY),
        ({"type": "string", "enum": ["a", None]}, {"type": "string", "enum": ["a"]}),
        ({"type": "string", "const": "a"}, {"type": "string", "enum": ["a"]}),
        ({"type": "string", "enum": ["a", 1]}, {"type": "string"}),
        ({"type": "integer", "enum": [True]}, {"type": "integer"}),
        ({"type": "array"}, {"type": "array", "items": ANY}),
        ({"type": "array", "items": {"type": "boolean"}}, {"type": "array", "items": {"type": "boolean"}}),
        ({"properties": {"a": {"type": "number"}}}, {"type": "object", "properties": {"a": {"type": "number"}}, **ANY}),
        ({"type": "object"}, {"type": "object", **ANY}),
        ({"type": "object", "properties": {"a": {}}, "additionalProperties": False}, {"type": "object", "properties": {"a": ANY}}),
        ({"type": "object", "additionalProperties": {"type": "string"}}, {"type": "object", "additionalProperties": {"type": "string"}}),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"type": "string"}),
        ({"oneOf": [{"type": "string"}, {"type": "object"}]}, ANY),
        (
            {"type": "object", "required": ["a", "b", "c"], "properties": {"a": {"type": "string"}, "b": {"readOnly": True}}},
            {"type": "object", "properties": {"a": {"type": "string"}, "b": ANY}, "required": ["a"], **ANY},
        ),
        (
            {"description": "Both.", "allOf": [{"properties": {"a": {}}}, {"description": "x", "properties": {"a": 1, "b": {}}}]},
            {"description": "Both.", "type": "object", "properties": {"a": ANY, "b": ANY}, **ANY},
        ),
        ({"type": "string", "description": "\x1b[2JA\ttab\u202e,\ntwo lines"}, {"description": "[2JA\ttab,\ntwo lines", "type": "string"}),
        ({"$ref": "#/components/schemas/Nothing"}, ANY),
        ({"$ref": "http://169.254.169.254/latest"}, ANY),
        ({"$ref": "file:///etc/passwd"}, ANY),
        ({"$ref": "#/paths/~1pets"}, ANY),
        ({"$ref": ["#/components/schemas/Pet"]}, ANY),
    ],
    ids=range(30),
)  # fmt: skip
def test_a_schema_says_what_kubectl_can_read(schema: object, expected: object) -> None:
    """What cannot be said simply may be anything; nothing is fetched from anywhere."""
    assert spec(schema) == expected


def test_a_reference_is_what_it_points_to() -> None:
    """With a description beside it first, as 3.1 has it."""
    name = {"type": "string", "description": "A name."}

    assert spec({"$ref": "#/components/schemas/Name"}, Name=name) == {"description": "A name.", "type": "string"}
    other = {"$ref": "#/components/schemas/a~1b", "description": "Other."}
    assert spec(other, **{"a/b": name}) == {"description": "Other.", "type": "string"}


def test_a_circle_of_references_is_cut() -> None:
    """Where it would begin again, there may be anything."""
    assert spec({"$ref": "#/components/schemas/Pet"}) == ANY
    assert (
        spec(
            {"$ref": "#/components/schemas/A"},
            A={"$ref": "#/components/schemas/B"},
            B={"$ref": "#/components/schemas/A"},
        )
        == ANY
    )


def test_a_schema_that_doubles_itself_stays_small() -> None:
    """40 lines would be a terabyte."""
    ladder = {
        f"L{number}": {
            "type": "object",
            "properties": {name: {"$ref": f"#/components/schemas/L{number + 1}"} for name in "ab"},
        }
        for number in range(40)
    }
    wide = {f"A{number}": {"allOf": [{"$ref": f"#/components/schemas/A{number + 1}"}] * 2} for number in range(40)}
    many = {"type": "object", "properties": {f"p{number}": {"type": "string"} for number in range(100_000)}}

    assert len(json.dumps(read(**ladder).schema("L0"))) < 200_000
    assert spec({"$ref": "#/components/schemas/A0"}, **wide) == ANY
    assert len(spec(many)["properties"]) == 500


@pytest.mark.parametrize(("name", "words"), [("Pt", "is not there"), ("List", "is not an object there"), ("Pet", "")])
def test_a_schema_that_is_none_is_said(name: str, words: str) -> None:
    """And kubectl explains an object of anything."""
    found = read(Pet={"type": "object"}, List={"type": "array"})

    assert (found.schema(name) is None) is bool(words)
    assert words in found.complaint(name)


PATHS: dict[str, Any] = {
    "/pets": {"get": {"operationId": "list"}, "post": {"operationId": "list"}},
    "/pets/{petId}": {"get": {"operationId": "get one"}, "x-a": 1},
    "/pets/findByStatus": {"get": {}},
    "/pets/{petId}/photos": {"parameters": [{"name": "petId", "in": "path"}], "get": {"responses": {"200": {}}}},
    "/pets/{id}/photos": {"get": {}},
    "/shop": {
        "servers": [{"url": "http://x"}],
        "get": {"security": [], "callbacks": {}, "responses": {"200": {"$ref": "http://x"}}},
    },
    "shop": {"get": {}},
    "/a?b": {"get": {}},
    "/{": {"get": {}},
    "/none": {"$ref": "#/paths/~1shop"},
    "/no": 7,
    "x-a": {},
}


def test_paths_of_both_are_in_one_document() -> None:
    """What a resource answers is below proxy/; two paths that differ in the name of a placeholder are one, and so are two ids."""
    found = merged(OURS, read(paths=PATHS), BASE)

    assert sorted(found["paths"]) == [
        f"{BASE}/pets",
        f"{BASE}/pets/{{name}}",
        f"{BASE}/pets/{{petId}}/photos",
        f"{BASE}/proxy/pets",
        f"{BASE}/proxy/pets/findByStatus",
        f"{BASE}/proxy/pets/{{petId}}",
        f"{BASE}/shop",
    ]
    assert found["paths"][f"{BASE}/pets"] == OURS["paths"][f"{BASE}/pets"]
    operations = found["paths"][f"{BASE}/proxy/pets"]
    assert [operation.get("operationId") for operation in operations.values()] == ["upstream.list", None]
    assert found["paths"][f"{BASE}/proxy/pets/{{petId}}"]["get"]["operationId"] == "upstream.get_one"
    assert found["paths"][f"{BASE}/shop"]["get"] == {"responses": {"200": {"description": "Not described."}}}
    assert "security" not in json.dumps(found)
    assert sorted(OURS["paths"]) == [f"{BASE}/pets", f"{BASE}/pets/{{name}}"]


@pytest.mark.parametrize(
    ("servers", "expected"),
    [
        ([{"url": "https://pets.example.com/api/v3/"}], f"{BASE}/api/v3/shop"),
        ([{"url": "/api"}], f"{BASE}/api/shop"),
        ([{"url": "/"}], f"{BASE}/shop"),
        ([{"url": "api"}], f"{BASE}/shop"),
        ([{"url": "https://{host}/api"}], f"{BASE}/shop"),
        ([{"url": "http://["}], f"{BASE}/shop"),
        ([7], f"{BASE}/shop"),
    ],
    ids=range(7),
)
def test_the_path_of_the_server_stands_before_its_paths(servers: object, expected: str) -> None:
    """As its clients call it."""
    assert expected in merged(OURS, read(paths={"/shop": {"get": {}}}, servers=servers), BASE)["paths"]


def test_only_what_arrives_at_an_upstream_is_said_of_it() -> None:
    """One for a first segment has the paths below that; one that is given whole paths has those of the version."""
    paths = {"/a": {"get": {}}, "/a/b": {"get": {}}, "/ab": {"get": {}}, f"{BASE}/c": {"get": {}}}
    whole = read(paths=paths)

    assert merged(OURS, whole, BASE, f"{BASE}/a")["paths"].keys() - OURS["paths"].keys() == {f"{BASE}/a", f"{BASE}/a/b"}
    assert merged(OURS, whole, "", BASE)["paths"].keys() - OURS["paths"].keys() == {f"{BASE}/c"}


#: A value of a wrong type at every place that something reads.
BROKEN: dict[str, Any] = {
    "/x": {
        "parameters": {"a": 1},
        "get": {
            "operationId": 7, "tags": "a", "summary": {}, "description": [], "deprecated": "yes",
            "parameters": [
                7, {}, {"name": "a", "in": "body"}, {"name": 1, "in": "query"}, {"name": "q", "in": "query", "required": "no", "style": 1},
                {"name": "q", "in": "query"}, {"$ref": "#/components/schemas/Odd"}, {"name": "c", "in": "query", "content": {"a/b": 1}},
            ],
            "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Odd"}}, "??": {}}},
            "responses": {"200": 7, "2": {}, "default": {"description": 7, "content": {"a/b": {"schema": 7, "examples": 1}}}},
        },
        "post": [],
    }
}  # fmt: skip
ODD: dict[str, Any] = {
    "Odd": {
        "type": "object", "title": 7, "description": "\x1b[1m", "required": "a", "nullable": "yes", "exclusiveMinimum": 3, "maxLength": -1,
        "minItems": 2**70, "multipleOf": 0, "enum": [], "pattern": 7, "x-kubernetes-group-version-kind": [{"group": "", "kind": "Pod"}],
        "discriminator": 7, "xml": 7, "$defs": {"a": {}}, "if": {}, "not": True, "allOf": [], "anyOf": [True, {"const": None}],
        "properties": {"a": True, "b": {"type": ["string", "null"]}, "$ref": {"type": "array"}, "c": {"$ref": 7}},
        "additionalProperties": 7,
    },
    "Boolean": True,
    "a/b c": {"$ref": "#/components/schemas/a~1b c"},
    "a.b": {"exclusiveMaximum": True, "maximum": 1.5},
    "a_b_c": {"items": {"$ref": "#/components/schemas/a~1b c"}},
}  # fmt: skip


def test_a_broken_document_leaves_ours_whole() -> None:
    """Everything is valid OpenAPI 3.0, every reference leads somewhere, no kind of Kubernetes is claimed."""
    found = merged(OURS, read(paths=BROKEN, **ODD), BASE)

    names = set(found["components"]["schemas"])
    assert {name.removeprefix("upstream.") for name in names} == {
        "com.example.cats.v1.Pet", "Odd", "Boolean", "a_b_c", "a.b", "a_b_c_4"
    }  # fmt: skip
    assert {one.removeprefix("#/components/schemas/") for one in references(found) if isinstance(one, str)} <= names
    assert "x-kubernetes" not in json.dumps(found)
    assert "\\u001b" not in json.dumps(found)
    OPENAPI_30_VALIDATOR.validate(
        {**found, "paths": {path: found["paths"][path] for path in found["paths"] if path not in OURS["paths"]}}
    )
    operation = found["paths"][f"{BASE}/x"]["get"]
    assert [(one["name"], one["in"]) for one in operation["parameters"]] == [("q", "query"), ("c", "query")]
    assert sorted(operation["responses"]) == ["200", "default"]


def test_broken_components_break_nobody_who_refers_to_them() -> None:
    """What is none is replaced by what says nothing, or left out with what refers to it; data is no reference, whatever its name."""
    whole = document(
        paths={"/x": {"put": {
            "parameters": [{"$ref": "#/components/parameters/P"}, {"$ref": "#/components/parameters/Q"}],
            "requestBody": {"$ref": "#/components/requestBodies/B"},
            "responses": {"200": {"$ref": "#/components/responses/R"}},
        }}},
        A={"default": {"$ref": "#/components/schemas/Gone"}, "enum": [{"$ref": "#/components/schemas/Gone"}]},
    )  # fmt: skip
    whole["components"] |= {
        "parameters": {"P": {"in": "query"}, "Q": {"name": "q", "in": "query"}}, "requestBodies": {"B": {}}, "responses": {"R": 7}
    }  # fmt: skip
    found = merged(OURS, UpstreamOpenApi.of(json.dumps(whole).encode()), BASE)

    OPENAPI_30_VALIDATOR.validate({**found, "paths": {f"{BASE}/x": found["paths"][f"{BASE}/x"]}})
    assert found["paths"][f"{BASE}/x"]["put"]["parameters"] == [{"$ref": "#/components/parameters/upstream.Q"}]
    assert found["components"] == {
        "schemas": {**OURS["components"]["schemas"], "upstream.A": {}},
        "parameters": {"upstream.Q": {"name": "q", "in": "query", "schema": {}}},
        "requestBodies": {"upstream.B": {"content": {}}},
        "responses": {"upstream.R": {"description": "Not described."}},
    }


def test_what_31_says_otherwise_is_said_as_30() -> None:
    """Go reads no number where 3.0 has a boolean, and then nothing at all."""
    schemas = merged(OURS, read(**ODD), BASE)["components"]["schemas"]

    assert schemas["upstream.Boolean"] == {}
    assert schemas["upstream.a.b"] == {"maximum": 1.5, "exclusiveMaximum": True}
    odd = schemas["upstream.Odd"]
    assert (odd["minimum"], odd["exclusiveMinimum"]) == (3, True)
    assert odd["properties"] == {
        "a": {}, "b": {"type": "string", "nullable": True}, "$ref": {"type": "array", "items": {}}, "c": {}
    }  # fmt: skip


def test_a_document_is_known_from_when_it_is_put() -> None:
    """One that cannot be used changes nothing; the same once more is no news."""
    documents = UpstreamDocuments(GROUP, [("", "Pet"), ("", "Pt")])
    origin = Origin("", "", "strip")
    body = json.dumps(document(paths={"/shop": {"get": {}}}, Pet={"type": "object"})).encode()

    assert documents.extend("v1", OURS) == OURS
    assert documents.put(origin, b"?") == (False, (documents.put(origin, b"?")[1][0],))
    changed, complaints = documents.put(origin, body)
    assert changed
    assert [sentence[:50] for sentence in complaints] == ["the schema 'Pt' of the upstream's OpenAPI is not t"]
    assert documents.put(origin, body) == (False, ())
    assert documents.schema("", "Pet") == {"type": "object", **ANY}
    assert documents.schema("other", "Pet") is None
    assert f"{BASE}/shop" in documents.extend("v1", OURS)["paths"]


def test_several_upstreams_do_not_mix_their_components() -> None:
    """Each has a name of its own; one of another version is not in the document."""
    documents = UpstreamDocuments(GROUP, [])
    documents.put(Origin("", "", "strip"), json.dumps(document(A={})).encode())
    documents.put(Origin("", "shop", "strip"), json.dumps(document(A={"type": "string"})).encode())
    documents.put(Origin("v2", "", "strip"), json.dumps(document(A={"type": "object"})).encode())

    names = set(documents.extend("v1", OURS)["components"]["schemas"])
    assert names == {"com.example.cats.v1.Pet", "upstream.A", "upstream.shop.A"}


@pytest.fixture
def openapi(own: Backend, upstream: Upstream) -> OpenApi:
    """Serve pets, with documents that can be renewed."""
    settings = Settings.from_environ(own.environ())
    api = Api(settings.group, settings.versions, upstream.resources(pets(schema="Pet", fields={"name": "id"})))
    openapi = OpenApi(api)
    calls = Calls(blocking=True)

    def hosting(given: Host) -> Hosted:
        group = TableGroup(api=api, calls=calls, streams=given.streams, most_body_bytes=2**20, openapi_source=openapi)
        return Hosted(groups=[group])

    _run(own, lambda **how: host(hosting, settings, **how))
    own.wait_until_ready()
    return openapi


PET = {
    "type": "object",
    "required": ["id"],
    "properties": {"id": {"type": "integer"}, "name": {"type": "string", "description": "Whose."}},
}


def test_the_served_documents_change_with_the_upstreams(own: Backend, upstream: Upstream, openapi: OpenApi) -> None:
    """The list names another hash, by which kube-apiserver and kubectl see it."""
    aggregator = own.aggregator()

    def served() -> tuple[str, dict[str, Any]]:
        url = aggregator.request("GET", "/openapi/v3").json()["paths"][f"apis/{GROUP}/v1"]["serverRelativeURL"]
        answer = aggregator.request("GET", url)
        assert answer.header("Cache-Control") == "public, immutable"
        return url, answer.json()

    first, before = served()
    assert before["components"]["schemas"]["com.example.cats.v1.Pet"]["properties"]["spec"] == {
        "type": "object", "description": "The item, as the upstream has it.", **ANY
    }  # fmt: skip
    documents = UpstreamDocuments(GROUP, [("", "Pet")])
    documents.put(Origin("", "", "strip"), json.dumps(document(paths=PATHS, Pet=PET)).encode())
    upstream.schemas = documents.schema
    openapi.renew(documents.extend)
    second, after = served()

    assert first != second
    expected = {"id": {"type": "integer"}, "name": {"description": "Whose.", "type": "string"}}
    assert after["components"]["schemas"]["com.example.cats.v1.Pet"]["properties"]["spec"] == {
        "type": "object", "description": "The item, as the upstream has it.", "properties": expected, **ANY
    }  # fmt: skip
    assert f"{BASE}/proxy/pets" in after["paths"]
    v2 = aggregator.request("GET", "/openapi/v2", accept="application/json").json()
    assert v2["definitions"]["com.example.cats.v1.Pet"]["properties"]["spec"]["properties"] == expected
    assert not [path for path in v2["paths"] if "proxy" in path]
    OPENAPI_30_VALIDATOR.validate(after)
    for each in schemathesis.openapi.from_dict(after).get_all_operations():
        each.ok()
    assert {one.removeprefix("#/components/schemas/") for one in references(after)} <= set(
        after["components"]["schemas"]
    )


def test_no_schema_of_a_kind_is_empty(own: Backend, openapi: OpenApi) -> None:
    """`kubectl explain --recursive` ends at one: https://github.com/kubernetes/kubectl/blob/v0.34.0/pkg/explain/v2/templates/plaintext.tmpl."""
    openapi.renew(lambda _, document: document)
    schemas = own.aggregator().request("GET", f"/openapi/v3{BASE}").json()["components"]["schemas"]

    def empty(schema: dict[str, Any], place: str) -> Iterator[str]:
        if not schema:
            yield place
        for name, one in schema.get("properties", {}).items():
            yield from empty(one, f"{place}.{name}")

    assert [place for name, schema in schemas.items() for place in empty(schema, name)] == []


def test_a_part_that_many_point_to_is_looked_at_for_a_moment() -> None:
    """Two thousand times a list of a hundred and fifty thousand would be hours."""
    big: dict[str, Any] = {
        "allOf": [{}] * 150_000, "oneOf": [{}] * 150_000, "required": ["a"] * 300_000, "enum": ["a"] * 300_000,
        "format": ["a"] * 100_000, "description": "\x1b" * 100_000,
    }  # fmt: skip
    parts = {f"p{number}": {"$ref": "#/components/schemas/Big"} for number in range(500)}
    started = time.perf_counter()
    for kind in ("string", "object"):
        found = spec({"type": "object", "properties": parts}, Big={"type": kind, **big})
        assert set(found["properties"]) == set(parts)
    assert time.perf_counter() - started < 60


def test_a_large_document_is_read_within_seconds() -> None:
    """8 MiB; the bound is far above what it takes, and far below what a square of it would."""
    operation = {
        "description": "x" * 1000,
        "responses": {"200": {"description": "x", "content": {"application/json": {"schema": {}}}}},
    }
    paths = {f"/p{number}/{{a}}/{{b}}": {"get": operation, "post": operation} for number in range(3500)}
    body = json.dumps(document(paths=paths)).encode()
    started = time.perf_counter()
    merged(OURS, UpstreamOpenApi.of(body), BASE)

    assert len(body) > 7 * 2**20
    assert time.perf_counter() - started < 60

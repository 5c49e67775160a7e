"""The table of verbs is the truth: what discovery lists, OpenAPI describes, 405 allows and authorization asks about."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from extension_apiserver import Call, Resource
from extension_apiserver.request import Connection, Request
from extension_apiserver.request_info import request_info
from extension_apiserver.verbs import FUNCTIONS, VERBS
from unit.fake_aggregator import Aggregator
from unit.running import BASE, GROUP, Backend, start
from unit.test_metrics import scrape

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def answer(call: Call) -> Any:
    """Answer any verb."""
    item = {"metadata": {"name": "tom"}}
    return [item] if call.verb == "list" else item


def resource(plural: str, verbs: tuple[str, ...], *, namespaced: bool) -> Resource:
    kind = plural.removesuffix("s").capitalize()
    functions = dict.fromkeys(verbs, answer)
    return Resource(kind=kind, plural=plural, description="A pet.", verbs=functions, namespaced=namespaced)


RESOURCES = [
    resource("cats", FUNCTIONS, namespaced=True),
    resource("cows", FUNCTIONS, namespaced=False),
    resource("dogs", ("create", "get"), namespaced=True),
    resource("hens", ("list",), namespaced=True),
]
#: Path → methods that its verbs make, for people to read.
ALLOWED = {
    "/cats": "GET",
    "/namespaces/n/cats": "GET, POST",
    "/namespaces/n/cats/tom": "DELETE, GET, PUT",
    "/cows": "GET, POST",
    "/cows/tom": "DELETE, GET, PUT",
    "/dogs": "",
    "/namespaces/n/dogs": "POST",
    "/namespaces/n/dogs/tom": "GET",
    "/hens": "GET",
    "/namespaces/n/hens": "GET",
    "/namespaces/n/hens/tom": "",
}


def body_for(method: str) -> dict[str, Any] | None:
    """Return what creates or replaces an object."""
    return {"metadata": {"name": "tom"}} if method in {"POST", "PUT"} else None


@pytest.fixture
def pets(own: Backend) -> Aggregator:
    """Serve RESOURCES."""
    start(own, resources=RESOURCES)
    return own.aggregator()


def described(document: dict[str, Any]) -> dict[str, str]:
    """Return path → methods as Allow would list them, of an OpenAPI document."""
    return {
        path.removeprefix(BASE).replace("{namespace}", "n").replace("{name}", "tom"): ", ".join(
            sorted(method.upper() for method in methods)
        )
        for path, methods in document["paths"].items()
    }


def test_discovery_openapi_and_allow_agree(pets: Aggregator) -> None:
    """Every path of every resource: what is described is allowed and answered, anything else is 405 and says what is allowed."""
    discovered = {one["name"]: one["verbs"] for one in pets.request("GET", BASE).json()["resources"]}
    assert discovered == {one.plural: sorted(one.verbs) for one in RESOURCES}
    promised = {path: methods for path, methods in ALLOWED.items() if methods}
    for document in ("/openapi/v2", f"/openapi/v3{BASE}"):
        assert described(pets.request("GET", document, accept="application/json").json()) == promised
    for path, allowed in ALLOWED.items():
        for method in METHODS:
            got = pets.request(method, BASE + path, body=body_for(method))
            if method in allowed.split(", "):
                assert got.status in {200, 201}, (method, path)
            else:
                assert (got.status, got.header("Allow")) == (405, allowed), (method, path)


def test_every_operation_is_as_openapi_describes_it(pets: Aggregator) -> None:
    """The code of success, the kind that is answered, whether a body is read, and the values that a parameter may have."""
    document = pets.request("GET", f"/openapi/v3{BASE}").json()
    seen = set()
    for template, operations in document["paths"].items():
        path = template.replace("{namespace}", "n").replace("{name}", "tom")
        for method, operation in operations.items():
            seen.add(operation["operationId"])
            body = body_for(method.upper())
            got = pets.request(method.upper(), path, body=body)
            assert [code for code in operation["responses"] if code < "300"] == [str(got.status)], operation
            schema = operation["responses"][str(got.status)]["content"]["application/json"]["schema"]
            assert schema["$ref"].rpartition(".")[2] == got.json()["kind"], operation
            unreadable = pets.request(method.upper(), path, body=b"{")
            assert (unreadable.status == 400) is ("requestBody" in operation), operation
            for parameter in operation["parameters"]:
                if parameter["in"] == "query":
                    wrong = pets.request(method.upper(), f"{path}?{parameter['name']}=Wrong", body=body)
                    assert (wrong.status, wrong.json()["reason"]) == (400, "BadRequest"), parameter
                    for value in parameter["schema"]["enum"]:
                        right = pets.request(method.upper(), f"{path}?{parameter['name']}={value}", body=body)
                        assert right.status == got.status, parameter

    assert len(seen) == 15


def test_authorization_knows_each_verb_of_the_table_and_no_other() -> None:
    """By the method and by what the path ends in; only a watch says so in its query."""
    paths = {"name": f"{BASE}/cats/tom", "collection": f"{BASE}/cats"}
    found = {
        verb.name: request_info(
            Request(
                verb.method, paths[verb.on] + ("?watch=1" if verb.name == "watch" else ""), [], Connection(), _no_body
            )
        ).verb
        for verb in VERBS.values()
    }
    asked = {
        request_info(Request(method, path + query, [], Connection(), _no_body)).verb
        for method in (*METHODS, "HEAD", "PROPFIND")
        for path in paths.values()
        for query in ("", "?watch=1")
    }

    assert found == {name: name for name in VERBS}
    assert asked == {*VERBS, ""}


async def _no_body() -> bytes:
    await asyncio.sleep(0)
    return b""


@pytest.mark.parametrize("name", ["patch", "watch", "deletecollection", "dance"])
def test_what_functions_cannot_answer_is_refused_in_their_table(name: str) -> None:
    """A verb that authorization knows may still be one that only a store answers."""
    assert name not in FUNCTIONS
    with pytest.raises(ValueError, match=f"unknown verb '{name}'; known are create, delete, get, list, update"):
        resource("cats", ("get", name), namespaced=True)


def test_requests_are_counted_by_their_verb(pets: Aggregator) -> None:
    """Also those that no resource serves; where the path is no resource, by the method."""
    for method in (*METHODS[:-1], "PROPFIND"):
        for path in (f"{BASE}/cows", f"{BASE}/cows/tom", f"{BASE}/cows?watch=1", f"/apis/{GROUP}"):
            pets.request(method, path)
    for method in ("HEAD", "OPTIONS"):
        pets.request(method, f"/apis/{GROUP}")
    counted = {row.partition('verb="')[2].partition('"')[0] for row in scrape(pets)} - {""}

    assert counted == {
        *("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"),
        *("post", "put", "head", "options", "other"),
    }

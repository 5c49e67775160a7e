"""What a person reads when something is wrong that no other test meets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from typing import Any

import pytest

from extension_apiserver import Resource, Settings
from extension_apiserver.cluster.kubernetes import ApiClient, ApiError
from unit.fake_aggregator import Aggregator
from unit.running import BASE, Backend, start

CATS = Resource(
    kind="Cat",
    plural="cats",
    description="A cat.",
    verbs={"create": lambda call: call.body},
    schema={
        "spec": {
            "type": "object",
            "required": ["name"],
            "properties": {"name": {"type": "string"}, "anything": {"type": "object"}},
        }
    },
)


def post(aggregator: Aggregator, path: str, document: object) -> tuple[int, dict[str, Any]]:
    """Return code and object of an answer to a create."""
    answer = aggregator.request("POST", path, body=json.dumps(document).encode())
    return answer.status, answer.json()


def test_a_resource_with_an_unknown_verb_names_the_known_ones() -> None:
    """When the program starts, not when somebody asks."""
    with pytest.raises(ValueError, match=r"resource 'cats' has the unknown verb 'eat'; known are .*list"):
        Resource(kind="Cat", plural="cats", description="", verbs={"eat": lambda _call: None})


def test_a_field_that_is_required_and_missing_is_named(own: Backend) -> None:
    """What a schema leaves open may be anything."""
    start(own, resources=[CATS])
    body = {"metadata": {"name": "tom"}, "spec": {"anything": {"a": 1}}}
    code, status = post(own.aggregator(), f"{BASE}/cats", body)

    assert code == 422
    assert [(cause["field"], cause["message"]) for cause in status["details"]["causes"]] == [
        ("spec.name", "Required value")
    ]
    body["spec"] = {"name": "Tom", "anything": {"a": 1}}
    assert post(own.aggregator(), f"{BASE}/cats?fieldValidation=Strict", body)[0] == 201


def test_metadata_that_is_no_object_is_refused(aggregator: Aggregator) -> None:
    """Not taken for a fault of the application."""
    code, status = post(aggregator, f"{BASE}/echoes", {"metadata": ["x"]})

    assert (code, status["message"]) == (400, "`metadata` must be an object")


def test_an_unknown_part_for_tables_names_the_known_ones(aggregator: Aggregator) -> None:
    """As kube-apiserver does."""
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io"
    answer = aggregator.request("GET", f"{BASE}/echoes?includeObject=All", accept=accept)

    assert answer.status == 400
    assert answer.json()["message"] == "includeObject must be 'None', 'Metadata' or 'Object', not 'All'"


def test_a_watch_of_nothing_is_no_resource(aggregator: Aggregator) -> None:
    """The old path of watches without a resource behind it is like any path that does not exist."""
    assert aggregator.request("GET", f"{BASE}/watch").status == 404


def ask(backend: Backend, path: str, *, times: int = 1) -> None:
    """Get an object as the backend does."""

    async def run() -> None:
        client = ApiClient(Settings.from_environ(backend.environ()))
        try:
            for _ in range(times):
                await client.get(path)
        finally:
            await client.close()

    asyncio.run(run())


def test_a_token_that_cannot_be_read_is_named(own: Backend) -> None:
    """With its file."""
    token = own.directory / "serviceaccount" / "token"
    token.unlink()
    with pytest.raises(ApiError, match=f"the ServiceAccount token cannot be read: .*{token}"):
        ask(own, "/version")


def test_an_answer_of_kube_apiserver_that_is_no_object_is_an_error(own: Backend) -> None:
    """A list is none."""
    own.apiserver.objects["/version"] = ["v1.37"]
    with pytest.raises(ApiError, match="kube-apiserver answers with something else than an object"):
        ask(own, "/version")


@pytest.mark.parametrize("text", [b"<html>a proxy's page", b""])
def test_an_answer_of_kube_apiserver_that_is_no_json_is_quoted(own: Backend, text: bytes) -> None:
    """With the code it came with."""
    with pytest.raises(ApiError, match=r"kube-apiserver answers 502: ") as raised:
        answered(own, 502, text)
    assert str(raised.value).endswith(text.decode())


def answered(backend: Backend, code: int, text: bytes) -> None:
    """Let a get be answered by some bytes."""

    async def run() -> None:
        client = ApiClient(Settings.from_environ(backend.environ()))

        def call(*_: object) -> Coroutine[Any, Any, tuple[int, bytes]]:
            return asyncio.sleep(0, (code, text))

        client._call = call  # type: ignore[method-assign]
        await client.get("/version")

    asyncio.run(run())

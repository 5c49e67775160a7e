"""Functions that get and return models."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from extension_apiserver import Call, Resource, StatusError, not_found
from extension_apiserver.api.rest import Rest
from extension_apiserver.models import ObjectMeta, resource
from extension_apiserver.trust.identity import Identity
from unit.models.cats import WHITE, Cat, causes
from unit.registry.client import Answer, Cats, cat


class Zoo:
    """Functions that get and return models, and what they were given."""

    def __init__(self) -> None:
        self.cats: dict[str, Cat] = {}
        self.given: list[object] = []

    def list(self, _: Call) -> list[Cat]:
        """Return all."""
        return list(self.cats.values())

    def get(self, call: Call) -> Cat:
        """Return one."""
        if call.name not in self.cats:
            raise not_found("zoo.example.com", "cats", call.name)
        return self.cats[call.name]

    def create(self, _: Call, new: Cat) -> Cat:
        """Keep one."""
        self.given.append(new)
        self.cats[new.metadata.name] = new
        return new

    def delete(self, call: Call) -> None:
        """Forget one."""
        del self.cats[call.name]

    def send(self, method: str, path: str, body: Any = b"", accept: str = "application/json") -> Answer:
        """Answer a request."""
        made = resource(
            Cat,
            plural="cats",
            namespaced=True,
            verbs={
                "list": self.list,
                "get": self.get,
                "create": self.create,
                "update": self.create,
                "delete": self.delete,
            },
        )
        return answer_of(made, method, path, body, accept)


def answer_of(made: Resource, method: str, path: str, body: Any = b"", accept: str = "application/json") -> Answer:
    """Answer a request for a resource with functions."""

    async def run(function: Callable[[Any], Any], call: Any) -> Any:
        return function(call)

    with Cats() as client:
        request, info = client.request(method, path, body, accept=accept)
        try:
            answer = client.run(Rest(run).answer(request, Identity("jane"), info, made))
        except StatusError as error:
            return Answer(error.code, {}, error.body())
        return Answer(answer.status, dict(answer.headers), answer.body)


def test_functions_get_and_return_models() -> None:
    """By alias, without what is None; metadata that the model does not name stays as it is."""
    zoo = Zoo()
    sent = cat(
        "tom",
        spec={"born": "2026-01-02T03:04:05Z", "toys": [{"name": "a"}]},
        metadata={"labels": {"a": "b"}, "uid": "7"},
    )
    answer = zoo.send("POST", "", sent)

    assert answer.code == 201, answer.text
    spec = {"colour": "tabby", "kittens": 0, "born": "2026-01-02T03:04:05Z", "toys": [{"name": "a", "price": "0"}]}
    assert answer.json["spec"] == spec
    assert zoo.cats["tom"].spec.toys[0].price == Decimal(0)
    assert "status" not in answer.json
    assert answer.json["metadata"].keys() == {
        "name",
        "namespace",
        "labels",
        "uid",
        "creationTimestamp",
        "resourceVersion",
    }
    assert zoo.send("GET", "/tom").json["spec"] == spec
    assert [one["spec"] for one in zoo.send("GET", "").json["items"]] == [spec]
    table = zoo.send("GET", "", accept="application/json;as=Table;v=v1;g=meta.k8s.io").json
    assert [row["cells"] for row in table["rows"]] == [["tom", "tabby", 0, "2026-01-02T03:04:05Z"]]
    assert zoo.send("PUT", "/tom", {**answer.json, "spec": {"colour": "black"}}).json["spec"]["colour"] == "black"
    assert zoo.send("DELETE", "/tom").code == 200
    assert zoo.send("GET", "/tom").code == 404


def test_a_function_is_not_called_with_what_is_no_model() -> None:
    """A 422 with causes, as with a store."""
    zoo = Zoo()
    answer = zoo.send("POST", "", cat("tom", spec={"colour": "white", "kittens": 1}))

    assert causes(answer) == [WHITE]
    assert causes(zoo.send("POST", "", cat("tom"))) == [("spec", "Required value")]
    assert causes(zoo.send("POST", "", cat("tom", spec={"kittens": "1"}))) == [
        ("spec.kittens", "Invalid value: must be of type integer")
    ]
    assert zoo.given == []


class Closed(BaseModel):
    """Takes nothing that it does not know."""

    metadata: ObjectMeta
    spec: Inner


class Inner(BaseModel, extra="forbid"):
    """As well."""

    a: int


def test_a_function_does_not_see_unknown_fields_that_a_client_was_warned_of() -> None:
    """A model that forbids them is no other than with a store."""
    got: list[Closed] = []

    def create(call: Call, new: Closed) -> Closed:
        got.append(new)
        return new

    made = resource(Closed, plural="cats", namespaced=True, verbs={"create": create}, kind="Cat")
    answer = answer_of(made, "POST", "", cat("tom", spec={"a": 1, "b": 2}))

    assert (answer.code, answer.json["spec"], len(got)) == (201, {"a": 1}, 1)
    assert answer.headers["Warning"] == '299 - "unknown field \\"spec.b\\""'


@pytest.mark.parametrize(
    "text", [b'{"spec":' + b"[" * 300 + b"]" * 300 + b"}", b'{"metadata":{"name":"a"},"spec":{"colour":"\\ud800"}}']
)
def test_a_body_that_is_made_to_break_is_a_status(text: bytes) -> None:
    """Levels that recursion would not survive, and text that is none."""
    assert Zoo().send("POST", "", text).code in {400, 422}

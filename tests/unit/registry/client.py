"""A resource with a store, and a client that asks for it without a server."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Self, TypeVar

from extension_apiserver.api.resources import Api, Resource
from extension_apiserver.api.stored import Scale
from extension_apiserver.registry.kept import Kept, kept
from extension_apiserver.registry.namespaces import Namespaces
from extension_apiserver.registry.rest import Registry
from extension_apiserver.request import Connection, Request, Response
from extension_apiserver.request_info import RequestInfo, request_info
from extension_apiserver.status import StatusError
from extension_apiserver.store.feed import Feed
from extension_apiserver.store.memory import MemoryStore
from extension_apiserver.store.protocol import Store

GROUP, VERSION = "zoo.example.com", "v1"
#: The collection in the namespace `default`.
CATS = f"/apis/{GROUP}/{VERSION}/namespaces/default/cats"
APPLY = "application/apply-patch+yaml"
_Result = TypeVar("_Result")

SCHEMA = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "color": {"type": "string", "enum": ["black", "red", "white"]},
                "lives": {"type": "integer", "default": 9, "minimum": 0},
                "replicas": {"type": "integer"},
                "toys": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
                "friends": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {"name": {"type": "string"}, "since": {"type": "string"}},
                        "required": ["name"],
                    },
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                },
            },
        },
        "status": {
            "type": "object",
            "properties": {
                "mood": {"type": "string"},
                "replicas": {"type": "integer"},
                "selector": {"type": "string"},
            },
        },
    },
}


def cat_resource(store: Store, **fields: Any) -> Resource:
    """Return the resource `cats`; `fields` go before its own."""
    own: dict[str, Any] = {
        "kind": "Cat",
        "plural": "cats",
        "description": "A cat.",
        "namespaced": True,
        "schema": SCHEMA,
        "status": True,
        "scale": Scale(selector=".status.selector"),
        "selectable_fields": [".spec.color"],
        "store": store,
    }
    return Resource(**{**own, **fields})


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a request was answered."""

    code: int
    headers: Mapping[str, str]
    text: bytes

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.text)

    @property
    def message(self) -> str:
        """The sentence of a Status."""
        return str(self.json["message"])


class Cats:
    """Sends requests to a Registry, in an event loop of its own; a `with` ends that."""

    def __init__(
        self,
        *,
        store: Store | None = None,
        namespaces: Namespaces | None = None,
        versions: tuple[str, ...] = (VERSION,),
        **fields: Any,
    ) -> None:
        """Take where objects are, by default in memory, who knows namespaces, the group's versions and fields of the resource."""
        self.runner = asyncio.Runner()
        self.store = store or MemoryStore()
        self.feed = Feed(self.store)
        resource = cat_resource(self.store, **fields)
        self.kept: Kept = kept(resource, Api(GROUP, versions, [resource]), self.store, self.feed)
        self.registry = Registry(self.kept, namespaces)

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the event loop."""
        self.runner.close()

    def run(self, coroutine: Coroutine[Any, Any, _Result]) -> _Result:
        """Return what a coroutine returns in the event loop of this client."""
        return self.runner.run(coroutine)

    def send(
        self,
        method: str,
        path: str,
        body: Any = b"",
        *,
        content_type: str = "application/json",
        agent: str = "tests/1",
        accept: str = "application/json",
    ) -> Answer:
        """Return the answer to a request.

        Args:
            method: upper case.
            path: with its query; what does not begin with '/apis' is below CATS.
            body: bytes, or what becomes JSON.
            content_type: "" for none.
            agent: User-Agent.
            accept: "" for none.

        """
        return self.run(self.ask(method, path, body, content_type=content_type, agent=agent, accept=accept))

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = b"",
        *,
        content_type: str = "application/json",
        agent: str = "tests/1",
        accept: str = "application/json",
    ) -> Answer:
        """As `send`, within the event loop."""
        try:
            response = await self.response(method, path, body, content_type=content_type, agent=agent, accept=accept)
        except StatusError as error:
            return Answer(error.code, joined(error.headers), error.body())
        return Answer(response.status, joined(response.headers), response.body)

    async def response(
        self,
        method: str,
        path: str,
        body: Any = b"",
        *,
        content_type: str = "application/json",
        agent: str = "tests/1",
        accept: str = "application/json",
    ) -> Response:
        """Return the response itself, which may be a stream; the arguments as for `send`.

        Raises:
            StatusError: what the client is told instead.

        """
        request, info = self.request(method, path, body, content_type=content_type, agent=agent, accept=accept)
        return await self.registry.answer(request, info)

    def request(
        self,
        method: str,
        path: str,
        body: Any = b"",
        *,
        content_type: str = "application/json",
        agent: str = "tests/1",
        accept: str = "application/json",
    ) -> tuple[Request, RequestInfo]:
        """Return a request, and what it asks for; the arguments as for `send`."""
        text = body if isinstance(body, bytes) else json.dumps(body).encode()

        async def read_body() -> bytes:
            return text

        said = {b"content-type": content_type, b"user-agent": agent, b"accept": accept}
        headers = [(name, value.encode()) for name, value in said.items() if value]
        target = path if path.startswith("/apis") else CATS + path
        request = Request(method, target, headers, Connection(), read_body, length=len(text))
        return request, request_info(request)

    def create(self, name: str, **fields: Any) -> Any:
        """Create a cat with fields beside `metadata`; return it."""
        answer = self.send("POST", "", cat(name, **fields))
        assert answer.code == 201, answer.text
        return answer.json

    def get(self, name: str) -> Any:
        """Return a cat as the store has it, or None; needs no verb `get`."""
        stored = self.run(self.store.get(self.kept.key("default", name)))
        return self.kept.object(stored.value, stored.revision, VERSION) if stored else None

    @property
    def revision(self) -> int:
        """The store's."""
        return self.run(self.store.state()).revision


def cat(name: str = "", **fields: Any) -> dict[str, Any]:
    """Return a cat as a client sends it; `metadata` goes with the name."""
    metadata = {"name": name} if name else {}
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "Cat",
        **fields,
        "metadata": metadata | fields.get("metadata", {}),
    }


def joined(lines: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return headers, of each name all values."""
    found: dict[str, str] = {}
    for name, value in lines:
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found

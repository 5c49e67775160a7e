"""An upstream with pets, as `fetch` sees one, and their mapping."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from extension_apiserver import Resource
from extension_apiserver.gateway.resources.fetch import FetchCall, Fetched
from extension_apiserver.gateway.resources.mapping import mapped
from unit.fake_aggregator import Aggregator, Answer

#: Serves mappings, by default of pets, and returns kube-apiserver.
Serve = Callable[..., Aggregator]

PETS: Mapping[str, Any] = {
    "kind": "Pet",
    "list": {"path": "/pets", "items": "items"},
    "get": {"path": "/pets/{name}"},
    "create": {"path": "/pets"},
    "update": {"path": "/pets/{name}"},
    "delete": {"path": "/pets/{name}"},
    "fields": {"name": "id"},
}


def pets(**changes: Any) -> dict[str, Any]:
    """Return the mapping with other keys; None removes one."""
    return {key: value for key, value in (dict(PETS) | changes).items() if value is not None}


class Upstream:
    """Answers what it is told to, by 'METHOD /path', and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.calls: list[FetchCall] = []
        self.schemas: Callable[[str, str], Mapping[str, Any] | None] = lambda _segment, _name: None

    def says(self, asked: str, document: object, status: int = 200, **headers: str) -> None:
        """Answer a request: bytes as they are, anything else as JSON."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        lines = {"Content-Type": "application/json"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        self.answers[asked] = Fetched(status, list(lines.items()), body)

    async def fetch(self, call: FetchCall) -> Fetched:
        """Answer one request; a query is part of what is asked if there is an answer for it."""
        self.calls.append(call)
        asked = f"{call.method} {call.path}"
        query = "&".join(f"{name}={value}" for name, value in call.query)
        return self.answers.get(f"{asked}?{query}") or self.answers.get(asked) or Fetched(404, [], b"")

    def resources(self, *entries: Mapping[str, Any]) -> Sequence[Resource]:
        """Return the resources of a mapping."""
        return mapped(entries, self.fetch, run, self._schema)

    def _schema(self, segment: str, name: str) -> Mapping[str, Any] | None:
        return self.schemas(segment, name)

    @property
    def asked(self) -> list[str]:
        """What it was asked, as 'METHOD /path'."""
        return [f"{call.method} {call.path}" for call in self.calls]


def run(awaitable: Any) -> Any:
    """Wait in a thread that has no event loop."""

    async def wait() -> Any:
        return await awaitable

    return asyncio.run(wait())


def refusal(answer: Answer) -> tuple[int, str]:
    """Return code and message of an answer that is a Status."""
    status = answer.json()
    assert status["kind"] == "Status", status
    assert answer.status == status["code"]
    return status["code"], status["message"]

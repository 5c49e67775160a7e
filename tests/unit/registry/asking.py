"""Requests for cats, and their answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import pytest

from extension_apiserver.registry.kept import Kept
from extension_apiserver.registry.rest import Registry
from extension_apiserver.request import Connection, Request, Response
from extension_apiserver.request_info import request_info
from extension_apiserver.status import StatusError
from extension_apiserver.store.protocol import Key
from unit.registry.cats import GROUP, cat

JSON_AS = "application/json;g=meta.k8s.io;v=v1;as="


class Client:
    """Asks one registry, as if over HTTP."""

    def __init__(self, kept: Kept) -> None:
        self.kept = kept
        self.registry = Registry(kept, None)

    async def write(self, name: str, namespace: str = "home", labels: dict[str, str] | None = None, **spec: Any) -> int:
        """Write a cat, new or not; return its revision."""
        key = Key(self.kept.table, namespace, name)
        found = await self.kept.store.get(key)
        value = self.kept.value(cat(name, namespace, labels, **spec))
        return await self.kept.store.put(key, value, expected=found.revision if found else 0)

    async def delete(self, name: str, namespace: str = "home") -> int:
        """Delete a cat; return the revision of that."""
        found = await self.kept.store.get(Key(self.kept.table, namespace, name))
        assert found is not None
        return await self.kept.store.delete(found.key, expected=found.revision)

    async def response(
        self,
        path: str,
        accept: str = "",
        headers: Sequence[tuple[bytes, bytes]] = (),
        method: str = "GET",
        **query: Any,
    ) -> Response:
        """Return the answer of `/apis/<group>/<path>`."""

        async def no_body() -> bytes:
            return b""

        lines = [*headers, *([(b"accept", accept.encode())] if accept else [])]
        text = f"?{urlencode(query)}" if query else ""
        request = Request(method, f"/apis/{GROUP}/{path}{text}", lines, Connection(), no_body)
        return await self.registry.answer(request, request_info(request))

    async def get(self, path: str = "v1/cats", accept: str = "", **query: Any) -> Any:
        """Return the document of an answer, streamed or not."""
        return json.loads(await body(await self.response(path, accept, **query)))

    async def names(self, path: str = "v1/cats", **query: Any) -> list[str]:
        """Return the names in a list."""
        return [item["metadata"]["name"] for item in (await self.get(path, **query))["items"]]

    async def refusal(self, path: str = "v1/cats", accept: str = "", **query: Any) -> dict[str, Any]:
        """Return the Status with which a request fails."""
        with pytest.raises(StatusError) as caught:
            await self.response(path, accept, **query)
        status: dict[str, Any] = json.loads(caught.value.body())
        assert status["code"] == caught.value.code
        return status


class Reader:
    """A peer that keeps what it is sent.

    Attributes:
        ending: as Peer says.
        parts: what was sent, each part by itself.
        stalled: the client does not read, so the second part waits for ever.

    """

    def __init__(self, *, stalled: bool = False) -> None:
        self.ending = asyncio.Event()
        self.parts: list[bytes] = []
        self.stalled = stalled
        self.arrived = asyncio.Event()

    async def send(self, data: bytes) -> None:
        """Keep a part."""
        if self.stalled and self.parts:
            await asyncio.Event().wait()
        self.parts.append(data)
        self.arrived.set()
        await asyncio.sleep(0)

    async def receive(self) -> bytes:
        """Nothing comes."""
        return b""


async def body(response: Response) -> bytes:
    """Return the whole body of an answer."""
    if response.stream is None:
        return response.body
    reader = Reader()
    await response.stream.run(reader)
    return b"".join(reader.parts)


class Watch(Reader):
    """A watch that runs: a client that takes each event as it comes."""

    def __init__(self, response: Response, *, stalled: bool = False) -> None:
        super().__init__(stalled=stalled)
        self.task: asyncio.Task[None] | None = None
        if response.stream is None:
            self.parts.append(response.body)
        else:
            self.task = asyncio.create_task(response.stream.run(self))

    @property
    def events(self) -> list[dict[str, Any]]:
        """All that came."""
        return [json.loads(line) for line in b"".join(self.parts).splitlines()]

    async def until(self, count: int) -> list[tuple[str, str, str]]:
        """Return type, name and resourceVersion of so many events, once they are there."""
        while len(self.events) < count:
            self.arrived.clear()
            await self.arrived.wait()
        return self.told()[:count]

    def told(self) -> list[tuple[str, str, str]]:
        """Return type, name and resourceVersion of all events."""
        found = []
        for one in self.events:
            metadata = one["object"]["metadata"]
            found.append((one["type"], metadata.get("name", ""), metadata.get("resourceVersion", "")))
        return found

    async def ended(self) -> list[tuple[str, str, str]]:
        """Return all events, once it has ended by itself."""
        if self.task:
            await self.task
        return self.told()

    async def leave(self) -> None:
        """End it."""
        if self.task:
            self.task.cancel()
            await asyncio.wait([self.task])

"""The Kubernetes API as the node agent needs it: plain requests, and a store that a watch keeps current."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp

Object = dict[str, Any]

REQUEST_TIMEOUT = aiohttp.ClientTimeout(total=15)
WATCH_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=5)
RETRY_SECONDS = 0.1
LARGEST_OBJECT_BYTES = 1 << 23  # a line of a watch; etcd takes 1.5 MiB, JSON and Base64 swell it
MERGE_PATCH = "application/merge-patch+json"


class ApiError(Exception):
    """The API server refused a request.

    Attributes:
        code: the HTTP status.
        reason: the Status object's reason, as "NotFound".
    """

    def __init__(self, code: int, status: Object) -> None:
        super().__init__(str(status.get("message", code)))
        self.code = code
        self.reason = str(status.get("reason", ""))


class ApiClient:
    """Requests as one user, over verified TLS."""

    def __init__(self, server: str, trust: ssl.SSLContext) -> None:
        """Talk to ``server`` (https://host:port) with the client certificate in ``trust``. Call it inside a running event loop."""
        self._session = aiohttp.ClientSession(
            server, connector=aiohttp.TCPConnector(ssl=trust, limit=0), read_bufsize=LARGEST_OBJECT_BYTES
        )

    async def close(self) -> None:
        """Close all connections, watches too."""
        await self._session.close()

    async def request(
        self, method: str, path: str, body: Object | None = None, content_type: str = "application/json"
    ) -> Object:
        """Send one request and return the object in the answer.

        Raises:
            ApiError: the API server answered with an error.
            aiohttp.ClientError, TimeoutError: it did not answer.
        """
        data = None if body is None else json.dumps(body)
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        async with self._session.request(method, path, data=data, headers=headers, timeout=REQUEST_TIMEOUT) as answer:
            if answer.content_type != "application/json":  # "404 page not found"
                raise ApiError(answer.status, {"message": await answer.text()})
            content: Object = await answer.json()
        if answer.status >= 400:  # noqa: PLR2004
            raise ApiError(answer.status, content)
        return content

    async def watch(self, path: str, resource_version: str) -> AsyncIterator[tuple[str, Object]]:
        """Yield (type, object) for each change after ``resource_version`` until the API server ends the watch.

        Raises:
            ApiError: the version is too old (410), or the watch was refused.
        """
        query = {"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": resource_version}
        async with self._session.get(path, params=query, timeout=WATCH_TIMEOUT) as answer:
            async for line in answer.content:
                event = json.loads(line)
                if answer.status >= 400 or event["type"] == "ERROR":  # noqa: PLR2004
                    status = event.get("object", event)
                    raise ApiError(status.get("code", answer.status), status)
                yield event["type"], event["object"]


class Store:
    """All objects of one kind, as the API server has them now.

    Attributes:
        objects: by (namespace, name).
        change: set, and replaced, at the next change: take it, look at `objects`, then wait for it.
    """

    def __init__(self, client: ApiClient, path: str) -> None:
        """Follow the collection at ``path``, for example /api/v1/pods."""
        self.objects: dict[tuple[str, str], Object] = {}
        self.change = asyncio.Event()
        self._client = client
        self._path = path
        self._listeners: list[Callable[[str, Object], None]] = []

    def subscribe(self, listener: Callable[[str, Object], None]) -> None:
        """Call ``listener`` with ("ADDED" | "MODIFIED" | "DELETED", object) at each change."""
        self._listeners.append(listener)

    async def run(self) -> None:
        """List, then watch, for ever; an API server that is away is asked again until it is back."""
        while True:
            try:
                version = await self._list()
                while True:
                    async for kind, item in self._client.watch(self._path, version):
                        version = item["metadata"]["resourceVersion"]
                        if kind != "BOOKMARK":
                            self._apply(kind, item)
            except (ApiError, aiohttp.ClientError, TimeoutError, json.JSONDecodeError):
                await asyncio.sleep(RETRY_SECONDS)

    async def _list(self) -> str:
        listed = await self._client.request("GET", self._path)
        items = {_key(item): item for item in listed["items"] or []}
        for key in self.objects.keys() - items.keys():
            self._apply("DELETED", self.objects[key])
        for key, item in items.items():
            known = self.objects.get(key)
            if known is None or known["metadata"]["resourceVersion"] != item["metadata"]["resourceVersion"]:
                self._apply("MODIFIED" if known else "ADDED", item)
        return str(listed["metadata"]["resourceVersion"])

    def _apply(self, kind: str, item: Object) -> None:
        if kind == "DELETED":
            self.objects.pop(_key(item), None)
        else:
            self.objects[_key(item)] = item
        for listener in self._listeners:
            listener(kind, item)
        self.change.set()
        self.change = asyncio.Event()


def _key(item: Object) -> tuple[str, str]:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


async def first_of(*events: asyncio.Event, at_most_seconds: float | None = None) -> bool:
    """Wait until one of ``events`` is set; False when the time was over first."""
    waiters = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        done, _ = await asyncio.wait(waiters, timeout=at_most_seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for waiter in waiters:
            waiter.cancel()
    return bool(done)

"""The few endpoints of kube-apiserver that the backend calls, over real TLS, with a record of what was asked."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from aiohttp import web

from unit.background import Background
from unit.pki import Pair

_CONFIG_MAPS = "/api/v1/namespaces/kube-system/configmaps"
_NAME = "extension-apiserver-authentication"
TOKEN = "token-of-the-backend"


class FakeApiServer:
    """Holds one ConfigMap, answers reviews, and serves any other object put into `objects`.

    Attributes:
        objects: path → object, for GET; an int is answered as an error of that code.
        users: bearer token → `status.user` of a TokenReview.
        allow: decides a SubjectAccessReview by its spec.
        reviews: every TokenReview and SubjectAccessReview received.
        review_code: HTTP code for reviews; anything but 201 is a failure.
        myself: user name of a SelfSubjectReview.
        watchable: False ends every watch as soon as it begins.
        queries: of each GET of an object.
        on_read: called when an object was read with a query, before the next.
        reads: how often the ConfigMap was read.

    """

    def __init__(self, pair: Pair, directory: Path) -> None:
        self._background = Background()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*pair.write(directory, "apiserver"))
        self._changed = asyncio.Event()
        self._version = 1
        self._closing = False
        self._event = b""
        self._raw: Any = None
        self.config_map: Mapping[str, str] | int = 404
        self.objects: dict[str, Any] = {}
        self.users: dict[str, dict[str, Any]] = {}
        self.allow: Callable[[dict[str, Any]], bool] = lambda _spec: True
        self.reviews: list[dict[str, Any]] = []
        self.review_code = 201
        self.myself = ""
        self.watchable = True
        self.queries: list[str] = []
        self.on_read: Callable[[], object] = lambda: None
        self.reads = 0
        self.port = self._background.run(self._start())

    async def _start(self) -> int:
        application = web.Application()
        application.router.add_get(f"{_CONFIG_MAPS}/{_NAME}", self._get_config_map)
        application.router.add_get(_CONFIG_MAPS, self._watch)
        application.router.add_post("/apis/authentication.k8s.io/v1/tokenreviews", self._review)
        application.router.add_post("/apis/authorization.k8s.io/v1/subjectaccessreviews", self._review)
        application.router.add_post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", self._review)
        application.router.add_post("/apis/authentication.k8s.io/v1/selfsubjectreviews", self._review)
        application.router.add_get("/{path:.*}", self._get)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._context)
        await site.start()
        return int(self._runner.addresses[0][1])

    def close(self) -> None:
        """Stop."""

        def end() -> None:
            self._closing = True
            self._changed.set()

        self._background.call(end)
        self._background.run(self._runner.cleanup())
        self._background.close()

    def set_config_map(self, data: Mapping[str, str] | int) -> None:
        """Change the ConfigMap and tell the watchers; an int is the code with which reading it fails."""

        def change() -> None:
            self.config_map = data
            self._raw = None
            kind = "DELETED" if isinstance(data, int) else "MODIFIED"
            # The event and what is read have one version.
            self._version += 1
            event = {"type": kind, "object": self._object()}
            self._version -= 1
            self._tell(json.dumps(event).encode())

        self._background.call(change)

    def set_raw(self, document: Any) -> None:
        """Answer with any document in the place of the ConfigMap, and tell the watchers."""

        def change() -> None:
            self._raw = document
            self._tell(json.dumps({"type": "MODIFIED", "object": document}).encode())

        self._background.call(change)

    def send_event(self, line: bytes) -> None:
        """Send the watchers any line, and end their watch."""
        self._background.call(lambda: self._tell(line))

    def _tell(self, line: bytes) -> None:
        self._version += 1
        self._event = line
        self._changed.set()
        self._changed = asyncio.Event()

    def _object(self) -> Any:
        if self._raw is not None:
            return self._raw
        data = {} if isinstance(self.config_map, int) else dict(self.config_map)
        return {"metadata": {"name": _NAME, "resourceVersion": str(self._version)}, "data": data}

    async def _get_config_map(self, request: web.Request) -> web.Response:
        self.reads += 1
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _failure(401, "Unauthorized")
        if isinstance(self.config_map, int):
            return _failure(self.config_map, f"configmaps {_NAME} cannot be read")
        return web.json_response(self._object())

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        assert request.query["fieldSelector"] == f"metadata.name={_NAME}", request.query
        response = web.StreamResponse()
        await response.prepare(request)
        version = int(request.query["resourceVersion"])
        while self.watchable and not self._closing:
            changed = self._changed
            if self._version > version:
                version = self._version
                await response.write(self._event + b"\n")
            await changed.wait()
        return response

    async def _review(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.reviews.append(body)
        if self.review_code != 201:
            return _failure(self.review_code, "the review failed")
        if body["kind"] == "TokenReview":
            user = self.users.get(body["spec"]["token"])
            body["status"] = {"authenticated": True, "user": user} if user else {"authenticated": False}
        elif body["kind"] == "SelfSubjectReview":
            body["status"] = {"userInfo": {"username": self.myself}}
        else:
            body["status"] = {"allowed": self.allow(body["spec"])}
        return web.json_response(body, status=201)

    async def _get(self, request: web.Request) -> web.Response:
        found = self.objects.get(request.path, 404)
        self.queries.append(request.query_string)
        if isinstance(found, int):
            return _failure(found, f"{request.path} cannot be read")
        response = web.json_response(found)
        if request.query_string:
            self.on_read()
        return response


def _failure(code: int, message: str) -> web.Response:
    return web.json_response({"kind": "Status", "apiVersion": "v1", "message": message, "code": code}, status=code)

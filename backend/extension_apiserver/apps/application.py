"""What answers below `/apis/<group>/<version>/`, whatever it is written in."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from extension_apiserver.api.group import Group
from extension_apiserver.cluster.kubernetes import ApiClient
from extension_apiserver.observe.metrics import Metrics
from extension_apiserver.observe.readiness import Check
from extension_apiserver.request import Request, Response
from extension_apiserver.request_info import RequestInfo
from extension_apiserver.status import StatusError
from extension_apiserver.trust.authentication import Caller
from extension_apiserver.trust.delegation import Authorizer

from .answers import guarded
from .asgi.caller import AsgiCaller
from .open_streams import OpenStreams
from .wsgi import WsgiCaller

_SWITCHING = 101


class Application(Protocol):
    """Answers requests of verified callers, each in its own way."""

    async def call(self, request: Request, caller: Caller) -> Response:
        """Return the answer.

        Raises:
            StatusError: what the caller is told instead.
            Gone: if nobody waits for it any more.
            Exception: if it fails.

        """

    async def connect(self, request: Request, caller: Caller) -> Response:
        """Return the answer to a request with the header Upgrade: 101 and a stream, or another one.

        Raises:
            Exception: as `call`.

        """


class Record(Protocol):
    """Keeps the bodies of one request."""

    def answered(self, response: Response, user: str, log: Callable[[str], object]) -> Response:
        """Return the response, whose body is kept, too; the log is given a line when it is over."""


class WebApp:
    """An application in Python, whose answers are kept within what the aggregator relays."""

    def __init__(self, app: WsgiCaller | AsgiCaller) -> None:
        """Take who calls it."""
        self._app = app

    async def call(self, request: Request, caller: Caller) -> Response:
        """Return the application's answer, as `Application` says."""
        return guarded(request, await self._app.call(request, caller.identity))

    async def connect(self, request: Request, caller: Caller) -> Response:
        """Return the application's answer to the handshake of a WebSocket, as `Application` says."""
        if not isinstance(self._app, AsgiCaller):
            raise StatusError(400, "connections cannot be upgraded here")
        answer = await self._app.connect(request, caller.identity)
        return answer if answer.status == _SWITCHING else guarded(request, answer)


async def _nothing() -> None:
    await asyncio.Event().wait()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What the server has for what it hosts.

    Attributes:
        authorizer: asks kube-apiserver what callers may do; None if nobody does.
        client: asks kube-apiserver for anything else, as the ServiceAccount.
        metrics: of this server.
        streams: counts answers that are still being made.

    """

    authorizer: Authorizer | None
    client: ApiClient
    metrics: Metrics
    streams: OpenStreams


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Hosted:
    """Groups, and what the server does for them.

    Attributes:
        groups: at least one, with different names.
        checks: conditions of readiness.
        run: goes on while the server does; if it ends, so does the server.
        access: returns what a request needs to be allowed besides what kube-apiserver has asked for.
        public: path → what returns a document for everybody who reaches the port, as JSON has it.
        audit: returns what keeps the bodies of a request for the log, or None.

    """

    groups: Sequence[Group]
    checks: Sequence[Check] = ()
    run: Callable[[], Awaitable[None]] = _nothing
    access: Callable[[Request], RequestInfo | None] = lambda _: None
    public: Mapping[str, Callable[[], object]] = dataclasses.field(default_factory=dict)
    audit: Callable[[Request], Record | None] = lambda _: None

"""Passes requests on to upstreams: the application of a gateway."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from extension_apiserver.apps.upstream.exchange import Exchange
from extension_apiserver.apps.upstream.failures import UpstreamError
from extension_apiserver.request import Request, Response
from extension_apiserver.request_info import RequestInfo, request_info
from extension_apiserver.status import StatusError
from extension_apiserver.streams import Peer, Stream
from extension_apiserver.trust.authentication import Caller
from extension_apiserver.trust.identity import Identity

from . import words
from .answer import answer
from .lines import from_upstream, to_upstream, value_of
from .paths import Way, way
from .redirect import READING, redirect, told
from .served import Served, Visit

#: A body of this length is sent in one piece with its header.
_WHOLE_BYTES = 65536
_MOST_REDIRECTS = 5
#: Over these a client would send requests that nobody looks at, with any identity: https://www.rfc-editor.org/rfc/rfc7540#section-3.2
_TUNNELS = ("h2", "http", "tls", "connect")


class Teller(Protocol):
    """Tells an upstream who calls."""

    def lines(self, identity: Identity) -> list[tuple[bytes, bytes]]:
        """Return the header lines that say it."""

    def passes(self, name: bytes) -> bool:
        """Return whether a client's line of this name, in lower case, may reach the upstream."""


@dataclasses.dataclass(frozen=True, slots=True)
class Forwarder:
    """Answers with what upstreams answer; an `Application`.

    Attributes:
        upstreams: all there are.
        teller: tells them who calls.
        may: whether a caller may make a request to which an upstream redirects another one; with what that one was, for RBAC.

    """

    upstreams: Sequence[Served]
    teller: Teller
    may: Callable[[Caller, Request, RequestInfo], Awaitable[bool]]

    async def call(self, request: Request, caller: Caller) -> Response:
        """Return the upstream's answer, as `Application` says."""
        if request.method == "TRACE":
            # Its answer shows what the upstream was told, and a token is no client's: https://www.rfc-editor.org/rfc/rfc9110#section-9.3.8
            raise StatusError(405, "the server does not allow this method on the requested resource: TRACE")
        going = way(request, self.upstreams)
        if request.length is not None and request.length <= _WHOLE_BYTES:
            body: bytes | Callable[[], Awaitable[bytes]] = await request.read_body() if request.length else b""
        else:
            body = request.read_part
        return await self._visit(request, caller, going, body, b"")

    async def connect(self, request: Request, caller: Caller) -> Response:
        """Return the upstream's answer to a request for another protocol, as `Application` says."""
        offered = [word.strip(" \t") for word in request.header(b"upgrade").split(",")]
        wanted = [word for word in offered if word and not word.lower().startswith(_TUNNELS)]
        if not request.upgrades or not wanted:
            # Whoever is offered another protocol need not take it.
            return await self.call(request, caller)
        return await self._visit(request, caller, way(request, self.upstreams), b"", ", ".join(wanted).encode())

    async def _visit(
        self,
        request: Request,
        caller: Caller,
        going: Way[Served],
        body: bytes | Callable[[], Awaitable[bytes]],
        upgrade: bytes,
    ) -> Response:
        visit = Visit(going.upstream, caller.identity.user)
        try:
            with request.connection.watching(visit.leave):
                return await self._ask(request, caller, going, visit, body, upgrade)
        except UpstreamError as error:
            visit.end()
            raise words.unreachable(visit.served.url, error, request.method) from None
        except BaseException:
            visit.end()
            raise

    async def _ask(
        self,
        request: Request,
        caller: Caller,
        going: Way[Served],
        visit: Visit,
        body: bytes | Callable[[], Awaitable[bytes]],
        upgrade: bytes,
    ) -> Response:
        page = going.below_proxy and "text/html" in request.header(b"accept")
        length = request.length
        for _ in range(_MOST_REDIRECTS + 1):
            exchange = await visit.served.client.call(
                request.method,
                going.target,
                to_upstream(request, self.teller.passes, self.teller.lines(caller.identity), going.prefix),
                body,
                length=length,
                upgrade=upgrade,
                began=visit.begin,
            )
            if exchange.status == 101:  # noqa: PLR2004
                return _switched(visit, exchange, upgrade)
            found = redirect(exchange.status, exchange.headers, going)
            if found is None:
                return await answer(visit, exchange, request, page=page)
            if page or not found.inside or request.method not in READING:
                visit.end()
                return told(found, request, exchange.headers, visit.served.url, page=page)
            # Whoever sends a client elsewhere must not send it past what kube-apiserver was asked about.
            info = request_info(request)
            request = dataclasses.replace(request, target=found.url)
            going = way(request, [visit.served])
            if not await self.may(caller, request, info):
                visit.end()
                return told(found, request, exchange.headers, visit.served.url, page=page)
            exchange.end()
            body, length = b"", 0
        raise StatusError(
            502, f"the upstream {visit.served.url} redirects more than {_MOST_REDIRECTS} times", reason="BadGateway"
        )


def _switched(visit: Visit, exchange: Exchange, upgrade: bytes) -> Response:
    """Return the answer with which a connection becomes another protocol's, both ways."""
    chosen = value_of(exchange.headers, b"upgrade")
    if chosen.lower() not in {word.strip().lower() for word in upgrade.decode("latin-1").split(",")}:
        raise UpstreamError(f"goes on with the protocol '{chosen[:64]}', for which nobody asked")
    exchange.endless()
    headers = [*from_upstream(exchange.headers), ("Upgrade", chosen)]

    async def run(peer: Peer) -> None:
        async def inward() -> None:
            while data := await peer.receive():
                await exchange.send(data)

        async def outward() -> None:
            while data := await exchange.part():
                await peer.send(data)

        tasks = [asyncio.create_task(one) for one in (inward(), outward(), peer.ending.wait())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                error = task.exception()
                if error is not None and not isinstance(error, UpstreamError):
                    raise error
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            visit.end()

    return Response(101, headers, stream=Stream(run, visit.end))

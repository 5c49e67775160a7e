"""Answers requests for what objects of a resource have below them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from extension_apiserver.api.call import Call, Subresource, call_of
from extension_apiserver.api.resources import Resource
from extension_apiserver.request import Request, Response
from extension_apiserver.request_info import RequestInfo
from extension_apiserver.status import StatusError
from extension_apiserver.streams import Stream
from extension_apiserver.trust.identity import Identity
from extension_apiserver.verbs import VERBS

from .answers import guarded
from .calls import Calls
from .wsgi import WsgiCaller


class Subresources:
    """Calls the functions of subresources.

    Args:
        calls: where verbs run.

    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        # Whoever waits for the first part of a quiet log has a thread, of which there are few, and must leave verbs theirs.
        self._reading = Calls(blocking=calls.blocking)

    async def answer(self, request: Request, identity: Identity, info: RequestInfo, resource: Resource) -> Response:
        """Answer one request whose path has a subresource: whole, with a stream, or with 101 and a connection.

        Raises:
            StatusError: 404 if there is none, 405 with Allow, 400 and 426 for a wrong upgrade; whatever the function raises.
            Exception: likewise.

        """
        subresource = _route(request, info, resource)
        call = call_of(request, identity, info)
        if subresource.connect is None:
            if request.header(b"upgrade"):
                raise StatusError(400, "connections cannot be upgraded here")
            # What a WSGI application answers is sent in the same way.
            caller = WsgiCaller(functools.partial(_read, subresource, call), self._reading, None)
            return guarded(request, await caller.call(request, identity))
        protocol = _protocol(request, subresource.protocols)
        if subresource.check is not None:
            await self._calls.run(subresource.check, call)
        return Response(101, [("Upgrade", protocol)], stream=Stream(functools.partial(subresource.connect, call)))


def _route(request: Request, info: RequestInfo, resource: Resource) -> Subresource:
    subresource = resource.subresources.get(info.subresource)
    where = f"namespaces/{info.namespace}/" if resource.namespaced else ""
    path = f"/apis/{info.group}/{info.version}/{where}{info.resource}/{info.name}/{info.subresource}"
    names_one = info.name and bool(info.namespace) == resource.namespaced and request.path.rstrip("/") == path
    if subresource is None or not names_one:
        raise StatusError(404, "the server could not find the requested resource")
    methods = sorted(VERBS[verb].method for verb in subresource.verbs)
    if request.method not in methods and not (request.method == "HEAD" and subresource.connect is None):
        raise StatusError(
            405,
            f"the server does not allow this method on the requested resource: "
            f"{request.method} {resource.plural}/{info.subresource}",
            details={"group": info.group, "kind": resource.plural},
            headers=[("Allow", ", ".join(methods))],
        )
    return subresource


def _protocol(request: Request, known: Sequence[str]) -> str:
    """Return the first protocol of the client's that is known, as it is known here.

    Raises:
        StatusError: 400 if the client wants no upgrade, 426 if it wants none of these.

    """
    names = ", ".join(known)
    if not request.upgrades:
        raise StatusError(400, f"this needs the headers 'Connection: Upgrade' and 'Upgrade' with one of: {names}")
    # https://www.rfc-editor.org/rfc/rfc9110#section-7.8 says that names are compared without case.
    by_lower = {name.lower(): name for name in known}
    for offered in request.header(b"upgrade").split(","):
        found = by_lower.get(offered.strip(" \t").lower())
        if found is not None:
            return found
    raise StatusError(426, f"the header 'Upgrade' must name one of: {names}", headers=[("Upgrade", names)])


def _read(
    subresource: Subresource, call: Call, _environ: dict[str, Any], start_response: Callable[..., Any]
) -> Iterable[bytes]:
    """Answer, as a WSGI application, what a subresource reads."""
    if subresource.read is None:
        raise TypeError("there is nothing to read")
    result = subresource.read(call)
    start_response("200 OK", [("Content-Type", subresource.content_type)])
    return [_encoded(result)] if isinstance(result, str | bytes) else _Parts(result)


class _Parts:
    """The parts of an answer, as bytes."""

    def __init__(self, parts: Iterable[bytes | str]) -> None:
        if not isinstance(parts, Iterable) or isinstance(parts, Mapping):
            raise TypeError(f"a subresource reads bytes, str or an iterable of them, not {type(parts).__name__}")
        self._parts = iter(parts)
        self.close: Callable[[], object] = getattr(parts, "close", lambda: None)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return _encoded(next(self._parts))


class _Beginning(bytes):
    """No bytes, which count as some: for WSGI the header is sent with the first part that is not empty."""

    def __bool__(self) -> bool:
        return True


def _encoded(part: bytes | str) -> bytes:
    if isinstance(part, str):
        part = part.encode()
    if not isinstance(part, bytes):
        raise TypeError(f"a part of what a subresource reads must be bytes or str, not {type(part).__name__}")
    return part or _Beginning()

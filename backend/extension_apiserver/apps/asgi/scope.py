"""What an ASGI application sees of a request: who calls in `scope["state"]["identity"]`, and no header that only claims it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from extension_apiserver.apps.visible import is_visible
from extension_apiserver.request import Request
from extension_apiserver.trust.identity import Identity

from .messages import ASGI_VERSIONS, Scope

#: A bearer token where browsers can put it; kube-apiserver takes it away only if it is what proved who calls.
#: https://github.com/kubernetes/apiserver/blob/v0.34.0/pkg/authentication/request/websocket/protocol.go
TOKEN_PROTOCOL = "base64url.bearer.authorization.k8s.io."  # noqa: S105


def build_scope(request: Request, identity: Identity, state: Mapping[str, Any], **more: object) -> Scope:
    """Return the scope of a request.

    Args:
        request: what is asked for.
        identity: who asks.
        state: of the lifespan; the application gets a shallow copy.
        more: `type`, `scheme` and what belongs to them.

    """
    raw_path = request.target.partition("?")[0].encode("latin-1")
    address = request.connection.client_address
    return {
        "asgi": dict(ASGI_VERSIONS),
        "http_version": "1.1",
        "method": request.method,
        "path": request.path,
        "raw_path": raw_path,
        "query_string": request.query_string.encode("latin-1"),
        "root_path": "",
        "headers": _headers(request),
        "client": (address, 0) if address else None,
        "server": ("localhost", 443),
        "state": {**state, "identity": identity},
        "extensions": {},
        **more,
    }


def _headers(request: Request) -> list[tuple[bytes, bytes]]:
    token = TOKEN_PROTOCOL.encode()
    return [
        (name, value)
        for name, value in request.headers
        if is_visible(name)
        and name not in request.identity_names
        and not (name == b"sec-websocket-protocol" and token in value)
    ]

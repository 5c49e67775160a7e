"""Calls a WSGI application with a Request.

WSGI's environ joins repeated headers and cannot tell `X-Remote-User` from `X_Remote_User`. So headers with an underscore are left
out of it, identity headers too, and the application finds what was sent and who sent it under keys of their own.
"""

from __future__ import annotations

import functools
import io
import sys
from collections.abc import Callable, Iterable
from typing import Any, Protocol
from urllib.parse import unquote_to_bytes

from extension_apiserver.request import Request, Response
from extension_apiserver.trust.identity import Identity

from .calls import Calls

#: environ key → list of (name in lower case, value), both bytes, in arrival order.
HEADERS_KEY = "extension_apiserver.headers"
#: environ key → Identity of the caller.
IDENTITY_KEY = "extension_apiserver.identity"

_IDENTITY_PREFIX = b"x-remote-"
#: A stranger's long names must not stay in memory.
_LONGEST_CACHED = 128
# RFC 3875 gives these two no HTTP_ prefix.
_CGI_NAMES = {b"content-type": "CONTENT_TYPE", b"content-length": "CONTENT_LENGTH"}


class WsgiApp(Protocol):
    """An application as PEP 3333 defines it."""

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any], /) -> Iterable[bytes]:
        """Call `start_response(status, headers)` and return the body in chunks."""


def _variable(name: bytes) -> str | None:
    """Return the name of the variable for a header, None if the application must not see it there."""
    return (_known_key if len(name) <= _LONGEST_CACHED else _environ_key)(name)


def _environ_key(name: bytes) -> str | None:
    # The length is that of the body as it arrived, which is no longer in chunks.
    if (
        name in {b"content-length", b"transfer-encoding", b"authorization"}
        or b"_" in name
        or name.startswith(_IDENTITY_PREFIX)
    ):
        return None
    return _CGI_NAMES.get(name) or "HTTP_" + name.decode("latin-1").upper().replace("-", "_")


_known_key = functools.lru_cache(maxsize=256)(_environ_key)


def build_environ(request: Request, identity: Identity, body: bytes) -> dict[str, Any]:
    """Return the environ of PEP 3333 for a request; `body` is the whole of it."""
    path = unquote_to_bytes(request.target.partition("?")[0]).decode("latin-1")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": request.query_string,
        "REQUEST_URI": request.target,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_USER": identity.user,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        HEADERS_KEY: request.headers,
        IDENTITY_KEY: identity,
    }
    for name, value in request.headers:
        key = _variable(name)
        if key is None or name in request.identity_names:
            continue
        text = value.decode("latin-1")
        environ[key] = f"{environ[key]},{text}" if key in environ else text
    return environ


class WsgiCaller:
    """Calls an application where its calls run."""

    def __init__(self, app: WsgiApp, calls: Calls) -> None:
        self._app = app
        self._calls = calls

    async def call(self, request: Request, identity: Identity) -> Response:
        """Return the application's answer, whole.

        Raises:
            StatusError: 503 if too many calls wait; whatever reading the body raises.

        """
        environ = build_environ(request, identity, await request.read_body())
        return await self._calls.run(self._answer, environ)

    def _answer(self, environ: dict[str, Any]) -> Response:
        answer = Response(500, [], b"")
        chunks: list[bytes] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], exc_info: object = None
        ) -> Callable[[bytes], None]:
            del exc_info  # Nothing was sent yet, so a second call simply replaces the first.
            answer.status, answer.headers = int(status[:3]), headers
            return chunks.append

        result = self._app(environ, start_response)
        try:
            chunks.extend(result)
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()
        answer.body = b"".join(chunks)
        return answer

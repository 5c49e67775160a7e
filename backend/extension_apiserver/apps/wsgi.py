"""Calls a WSGI application with a Request.

WSGI's environ joins repeated headers and cannot tell `X-Remote-User` from `X_Remote_User`. So headers with an underscore are left
out of it, identity headers too, and the application finds what was sent and who sent it under keys of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import io
import sys
from collections.abc import Callable, Iterable
from typing import IO, Any, Protocol
from urllib.parse import unquote_to_bytes

from extension_apiserver.request import Request, Response
from extension_apiserver.streams import Gone
from extension_apiserver.trust.identity import Identity

from .calls import Calls, HandOver
from .pipe import BodyInput, Pipe
from .visible import is_visible
from .wsgi_answer import Closing, WsgiAnswer, pull

#: environ key → list of (name in lower case, value), both bytes, in arrival order.
HEADERS_KEY = "extension_apiserver.headers"
#: environ key → Identity of the caller.
IDENTITY_KEY = "extension_apiserver.identity"

#: A stranger's long names must not stay in memory.
_LONGEST_CACHED = 128
# RFC 3875 gives these two no HTTP_ prefix.
_CGI_NAMES = {b"content-type": "CONTENT_TYPE", b"content-length": "CONTENT_LENGTH"}


#: What an application returns that has its whole body already.
_THERE = frozenset({list, tuple})


class WsgiApp(Protocol):
    """An application as PEP 3333 defines it."""

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any], /) -> Iterable[bytes]:
        """Call `start_response(status, headers)` and return the body in chunks."""


def _variable(name: bytes) -> str | None:
    """Return the name of the variable for a header, None if the application must not see it there."""
    return (_known_key if len(name) <= _LONGEST_CACHED else _environ_key)(name)


def _environ_key(name: bytes) -> str | None:
    # The length is that of the body as it arrived, which is no longer in chunks.
    if name == b"content-length" or not is_visible(name):
        return None
    return _CGI_NAMES.get(name) or "HTTP_" + name.decode("latin-1").upper().replace("-", "_")


_known_key = functools.lru_cache(maxsize=256)(_environ_key)


def build_environ(request: Request, identity: Identity, body: IO[bytes], length: int | None) -> dict[str, Any]:
    """Return the environ of PEP 3333 for a request; `length` is that of the body, None if it is not known."""
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
        **({} if length is None else {"CONTENT_LENGTH": str(length)}),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.input": body,
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

    def __init__(self, app: WsgiApp, calls: Calls, most_whole_bytes: int | None) -> None:
        """Take the application.

        Args:
            app: what is called.
            calls: where it runs.
            most_whole_bytes: a longer body is read by the application while it arrives; None if the server takes no longer one. Up
                to that it is here before the application is called, so that slow clients take up no thread.

        """
        self._app = app
        self._calls = calls
        self._most_whole_bytes = most_whole_bytes

    async def call(self, request: Request, identity: Identity) -> Response:
        """Return the application's answer: whole, or with a stream.

        Raises:
            StatusError: 503 if too many calls wait; whatever reading the body raises.

        """
        loop = asyncio.get_running_loop()
        if not self._calls.blocking or self._is_held_whole(request.length):
            body = await request.read_body()
            source: IO[bytes] = io.BytesIO(body)
            environ, arriving = build_environ(request, identity, source, len(body)), None
        else:
            arriving = BodyInput(loop, request.read_part)
            environ = build_environ(request, identity, io.BufferedReader(arriving), request.length)
        if not self._calls.blocking:
            return await self._calls.run(self._answer_at_once, environ)

        def answer(environ: dict[str, Any], hand_over: HandOver[Response]) -> Response:
            return self._answer(environ, WsgiAnswer(environ["REQUEST_METHOD"], Pipe(loop), hand_over), arriving)

        return await self._calls.begin(answer, environ)

    def _is_held_whole(self, length: int | None) -> bool:
        return self._most_whole_bytes is None or (length is not None and length <= self._most_whole_bytes)

    def _answer(self, environ: dict[str, Any], answer: WsgiAnswer, arriving: BodyInput | None) -> Response:
        """Answer in a thread, which waits with the client where it must."""
        try:
            result = self._app(environ, answer.start_response)
            if type(result) in _THERE and not answer.streams:
                answer.take_all(result)
            else:
                with contextlib.closing(Closing(result)):
                    for part in result:
                        answer.take(part)
                        if answer.is_enough:
                            break
        except BaseException as error:
            if not answer.streams:
                raise
            answer.end(None if isinstance(error, Gone) else error)
        else:
            answer.end()
        if arriving is not None and arriving.failure is not None and not answer.streams:
            # The application saw a body that it could not read, and says so in its own words.
            raise arriving.failure
        return answer.whole()

    def _answer_at_once(self, environ: dict[str, Any]) -> Response:
        """Answer in the event loop; of a stream, each part is asked for when there is room for it."""
        answer = WsgiAnswer(environ["REQUEST_METHOD"], None, None)
        result = self._app(environ, answer.start_response)
        if type(result) in _THERE:
            answer.take_all(result)
            return answer.whole()
        closing = Closing(result)
        parts = iter(result)
        try:
            for part in parts:
                answer.take(part)
                if answer.is_enough:
                    break
                if answer.is_stream:
                    return answer.with_stream(functools.partial(pull, parts, answer.taken(), closing), closing.close)
        except BaseException:
            closing.close()
            raise
        closing.close()
        return answer.whole()

"""Calls a WSGI application with a Request.

WSGI's environ joins repeated headers and cannot tell `X-Remote-User` from `X_Remote_User`. So headers with an underscore are left
out of it, identity headers too, and the application finds what was sent and who sent it under keys of their own.
"""

from __future__ import annotations

import asyncio
import functools
import io
import queue
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar
from urllib.parse import unquote_to_bytes

from extension_apiserver.request import Request, Response
from extension_apiserver.status import StatusError
from extension_apiserver.trust.identity import Identity

_Argument = TypeVar("_Argument")
_Result = TypeVar("_Result")

#: environ key → list of (name in lower case, value), both bytes, in arrival order.
HEADERS_KEY = "extension_apiserver.headers"
#: environ key → Identity of the caller.
IDENTITY_KEY = "extension_apiserver.identity"

_THREADS = 32
#: Running and waiting calls; those whose clients have gone count, too, since a thread cannot be stopped.
_MOST_CALLS = 1024
_IDENTITY_PREFIX = b"x-remote-"
#: A stranger's long names must not stay in memory.
_LONGEST_CACHED = 128
# RFC 3875 gives these two no HTTP_ prefix.
_CGI_NAMES = {b"content-type": "CONTENT_TYPE", b"content-length": "CONTENT_LENGTH"}


class WsgiApp(Protocol):
    """An application as PEP 3333 defines it."""

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any], /) -> Iterable[bytes]:
        """Answer one request."""


def _variable(name: bytes) -> str | None:
    """Return the variable of a header, None if it has none."""
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
    """Return the environ of PEP 3333 for a request."""
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


def _contained(function: Callable[[_Argument], _Result], argument: _Argument) -> _Result:
    """Call a function; an exception that would end more than its request becomes one that does not."""
    try:
        return function(argument)
    except BaseException as error:
        # A real SIGINT is no KeyboardInterrupt here: `serve` has a handler for it.
        if isinstance(error, Exception) and not isinstance(error, StopIteration):
            raise
        raise RuntimeError(f"the application raised {error!r}") from error


class _Threads:
    """At most 32 threads that call functions.

    Python waits for the threads of a ThreadPoolExecutor when the process ends, so one call that hangs would hold the end until the
    kubelet kills the process. It does not wait for these.
    https://docs.python.org/3/library/threading.html#threading.Thread.daemon
    """

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[tuple[Future[Any], Callable[[Any], Any], Any]] = queue.SimpleQueue()
        self._started = 0

    async def run(self, function: Callable[[_Argument], _Result], argument: _Argument, most: int) -> _Result:
        """Call a function in a thread; `most` calls are running or waiting now, with this one."""
        future: Future[_Result] = Future()
        self._calls.put((future, function, argument))
        if self._started < min(most, _THREADS):
            self._started += 1
            threading.Thread(target=self._work, name=f"wsgi_{self._started}", daemon=True).start()
        return await asyncio.wrap_future(future)

    def _work(self) -> None:
        while True:
            self._call()

    def _call(self) -> None:
        future, function, argument = self._calls.get()
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(_contained(function, argument))
            except Exception as error:  # noqa: BLE001 - it is the caller's
                future.set_exception(error)


class WsgiCaller:
    """Calls the application in the event loop or, if it blocks, in one of 32 threads."""

    def __init__(self, app: WsgiApp, *, blocking: bool) -> None:
        """Take the application.

        Args:
            app: the application.
            blocking: False only if it never waits for anything: no file, no network, no lock.

        """
        self._app = app
        self._threads = _Threads() if blocking else None
        self._calls = 0

    async def call(self, request: Request, identity: Identity) -> Response:
        """Return the application's answer, whole."""
        environ = build_environ(request, identity, await request.read_body())
        return await self.run(self._answer, environ)

    async def run(self, function: Callable[[_Argument], _Result], argument: _Argument) -> _Result:
        """Call a function where the application would be called.

        Raises:
            StatusError: 503 if too many calls wait for a thread.

        """
        if self._threads is None:
            return _contained(function, argument)
        if self._calls >= _MOST_CALLS:
            raise StatusError(503, "too many requests wait for the application", headers=[("Retry-After", "1")])
        self._calls += 1
        try:
            return await self._threads.run(function, argument, self._calls)
        finally:
            self._calls -= 1

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

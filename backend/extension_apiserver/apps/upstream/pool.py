"""Connections to one upstream: as many as its bound, kept while the upstream keeps them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from collections import deque

from .connection import Connection
from .failures import UpstreamError
from .origin import Origin
from .tls import ClientTls

#: Behind the address of a Service may be a pod that has just ended, until kube-proxy knows it; nothing was sent yet, so it is asked again.
_PAUSES_SECONDS = (0.05, 0.25, 0.5)
#: Servers close what is idle for 5 seconds (Node.js, uvicorn) to 75 (nginx); what is closed meanwhile is noticed.
_KEPT_SECONDS = 30.0
#: An upstream that closes at the moment in which a request is sent has perhaps carried it out. Requests that must not be sent twice
#: go over a connection that was in use a moment ago, which no server closes.
_CAREFUL_SECONDS = 1.0


class Pool:
    """Opens and keeps connections.

    Args:
        origin: where to.
        tls: for an origin with https.
        most: connections at once.
        connect_seconds: for one, TLS included, and for waiting for one.

    """

    def __init__(self, origin: Origin, tls: ClientTls | None, *, most: int, connect_seconds: float) -> None:
        self._origin = origin
        self._tls = tls
        self._most = most
        self._connect_seconds = connect_seconds
        self._idle: deque[Connection] = deque()
        self._count = 0
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()

    async def take(self, *, careful: bool = False, fresh: bool = False) -> Connection:
        """Return a connection that nobody else uses; it must be given back or dropped.

        Args:
            careful: its request must not be sent twice.
            fresh: it must not have been used.

        Raises:
            UpstreamError: if there is none in time.

        """
        connection = None if fresh else self._kept(_CAREFUL_SECONDS if careful else _KEPT_SECONDS)
        if connection is not None:
            return connection
        if self._count >= self._most and self._idle:
            # One of those that were not good enough makes room.
            self._idle.popleft().abort()
            self._count -= 1
        if self._count < self._most:
            self._count += 1
        else:
            waiter: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            try:
                async with asyncio.timeout(self._connect_seconds):
                    given = await waiter
            except BaseException as error:
                if waiter.done() and not waiter.cancelled():
                    # It was given in the same moment.
                    self._pass_on(waiter.result())
                with contextlib.suppress(ValueError):
                    self._waiting.remove(waiter)
                if not isinstance(error, TimeoutError):
                    raise
                raise UpstreamError(
                    f"has {self._most} requests to answer, and none ended within {self._connect_seconds:g} seconds",
                    slow=True, unsent=True,
                ) from None  # fmt: skip
            if given is not None and given.open and not fresh:
                return given
            if given is not None:
                given.abort()
        try:
            return await self._connect()
        except BaseException:
            self._pass_on(None)
            raise

    @property
    def count(self) -> int:
        """How many connections there are, idle ones among them."""
        return self._count

    @property
    def waiting(self) -> int:
        """How many wait for one."""
        return len(self._waiting)

    def give_back(self, connection: Connection) -> None:
        """Take a connection whose exchange is complete."""
        connection.idle_since = asyncio.get_running_loop().time()
        connection.used = True
        if self._waiting:
            self._pass_on(connection)
        else:
            self._idle.append(connection)

    def drop(self, connection: Connection) -> None:
        """Close a connection."""
        connection.close(lambda: self._pass_on(None))

    def close(self) -> None:
        """Close those that are idle."""
        while self._idle:
            self._idle.pop().abort()
            self._count -= 1

    def _kept(self, most_seconds: float) -> Connection | None:
        now = asyncio.get_running_loop().time()
        while self._idle:
            connection = self._idle[-1]
            seconds = now - connection.idle_since
            if connection.open and seconds < min(_KEPT_SECONDS, connection.keeps_seconds or _KEPT_SECONDS):
                # The others have been idle for longer.
                return self._idle.pop() if seconds < most_seconds else None
            self._idle.pop()
            connection.abort()
            self._count -= 1
        return None

    def _pass_on(self, connection: Connection | None) -> None:
        """Give a connection, or the right to open one, to who waits for the longest time."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        if connection is None:
            self._count -= 1
        else:
            self._idle.append(connection)

    async def _connect(self) -> Connection:
        try:
            async with asyncio.timeout(self._connect_seconds):
                for pause_seconds in _PAUSES_SECONDS:
                    try:
                        return await self._dial()
                    except (ConnectionRefusedError, FileNotFoundError):
                        await asyncio.sleep(pause_seconds)
                return await self._dial()
        except TimeoutError:
            raise UpstreamError(
                f"takes no connection within {self._connect_seconds:g} seconds", slow=True, unsent=True
            ) from None
        except ssl.SSLError as error:
            raise UpstreamError(f"cannot be trusted: {error.reason or error}", unsent=True) from None
        except OSError as error:
            # asyncio says which addresses it tried, and not why.
            why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or error
            raise UpstreamError(f"takes no connection: {why}", unsent=True) from None

    async def _dial(self) -> Connection:
        loop = asyncio.get_running_loop()
        origin = self._origin
        if origin.socket:
            return (await loop.create_unix_connection(Connection, origin.socket))[1]
        context, name = (self._tls.context(), self._tls.server_name) if self._tls is not None else (None, None)
        how = loop.create_connection(Connection, origin.host, origin.port, ssl=context, server_hostname=name)
        return (await how)[1]

"""The client of a stream, and requests, in memory: what the HTTP server would be to an application."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any, TypeVar

from extension_apiserver import Identity
from extension_apiserver.apps.asgi.caller import AsgiCaller
from extension_apiserver.observe.metrics import Metrics
from extension_apiserver.request import Connection, Request, Response
from extension_apiserver.streams import Gone
from extension_apiserver.wire.connections import BytesInFlight

MIB = 1 << 20
JANE = Identity("jane", ("cats",))
TARGET = "/apis/cats.example.com/v1/x"

_Result = TypeVar("_Result")


def run(scenario: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a scenario; one that waits for what never comes fails."""
    return asyncio.run(asyncio.wait_for(scenario, 60))


async def settle() -> None:
    """Let everybody go on who can, with nothing but memory to wait for."""
    for _ in range(500):
        await asyncio.sleep(0)


class FakePeer:
    """A client.

    Attributes:
        sent: what it took.
        taken: set once it took something.
        room: clear it, and whoever sends waits.

    """

    def __init__(self) -> None:
        self.ending = asyncio.Event()
        self.sent: list[bytes] = []
        self.taken = asyncio.Event()
        self.room = asyncio.Event()
        self.room.set()
        #: How often somebody asked for its data.
        self.asked = 0
        self._input: asyncio.Queue[bytes] = asyncio.Queue()
        self._gone = False

    async def send(self, data: bytes) -> None:
        """Take data, and wait until there is room for more."""
        if self._gone:
            raise Gone
        self.sent.append(data)
        self.taken.set()
        await self.room.wait()
        if self._gone:
            raise Gone

    async def receive(self) -> bytes:
        """Return what was fed."""
        self.asked += 1
        return await self._input.get()

    def feed(self, data: bytes) -> None:
        """Send to the server."""
        self._input.put_nowait(data)

    def leave(self) -> None:
        """Close the connection."""
        self._gone = True
        self.ending.set()
        self.room.set()
        self.feed(b"")


def make_request(
    method: str = "GET",
    target: str = TARGET,
    headers: Sequence[tuple[bytes, bytes]] = (),
    parts: Iterable[bytes] = (),
    length: int | None = 0,
    read_part: Callable[[], Awaitable[bytes]] | None = None,
    identity_names: frozenset[bytes] = frozenset(),
) -> Request:
    """Return a request whose body is `parts`, or comes from `read_part`."""
    left = iter(parts)

    async def read() -> bytes:
        return next(left, b"")

    return Request(
        method,
        target,
        [(b"host", b"cats"), *headers],
        Connection(client_address="10.0.0.1"),
        read_body=read,
        identity_names=identity_names,
        length=length,
        read_part=read_part or read,
    )


def make_caller(app: Any, *, in_flight_bytes: int = 32 * MIB, **arguments: Any) -> AsgiCaller:
    """Return the caller of an application."""
    state = arguments.pop("state", {})
    return AsgiCaller(app, state, BytesInFlight(in_flight_bytes, Metrics()), **{"max_message_bytes": MIB, **arguments})


async def ask(app: Any, request: Request | None = None, **arguments: Any) -> Response:
    """Return what an application answers."""
    return await make_caller(app, **arguments).call(request or make_request(), JANE)


async def read_all(response: Response) -> bytes:
    """Return the body of an answer, whole or streamed."""
    if response.stream is None:
        return response.body
    peer = FakePeer()
    await response.stream.run(peer)
    return b"".join(peer.sent)

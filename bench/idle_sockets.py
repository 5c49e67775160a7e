"""What open WebSockets cost that nobody uses: opened straight at the backend, with the front proxy's certificate."""

from __future__ import annotations

import asyncio
import base64
import os
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack

from bench.measures import front_proxy
from bench.peers import peer
from bench.plane import ControlPlane
from bench.processes import Memory
from pytest_apiservice.base.errors import HarnessError

COUNT = 500
#: One caller may have half of the streams.
_ENVIRON = {"EXTENSION_APISERVER_MAX_STREAMS": str(4 * COUNT)}
_TIMEOUT_SECONDS = 30.0


def idle_mebibytes(plane: ControlPlane) -> float:
    """Return by how much 500 idle WebSockets make the backend's proportional set grow, in MiB.

    Raises:
        HarnessError: if one is refused.

    """
    with peer(plane, "asgi", _ENVIRON) as one:
        context = ssl.create_default_context(cafile=str(plane.directory / "bench-ca.crt"))
        context.load_cert_chain(*front_proxy(plane))
        return asyncio.run(_opened(one.port, one.path, one.dns_name, context, one.child.memory))


async def _opened(port: int, path: str, name: str, context: ssl.SSLContext, memory: Callable[[], Memory]) -> float:
    async with AsyncExitStack() as stack:
        await _open(stack, port, path, name, context)
        # The first one brings what all share.
        before = memory().pss
        for _ in range(COUNT):
            await _open(stack, port, path, name, context)
        return memory().pss - before


async def _open(stack: AsyncExitStack, port: int, path: str, name: str, context: ssl.SSLContext) -> None:
    connecting = asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
    reader, writer = await asyncio.wait_for(connecting, _TIMEOUT_SECONDS)
    stack.callback(writer.close)
    key = base64.b64encode(os.urandom(16)).decode()
    lines = (
        f"GET {path}socket HTTP/1.1",
        f"Host: {name}",
        "X-Remote-User: user-1",
        "X-Remote-Group: system:authenticated",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {key}",
    )
    writer.write("\r\n".join((*lines, "", "")).encode())
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _TIMEOUT_SECONDS)
    if not answer.startswith(b"HTTP/1.1 101 "):
        raise HarnessError(f"a WebSocket was refused: {answer.splitlines()[0].decode(errors='replace')}")

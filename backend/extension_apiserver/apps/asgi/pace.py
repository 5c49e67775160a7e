"""How fast a client must send a message: half a long one holds what others want to have in flight."""

from __future__ import annotations

import asyncio

from extension_apiserver.streams import Peer
from extension_apiserver.wire.connections import OWN_BYTES
from extension_apiserver.wire.message import LEAST_BYTES

#: For which may be waited for each `LEAST_BYTES`, and once more, as it is for the body of a request by default.
MESSAGE_SECONDS = 10.0


class SendingPace:
    """Watches how the messages of one client come."""

    def __init__(self) -> None:
        self._waited_seconds = 0.0

    async def receive(self, peer: Peer, held_bytes: int) -> bytes:
        """Return what comes next; `held_bytes` is how much there is of a message that is not whole.

        Raises:
            Gone: if the connection was reset.
            TimeoutError: if a long message comes too slowly.

        """
        if held_bytes <= OWN_BYTES:
            self._waited_seconds = 0.0
            return await peer.receive()
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(MESSAGE_SECONDS * (1 + held_bytes / LEAST_BYTES) - self._waited_seconds):
                return await peer.receive()
        finally:
            self._waited_seconds += loop.time() - began

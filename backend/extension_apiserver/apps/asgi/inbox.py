"""What a WebSocket's application has not received yet."""

from __future__ import annotations

import asyncio
import sys
from collections import deque

from .messages import Message

#: So much may wait before no more is read; each message counts with what it costs to keep.
_MOST_WAITING_BYTES = 65536
_MESSAGE_COST_BYTES = 512


class Inbox:
    """Messages in order, from websocket.connect to websocket.disconnect.

    Attributes:
        waiting_bytes: of messages that the application has not received.

    """

    def __init__(self) -> None:
        self.waiting_bytes = 0
        self._messages: deque[Message] = deque([{"type": "websocket.connect"}])
        self._last: Message | None = None
        #: Wakes who waits for a message, and who waits for room.
        self._changed = asyncio.Event()

    async def receive(self) -> Message:
        """Return the next message; websocket.disconnect again and again after the last."""
        while not self._messages:
            if self._last is not None:
                return self._last
            self._changed.clear()
            await self._changed.wait()
        message = self._messages.popleft()
        self.waiting_bytes -= _cost(message)
        self._changed.set()
        return message

    @property
    def ended(self) -> bool:
        """Whether the application will know how it ends."""
        return self._last is not None

    def add(self, message: Message) -> None:
        """Add a message, unless it comes after the last."""
        if self._last is None:
            self._messages.append(message)
            self.waiting_bytes += _cost(message)
            self._changed.set()

    def end(self, code: int, reason: str = "") -> None:
        """Say how it ends; only the first time counts."""
        if self._last is None:
            self._last = {"type": "websocket.disconnect", "code": int(code), "reason": reason}
            self._changed.set()

    async def wait_for_room(self) -> None:
        """Return when there is room for more, or nothing more will be added, and everybody else had a turn."""
        await asyncio.sleep(0)
        while self.waiting_bytes > _MOST_WAITING_BYTES and self._last is None:
            self._changed.clear()
            await self._changed.wait()


def _cost(message: Message) -> int:
    content = message.get("bytes", message.get("text"))
    # A letter takes one to four bytes of memory.
    return 0 if content is None else _MESSAGE_COST_BYTES + sys.getsizeof(content)

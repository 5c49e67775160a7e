"""The body of a request: taken from the client as fast as somebody reads it, and within bounds."""

from __future__ import annotations

from extension_apiserver.settings import Settings

from .connections import HeldBytes
from .http_message import body_in_too_many, body_too_large
from .message import Message
from .stream import TlsStream

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class BodyReader:
    """Reads the bodies of one connection, one after another."""

    def __init__(self, connection: TlsStream, settings: Settings, held_bytes: HeldBytes) -> None:
        """Remember whom to read from, and where what is held counts."""
        self._connection = connection
        self._settings = settings
        self._held_bytes = held_bytes

    def bound(self, message: Message) -> None:
        """Take no more of a body than nobody reads, and none for which there is no room beside those of others."""
        if message.is_full():
            self._connection.hold()
        elif message.waiter is not None and not message.in_parts and not self._held_bytes.hold(len(message.body)):
            message.fail(body_in_too_many())

    async def read(self, message: Message) -> bytes:
        """Return the whole body.

        Raises:
            StatusError: why it cannot be had.

        """
        most = message.bound_bytes = self._settings.max_body_bytes
        if max(message.body_bytes, message.length or 0) > most:
            message.fail(body_too_large(most))
        self._expect(message)
        return await message.read(self._settings.body_timeout_seconds)

    async def read_part(self, message: Message) -> bytes:
        """Return the next part of the body, b'' at its end.

        Raises:
            StatusError: why it cannot be had.

        """
        message.in_parts = True
        if not message.body:
            self._expect(message)
        return await message.read_part(self._settings.body_timeout_seconds)

    def _expect(self, message: Message) -> None:
        """Have the client send what somebody waits for now."""
        if message.complete or message.failure is not None:
            return
        message.waiter = self._connection.loop.create_future()
        if message.expects_continue:
            message.expects_continue = False
            self._connection.send(_CONTINUE)
        self._connection.proceed()

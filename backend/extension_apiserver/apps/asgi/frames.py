"""Frames of RFC 6455 to messages and back, by `websockets`, which does no input or output here.

There is no compression: a few bytes could become many.
"""

from __future__ import annotations

from websockets.exceptions import ProtocolError
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from .handshake import SILENT
from .messages import AsgiFault, Message


class Frames:
    """One WebSocket after its handshake."""

    def __init__(self, max_message_bytes: int) -> None:
        """Begin; a longer message ends it with code 1009."""
        self._protocol = ServerProtocol(state=State.OPEN, max_size=max_message_bytes, logger=SILENT)
        self._message = bytearray()
        self._is_text = False

    @property
    def open(self) -> bool:
        """Whether neither side sent a close frame, and frames can still be sent."""
        return self._protocol.state is State.OPEN and not self._protocol.eof_sent

    @property
    def over(self) -> bool:
        """Whether both sides sent a close frame, or ours says what the client did wrong."""
        return self._protocol.eof_sent

    @property
    def held_bytes(self) -> int:
        """How much of a message has arrived that is not whole."""
        return len(self._protocol.reader.buffer) + len(self._message)

    def closed(self) -> tuple[int, str]:
        """Return code and reason of the close frame: the client's, else ours, else 1006."""
        close = self._protocol.close_rcvd or self._protocol.close_sent
        return (close.code, close.reason) if close is not None else (CloseCode.ABNORMAL_CLOSURE, "")

    def data_to_send(self) -> bytes:
        """Return the bytes of all frames since the last time."""
        # The protocol says by an empty part that it has sent its last.
        return b"".join(self._protocol.data_to_send()) if self._protocol.writes else b""

    def take(self, data: bytes) -> list[Message]:
        """Return the messages that are whole with these bytes; pings and close frames are answered, faults too."""
        self._protocol.receive_data(data)
        messages: list[Message] = []
        for frame in self._protocol.events_received():
            if isinstance(frame, Frame) and frame.opcode in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
                if frame.opcode is not Opcode.CONT:
                    self._is_text = frame.opcode is Opcode.TEXT
                self._message += frame.data
                if not frame.fin:
                    continue
                content, self._message = self._message, bytearray()
                try:
                    messages.append(_received(content, is_text=self._is_text))
                except UnicodeDecodeError:
                    self._protocol.fail(CloseCode.INVALID_DATA, "a text must be UTF-8")
                    break
        return messages

    def send(self, message: Message) -> None:
        """Add the frame of a websocket.send.

        Raises:
            AsgiFault: if it is none.

        """
        data, text = message.get("bytes"), message.get("text")
        if isinstance(text, str) and data is None:
            try:
                self._protocol.send_text(text.encode())
            except UnicodeEncodeError:
                raise AsgiFault("the application sends a text with a surrogate, which is no UTF-8") from None
        elif isinstance(data, bytes | bytearray | memoryview) and text is None:
            self._protocol.send_binary(bytes(data))
        else:
            raise AsgiFault("the application sends websocket.send, which must have either bytes or a text")

    def close(self, code: object = None, reason: object = None) -> tuple[int, str]:
        """Add a close frame and return what it says.

        Raises:
            AsgiFault: if the code or the reason cannot be sent.

        """
        code, reason = CloseCode.NORMAL_CLOSURE if code is None else code, "" if reason is None else reason
        if not isinstance(code, int) or not isinstance(reason, str):
            raise AsgiFault("the application sends websocket.close, whose code must be a number and reason a text")
        try:
            self._protocol.send_close(code, reason)
        except (ProtocolError, UnicodeEncodeError) as error:
            raise AsgiFault(f"the application sends websocket.close with code {code}: {error}") from None
        return code, reason

    def fail(self, code: CloseCode, reason: str = "") -> None:
        """End it: with a close frame, unless there was one or the code is 1006, which says that nothing can be sent."""
        self._protocol.fail(code, reason)


def _received(content: bytearray, *, is_text: bool) -> Message:
    return {"type": "websocket.receive", **({"text": content.decode()} if is_text else {"bytes": bytes(content)})}

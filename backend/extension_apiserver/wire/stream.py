"""TLS on an accepted connection, between asyncio's plain transport and whoever reads and writes text.

asyncio's own TLS layer takes 256 KiB of buffer for each connection, so 1024 silent clients would take 256 MiB, and about twice the
processor time; bounds on the handshake would need its private parts. OpenSSL on two memory buffers is what it is made of, too:
https://docs.python.org/3/library/ssl.html#memory-bio-support
"""

from __future__ import annotations

import asyncio
import fcntl
import ssl
import sys
import termios
from typing import cast

#: A TLS record holds at most 16 KiB, so one read takes one record whole.
_RECORD_BYTES = 16384
#: So much is encrypted at once: OpenSSL's buffer keeps its largest size as long as the connection lives.
_PORTION_BYTES = 4 * _RECORD_BYTES
#: Time for the client to hang up after it took the last answer, before the connection is reset.
LINGER_SECONDS = 2.0


class TlsStream(asyncio.Protocol):
    """One connection; a subclass overrides `secured`, `received` and `lost`.

    Attributes:
        tls: the TLS session.
        loop: the event loop.
        client_address: IP address of the client, '' if it is gone already.
        deadline: when `expire` is to be called by whoever watches, in the time of the event loop; None is never.
        secure: the handshake is complete.
        closing: no more is sent, and what arrives is thrown away.
        sent_bytes: how many bytes, encrypted, were sent.

    """

    deadline: float | None

    def __init__(self, context: ssl.SSLContext, loop: asyncio.AbstractEventLoop) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.loop = loop
        self.deadline = None
        self.client_address = ""
        self._transport: asyncio.Transport | None = None
        self.secure = self.closing = self._held = False
        self.sent_bytes = 0

    def secured(self) -> None:
        """Called once, when the handshake is complete."""

    def received(self, data: bytes) -> None:
        """Called with what the client sent, decrypted, in portions as they come; for the subclass to say."""

    def lost(self) -> None:
        """Called once, when the connection is gone or was refused in the handshake."""

    def send(self, data: bytes) -> None:
        """Encrypt and send; what the client does not take now waits in memory."""
        if self._transport is None or self.closing:
            return
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self.tls.write(rest[:_PORTION_BYTES]) :]
                self._flush()
        except ssl.SSLError:
            self.abort()

    def close(self) -> None:
        """Say goodbye, send what is waiting, and close; input is thrown away from now on.

        The connection is half-closed first: with unread input, closing it whole would reset it and destroy the last answer.
        """
        if self._transport is None or self.closing:
            return
        if not self.secure:
            self.abort()
            return
        self.closing = True
        self.deadline = self.loop.time() + LINGER_SECONDS
        try:
            self.tls.unwrap()
        except ssl.SSLError:
            # Always: it would wait for the client's own goodbye.
            pass
        self._flush()
        try:
            self._transport.write_eof()
        except OSError:
            # The client has reset it already.
            self._transport.abort()
            return
        self._transport.resume_reading()

    def abort(self) -> None:
        """Reset the connection."""
        if self._transport is not None:
            self.closing = True
            self._transport.abort()

    def waiting_bytes(self) -> int:
        """Return how many bytes wait in memory until the kernel takes them."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def taken_bytes(self) -> int:
        """Return how many of the sent bytes, encrypted, the client's side has acknowledged.

        The kernel's own queue may hold megabytes and says that there is room only when a third of it is free, so what it still has
        is asked for: https://man7.org/linux/man-pages/man7/tcp.7.html (SIOCOUTQ, which is TIOCOUTQ).
        """
        if self._transport is None:
            return self.sent_bytes
        descriptor = self._transport.get_extra_info("socket").fileno()
        queued = int.from_bytes(fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4)), sys.byteorder)
        return self.sent_bytes - self.waiting_bytes() - queued

    def hold(self) -> None:
        """Take no more input until `proceed`."""
        if not self._held and self._transport is not None and not self.closing:
            self._held = True
            self._transport.pause_reading()

    def proceed(self) -> None:
        """Take input again, first what arrived before `hold`."""
        if self._held and self._transport is not None and not self.closing:
            self._held = False
            self._transport.resume_reading()
            self._read()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio when TCP is there; the handshake is the client's to begin."""
        self._transport = cast("asyncio.Transport", transport)
        self.client_address = str((transport.get_extra_info("peername") or [""])[0])

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio once, for whatever reason; nothing can be sent any more."""
        del exc
        self._transport = None
        self.deadline = None
        self.closing = True
        self.lost()

    def data_received(self, data: bytes) -> None:
        """Called by asyncio with encrypted bytes: shake hands, or decrypt and give them to `received`."""
        if self.closing:
            return
        self._incoming.write(data)
        if self.secure or self._shake_hands():
            self._read()

    def eof_received(self) -> bool:
        """Let the transport close itself; who hangs up without saying goodbye waits for no answer."""
        return False

    def _shake_hands(self) -> bool:
        if self._transport is None:
            return False
        try:
            self.tls.do_handshake()
            self.secure = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            # The alert that says why is in the outgoing buffer.
            self._flush()
            self.closing = True
            self._transport.close()
            return False
        self._flush()
        if self.secure:
            self.secured()
        return self.secure

    def _read(self) -> None:
        try:
            while self._incoming.pending and not self._held and not self.closing:
                data = self.tls.read(_RECORD_BYTES)
                if not data:
                    # The client said goodbye; what follows would never be read.
                    self.close()
                    return
                self.received(data)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            self.abort()
            return
        if not self.closing:
            # What OpenSSL answers of itself, such as new keys to who asks for new keys, must not gather.
            self._flush()

    def _flush(self) -> None:
        if self._outgoing.pending and self._transport is not None:
            data = self._outgoing.read()
            self.sent_bytes += len(data)
            self._transport.write(data)

"""Calls one provider as itself: by the token of its own ServiceAccount, over TLS that is verified.

The key by which kube-apiserver proves itself to an extension API server is kube-apiserver's alone, so no caller's identity can be passed on;
it would be worth nothing either. kube-apiserver has allowed the caller this very path before.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from extension_apiserver.apps.upstream.client import Client
from extension_apiserver.apps.upstream.exchange import Exchange
from extension_apiserver.apps.upstream.failures import UpstreamError
from extension_apiserver.apps.upstream.tls import ClientTls
from extension_apiserver.request import JSON, Connection
from extension_apiserver.streams import Gone
from extension_apiserver.trust.files import FileError, Reloaded, read

from .config import ProviderConfig

#: Of one answer, and of all that are on their way at one time: values of 10,000 pods have about 4 MiB.
MOST_BYTES, MOST_BYTES_TOGETHER = 4 * 2**20, 32 * 2**20
CONNECTIONS = 64
_TOKEN = re.compile(rb"[!-~]{1,16384}")
_FIXED = ((b"Accept", JSON.encode()), (b"Accept-Encoding", b"identity"), (b"User-Agent", b"extension-apiserver-metrics-mux"))  # fmt: skip


class TooLargeError(UpstreamError):
    """An answer is larger than is taken."""


class BytesTogether:
    """Counts what the answers have that are on their way, of all providers."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.held = 0


class Line:
    """The way to one provider."""

    def __init__(self, config: ProviderConfig, account_token: Path, together: BytesTogether) -> None:
        """Read the files.

        Args:
            config: see there.
            account_token: the file with the token of the pod's ServiceAccount.
            together: of all providers.

        Raises:
            FileError: if one cannot be used, with a sentence.

        """
        self._seconds = config.timeout_seconds
        self._tls = ClientTls(host=config.origin.host, ca_file=config.ca_file, server_name=config.server_name)
        file = Path(config.token_file) if config.token_file else account_token
        self._token = Reloaded([file], lambda: _token(file))
        self._client = Client(
            config.origin,
            self._tls,
            connections=CONNECTIONS,
            connect_seconds=config.timeout_seconds,
            silence_seconds=config.timeout_seconds,
        )
        self._together = together

    async def get(self, target: str, connection: Connection | None) -> tuple[int, bytes]:
        """Return code and body of the answer to a GET.

        Args:
            target: path and query, percent-encoded.
            connection: of whoever waits for it, if somebody does.

        Raises:
            UpstreamError: if there is none.
            Gone: if whoever waits for it has left.

        """
        lines = [*_FIXED, (b"Authorization", b"Bearer " + self._token.value())]
        going: list[Exchange] = []
        gone = False

        def leave() -> None:
            nonlocal gone
            gone = True
            for one in going:
                one.fail(Gone())

        def begin(exchange: Exchange) -> None:
            going[:] = [exchange]
            if gone:
                exchange.fail(Gone())

        try:
            with (connection or Connection()).watching(leave):
                async with asyncio.timeout(self._seconds):
                    exchange = await self._client.call("GET", target.encode(), lines, began=begin)
                    try:
                        return exchange.status, await self._body(exchange)
                    finally:
                        exchange.end()
        except TimeoutError:
            raise UpstreamError(f"does not answer within {self._seconds:g} seconds", slow=True) from None

    @property
    def complaint(self) -> str:
        """Which of its files are not in use, in words that begin after the provider's name, or ''."""
        words = self._tls.complaint or self._token.complaint
        return f"is asked as before, since {words}" if words else ""

    def close(self) -> None:
        """Close connections that are idle."""
        self._client.close()

    async def _body(self, exchange: Exchange) -> bytes:
        body = bytearray()
        try:
            while part := await exchange.part():
                body += part
                self._together.held += len(part)
                if len(body) > MOST_BYTES:
                    raise TooLargeError(f"answers with more than {MOST_BYTES} bytes")
                if self._together.held > MOST_BYTES_TOGETHER:
                    raise TooLargeError(f"answers while {MOST_BYTES_TOGETHER} bytes of other answers are on their way")
            return bytes(body)
        finally:
            self._together.held -= len(body)


def _token(file: Path) -> bytes:
    token = read(file).strip()
    if not _TOKEN.fullmatch(token):
        raise FileError(f"{file} holds no token")
    return token

"""Calls one provider as itself: by the token of its own ServiceAccount, over TLS that is verified.

The key by which kube-apiserver proves itself to an extension API server is kube-apiserver's alone, so no caller's identity can be passed on;
it would be worth nothing either. kube-apiserver has allowed the caller this very path before.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

from extension_apiserver.apps.upstream.client import Client
from extension_apiserver.apps.upstream.exchange import Exchange
from extension_apiserver.apps.upstream.failures import UpstreamError
from extension_apiserver.apps.upstream.tls import ClientTls
from extension_apiserver.request import JSON, Connection
from extension_apiserver.status import StatusError
from extension_apiserver.streams import Gone
from extension_apiserver.trust.files import FileError, Reloaded, read

from .breaker import Breaker
from .config import ProviderConfig

T = TypeVar("T")

#: Of one answer, and of all that are on their way at one time: values of 10,000 pods have about 4 MiB.
MOST_BYTES, MOST_BYTES_TOGETHER = 4 * 2**20, 32 * 2**20
#: To one provider, and those of one caller: whoever asks for what is slow keeps nobody else out.
_CONNECTIONS, _MOST_OF_ONE = 64, 32
#: Of a sentence that a provider sends.
_LONGEST_WORDS = 512
_TOKEN = re.compile(rb"[!-~]{1,16384}")
_FIXED = ((b"Accept", JSON.encode()), (b"Accept-Encoding", b"identity"), (b"User-Agent", b"extension-apiserver-metrics-mux"))  # fmt: skip
_FAILURES = range(400, 600)


class Away(Exception):
    """There is no answer that is of use; the message says why, in words that begin after the provider's name.

    Attributes:
        alive: it has answered, so that others may be answered as they wish.

    """

    def __init__(self, message: str, *, alive: bool = False) -> None:
        super().__init__(message)
        self.alive = alive


class BytesTogether:
    """Counts what the answers have that are on their way, of all providers."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.held = 0


class Provider:
    """One of them.

    Attributes:
        config: what the file says of it.
        breaker: whether it is asked.
        results: what became of the requests: 'answered', 'unknown', 'refused', 'failed' or 'skipped' → how many.

    """

    def __init__(self, config: ProviderConfig, account_token: Path, together: BytesTogether) -> None:
        """Read the files.

        Args:
            config: see there.
            account_token: the file with the token of the pod's ServiceAccount.
            together: of all providers.

        Raises:
            FileError: if one cannot be used, with a sentence.

        """
        self.config = config
        tls = ClientTls(host=config.origin.host, ca_file=config.ca_file, server_name=config.server_name)
        self._tls = tls
        file = Path(config.token_file) if config.token_file else account_token
        self._token = Reloaded([file], lambda: _token(file))
        self._client = Client(
            config.origin,
            tls,
            connections=_CONNECTIONS,
            connect_seconds=config.timeout_seconds,
            silence_seconds=config.timeout_seconds,
        )
        self._together = together
        self._by_user: Counter[str] = Counter()
        self.breaker = Breaker(config.failures, config.open_seconds)
        self.results: Counter[str] = Counter(dict.fromkeys(("answered", "unknown", "refused", "failed", "skipped"), 0))

    @property
    def name(self) -> str:
        """For messages."""
        return self.config.name

    async def ask(
        self, target: str, check: Callable[[Any], T], user: str = "", connection: Connection | None = None
    ) -> T:
        """Return what `check` makes of the answer to a GET.

        Args:
            target: path and query, percent-encoded.
            check: takes the document; raises ValueError with what is wrong with it, or StatusError.
            user: who waits for it; '' is nobody.
            connection: of that user.

        Raises:
            Away: if there is no answer.
            StatusError: what the provider says instead; 404 if it does not know what is asked for.
            Gone: if whoever waits for it has left.

        """
        if self._by_user[user] >= _MOST_OF_ONE:
            raise StatusError(
                429, f"{_MOST_OF_ONE} requests of yours wait for the provider {self.name}; wait for one of them",
                headers=[("Retry-After", "1")],
            )  # fmt: skip
        if not self.breaker.admits():
            self._count("skipped", user)
            raise Away(f"{self.breaker.why}, and is not asked again for some seconds")
        began = asyncio.get_running_loop().time()
        self._by_user[user] += 1
        try:
            answer = await self._ask(target, check, connection)
        except Away as error:
            self._count("failed", user)
            if error.alive:
                self.breaker.answered()
            else:
                self.breaker.failed(began, str(error))
            raise
        except StatusError as error:
            self._count("unknown" if error.code == HTTPStatus.NOT_FOUND else "refused", user)
            self.breaker.answered()
            raise
        except BaseException:
            self.breaker.left()
            raise
        finally:
            self._by_user[user] -= 1
            if not self._by_user[user]:
                del self._by_user[user]
        self._count("answered", user)
        self.breaker.answered()
        return answer

    def _count(self, result: str, user: str) -> None:
        # What nobody waits for is discovery, again and again.
        if user:
            self.results[result] += 1

    async def _ask(self, target: str, check: Callable[[Any], T], connection: Connection | None) -> T:
        try:
            async with asyncio.timeout(self.config.timeout_seconds):
                status, body = await self._exchange(target, connection)
        except TimeoutError:
            raise Away(f"does not answer within {self.config.timeout_seconds:g} seconds") from None
        except (UpstreamError, FileError) as error:
            raise Away(str(error)) from None
        document = _document(body)
        if status == HTTPStatus.OK:
            try:
                return check(document)
            except ValueError as error:
                raise Away(str(error)) from None
        raise self._failure(status, document)

    async def _exchange(self, target: str, connection: Connection | None) -> tuple[int, bytes]:
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

        with (connection or Connection()).watching(leave):
            exchange = await self._client.call("GET", target.encode(), lines, began=begin)
            try:
                return exchange.status, await self._body(exchange)
            finally:
                exchange.end()

    async def _body(self, exchange: Exchange) -> bytes:
        body = bytearray()
        try:
            while part := await exchange.part():
                body += part
                self._together.held += len(part)
                if len(body) > MOST_BYTES:
                    raise UpstreamError(f"answers with more than {MOST_BYTES} bytes")
                if self._together.held > MOST_BYTES_TOGETHER:
                    raise UpstreamError(f"answers while {MOST_BYTES_TOGETHER} bytes of other answers are on their way")
            return bytes(body)
        finally:
            self._together.held -= len(body)

    def _failure(self, status: int, document: Any) -> Exception:  # noqa: ANN401
        """Return what an answer comes to that is not 200."""
        if status == HTTPStatus.NOT_FOUND:
            return StatusError(404, self._words(document) or "the server could not find the requested resource")
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            said = f": {self._words(document)}" if self._words(document) else ""
            # A token is good for all or for nothing, a right for some metrics perhaps.
            return Away(
                f"does not let the multiplexer read, and answers {status}{said}", alive=status == HTTPStatus.FORBIDDEN
            )
        words = self._words(document)
        if status not in _FAILURES or not words:
            return Away(f"answers {status}, and no Status of Kubernetes")
        return StatusError(status, f"the provider {self.name} answers: {words}")

    @staticmethod
    def _words(document: Any) -> str:  # noqa: ANN401
        """Return what a Status says, '' if it is none."""
        if not isinstance(document, dict) or document.get("kind") != "Status":
            return ""
        text = str(document.get("message") or document.get("reason") or "a failure")[:_LONGEST_WORDS]
        return "".join(letter if letter.isprintable() else " " for letter in text)

    def complaint(self) -> str | None:
        """Return which of its files are not in use, in words, or None."""
        return self._tls.complaint or self._token.complaint

    def close(self) -> None:
        """Close connections that are idle."""
        self._client.close()


def _token(file: Path) -> bytes:
    token = read(file).strip()
    if not _TOKEN.fullmatch(token):
        raise FileError(f"{file} holds no token")
    return token


def _document(body: bytes) -> Any:  # noqa: ANN401
    """Return what JSON says, None if it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None

"""One provider: whether it is asked, and what its answers mean."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

from extension_apiserver.apps.upstream.failures import UpstreamError
from extension_apiserver.request import Connection
from extension_apiserver.status import StatusError

from .breaker import Breaker
from .config import ProviderConfig
from .line import CONNECTIONS, BytesTogether, Line, TooLargeError

T = TypeVar("T")

#: Of the connections, those of one caller: whoever asks for what is slow keeps nobody else out.
_MOST_OF_ONE = CONNECTIONS // 2
#: Of a sentence that a provider sends.
_LONGEST_WORDS = 512
_FAILURES = range(400, 600)
_LARGE_BYTES = 2**17
_RESULTS = ("answered", "unknown", "refused", "failed", "skipped")


class Away(Exception):
    """There is no answer that is of use; the message says why, in words that begin after the provider's name.

    Attributes:
        alive: it has answered, and what is wrong may be wrong with one metric alone.
        refuses: it does not know us, or does not let us read.

    """

    def __init__(self, message: str, *, alive: bool = False, refuses: bool = False) -> None:
        super().__init__(message)
        self.alive, self.refuses = alive, refuses


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
        self._line = Line(config, account_token, together)
        self._by_user: Counter[str] = Counter()
        self.breaker = Breaker(config.failures, config.open_seconds)
        self.results: Counter[str] = Counter(dict.fromkeys(_RESULTS, 0))

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
            status, body = await self._line.get(target, connection)
        except UpstreamError as error:
            raise Away(str(error), alive=isinstance(error, TooLargeError)) from None

        def read() -> T:
            document = _document(body)
            if status != HTTPStatus.OK:
                raise self._failure(status, document)
            return check(document)

        try:
            # Values of thousands of objects take tenths of a second, for which nobody else should wait.
            return read() if len(body) < _LARGE_BYTES else await asyncio.to_thread(read)
        except ValueError as error:
            raise Away(str(error), alive=True) from None

    def _failure(self, status: int, document: Any) -> Exception:  # noqa: ANN401
        """Return what an answer comes to that is not 200."""
        if status == HTTPStatus.NOT_FOUND:
            return StatusError(404, self._words(document) or "the server could not find the requested resource")
        words = self._words(document)
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            said = f"{status}: {words}" if words else status
            return Away(f"does not let the multiplexer read: {said}", alive=True, refuses=True)
        if status not in _FAILURES or not words:
            return Away(f"answers {status}, and no Status of Kubernetes", alive=True)
        return StatusError(status, f"the provider {self.name} answers: {words}")

    @staticmethod
    def _words(document: Any) -> str:  # noqa: ANN401
        """Return what a Status says, '' if it is none."""
        if not isinstance(document, dict) or document.get("kind") != "Status":
            return ""
        text = str(document.get("message") or document.get("reason") or "a failure")[:_LONGEST_WORDS]
        return "".join(letter if letter.isprintable() else " " for letter in text)

    @property
    def complaint(self) -> str:
        """Which of its files are not in use, in words that begin after its name, or ''."""
        return self._line.complaint

    def close(self) -> None:
        """Close connections that are idle."""
        self._line.close()


def _document(body: bytes) -> Any:  # noqa: ANN401
    """Return what JSON says, None if it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None

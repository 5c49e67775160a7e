"""Keeps what was asked for, so that many who ask for the same are one question.

What is kept and what is asked at one time is bounded, and each caller has a share of it: who asks for one thing after another pushes
out what it asked for itself.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Any

from extension_apiserver.status import StatusError

#: Answers that are kept.
_MOST_KEPT = 1024
#: Questions of one caller about one thing (a metric): asked at the same time, and waiting for their turn with those. The autoscaler asks
#: 5 at a time unless told otherwise, and a function that hangs must leave threads to others.
_AT_ONCE, MOST_OF_ONE = 8, 64
#: A failure is kept for so long at most.
_FAILURE_SECONDS = 5.0
#: What is out of date is thrown away so often.
_SWEEP_SECONDS = 30.0


@dataclasses.dataclass(frozen=True, slots=True)
class _Answer:
    """A result, or the code and the sentence of a failure; `until` as `time.monotonic`."""

    owner: int
    until: float
    result: Any = None
    failure: tuple[int, str, str] | None = None

    def give(self) -> Any:  # noqa: ANN401 - what was asked for
        if self.failure is not None:
            code, message, reason = self.failure
            raise StatusError(code, message, reason=reason)
        return self.result


@dataclasses.dataclass(slots=True)
class _Account:
    """Questions of one caller about one thing."""

    turn: asyncio.Semaphore = dataclasses.field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))
    count: int = 0


class Cache:
    """Answers by key; a key must be short, since callers may choose it."""

    def __init__(self, most: int = _MOST_KEPT) -> None:
        self._most = most
        self._kept: dict[Hashable, _Answer] = {}
        self._keys_of: dict[int, dict[Hashable, None]] = {}
        self._running: dict[Hashable, asyncio.Task[_Answer]] = {}
        self._accounts: dict[tuple[int, str], _Account] = {}
        self._swept = time.monotonic()

    async def get(
        self,
        key: Hashable,
        ask: Callable[[], Awaitable[Any]],
        *,
        user: str,
        keep_seconds: float,
        timeout_seconds: float,
        what: str,
    ) -> Any:  # noqa: ANN401 - what `ask` returns
        """Return what is kept, or what `ask` returns; of those that wait for it at the same time one has asked.

        Args:
            key: of what is asked for.
            ask: raises StatusError, and nothing else.
            user: who wants it.
            keep_seconds: for so long it is kept.
            timeout_seconds: for so long it is waited for; it is not given up, and who asks next waits for the same.
            what: is asked about, for sentences and for what one caller may ask at a time.

        Raises:
            StatusError: what `ask` raised, now or at most 5 seconds ago; 429 if the user asks for too much at once, 504 if it takes too long.

        """
        kept = self._kept.get(key)
        if kept is not None and time.monotonic() < kept.until:
            return kept.give()
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = self._begin(key, ask, hash(user), keep_seconds, what)
        await asyncio.wait({task}, timeout=timeout_seconds)
        if not task.done():
            raise StatusError(504, f"{what} has not answered for {timeout_seconds:g} seconds")
        return task.result().give()

    def _begin(
        self, key: Hashable, ask: Callable[[], Awaitable[Any]], owner: int, keep_seconds: float, what: str
    ) -> asyncio.Task[_Answer]:
        account = self._accounts.setdefault((owner, what), _Account())
        if account.count >= MOST_OF_ONE:
            message = f"{what}: {MOST_OF_ONE} requests of this user wait for others already"
            raise StatusError(429, message, headers=[("Retry-After", "1")])
        account.count += 1

        async def answer() -> _Answer:
            try:
                async with account.turn:
                    found = await self._ask(ask, owner, keep_seconds)
                self._keep(key, found)
            finally:
                del self._running[key]
                account.count -= 1
                if not account.count:
                    del self._accounts[owner, what]
            return found

        return asyncio.create_task(answer())

    @staticmethod
    async def _ask(ask: Callable[[], Awaitable[Any]], owner: int, keep_seconds: float) -> _Answer:
        try:
            result = await ask()
        except StatusError as error:
            # Not the exception: it would hold the frames of the function, and all that these hold.
            until = time.monotonic() + min(keep_seconds, _FAILURE_SECONDS)
            return _Answer(owner, until, failure=(error.code, error.message, error.reason))
        return _Answer(owner, time.monotonic() + keep_seconds, result)

    def _keep(self, key: Hashable, answer: _Answer) -> None:
        now = time.monotonic()
        if now - self._swept > _SWEEP_SECONDS:
            self._swept = now
            for old in [old for old, kept in self._kept.items() if kept.until <= now]:
                self._drop(old)
        if key in self._kept:
            self._drop(key)
        elif len(self._kept) >= self._most:
            most = max(self._keys_of.values(), key=len)
            self._drop(next(iter(most)))
        self._kept[key] = answer
        self._keys_of.setdefault(answer.owner, {})[key] = None

    def _drop(self, key: Hashable) -> None:
        owner = self._kept.pop(key).owner
        keys = self._keys_of[owner]
        del keys[key]
        if not keys:
            del self._keys_of[owner]

"""Runs the verbs of mapped resources, which wait for upstreams, so that no caller keeps others out."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from typing import TypeVar

from extension_apiserver.api.call import Call
from extension_apiserver.apps.calls import THREADS, Calls
from extension_apiserver.status import StatusError
from extension_apiserver.streams import Gone

_Argument = TypeVar("_Argument")
_Result = TypeVar("_Result")

#: Of one caller: what runs, and what may wait for it to end.
_MOST_THREADS, _MOST_CALLS = THREADS // 2, 64


@dataclasses.dataclass(slots=True)
class _Caller:
    """What one caller has."""

    turn: asyncio.Semaphore = dataclasses.field(default_factory=lambda: asyncio.Semaphore(_MOST_THREADS))
    count: int = 0


class FairCalls(Calls):
    """Calls in threads, of which one caller has half at most; nothing is begun for a caller who has left."""

    def __init__(self) -> None:
        """Have threads."""
        super().__init__(blocking=True)
        self._callers: dict[str, _Caller] = {}

    async def run(self, function: Callable[[_Argument], _Result], argument: _Argument) -> _Result:
        """Return what a function returns, as `Calls` says.

        Raises:
            StatusError: 429 if too many calls of the caller wait; 503 as there.
            Gone: if the caller left before it began.

        """
        if not isinstance(argument, Call):
            return await super().run(function, argument)
        user = argument.identity.user
        left = asyncio.Event()

        def begin(given: _Argument) -> _Result:
            if left.is_set():
                raise Gone
            return function(given)

        caller = self._callers.setdefault(user, _Caller())
        if caller.count >= _MOST_CALLS:
            raise StatusError(
                429, f"{_MOST_CALLS} requests of yours are being answered; wait for one of them", headers=[("Retry-After", "1")]
            )  # fmt: skip
        caller.count += 1
        try:
            with argument.request.connection.watching(left.set):
                async with caller.turn:
                    return await super().run(begin, argument)
        finally:
            caller.count -= 1
            if not caller.count:
                del self._callers[user]

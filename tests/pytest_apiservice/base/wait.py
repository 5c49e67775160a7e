"""One way to wait: with a name, a deadline, and the last thing seen."""

import time
from collections.abc import Callable
from typing import TypeVar

from pytest_apiservice.base.errors import HarnessError

T = TypeVar("T")


class NotYet(Exception):
    """Raised by a probe that is not satisfied yet; its text says what was seen instead."""


def wait_for(
    what: str,
    probe: Callable[[], T],
    *,
    timeout_seconds: float,
    interval_seconds: float = 0.1,
    max_interval_seconds: float = 1.0,
    died: Callable[[], str | None] = lambda: None,
) -> T:
    """Call ``probe`` until it returns, and return its value.

    Args:
        what: what is waited for, as a noun phrase; opens the error.
        probe: returns when satisfied, raises NotYet with what it saw instead.
        timeout_seconds: the deadline, counted from the call.
        interval_seconds: the first pause between probes; grows by half up to the next.
        max_interval_seconds: the longest pause.
        died: returns a text once waiting is pointless (a process or pod that ended); checked before each pause.

    Raises:
        HarnessError: the deadline passed, or ``died`` returned a text; with what was last seen.
    """
    started = time.monotonic()
    while True:
        try:
            return probe()
        except NotYet as not_yet:
            last_seen = str(not_yet)
        cause = died()
        if cause is not None:
            raise HarnessError(f"{what}: will not come, {cause}; last seen: {last_seen}")
        waited_seconds = time.monotonic() - started
        if waited_seconds > timeout_seconds:
            raise HarnessError(f"{what}: not within {timeout_seconds:g} s; last seen: {last_seen}")
        time.sleep(interval_seconds)
        interval_seconds = min(interval_seconds * 1.5, max_interval_seconds)

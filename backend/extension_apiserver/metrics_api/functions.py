"""Calls the functions of metrics, and makes sentences of what goes wrong in them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import logging
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from extension_apiserver.apps.calls import Calls
from extension_apiserver.observe.metrics import Metrics
from extension_apiserver.status import StatusError

from .cache import Cache
from .declared import Metric, Query

_Values = TypeVar("_Values")

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Measured(Generic[_Values]):
    """What a function returned, and when (UTC)."""

    values: _Values
    returned: dt.datetime


class Functions:
    """Calls functions where the user's functions run, and keeps what they returned."""

    def __init__(self, calls: Calls, metrics: Metrics) -> None:
        # Whatever hangs in them, an application beside them has its threads.
        self._calls = Calls(blocking=calls.blocking)
        self._cache = Cache()
        self._counter = metrics.metric_calls

    async def measured(
        self, metric: Metric, query: Query, convert: Callable[[object], _Values], user: str
    ) -> Measured[_Values]:
        """Return what a function returned for a query, or for one like it within the metric's `cache_seconds`.

        Args:
            metric: whose function.
            query: what it is asked. Its `names` say no more than the other fields, at one time.
            convert: reads what it returned; raises ValueError with a sentence.
            user: who asks.

        Raises:
            StatusError: the function's own; 500 if it failed, 504 if it takes too long, 429 if the user asks too much at once.

        """
        key: Hashable = (id(metric), query.resource, query.namespace, query.selector)
        found: Measured[_Values] = await self._cache.get(
            key,
            lambda: self._call(metric, query, convert),
            user=user,
            keep_seconds=metric.cache_seconds,
            timeout_seconds=metric.timeout_seconds,
            what=f"the function of {metric.title}",
        )
        return found

    async def _call(self, metric: Metric, query: Query, convert: Callable[[object], _Values]) -> Measured[_Values]:
        result = "failure"
        try:
            values = await self._calls.run(lambda query: _convert(metric, convert, metric(query)), query)
            result = "success"
        except StatusError:
            raise
        except Exception:  # noqa: BLE001 - whatever the function raises, its caller gets a Status
            _log.exception("the function of %s failed", metric.title)
            message = f"Internal error occurred: the function of {metric.title} failed; its log says why"
            raise StatusError(500, message) from None
        finally:
            self._counter.add(metric=metric.title, result=result)
        return Measured(values, dt.datetime.now(dt.UTC))


def _convert(metric: Metric, convert: Callable[[object], _Values], returned: object) -> _Values:
    try:
        return convert(returned)
    except ValueError as error:
        _log.error("the function of %s: %s", metric.title, error)
        raise StatusError(500, f"Internal error occurred: the function of {metric.title}: {error}") from None

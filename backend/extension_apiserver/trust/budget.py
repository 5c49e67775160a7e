"""How many questions a caller may have kube-apiserver asked.

Every question that is not answered from memory is a request to kube-apiserver. Whoever has proven nothing could otherwise load the
control plane through this server, and by a flood take the answers away from those who are known.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections import Counter, OrderedDict
from collections.abc import Iterator

from extension_apiserver.observe.metrics import Metrics
from extension_apiserver.status import StatusError

#: Per second, and at once after a pause. k8s.io/apiserver's client has 200 and 400 for all callers together.
_STRANGER = (10.0, 20.0)
_STRANGERS = (50.0, 100.0)
_KNOWN = (50.0, 100.0)
#: Questions that wait for an answer; each is a connection to kube-apiserver.
_MOST_PENDING = 64
#: Of all but the front proxy, and of each known caller or of all strangers together: who asks much while kube-apiserver is slow, and
#: each question waits for ten seconds, leaves room for others.
_MOST_PENDING_DIRECTLY = 48
_MOST_PENDING_OF_ONE = 16
#: Callers that are remembered; who was forgotten begins anew, within the bound of all strangers together.
_MOST_PAYERS = 1024


@dataclasses.dataclass(frozen=True, slots=True)
class Payer:
    """On whose account a question is asked.

    Attributes:
        name: unique among payers of its sort.
        known: it has proven who it is, or did so within the last hour.

    """

    name: str
    known: bool


_ANY_STRANGER = Payer("", known=False)


class _Bucket:
    """Fills with time, and empties with each question."""

    def __init__(self, per_second: float, most: float) -> None:
        self._per_second = per_second
        self._most = most
        self._left = most
        self._at = time.monotonic()

    def seconds_until_one(self) -> float:
        """Return the time until one may be asked, 0 if now."""
        now = time.monotonic()
        self._left = min(self._most, self._left + (now - self._at) * self._per_second)
        self._at = now
        return max(0.0, (1 - self._left) / self._per_second)

    def take(self) -> None:
        """Count a question; not before `seconds_until_one` is 0."""
        self._left -= 1


class Budget:
    """Admits questions: of one payer, of all strangers together, and at one time."""

    def __init__(self, metrics: Metrics) -> None:
        """Begin with full buckets; refusals are counted."""
        self._refused = metrics.refused_reviews
        self._buckets: OrderedDict[Payer, _Bucket] = OrderedDict()
        self._strangers = _Bucket(*_STRANGERS)
        self._pending: Counter[Payer | None] = Counter()

    @contextlib.contextmanager
    def one(self, payer: Payer | None) -> Iterator[None]:
        """Admit one question for as long as it is pending.

        Args:
            payer: None for what comes from the front proxy: kube-apiserver bounds its own callers.

        Raises:
            StatusError: 429 if there are too many.

        """
        account = payer if payer is None or payer.known else _ANY_STRANGER
        if self._is_full(account):
            raise self._refuse("pending", 1)
        if payer is not None:
            self._charge(payer)
        self._pending[account] += 1
        try:
            yield
        finally:
            self._pending[account] -= 1
            if not self._pending[account]:
                del self._pending[account]

    def _is_full(self, account: Payer | None) -> bool:
        pending = self._pending.total()
        if account is None or pending >= _MOST_PENDING:
            return pending >= _MOST_PENDING
        directly = pending - self._pending[None]
        return directly >= _MOST_PENDING_DIRECTLY or self._pending[account] >= _MOST_PENDING_OF_ONE

    def _charge(self, payer: Payer) -> None:
        bucket = self._buckets.pop(payer, None) or _Bucket(*(_KNOWN if payer.known else _STRANGER))
        self._buckets[payer] = bucket
        if len(self._buckets) > _MOST_PAYERS:
            self._buckets.popitem(last=False)
        buckets = [bucket] if payer.known else [bucket, self._strangers]
        seconds = max(one.seconds_until_one() for one in buckets)
        if seconds:
            raise self._refuse("rate", math.ceil(seconds))
        for one in buckets:
            one.take()

    def _refuse(self, reason: str, seconds: int) -> StatusError:
        self._refused.add(reason=reason)
        return StatusError(
            429,
            "too many requests that kube-apiserver must be asked about; try again later, or call through kube-apiserver",
            details={"retryAfterSeconds": seconds},
            headers=[("Retry-After", str(seconds))],
        )

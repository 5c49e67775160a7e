"""What functions of metrics return, and how it is written."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from .quantity import Amount, canonical

#: Of one answer of a function, over all objects.
MOST_VALUES = 20_000
_MOST_LABELS, _LONGEST_LABEL = 64, 1024


@dataclasses.dataclass(frozen=True, slots=True)
class Value:
    """One value of a metric.

    Attributes:
        value: a number, or the text of a quantity, such as '1500m'.
        labels: what a selector of the metric asks for.
        timestamp: when it was measured: with a time zone, or in seconds since the epoch; by default when the function returned.
        window_seconds: over which it was measured, if it is a rate.
        quantity: `value` as Kubernetes writes it.

    Raises:
        ValueError: if one of them is none; the message is a sentence.

    """

    value: Amount
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    timestamp: dt.datetime | float | None = None
    window_seconds: int | None = None
    quantity: str = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "quantity", canonical(self.value))
        except ValueError as error:
            raise ValueError(f"a value {error}") from None
        if not isinstance(self.labels, Mapping) or len(self.labels) > _MOST_LABELS:
            raise ValueError(f"`labels` of a value must be a mapping with at most {_MOST_LABELS} labels")
        for text in (one for pair in self.labels.items() for one in pair):
            if not isinstance(text, str) or len(text) > _LONGEST_LABEL:
                raise ValueError(f"`labels` of a value must be texts of at most {_LONGEST_LABEL} characters")
        if self.timestamp is not None:
            object.__setattr__(self, "timestamp", _moment(self.timestamp))
        window = self.window_seconds
        if window is not None and (not isinstance(window, int) or isinstance(window, bool) or not 0 <= window < 2**31):
            raise ValueError("`window_seconds` of a value must be a whole number of seconds")


def as_values(result: object) -> list[Value]:
    """Return the values that a function returned for one object, or for what is no object's.

    Raises:
        ValueError: if it returned something else; the message is a sentence.

    """
    if result is None:
        return []
    if isinstance(result, Value):
        return [result]
    if isinstance(result, Sequence) and not isinstance(result, str | bytes):
        if len(result) > MOST_VALUES:
            raise ValueError(f"there are {len(result)} values, and {MOST_VALUES} at most may be returned")
        return [one if isinstance(one, Value) else Value(one) for one in result]
    return [Value(result)]  # type: ignore[arg-type]  # whatever it is, it is refused there


def as_values_of_names(result: object) -> dict[str, list[Value]]:
    """Return name → values, from a mapping that a function returned. Raises ValueError likewise."""
    if not isinstance(result, Mapping):
        raise ValueError(f"name → value must be returned, a mapping, not {type(result).__name__}")  # noqa: TRY004
    values = {str(name): as_values(one) for name, one in result.items()}
    if sum(map(len, values.values())) > MOST_VALUES:
        raise ValueError(f"there are more than {MOST_VALUES} values, which is the most that may be returned")
    return values


def timestamp(value: Value, returned: dt.datetime) -> str:
    """Return when a value was measured, RFC 3339 in seconds; `returned` is when the function did."""
    moment = value.timestamp if isinstance(value.timestamp, dt.datetime) else returned
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(given: Any) -> dt.datetime:  # noqa: ANN401 - from the user
    try:
        if not isinstance(given, dt.datetime):
            return dt.datetime.fromtimestamp(given, dt.UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        given = None
    if given is None or given.tzinfo is None:
        raise ValueError("`timestamp` of a value must be a datetime with a time zone, or seconds since the epoch")
    moment: dt.datetime = given.astimezone(dt.UTC)
    return moment

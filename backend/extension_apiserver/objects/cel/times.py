"""Times and durations of CEL, in nanoseconds; https://github.com/google/cel-spec/blob/master/doc/langdef.md#timestamps."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Callable

from .words import CelError

_SECOND = 1_000_000_000
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_UNITS = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": _SECOND, "m": 60 * _SECOND, "h": 3600 * _SECOND}
_LONG = {"d": 24 * 3600 * _SECOND, "w": 7 * 24 * 3600 * _SECOND}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h|d|w)")
_TIME = re.compile(r"(\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2})(?:\.(\d+))?([Zz]|[+-]\d{2}:\d{2})")
_OFFSET = re.compile(r"([+-]?)(\d{2}):(\d{2})")
_MOST = 1 << 63
#: No duration that people write is longer.
_LONGEST = 64


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A length of time, in nanoseconds."""

    ns: int

    def __post_init__(self) -> None:
        if not -_MOST <= self.ns < _MOST:
            raise CelError("duration overflow")


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Timestamp:
    """A point in time, in nanoseconds since 1970."""

    ns: int

    def __post_init__(self) -> None:
        if not -62135596800 * _SECOND <= self.ns < 253402300800 * _SECOND:
            raise CelError("timestamp overflow")


def parse_duration(text: str, *, days: bool = True) -> Duration:
    """Return the duration of `1h2.5s`; with ``days`` also `1d` and `1w`, as the format of schemas has it.

    Raises:
        CelError: it is none.

    """
    sign, body = (-1, text[1:]) if text[:1] == "-" else (1, text.removeprefix("+"))
    total, at = 0, 0
    units = {**_UNITS, **_LONG} if days else _UNITS
    while len(body) <= _LONGEST and (match := _PART.match(body, at)) and match[2] in units:
        whole, _, rest = match[1].partition(".")
        total += int(whole or 0) * units[match[2]] + int(rest or 0) * units[match[2]] // 10 ** len(rest)
        at = match.end()
    if body != "0" and (not body or at != len(body)):
        raise CelError(f'time: invalid duration "{text}"')
    return Duration(sign * total)


def parse_time(text: str) -> Timestamp:
    """Return the point in time of RFC 3339.

    Raises:
        CelError: it is none.

    """
    match = _TIME.fullmatch(text)
    try:
        if match is None:
            raise ValueError  # noqa: TRY301 - one sentence for both
        moment = dt.datetime.fromisoformat(match[1].upper() + match[3].upper())
    except ValueError:
        raise CelError(f'invalid RFC 3339 timestamp "{text}"') from None
    return Timestamp(_whole_seconds(moment - _EPOCH) * _SECOND + int((match[2] or "0")[:9].ljust(9, "0")))


def parse_date(text: str) -> Timestamp:
    """Return the beginning of a day.

    Raises:
        CelError: it is none.

    """
    return parse_time(f"{text}T00:00:00Z")


def _whole_seconds(length: dt.timedelta) -> int:
    return length.days * 86400 + length.seconds


def time_words(time: Timestamp) -> str:
    """Return RFC 3339."""
    moment = _EPOCH + dt.timedelta(seconds=time.ns // _SECOND)
    rest = f"{time.ns % _SECOND:09d}".rstrip("0")
    return f"{moment:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + (f".{rest}" if rest else "") + "Z"


def duration_words(length: Duration) -> str:
    """Return the seconds, `90.5s`."""
    whole, rest = divmod(abs(length.ns), _SECOND)
    digits = f"{rest:09d}".rstrip("0")
    return f"{'-' if length.ns < 0 else ''}{whole}" + (f".{digits}" if digits else "") + "s"


def offset(name: str) -> dt.timezone:
    """Return the time zone of `UTC` or `+01:00`; names of places need a database that a container may not have.

    Raises:
        ValueError: it is none of them.

    """
    match = _OFFSET.fullmatch(name)
    if match is None and name != "UTC":
        raise ValueError(f"'{name}' is no offset such as +01:00: time zones by name are not offered")
    hours, minutes = (int(match[2]), int(match[3])) if match else (0, 0)
    return dt.timezone((-1 if match and match[1] == "-" else 1) * dt.timedelta(hours=hours, minutes=minutes))


def _of_time(read: Callable[[dt.datetime], int]) -> Callable[..., int]:
    def field(time: Timestamp, zone: str = "UTC") -> int:
        moment = _EPOCH + dt.timedelta(seconds=time.ns // _SECOND)
        try:
            return read(moment.astimezone(offset(zone)))
        except OverflowError:
            raise CelError("timestamp overflow") from None

    return field


#: What can be asked of a point in time, in a time zone, UTC if none is named.
TIME_FIELDS: dict[str, Callable[..., int]] = {
    "getFullYear": _of_time(lambda moment: moment.year),
    "getMonth": _of_time(lambda moment: moment.month - 1),
    "getDate": _of_time(lambda moment: moment.day),
    "getDayOfMonth": _of_time(lambda moment: moment.day - 1),
    "getDayOfWeek": _of_time(lambda moment: moment.isoweekday() % 7),
    "getDayOfYear": _of_time(lambda moment: moment.timetuple().tm_yday - 1),
    "getHours": _of_time(lambda moment: moment.hour),
    "getMinutes": _of_time(lambda moment: moment.minute),
    "getSeconds": _of_time(lambda moment: moment.second),
}
MILLISECONDS = "getMilliseconds"
#: What can be asked of a duration.
DURATION_FIELDS = {"getHours": 3600 * _SECOND, "getMinutes": 60 * _SECOND, "getSeconds": _SECOND, MILLISECONDS: 10**6}

"""Conversions, sizes and the parts of times; https://github.com/google/cel-spec/blob/master/doc/langdef.md#list-of-standard-definitions."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

from extension_apiserver.objects.cel import times, types
from extension_apiserver.objects.cel.times import DURATION_FIELDS, MILLISECONDS, TIME_FIELDS, Duration, Timestamp
from extension_apiserver.objects.cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    STRING,
    TIMESTAMP,
    TYPE,
    UINT,
    A,
    B,
)
from extension_apiserver.objects.cel.values import TypeValue, size
from extension_apiserver.objects.cel.words import CelError, UInt
from extension_apiserver.objects.go_words import number
from extension_apiserver.objects.values import Value

from .operators import INT64, UINT64, divided, unsigned, whole
from .overloads import Functions, Overload, kind_of, letters

_LIST, _MAP = types.list_of(A), types.map_of(A, B)


def _as_int(value: Value) -> int:
    if isinstance(value, float) and not -INT64 < value < INT64:
        raise CelError("integer overflow")
    if isinstance(value, Timestamp):
        return value.ns // 10**9
    return whole(int(value))


def _as_uint(value: Value) -> UInt:
    if isinstance(value, float) and not 0 <= value < UINT64:
        raise CelError("unsigned integer overflow")
    return unsigned(int(value))


def _of_text(kind: str, convert: Callable[[str], Value]) -> Callable[[str], Value]:
    def converted(text: str) -> Value:
        try:
            if not text.isascii() or text != text.strip() or "_" in text or len(text) > 64:  # noqa: PLR2004 - no number is as long
                raise ValueError  # noqa: TRY301 - one sentence for all
            return convert(text)
        except (ValueError, CelError):
            raise CelError(f"type conversion error from 'string' to '{kind}'") from None

    return converted


def _truth(text: str) -> bool:
    if text in {"1", "t", "T", "true", "TRUE", "True"}:
        return True
    if text in {"0", "f", "F", "false", "FALSE", "False"}:
        return False
    raise ValueError(text)


def as_text(value: Value) -> str:
    """Return what `string()` makes of a value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return float_words(value)
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise CelError("invalid UTF-8 in bytes, cannot convert to string") from None
    if isinstance(value, Timestamp):
        return times.time_words(value)
    return times.duration_words(value) if isinstance(value, Duration) else str(value)


def float_words(value: float) -> str:
    """Return what Go's %g prints."""
    if math.isinf(value) or math.isnan(value):
        return "NaN" if math.isnan(value) else f"{'-' if value < 0 else '+'}Inf"
    return number(int(value)) if value.is_integer() and abs(value) < 10**6 else number(value)


def _type_of(value: Value) -> TypeValue:
    return TypeValue(kind_of(value))


def _conversions() -> Functions:
    def over(result: types.Type, run: Callable[..., Value], *kinds: types.Type) -> list[Overload]:
        return [Overload((kind,), result, run, cost=letters(0), most=lambda sizes: 64 + 4 * sizes[0]) for kind in kinds]

    scalars = (INT, UINT, DOUBLE, BOOL, BYTES, TIMESTAMP, DURATION, STRING)
    return {
        "int": [
            *over(INT, _as_int, INT, UINT, DOUBLE, TIMESTAMP),
            *over(INT, _of_text("int", lambda text: whole(int(text))), STRING),
        ],
        "uint": [
            *over(UINT, _as_uint, INT, UINT, DOUBLE),
            *over(UINT, _of_text("uint", lambda text: unsigned(int(text))), STRING),
        ],
        "double": [*over(DOUBLE, float, INT, UINT, DOUBLE), *over(DOUBLE, _of_text("double", float), STRING)],
        "bool": [*over(BOOL, bool, BOOL), *over(BOOL, _of_text("bool", _truth), STRING)],
        "bytes": [*over(BYTES, bytes, BYTES), *over(BYTES, str.encode, STRING)],
        "string": over(STRING, as_text, *scalars),
        "timestamp": [
            *over(TIMESTAMP, lambda seconds: Timestamp(seconds * 10**9), INT),
            *over(TIMESTAMP, _of_text("google.protobuf.Timestamp", times.parse_time), STRING),
            *over(TIMESTAMP, lambda time: time, TIMESTAMP),
        ],
        "duration": [
            *over(
                DURATION,
                _of_text("google.protobuf.Duration", lambda text: times.parse_duration(text, days=False)),
                STRING,
            ),
            *over(DURATION, lambda length: length, DURATION),
        ],
        "dyn": [Overload((DYN,), DYN, lambda value: value)],
        "type": [Overload((DYN,), TYPE, _type_of)],
    }


def _members() -> Functions:
    sized = [
        Overload((kind,), INT, size, member=member) for kind in (STRING, BYTES, _LIST, _MAP) for member in (False, True)
    ]
    found: Functions = {"size": sized}
    for name, read in TIME_FIELDS.items():
        found[name] = [
            Overload((TIMESTAMP,), INT, read, member=True),
            Overload((TIMESTAMP, STRING), INT, read, member=True),
        ]
    found[MILLISECONDS] = [Overload((TIMESTAMP,), INT, lambda time: time.ns // 10**6 % 1000, member=True)]
    for name, unit in DURATION_FIELDS.items():
        part = functools.partial(_units, unit=unit, most=1000 if name == MILLISECONDS else 0)
        found[name] = [*found[name], Overload((DURATION,), INT, part, member=True)]
    return found


def _units(length: Duration, unit: int, most: int) -> int:
    units = divided(length.ns, unit, "")
    return units % most if most else units


def functions() -> Functions:
    """Return them by name."""
    return {**_conversions(), **_members()}

"""`'%s'.format([…])`; https://github.com/google/cel-go/tree/v0.29.2/ext#format."""

from __future__ import annotations

import math
import re

from extension_apiserver.objects.cel.times import Duration, Timestamp
from extension_apiserver.objects.cel.values import ListValue, MapValue, TypeValue, size
from extension_apiserver.objects.cel.words import CelError
from extension_apiserver.objects.values import Value

from .conversions import as_text
from .operators import Meter
from .overloads import LETTER

_CLAUSE = re.compile(r"%(?:\.(\d+))?(.?)", re.DOTALL)
_MOST_DIGITS = 100


def formatted(meter: Meter, text: str, found: ListValue) -> str:
    """Fill in the clauses %s, %d, %f, %e, %b, %o, %x and %X of a text."""
    values = iter(found)
    parts, last = [], 0
    for match in _CLAUSE.finditer(text):
        parts.append(text[last : match.start()])
        last = match.end()
        precision, letter = match[1], match[2]
        if letter == "%" and precision is None:
            parts.append("%")
            continue
        if not letter or letter not in "sdfebxXo":
            raise CelError(f'could not parse formatting clause: unrecognized formatting clause "{letter}"')
        try:
            value = next(values)
        except StopIteration:
            raise CelError("index out of range") from None
        if precision is not None and int(precision[:9]) > _MOST_DIGITS:
            raise CelError(f"a formatting clause may have at most {_MOST_DIGITS} digits")
        parts.append(_clause(meter, letter, 6 if precision is None else int(precision), value))
    return "".join([*parts, text[last:]])


def _clause(meter: Meter, letter: str, precision: int, value: Value) -> str:
    if letter == "s":
        return _shown(meter, value)
    meter(math.ceil(LETTER * size(value)))
    if letter in "fe" and isinstance(value, int | float) and not isinstance(value, bool):
        if math.isinf(value) or math.isnan(value):
            return as_text(float(value)).replace("Inf", "Infinity").replace("+", "")
        return f"{float(value):.{precision}{letter}}"
    if letter == "b" and isinstance(value, bool):
        return str(int(value))
    if isinstance(value, int) and not isinstance(value, bool) and letter in "dbxXo":
        return f"{int(value):{letter}}"
    if letter in "xX" and isinstance(value, str | bytes):
        digits = (value.encode() if isinstance(value, str) else value).hex()
        return digits if letter == "x" else digits.upper()
    raise CelError(f"error during formatting: %{letter} cannot be used on such a value")


def _shown(meter: Meter, value: Value) -> str:
    meter(math.ceil(LETTER * size(value)) if isinstance(value, str | bytes) else 1 + size(value))
    if value is None:
        return "null"
    if isinstance(value, TypeValue):
        return value.name
    if isinstance(value, ListValue):
        return f"[{', '.join(_shown(meter, one) for one in value)}]"
    if isinstance(value, MapValue):
        pairs = (
            f"{_shown(meter, key)}: {_shown(meter, value.at(key))}"
            for key in value.keys()  # noqa: SIM118 - no dict
            if value.find(key).value
        )
        return "{" + ", ".join(sorted(pairs)) + "}"
    if isinstance(value, bool | int | float | str | bytes | Timestamp | Duration):
        return as_text(value)
    raise CelError(
        "error during formatting: string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, "
        "types, durations, and timestamps"
    )

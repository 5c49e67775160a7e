"""What strings and numbers must keep, and the types of all values.

https://github.com/kubernetes/kube-openapi/blob/master/pkg/validation/validate/validator.go
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from extension_apiserver.objects.causes import NO_FIELD, invalid, type_invalid
from extension_apiserver.objects.go_words import number, quote
from extension_apiserver.objects.paths import Path, told
from extension_apiserver.objects.values import Value, same

from .faults import Fault, Result, fault, plain
from .formats import fits_format
from .structural import Structural

_NAMES = {bool: "boolean", str: "string", int: "integer", float: "number", list: "array"}
_INT32, _FLOAT32 = 2**31, 3.4028234663852886e38


def type_name(value: Value) -> str:
    """Return the type of a value in the words of JSON schema."""
    return "null" if value is None else _NAMES.get(type(value), "object")


def check_type(value: Value, schema: Structural, path: Path) -> Fault | None:
    """Return the fault of a value of a wrong type."""
    kind, wanted, form = type_name(value), schema.types, schema.checks.format
    if not wanted:
        return None
    if value is None:
        return None if schema.nullable else _wrong_type(path, ",".join(wanted), kind)
    if kind in wanted or (kind == "integer" and "number" in wanted):
        return None
    # As upstream: a format alone decides about texts and lists.
    if form and kind in {"string", "array"} and not {"number", "integer"} & set(wanted):
        return None
    if form and kind not in {"string", "array"}:
        return _wrong_type(path, form, {"integer": "int64", "number": "float64"}.get(kind, ""))
    return _wrong_type(path, ",".join(wanted), kind)


def _wrong_type(path: Path, wanted: str, kind: str) -> Fault:
    return lambda: type_invalid(told(path), kind, f"{told(path)} in body must be of type {wanted}: {quote(kind)}")


def enum_fault(value: Value, enum: Sequence[Value], path: Path) -> Fault | None:
    """Return the fault of a value that is none of an enumeration."""
    if not enum or any(same(value, one) for one in enum):
        return None
    return fault("not_supported", path, value, list(enum))


def check_string(value: str, schema: Structural, path: Path) -> Result:
    """Check the length, the pattern and the format of a text."""
    result, checks = Result(matches=1), schema.checks
    if checks.max_length is not None and len(value) > checks.max_length:
        result.add(fault("too_long", path, checks.max_length))
    elif checks.min_length is not None and len(value) < checks.min_length:
        result.add(plain(path, value, f"should be at least {checks.min_length} chars long"))
    elif checks.matches and not checks.matches(value):
        result.add(plain(path, value, f"should match '{checks.pattern}'"))
    if checks.format and schema.type in {"", "string"}:
        result.matches += 1
        if not fits_format(checks.format, value):
            wanted = f"in body must be of type {checks.format}: {quote(value)}"
            result.add(lambda: type_invalid(told(path), value, f"{told(path)} {wanted}"))
    return result


def check_number(value: float, schema: Structural, path: Path) -> Result:
    """Check the range of a number, and whether its type can hold it."""
    result, checks = Result(matches=2), schema.checks
    result.add(_range_fault(value, schema, path))
    if checks.multiple_of is not None and not _is_multiple(value, checks.multiple_of):
        result.add(plain(path, value, f"should be a multiple of {_limit(value, checks.multiple_of)}"))
    low, high = checks.minimum, checks.maximum
    if low is not None and (value < low or (checks.exclusive_minimum and value == low)):
        words = "greater than" if checks.exclusive_minimum else "greater than or equal to"
        result.add(plain(path, value, f"should be {words} {_limit(value, low)}"))
    if high is not None and (value > high or (checks.exclusive_maximum and value == high)):
        words = "less than" if checks.exclusive_maximum else "less than or equal to"
        result.add(plain(path, value, f"should be {words} {_limit(value, high)}"))
    return result


def _limit(value: float, limit: float) -> str:
    return number(int(limit)) if isinstance(value, int) else number(float(limit))


def _is_multiple(value: float, factor: float) -> bool:
    if factor <= 0:
        return False
    if isinstance(value, int) and float(factor).is_integer():
        return value % int(factor) == 0
    times = value * (1 / factor) if factor < 1 else value / factor
    return math.isclose(times, round(times), rel_tol=1e-9, abs_tol=1e-9)


def _range_fault(value: float, schema: Structural, path: Path) -> Fault | None:
    form = schema.checks.format
    small = isinstance(value, int) and -_INT32 <= value < _INT32
    if schema.type == "integer" and (not isinstance(value, int) or (form == "int32" and not small)):
        words = f"with format {form}" if form else "(default format)"
    elif schema.type == "number" and form == "float" and abs(value) > _FLOAT32:
        words = f"with format {form}"
    else:
        return None
    return lambda: invalid(NO_FIELD, "", f"Checked value must be of type {schema.type} {words} in {told(path)}")

"""How Go prints values in its sentences."""

from __future__ import annotations

import json
from collections.abc import Sequence

from .values import Value, canonical

#: Of a value, in a message: a body of 1 MiB must not come back several times over in the answer. Upstream has no limit.
LONGEST_QUOTE = 1024
_ESCAPES = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\\": "\\\\", '"': '\\"'}  # fmt: skip


def shortened(text: str) -> str:
    """Return the text, cut where it is longer than LONGEST_QUOTE."""
    return text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}…"


def quote(text: str) -> str:
    """Return what %q prints; https://pkg.go.dev/strconv#Quote."""
    return '"' + "".join(map(_letter, shortened(text))) + '"'


def _letter(letter: str) -> str:
    if letter in _ESCAPES:
        return _ESCAPES[letter]
    if letter.isprintable():
        return letter
    code = ord(letter)
    if code < 0x80:  # noqa: PLR2004 - one byte of UTF-8
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - 16 bits


def number(value: float) -> str:
    """Return what %v prints of an int64 or a float64."""
    if isinstance(value, int):
        return str(value)
    sign, digits, exponent = _decimal(value)
    if -4 <= exponent < 6:  # noqa: PLR2004 - where %v begins to write exponents; https://pkg.go.dev/strconv#FormatFloat
        whole = digits[: exponent + 1].ljust(exponent + 1, "0") if exponent >= 0 else "0"
        rest = digits[exponent + 1 :] if exponent >= 0 else "0" * (-exponent - 1) + digits
        return f"{sign}{whole}.{rest}" if rest else f"{sign}{whole}"
    rest = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{rest}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _decimal(value: float) -> tuple[str, str, int]:
    """Return sign, significant digits and exponent of the first digit."""
    mantissa, _, power = f"{value!r}".lower().partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, rest = mantissa.lstrip("-").partition(".")
    digits = (whole + rest).lstrip("0")
    exponent = len(whole) - 1 + int(power or 0) - (len(whole + rest) - len(digits))
    return sign, digits.rstrip("0") or "0", exponent if digits else 0


def kind_words(value: Value) -> str:
    """Return what encoding/json calls the kind of a value."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, dict):
        return "object"
    if isinstance(value, list):
        return "array"
    if value is None:
        return "null"
    return "string" if isinstance(value, str) else "number"


def not_of_go(value: Value, wanted: str) -> str:
    """Return the sentence of encoding/json about a value that does not fit Go's type."""
    return f"json: cannot unmarshal {kind_words(value)} into Go value of type {wanted}"


def value_words(value: Value) -> str:
    """Return a value as a cause names it: strings quoted, numbers plain, all else as JSON."""
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number(value)
    return shortened(canonical(value))


def supported(values: Sequence[Value]) -> str:
    """Return the end of a sentence about a value that is none of an enumeration."""
    words = [one if isinstance(one, str) else json.dumps(one) for one in values]
    return f"supported values: {', '.join(map(quote, words))}" if words else ""

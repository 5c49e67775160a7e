"""Quantities as Kubernetes writes them: `resource.Quantity` in its canonical form.

https://github.com/kubernetes/apimachinery/blob/v0.37.2/pkg/api/resource/quantity.go
"""

from __future__ import annotations

import decimal
import math
import numbers
import re
from collections.abc import Sequence
from decimal import Decimal

#: What a function may say a number in.
Amount = int | float | Decimal | str

_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_SUFFIX = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_TEXT = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))([numkMGTPE]?|[KMGTPE]i|[eE][+-]?[0-9]{1,4})")
_LONGEST_TEXT = 64
_MOST = 2**63 - 1
_NANO = Decimal("1e-9")
#: 19 digits before the point, 9 after it, and room for what comes in.
_EXACT = decimal.Context(prec=100)


def canonical(amount: object) -> str:
    """Return a number or the text of a quantity in canonical form, such as '1500m' for 1.5 and '1536Mi' for '1.5Gi'.

    What is smaller than a nano is rounded: a binary fraction (`float`) to the next one, anything else away from 0, as upstream.

    Raises:
        ValueError: if it is none, is not finite, or is more than 2^63-1; the message goes on from a name.

    """
    if isinstance(amount, str):
        number, suffix = _split(amount)
        return _written(_nano(number, suffix), suffix)
    if isinstance(amount, Decimal):
        return _decimal(_in_nano(amount, decimal.ROUND_UP), "")
    if isinstance(amount, bool) or not isinstance(amount, numbers.Real):
        raise ValueError(f"must be a number or the text of a quantity, not {type(amount).__name__}")  # noqa: TRY004
    if isinstance(amount, numbers.Integral):
        return _decimal(_in_nano(Decimal(int(amount)), decimal.ROUND_UP), "")
    if not math.isfinite(amount):
        raise ValueError("must be finite")
    return _decimal(_in_nano(Decimal(repr(float(amount))), decimal.ROUND_HALF_EVEN), "")


def total(quantities: Sequence[str]) -> str:
    """Return the sum of canonical quantities, written like the first."""
    suffixes = [_split(text)[1] for text in quantities]
    nano = sum(_nano(*_split(text)) for text in quantities)
    return _written(nano, suffixes[0] if suffixes else "")


def _split(text: str) -> tuple[Decimal, str]:
    match = _TEXT.fullmatch(text) if len(text) <= _LONGEST_TEXT else None
    if match is None:
        raise ValueError("must be a quantity, such as '1500m' or '64Mi'")
    return Decimal(match[1]), match[2]


def _nano(number: Decimal, suffix: str) -> int:
    if suffix.endswith("i"):
        return _in_nano(_EXACT.multiply(number, Decimal(1024 ** _BINARY.index(suffix))), decimal.ROUND_UP)
    exponent = int(suffix[1:]) if suffix[1:] else _DECIMAL[suffix]
    return _in_nano(number.scaleb(exponent, _EXACT), decimal.ROUND_UP)


def _written(nano: int, suffix: str) -> str:
    """Return it with a suffix of that sort: binary, an exponent, or decimal."""
    whole, fraction = divmod(abs(nano), 10**9)
    if suffix.endswith("i") and not fraction and whole >= 1024:  # noqa: PLR2004
        return _binary(whole, "-" if nano < 0 else "")
    return _decimal(nano, "e" if suffix[:1] in {"e", "E"} and suffix[1:] else "")


def _in_nano(number: Decimal, rounding: str) -> int:
    if not number.is_finite():
        raise ValueError("must be finite")
    if abs(number) > _MOST:
        raise ValueError("must be at most 2^63-1 in magnitude")
    rounded = number.quantize(_NANO, rounding, _EXACT) if number.as_tuple().exponent < -9 else number  # type: ignore[operator]  # noqa: PLR2004
    return int(_EXACT.multiply(rounded, Decimal(10**9)))


def _decimal(nano: int, mark: str) -> str:
    """Return it with the largest exponent that leaves a whole number; `mark` is 'e' if that is written as a number."""
    exponent = -9
    while nano and nano % 1000 == 0 and exponent < 18:  # noqa: PLR2004
        nano //= 1000
        exponent += 3
    if not nano:
        return "0"
    return f"{nano}{f'e{exponent}' if mark and exponent else _SUFFIX[exponent]}"


def _binary(whole: int, sign: str) -> str:
    power = 0
    while whole % 1024 == 0 and power < len(_BINARY) - 1:
        whole //= 1024
        power += 1
    return f"{sign}{whole}{_BINARY[power]}"

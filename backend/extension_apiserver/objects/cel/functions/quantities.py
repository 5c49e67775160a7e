"""Kubernetes' quantities and named formats; https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-quantity-library."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from fractions import Fraction

from extension_apiserver.objects.cel.types import BOOL, DOUBLE, INT, QUANTITY, STRING, Type, list_of, optional
from extension_apiserver.objects.cel.values import ListValue, Optional
from extension_apiserver.objects.cel.words import CelError
from extension_apiserver.objects.schema.formats import fits_format
from extension_apiserver.objects.values import Value
from extension_apiserver.selectors import names

from .overloads import Functions, Overload, Sizes, letters, register

FORMAT = Type("kubernetes.NamedFormat")
_NUMBER = re.compile(r"([+-]?)(\d+(?:\.\d*)?|\.\d+)(?:([eE][+-]?\d+)|([KMGTPE]i|[numkMGTPE]))?")
_POWERS = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_LONGEST, _MOST_POWER = 64, 30
_WORDS = r"quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Quantity:
    """An amount, such as `1.5Gi`."""

    value: Fraction


register(Quantity, QUANTITY.name)


@dataclasses.dataclass(frozen=True, slots=True)
class Format:
    """A named format; ``faults`` says in sentences what is wrong with a text."""

    name: str
    faults: Callable[[str], list[str]]


register(Format, FORMAT.name)


def _quantity(text: str) -> Quantity:
    """Read what k8s.io/apimachinery/pkg/api/resource reads; what is finer than a billionth is rounded up."""
    match = _NUMBER.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        raise CelError(_WORDS)
    sign, digits, power, unit = match.groups()
    value = Fraction(f"0{digits}" if digits.startswith(".") else digits)
    if power:
        value *= Fraction(10) ** max(min(int(power[1:]), _MOST_POWER), -_MOST_POWER)
    elif unit and unit.endswith("i"):
        value *= 1024 ** ("KMGTPE".index(unit[0]) + 1)
    elif unit:
        value *= Fraction(10) ** _POWERS[unit]
    billionths = -(-value.numerator * 10**9 // value.denominator)
    return Quantity(min(Fraction(billionths, 10**9), Fraction(2**63 - 1)) * (-1 if sign == "-" else 1))


def _is_quantity(text: str) -> bool:
    try:
        _quantity(text)
    except CelError:
        return False
    return True


def _as_integer(amount: Quantity) -> int:
    if amount.value.denominator != 1 or not -(2**63) <= amount.value < 2**63:
        raise CelError("cannot convert value to integer")
    return int(amount.value)


def _is_integer(amount: Quantity) -> bool:
    return amount.value.denominator == 1 and -(2**63) <= amount.value < 2**63


def _added(sign: int) -> Callable[[Quantity, Value], Quantity]:
    return lambda one, other: Quantity(one.value + sign * (other.value if isinstance(other, Quantity) else other))


def _by(name: str, words: str) -> Callable[[str], list[str]]:
    return lambda text: [] if fits_format(name, text) else [words]


def _parsing(sizes: Sizes) -> int:
    # Fractions are slow: ten times of what kube-apiserver counts.
    return 10 + letters(0)(sizes)


def _validated(form: Format, text: str) -> Optional:
    faults = form.faults(text)
    return Optional((ListValue(faults),)) if faults else Optional()


_FORMATS = {
    "dns1123Label": names.label_faults,
    "dns1123Subdomain": names.subdomain_faults,
    "dns1035Label": names.dns_1035_faults,
    "labelValue": names.value_faults,
    "qualifiedName": names.key_faults,
    "uuid": _by("uuid", "does not match the UUID format"),
    "byte": _by("byte", "invalid base64"),
    "date": _by("date", "invalid date"),
    "datetime": _by("date-time", "invalid datetime"),
}


def functions() -> Functions:
    """Return them by name."""

    def member(of: tuple[Type, ...], result: Type, run: Callable[..., Value], **more: Value) -> Overload:
        return Overload(of, result, run, member=True, **more)

    two = (QUANTITY, QUANTITY)
    formats = {
        f"format.{name}": [Overload((), FORMAT, lambda name=name, faults=faults: Format(name, faults))]
        for name, faults in _FORMATS.items()
    }
    return {
        "quantity": [Overload((STRING,), QUANTITY, _quantity, cost=_parsing)],
        "isQuantity": [Overload((STRING,), BOOL, _is_quantity, cost=_parsing)],
        "sign": [Overload((QUANTITY,), INT, lambda amount: (amount.value > 0) - (amount.value < 0))],
        "isGreaterThan": [member(two, BOOL, lambda one, other: one.value > other.value)],
        "isLessThan": [member(two, BOOL, lambda one, other: one.value < other.value)],
        "compareTo": [member(two, INT, lambda one, other: (one.value > other.value) - (one.value < other.value))],
        "asApproximateFloat": [member((QUANTITY,), DOUBLE, lambda amount: float(amount.value))],
        "asInteger": [member((QUANTITY,), INT, _as_integer)],
        "isInteger": [member((QUANTITY,), BOOL, _is_integer)],
        "add": [member((QUANTITY, other), QUANTITY, _added(1)) for other in (QUANTITY, INT)],
        "sub": [member((QUANTITY, other), QUANTITY, _added(-1)) for other in (QUANTITY, INT)],
        "validate": [
            member(
                (FORMAT, STRING),
                optional(list_of(STRING)),
                _validated,
                cost=letters(1, times=32),
                most=lambda _sizes: 4,
            )
        ],
        **formats,
    }

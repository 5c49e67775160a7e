"""Label selectors, read as https://github.com/kubernetes/apimachinery/blob/v0.37.2/pkg/labels/selector.go reads them, with its sentences."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

from extension_apiserver.status import StatusError

from .names import key_faults, value_faults

_TOKEN = re.compile(r"==|!=|[=!()<>,]|[^=!()<>, \t\r\n]+")
_SYMBOLS = frozenset(["==", "!=", "=", "!", "(", ")", "<", ">", ","])
_OPERATORS = {"in": "In", "notin": "NotIn", "=": "In", "==": "In", "!=": "NotIn", ">": "Gt", "<": "Lt"}
_OPERATOR_WORDS = "in, notin, =, ==, !=, gt, lt"
#: Leading zeros aside, more digits are no 64 bits; with the zeros there may be more than Python reads.
_INTEGER = re.compile(r"([-+]?)0*([0-9]{1,19})", re.ASCII)

#: Of what a client sent, in a sentence about it.
_LONGEST_QUOTE = 256


@dataclasses.dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement of a label selector.

    Attributes:
        key: of the label.
        operator: In, NotIn, Exists, DoesNotExist, Gt or Lt.
        values: of In and NotIn; the number of Gt and Lt.
        equality: it was written with '=' or '=='.

    """

    key: str
    operator: str
    values: frozenset[str] = frozenset()
    equality: bool = False

    def __str__(self) -> str:
        """Return it as Kubernetes writes it."""
        if self.operator in {"Exists", "DoesNotExist"}:
            return self.key if self.operator == "Exists" else f"!{self.key}"
        values = ",".join(sorted(self.values))
        if self.operator in {"Gt", "Lt"}:
            return f"{self.key}{'>' if self.operator == 'Gt' else '<'}{values}"
        return f"{self.key}={values}" if self.equality else f"{self.key} {self.operator.lower()} ({values})"

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Return whether something with these labels is selected; NotIn selects what has no such label, too."""
        if self.operator in {"Exists", "DoesNotExist"}:
            return (self.key in labels) is (self.operator == "Exists")
        if self.operator in {"Gt", "Lt"}:
            number, bound = whole_number(labels.get(self.key, "")), self.number
            return number is not None and (number > bound if self.operator == "Gt" else number < bound)
        return (labels.get(self.key) in self.values) is (self.operator == "In")

    @property
    def number(self) -> int:
        """What Gt and Lt compare with."""
        return int(next(iter(self.values)))


def whole_number(text: str) -> int | None:
    """Return the 64-bit number that a text says, None if it says none."""
    found = _INTEGER.fullmatch(text)
    number = int(found[1] + found[2]) if found else 2**63
    return number if -(2**63) <= number < 2**63 else None


def label_requirements(text: str) -> list[Requirement]:
    """Return the requirements of a label selector, all of which must be met; '' has none.

    Raises:
        StatusError: 400 if it cannot be read.

    """
    reading = _Reading(text)
    found: list[Requirement] = []
    while reading.next or found:
        if reading.next in _SYMBOLS - {"!"}:
            raise _wrong(f"found '{reading.next}', expected: !, identifier, or 'end of string'")
        found.append(_requirement(reading))
        after = reading.take()
        if not after:
            break
        if after != ",":
            raise _wrong(f"found '{after}', expected: ',' or 'end of string'")
        if not reading.next or reading.next in _SYMBOLS - {"!"}:
            raise _wrong(f"found '{reading.next}', expected: identifier after ','")
    return found


class _Reading:
    """The tokens of a selector; after the last comes '' for ever."""

    def __init__(self, text: str) -> None:
        self._tokens = _TOKEN.findall(text)
        self._tokens.reverse()

    @property
    def next(self) -> str:
        return self._tokens[-1] if self._tokens else ""

    def take(self) -> str:
        return self._tokens.pop() if self._tokens else ""


def _requirement(reading: _Reading) -> Requirement:
    absent = reading.next == "!"
    if absent:
        reading.take()
    key = reading.take()
    if not key or key in _SYMBOLS:
        raise _unreadable(f"found '{key}', expected: identifier")
    if why := "; ".join(key_faults(key)):
        raise _unreadable(f"<nil>: Invalid value: {_quoted(key)}: {why}")
    if absent or reading.next in {"", ","}:
        return Requirement(key, "DoesNotExist" if absent else "Exists")
    word = reading.take()
    operator = _OPERATORS.get(word)
    if operator is None:
        raise _unreadable(f"found '{word}', expected: {_OPERATOR_WORDS}")
    values = _values(reading) if word in {"in", "notin"} else {_value(reading)}
    for number, value in enumerate(sorted(values)):
        if operator in {"Gt", "Lt"} and whole_number(value) is None:
            why = "for 'Gt', 'Lt' operators, the value must be an integer"
            raise _unreadable(f"values[{number}]: Invalid value: {_quoted(value)}: {why}")
        if why := "; ".join(value_faults(value)):
            raise _unreadable(f"values[{number}][{key}]: Invalid value: {_quoted(value)}: {why}")
    return Requirement(key, operator, frozenset(values), equality=word in {"=", "=="})


def _value(reading: _Reading) -> str:
    if reading.next in {"", ","}:
        return ""
    value = reading.take()
    if value in _SYMBOLS:
        raise _unreadable(f"found '{value}', expected: identifier")
    return value


def _values(reading: _Reading) -> set[str]:
    opening = reading.take()
    if opening != "(":
        raise _unreadable(f"found '{opening}' expected: '('")
    if not reading.next or reading.next in _SYMBOLS - {",", ")"}:
        raise _unreadable(f"found '{reading.next}', expected: ',', ')' or identifier")
    found: set[str] = set()
    while True:
        value = "" if reading.next in {",", ")"} else reading.take()
        if value in _SYMBOLS or (not value and not reading.next):
            wanted = "',', or identifier" if found else "',', ')' or identifier"
            raise _unreadable(f"found '{value}', expected: {wanted}")
        found.add(value)
        if reading.next not in {",", ")"}:
            raise _unreadable(f"found '{reading.next}', expected: ',' or ')'")
        if reading.take() == ")":
            return found


def _quoted(text: str) -> str:
    return f'"{text[:_LONGEST_QUOTE]}"'


def _unreadable(why: str) -> StatusError:
    return _wrong(f"unable to parse requirement: {why}")


def _wrong(why: str) -> StatusError:
    return StatusError(400, why if len(why) < 4 * _LONGEST_QUOTE else f"{why[: 4 * _LONGEST_QUOTE]}…")

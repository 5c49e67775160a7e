"""Label selectors, read and told about as kube-apiserver does.

https://github.com/kubernetes/apimachinery/blob/v0.37.2/pkg/labels/selector.go
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence

from extension_apiserver.status import StatusError

from .names import key_faults, value_faults

_TOKEN = re.compile(r"[ \t\r\n]*(==|!=|[=!(),<>]|[^ \t\r\n=!(),<>]+)")
_SYMBOLS = frozenset({"==", "!=", *"=!(),<>"})
_NO_KEYS, _NO_VALUES = _SYMBOLS.difference("!"), _SYMBOLS.difference(",")
#: Operator as it is written → as it is named.
_OPERATORS = {"=": "In", "==": "In", "!=": "NotIn", "in": "In", "notin": "NotIn", ">": "Gt", "<": "Lt"}
_EXPECTED = "in, notin, =, ==, !=, >, <"
#: What a label that is compared with a number must be.
INTEGER = re.compile(r"[-+]?[0-9]{1,19}")


@dataclasses.dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement of a label selector.

    Attributes:
        key: of the label.
        operator: In, NotIn, Exists, DoesNotExist, Gt or Lt.
        values: of the first two; a whole number of the last two.
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
        value = labels.get(self.key)
        if self.operator in {"Gt", "Lt"}:
            if value is None or not INTEGER.fullmatch(value):
                return False
            limit = int(next(iter(self.values)))
            return int(value) > limit if self.operator == "Gt" else int(value) < limit
        return (value in self.values) is (self.operator == "In")


def label_requirements(text: str) -> list[Requirement]:
    """Return the requirements of a label selector, all of which must be met; '' has none.

    Raises:
        StatusError: 400 if it cannot be read.

    """
    try:
        return _requirements(_Words(text))
    except _Fault as error:
        raise StatusError(400, str(error)) from None


class _Fault(Exception):
    """Says why it cannot be read."""


class _Words:
    """The words of a selector, one after the other; "" is its end."""

    def __init__(self, text: str) -> None:
        self._words = _TOKEN.findall(text)
        self._at = 0

    @property
    def next(self) -> str:
        """The next one, which stays."""
        return self._words[self._at] if self._at < len(self._words) else ""

    def take(self) -> str:
        """Return the next one, and go on."""
        word = self.next
        self._at += 1
        return word


def _requirements(words: _Words) -> list[Requirement]:
    found: list[Requirement] = []
    while words.next:
        if words.next in _NO_KEYS:
            raise _Fault(f"found '{words.next}', expected: !, identifier, or 'end of string'")
        try:
            found.append(_requirement(words))
        except _Fault as error:
            raise _Fault(f"unable to parse requirement: {error}") from None
        after = words.take()
        if after == "," and (not words.next or words.next in _NO_KEYS):
            raise _Fault(f"found '{words.next}', expected: identifier after ','")
        if after not in {"", ","}:
            raise _Fault(f"found '{after}', expected: ',' or 'end of string'")
    return found


def _requirement(words: _Words) -> Requirement:
    key = words.take()
    exists = key != "!"
    if not exists:
        key = words.take()
    if not key or key in _SYMBOLS:
        raise _Fault(f"found '{key}', expected: identifier")
    _refuse("<nil>", key, key_faults(key))
    if not exists or words.next in {"", ","}:
        return Requirement(key, "Exists" if exists else "DoesNotExist")
    written = words.take()
    if written not in _OPERATORS:
        raise _Fault(f"found '{written}', expected: {_EXPECTED}")
    operator = _OPERATORS[written]
    values = _listed(words) if written in {"in", "notin"} else {_exact(words)}
    if operator in {"Gt", "Lt"}:
        for value in values:
            if not INTEGER.fullmatch(value):
                _refuse("values[0]", value, ["for 'Gt', 'Lt' operators, the value must be an integer"])
    for index, value in enumerate(sorted(values)):
        _refuse(f"values[{index}][{key}]", value, value_faults(value))
    return Requirement(key, operator, frozenset(values), equality=written in {"=", "=="})


def _exact(words: _Words) -> str:
    if words.next in {"", ","}:
        return ""
    value = words.take()
    if value in _SYMBOLS:
        raise _Fault(f"found '{value}', expected: identifier")
    return value


def _listed(words: _Words) -> set[str]:
    begins = words.take()
    if begins != "(":
        raise _Fault(f"found '{begins}' expected: '('")
    if words.next == ")":
        words.take()
        return {""}
    first = words.next
    if not first or first in _NO_VALUES:
        raise _Fault(f"found '{first}', expected: ',', ')' or identifier")
    values: set[str] = set()
    while words.next != ")" or not values:
        values |= _one_more(words, first=not values)
    words.take()
    return values


def _one_more(words: _Words, *, first: bool) -> set[str]:
    """Return what the next word of a list adds: a value, or the empty ones beside a comma."""
    word = words.take()
    if word == ",":
        return {""} if first or words.next in {")", ","} else set()
    if not word or word in _SYMBOLS:
        raise _Fault(f"found '{word}', expected: ',', or identifier")
    if words.next not in {")", ","}:
        raise _Fault(f"found '{words.next}', expected: ',' or ')'")
    return {word}


def _refuse(field: str, value: str, faults: Sequence[str]) -> None:
    if faults:
        shown = value.replace("\\", "\\\\").replace('"', '\\"')
        raise _Fault(f'{field}: Invalid value: "{shown[:256]}": {"; ".join(faults)}')

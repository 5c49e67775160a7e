"""Label and field selectors of a list: what they ask for must not be answered with more.

https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .status import StatusError

#: Whether an object, as JSON has it, is selected.
Selector = Callable[[Mapping[str, Any]], bool]

_KEY = r"[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?"
_VALUE = r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?"
_EXISTS = re.compile(rf"(?P<not>!?)\s*(?P<key>{_KEY})")
_EQUALS = re.compile(rf"(?P<key>{_KEY})\s*(?P<operator>==?|!=)\s*(?P<value>{_VALUE})")
_IN = re.compile(rf"(?P<key>{_KEY})\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)")
#: What is between commas that are not within parentheses.
_TERM = re.compile(r"(?:[^,(]|\([^)]*(?:\)|$))+")
#: What is between commas without a backslash before them.
_FIELD_TERM = re.compile(r"(?:[^,\\]|\\.?)+", re.DOTALL)
_FIELD_OPERATOR = re.compile(r"!=|==|=")
_ESCAPE = re.compile(r"\\([\\,=])")
_MISPLACED = re.compile(r"[\\=]")
#: What can be asked of every resource, as upstream allows for custom resources.
_FIELDS = ("metadata.name", "metadata.namespace")


@dataclasses.dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement of a label selector.

    Attributes:
        key: of the label.
        operator: In, NotIn, Exists or DoesNotExist.
        values: of the first two.
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
        return f"{self.key}={values}" if self.equality else f"{self.key} {self.operator.lower()} ({values})"

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Return whether something with these labels is selected; NotIn selects what has no such label, too."""
        if self.operator in {"Exists", "DoesNotExist"}:
            return (self.key in labels) is (self.operator == "Exists")
        return (labels.get(self.key) in self.values) is (self.operator == "In")


def label_requirements(text: str) -> list[Requirement]:
    """Return the requirements of a label selector, all of which must be met; '' has none.

    Raises:
        StatusError: 400 if it cannot be read.

    """
    return [_requirement(term.strip()) for term in _TERM.findall(text.strip())]


def selectors(query: Mapping[str, Sequence[str]]) -> list[Selector]:
    """Return what `labelSelector` and `fieldSelector` ask for.

    Raises:
        StatusError: 400 if one cannot be read or asks for a field that cannot be selected by.

    """
    return _labels_asked_for(query) + [_field(*term) for term in field_terms(query.get("fieldSelector", ()))]


def required_name(query: Mapping[str, Sequence[str]]) -> str:
    """Return the only name that an object of the list can have, '' if it can have several.

    kube-apiserver asks RBAC about that name: a Role with `resourceNames` then permits a list. What it cannot read names nobody.
    """
    try:
        _labels_asked_for(query)
        # Of several parameters upstream takes the first, of several terms the first in alphabetical order.
        terms = field_terms(query.get("fieldSelector", ())[:1])
        names = sorted(value for field, same, value in terms if field == "metadata.name" and same)
    except StatusError:
        return ""
    name = names[0] if names else ""
    return "" if name in {".", ".."} or "/" in name or "%" in name else name


def _labels_asked_for(query: Mapping[str, Sequence[str]]) -> list[Selector]:
    return [_label(one) for text in query.get("labelSelector", ()) for one in label_requirements(text)]


def field_terms(texts: Sequence[str]) -> list[tuple[str, bool, str]]:
    """Return (field, whether it must be equal, value) of field selectors: https://github.com/kubernetes/apimachinery/blob/v0.34.0/pkg/fields/selector.go.

    Raises:
        StatusError: 400 if one cannot be read.

    """
    found: list[tuple[str, bool, str]] = []
    for term in (term for text in texts for term in _FIELD_TERM.findall(text)):
        operator = _FIELD_OPERATOR.search(term)
        value = term[operator.end() :] if operator else ""
        if operator is None or _MISPLACED.search(_ESCAPE.sub("", value)):
            raise StatusError(400, f"unable to parse the field selector '{term}'")
        found.append((term[: operator.start()], operator[0] != "!=", _ESCAPE.sub(r"\1", value)))
    return found


def _label(requirement: Requirement) -> Selector:
    return lambda item: requirement.selects(item["metadata"].get("labels") or {})


def _requirement(term: str) -> Requirement:
    if match := _EXISTS.fullmatch(term):
        return Requirement(match["key"], "DoesNotExist" if match["not"] else "Exists")
    if match := _EQUALS.fullmatch(term):
        same = match["operator"] != "!="
        return Requirement(match["key"], "In" if same else "NotIn", frozenset([match["value"]]), equality=same)
    if match := _IN.fullmatch(term):
        values = frozenset(value.strip() for value in match["values"].split(","))
        return Requirement(match["key"], "In" if match["operator"] == "in" else "NotIn", values)
    raise StatusError(400, f"unable to parse the label selector '{term}'")


def _field(field: str, same: bool, value: str) -> Selector:
    if field not in _FIELDS:
        raise StatusError(400, f"the field selector '{field}' is not supported; only {' and '.join(_FIELDS)} are")
    name = field.removeprefix("metadata.")
    return lambda item: (item["metadata"].get(name, "") == value) is same

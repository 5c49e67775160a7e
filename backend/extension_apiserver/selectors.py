"""Label and field selectors of a list: what they ask for must not be answered with more.

https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from .resources import Object
from .status import StatusError

#: Whether an object is selected.
Selector = Callable[[Object], bool]

_KEY = r"[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?"
_VALUE = r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?"
_EXISTS = re.compile(rf"(?P<not>!?)\s*(?P<key>{_KEY})")
_EQUALS = re.compile(rf"(?P<key>{_KEY})\s*(?P<operator>==?|!=)\s*(?P<value>{_VALUE})")
_IN = re.compile(rf"(?P<key>{_KEY})\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)")
#: What is between commas that are not within parentheses.
_TERM = re.compile(r"(?:[^,(]|\([^)]*\)?)+")
#: What can be asked of every resource, as upstream allows for custom resources.
_FIELDS = ("metadata.name", "metadata.namespace")


def selectors(query: Mapping[str, Sequence[str]]) -> list[Selector]:
    """Return what `labelSelector` and `fieldSelector` ask for.

    Raises:
        StatusError: 400 if one cannot be read or asks for a field that cannot be selected by.

    """
    labels = [_label(term) for term in _terms(query, "labelSelector")]
    return labels + [_field(term) for term in _terms(query, "fieldSelector")]


def _terms(query: Mapping[str, Sequence[str]], name: str) -> list[str]:
    return [term.strip() for text in query.get(name, ()) for term in _TERM.findall(text) if text.strip()]


def _label(term: str) -> Selector:
    if match := _EXISTS.fullmatch(term):
        key, wanted = match["key"], not match["not"]
        return lambda item: (key in _labels(item)) is wanted
    if match := _EQUALS.fullmatch(term):
        key, value, same = match["key"], match["value"], match["operator"] != "!="
        return lambda item: (_labels(item).get(key) == value) is same
    if match := _IN.fullmatch(term):
        values = frozenset(value.strip() for value in match["values"].split(","))
        key, inside = match["key"], match["operator"] == "in"
        return lambda item: (_labels(item).get(key) in values) is inside
    raise StatusError(400, f"unable to parse the label selector '{term}'")


def _field(term: str) -> Selector:
    match = re.fullmatch(r"([\w.]+)(==?|!=)(.*)", term)
    if match is None or match[1] not in _FIELDS:
        raise StatusError(400, f"the field selector '{term}' is not supported; only {' and '.join(_FIELDS)} are")
    name, same, value = match[1].removeprefix("metadata."), match[2] != "!=", match[3]
    return lambda item: (item["metadata"].get(name, "") == value) is same


def _labels(item: Object) -> Mapping[str, str]:
    return item["metadata"].get("labels") or {}

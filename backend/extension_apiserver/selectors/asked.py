"""Label and field selectors of a list: what they ask for must not be answered with more.

https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from extension_apiserver.status import StatusError

from .labels import Requirement, label_requirements

#: Whether an object, as JSON has it, is selected.
Selector = Callable[[Mapping[str, Any]], bool]

#: What is between commas without a backslash before them.
_FIELD_TERM = re.compile(r"(?:[^,\\]|\\.?)+", re.DOTALL)
_FIELD_OPERATOR = re.compile(r"!=|==|=")
_ESCAPE = re.compile(r"\\(.?)|=", re.DOTALL)
#: Of what a client sent, in a sentence about it.
_LONGEST = 256
#: Of selectors whose sender nobody knows yet, in characters.
_LONGEST_UNASKED = 16 * 2**10
#: What can be asked of every resource, as upstream allows for custom resources.
_FIELDS = ("metadata.name", "metadata.namespace")


def selectors(query: Mapping[str, Sequence[str]]) -> list[Selector]:
    """Return what `labelSelector` and `fieldSelector` ask for.

    Raises:
        StatusError: 400 if one cannot be read or asks for a field that cannot be selected by.

    """
    return _labels_asked_for(query) + [_field(*term) for term in field_terms(query.get("fieldSelector", ()))]


def required_name(query: Mapping[str, Sequence[str]]) -> str:
    """Return the only name that an object of the list can have, '' if it can have several.

    kube-apiserver asks RBAC about that name: a Role with `resourceNames` then permits a list. What it cannot read names nobody, and here
    neither does what is too long: it is read before anybody knows who asks, and 128 KiB of it would hold up all others for 0.4 seconds.
    """
    if sum(len(text) for name in ("labelSelector", "fieldSelector") for text in query.get(name, ())) > _LONGEST_UNASKED:
        return ""
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
    for text in texts:
        for term in _FIELD_TERM.findall(text):
            operator = _FIELD_OPERATOR.search(term)
            if operator is None:
                raise StatusError(400, f"invalid selector: '{text[:_LONGEST]}'; can't understand '{term[:_LONGEST]}'")
            value = _ESCAPE.sub(_unescaped, term[operator.end() :])
            found.append((term[: operator.start()], operator[0] != "!=", value))
    return found


def _unescaped(found: re.Match[str]) -> str:
    letter = found[1]
    if letter is None:
        raise StatusError(400, f"invalid field selector: unescaped character in value: {ord(found[0])}")
    if letter == "" or letter not in "\\,=":
        raise StatusError(400, f"invalid field selector: invalid escape sequence: {found[0]}")
    return letter


def _label(requirement: Requirement) -> Selector:
    return lambda item: requirement.selects(item["metadata"].get("labels") or {})


def _field(field: str, same: bool, value: str) -> Selector:
    if field not in _FIELDS:
        raise StatusError(400, f"the field selector '{field}' is not supported; only {' and '.join(_FIELDS)} are")
    name = field.removeprefix("metadata.")
    return lambda item: (item["metadata"].get(name, "") == value) is same

"""What the walks over typed values have in common: the elements of the items of a list, and absence.

https://github.com/kubernetes-sigs/structured-merge-diff/blob/v6.4.2/typed/helpers.go
"""

from __future__ import annotations

from extension_apiserver.objects.apply.elements import Element, keyed, valued
from extension_apiserver.objects.go_words import shortened, value_words
from extension_apiserver.objects.schema.structural import ABSENT
from extension_apiserver.objects.values import Value

from .atoms import BOOLEAN, NUMERIC, STRING, ListType


class TypedError(ValueError):
    """A value does not fit its type."""


def is_empty(value: Value, kind: type) -> bool:
    """Return whether there is no list or map of that kind, or one without anything in it."""
    return not isinstance(value, kind) or not value


def element_of(item: Value, kind: ListType) -> Element:
    """Return by what an item of a set or map is told from the others.

    Raises:
        TypedError: it has nothing by which it could be told.

    """
    if not kind.keys:
        if isinstance(item, dict):
            raise TypedError("associative list without keys has an element that's a map type")
        if isinstance(item, list):
            raise TypedError("not supported: associative list with lists as elements")
        if item is None:
            raise TypedError("associative list without keys has an element that's an explicit null")
        return valued(item)
    if item is None:
        raise TypedError("associative list with keys may not have a null element")
    if not isinstance(item, dict):
        raise TypedError("associative list with keys may not have non-map elements")
    defaults = kind.items.map.defaults if kind.items.map else {}
    found = {key: item.get(key, defaults.get(key, ABSENT)) for key in kind.keys}
    found = {key: value for key, value in found.items() if value is not ABSENT}
    if not found:
        names = " ".join(f'"{key}"' for key in kind.keys)
        raise TypedError(
            f"associative list with keys has an element that omits all key fields [{names}] "
            "(and doesn't have default values for any key fields)"
        )
    return keyed(found)


def scalar_fault(value: Value, kind: str, side: str = "") -> str:
    """Return what is wrong with a value that must be a scalar, "" for nothing; null is every scalar."""
    if value is ABSENT or value is None:
        return ""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind == NUMERIC and not is_number:
        return f"{side}expected numeric (int or float), got {_go_type(value)}"
    if kind == STRING and not isinstance(value, str):
        return f"{side}expected string, got &value.valueUnstructured{{Value:{shortened(value_words(value))}}}"
    if kind == BOOLEAN and not isinstance(value, bool):
        return f"{side}expected boolean, got &{{{_plain(value)}}}"
    if isinstance(value, dict | list):
        return f"{side}expected any scalar, got &{{{_plain(value)}}}"
    return ""


def _go_type(value: Value) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, dict):
        return "map[string]interface {}"
    return "[]interface {}" if isinstance(value, list) else "string"


def _plain(value: Value) -> str:
    return shortened(value) if isinstance(value, str) else value_words(value)

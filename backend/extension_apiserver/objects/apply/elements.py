"""One step of a path to a field, as fieldsV1 has it: `f:spec`, `k:{"name":"a"}`, `v:"x"`, `i:0`.

https://github.com/kubernetes-sigs/structured-merge-diff/blob/v6.4.2/fieldpath/serialize-pe.go
"""

from __future__ import annotations

import json
import re
from typing import Any

from extension_apiserver.objects.go_words import number, quote
from extension_apiserver.objects.json_text import parse
from extension_apiserver.objects.values import Object, Value, canonical
from extension_apiserver.status import StatusError

#: The text of fieldsV1 itself; the JSON in it is canonical, so that equal elements are equal texts.
Element = str
_INDEX = re.compile(r"[+-]?[0-9]{1,18}")


class FieldsError(ValueError):
    """This is no fieldsV1."""


def field(name: str) -> Element:
    """Return the element of a field."""
    return f"f:{name}"


def keyed(fields: Object) -> Element:
    """Return the element of the item of a list that has these fields."""
    return f"k:{canonical(fields)}"


def valued(value: Value) -> Element:
    """Return the element of an item of a set."""
    return f"v:{canonical(value)}"


def read(text: str) -> Element | None:
    """Return the element that a key of fieldsV1 is; None if a later version may know what it is.

    Raises:
        FieldsError: it is none.

    """
    kind, content = text[:2], text[2:]
    if len(kind) < 2 or kind[1] != ":":  # noqa: PLR2004 - a letter and a colon
        raise FieldsError(f"missing colon: {quote(text)}")
    if kind == "f:":
        return text
    if kind == "i:":
        if not _INDEX.fullmatch(content):
            raise FieldsError(f"{quote(content)} is no index")
        return f"i:{int(content)}"
    if kind not in {"k:", "v:"}:
        return None
    try:
        value, _ = parse(content.encode(), subject="a key of fieldsV1")
    except StatusError as error:
        raise FieldsError(error.message) from None
    if kind == "k:" and not isinstance(value, dict):
        raise FieldsError(f"{quote(content)} is no object")
    return kind + canonical(value)


def order(element: Element) -> tuple[Any, ...]:
    """Return by what elements are sorted: fields, keys, values, indexes."""
    kind, content = element[0], element[2:]
    if kind == "f":
        return (0, content.encode())
    if kind == "i":
        return (3, int(content))
    value = json.loads(content)
    if kind == "v":
        return (2, _order_of_value(value))
    return (1, [(name.encode(), _order_of_value(item)) for name, item in value.items()])


def _order_of_value(value: Value) -> tuple[Any, ...]:
    if isinstance(value, bool):
        return (2, value)
    if isinstance(value, int | float):
        return (0, value)
    if isinstance(value, str):
        return (1, value.encode())
    return (5,) if value is None else (3, canonical(value))


def told(element: Element) -> str:
    """Return the element as a path in a sentence has it: `.spec`, `[name="a"]`, `[="x"]`, `[0]`."""
    kind, content = element[0], element[2:]
    if kind == "f":
        return f".{content}"
    if kind == "i":
        return f"[{content}]"
    value = json.loads(content)
    if kind == "v":
        return f"[={_told_value(value)}]"
    return f"[{','.join(f'{name}={_told_value(item)}' for name, item in value.items())}]"


def _told_value(value: Value) -> str:
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number(value)
    return canonical(value)

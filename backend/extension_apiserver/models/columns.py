"""A column of the field that is marked with `Shown`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from extension_apiserver.api.call import Object
from extension_apiserver.api.column import Column

from .marks import Shown

_CELLS = {"string", "integer", "number", "boolean"}


def column(shown: Shown, node: Mapping[str, Any], names: tuple[str, ...] | None) -> Column:
    """Return the column.

    Args:
        shown: the mark.
        node: schema of the field.
        names: the fields that lead there from the object, None if it is one of many.

    Raises:
        ValueError: the field is no cell.

    """
    if not names:
        raise ValueError("a column needs one value for each object, and this is in a list, a map or a union")
    type_ = "string" if node.get("x-kubernetes-int-or-string") else node.get("type")
    if type_ not in _CELLS:
        raise ValueError("a column shows a text, a number or a boolean")

    def value(item: Object) -> Any:  # noqa: ANN401 - whatever JSON can say
        found: Any = item
        for name in names:
            found = found.get(name) if isinstance(found, dict) else None
        return found

    return Column(
        shown.name,
        value,
        type=shown.type or str(type_),
        priority=shown.priority,
        description=node.get("description", ""),
    )

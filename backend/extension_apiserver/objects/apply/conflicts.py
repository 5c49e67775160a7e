"""The 409 of an apply that would change what others own.

https://github.com/kubernetes/apimachinery/blob/v0.37.2/pkg/util/managedfields/internal/conflict.go
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from extension_apiserver.objects.causes import MOST_CAUSES
from extension_apiserver.objects.go_words import quote, shortened
from extension_apiserver.objects.values import canonical
from extension_apiserver.status import StatusError

from .elements import told
from .field_set import FieldSet
from .managers import UPDATE, Manager


class ConflictsError(Exception):
    """An apply would change fields that others own.

    Attributes:
        fields: manager → those of its fields.

    """

    def __init__(self, fields: Mapping[Manager, FieldSet]) -> None:
        super().__init__("an apply would change fields that others own")
        self.fields = fields

    def without(self, allowed: FieldSet) -> Mapping[Manager, FieldSet]:
        """Return the conflicts that are not allowed."""
        left = {manager: fields.difference(allowed) for manager, fields in self.fields.items()}
        return {manager: fields for manager, fields in left.items() if fields}


def refusal(conflicts: Mapping[Manager, FieldSet]) -> StatusError:
    """Return the 409, with a cause for each of the first MOST_CAUSES fields."""
    found = [
        (_words(manager), shortened("".join(map(told, path))))
        for manager, fields in sorted(conflicts.items(), key=lambda pair: _identifier(pair[0]))
        for path in islice(fields.paths(), MOST_CAUSES)
    ]
    count = sum(_size(fields) for fields in conflicts.values())
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {manager}", "field": path}
        for manager, path in found[:MOST_CAUSES]
    ]
    if count == 1:
        text = f"1 conflict: conflict with {found[0][0]}: {found[0][1]}"
    else:
        lines: dict[str, list[str]] = {}
        for manager, path in found[:MOST_CAUSES]:
            lines.setdefault(f"conflicts with {manager}:", []).append(f"- {path}")
        text = f"{count} conflicts: " + "\n".join(line for head, rest in lines.items() for line in (head, *rest))
    return StatusError(409, f"Apply failed with {text}", details={"causes": causes})


def _identifier(manager: Manager) -> str:
    """Return a manager as upstream's maps have it, in whose order it tells of them: a subresource comes before none."""
    fields = {"manager": manager.name, "operation": manager.operation, "apiVersion": manager.api_version}
    said = (fields | {"subresource": manager.subresource}).items()
    return f"{{{','.join(f'{canonical(name)}:{canonical(value)}' for name, value in said if value)}}}"


def _words(manager: Manager) -> str:
    words = quote(manager.name)
    if manager.subresource:
        words += f" with subresource {quote(manager.subresource)}"
    return f"{words} using {manager.api_version}" if manager.operation == UPDATE else words


def _size(fields: FieldSet) -> int:
    return len(fields.members) + sum(_size(below) for below in fields.children.values())

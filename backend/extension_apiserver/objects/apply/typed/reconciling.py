"""Fits sets of fields to a schema that changed since they were written: what became atomic is owned as one.

https://github.com/kubernetes-sigs/structured-merge-diff/blob/v6.4.2/typed/reconcile_schema.go
"""

from __future__ import annotations

from extension_apiserver.objects.apply.elements import Element
from extension_apiserver.objects.apply.field_set import FieldSet

from .atoms import DEDUCED, Atom

_Path = tuple[Element, ...]


def reconciled(fields: FieldSet, atom: Atom) -> FieldSet:
    """Return the set as the schema has fields now."""
    whole = FieldSet()
    _find(fields, atom, (), False, whole)
    return fields.without(whole).union(whole) if whole else fields


def _find(fields: FieldSet | None, atom: Atom, path: _Path, as_one: bool, whole: FieldSet) -> None:
    """Put into ``whole`` the paths that are owned as one now, and of which ``fields`` has parts."""
    if atom.map:
        if atom.map.others is DEDUCED and not atom.map.fields:
            return
        if not as_one and atom.map.atomic:
            if fields:
                whole.insert(path)
            return
    elif atom.scalar or atom.list is None:
        return
    elif not as_one and atom.list.atomic:
        whole.insert(path)
        return
    if fields is None:
        return
    for element in fields.members | fields.children.keys():
        inner = _inner(atom, element)
        if inner is not None:
            below = fields.children.get(element)
            _find(below, inner, (*path, element), element in fields.members and below is None, whole)


def _inner(atom: Atom, element: Element) -> Atom | None:
    if atom.map:
        return atom.map.of(element[2:]) if element.startswith("f:") else atom.map.others
    return atom.list.items if atom.list else None

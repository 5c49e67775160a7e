"""Takes fields out of a value, and prepares sets of fields for it.

https://github.com/kubernetes-sigs/structured-merge-diff/blob/v6.4.2/typed/remove.go
"""

from __future__ import annotations

from extension_apiserver.objects.apply.elements import Element, field
from extension_apiserver.objects.apply.field_set import FieldSet
from extension_apiserver.objects.values import Object, Value

from .atoms import Atom, ListType, MapType
from .walking import element_of

_NOTHING = FieldSet()


def remove(value: Value, gone: FieldSet, atom: Atom) -> Value:
    """Return the value without some fields and all below them; what is left empty is null."""
    narrow = atom.of(value)
    if narrow.map:
        return _remove_fields(value, gone, narrow.map)
    if narrow.scalar:
        return value
    return _remove_items(value, gone, narrow.list) if narrow.list else None


def _remove_fields(value: Value, gone: FieldSet, kind: MapType) -> Value:
    if kind.atomic or not isinstance(value, dict):
        return None
    left: Object = {}
    for name, item in value.items():
        element = field(name)
        if element in gone.members:
            continue
        below = gone.children.get(element, _NOTHING)
        left[name] = remove(item, below, kind.of(name) or Atom()) if below else item
    return left or None


def _remove_items(value: Value, gone: FieldSet, kind: ListType) -> Value:
    if kind.atomic or not isinstance(value, list):
        return None
    left: list[Value] = []
    for item in value:
        element = element_of(item, kind)
        if element in gone.members:
            continue
        below = gone.children.get(element, _NOTHING)
        left.append(remove(item, below, kind.items) if below else item)
    return left or None


def with_named(fields: FieldSet, atom: Atom) -> FieldSet:
    """Return the set in which each field that the schema names is a member where something below it is.

    https://github.com/kubernetes-sigs/structured-merge-diff/blob/v6.4.2/fieldpath/set.go (EnsureNamedFieldsAreMembers)
    """
    members = set(fields.members)
    children: dict[Element, FieldSet] = {}
    for element, below in fields.children.items():
        inner = Atom()
        if atom.map and element.startswith("f:"):
            if element[2:] in atom.map.fields:
                members.add(element)
            inner = atom.map.of(element[2:]) or Atom()
        elif atom.list and element.startswith("k:"):
            inner = atom.list.items
        children[element] = with_named(below, inner)
    return FieldSet(members, children)

"""What differs between two values of one type.

https://github.com/kubernetes-sigs/structured-merge-diff/blob/v6.4.2/typed/compare.go
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from extension_apiserver.objects.apply.elements import Element, field
from extension_apiserver.objects.apply.field_set import FieldSet
from extension_apiserver.objects.schema.structural import ABSENT
from extension_apiserver.objects.values import Value, same

from .atoms import Atom, ListType, MapType
from .walking import TypedError, element_of, is_empty, scalar_fault

_Path = tuple[Element, ...]


@dataclasses.dataclass(slots=True)
class Comparison:
    """The fields that one value has and the other has not, and those that both have and that differ."""

    removed: FieldSet = dataclasses.field(default_factory=FieldSet)
    modified: FieldSet = dataclasses.field(default_factory=FieldSet)
    added: FieldSet = dataclasses.field(default_factory=FieldSet)

    def without(self, ignored: FieldSet) -> Comparison:
        """Return it without some fields and all below them."""
        return Comparison(self.removed.without(ignored), self.modified.without(ignored), self.added.without(ignored))


def compare(left: Value, right: Value, atom: Atom) -> Comparison:
    """Return what differs between two values that fit their type.

    Raises:
        TypedError: they do not.

    """
    found = Comparison()
    _compare(left, right, atom, (), found)
    return found


def _compare(left: Value, right: Value, atom: Atom, path: _Path, found: Comparison) -> None:
    of_left, of_right = atom.of(left), atom.of(right)
    if right is ABSENT:
        leaf = _compare_as(left, right, of_left, path, found)
    elif left is ABSENT or of_left.same_as(of_right):
        leaf = _compare_as(left, right, of_right, path, found)
    else:
        _compare_as(left, right, of_left, path, found)
        leaf = _compare_as(left, right, of_right, path, found)
    if not leaf:
        if left is ABSENT:
            found.added.insert(path)
        elif right is ABSENT:
            found.removed.insert(path)


def _compare_as(left: Value, right: Value, atom: Atom, path: _Path, found: Comparison) -> bool:
    """Compare both as what the atom says first; return whether they were compared as one."""
    if atom.map:
        if atom.map.atomic or (is_empty(left, dict) and is_empty(right, dict)):
            return _leaf(left, right, path, found)
        _compare_fields(left, right, atom.map, path, found)
        return False
    if atom.scalar:
        faults = scalar_fault(left, atom.scalar, "lhs: "), scalar_fault(right, atom.scalar, "rhs: ")
        if all(faults):
            raise TypedError("; ".join(faults))
        return _leaf(left, right, path, found)
    if atom.list is None or atom.list.atomic or (is_empty(left, list) and is_empty(right, list)):
        return _leaf(left, right, path, found)
    _compare_items(left, right, atom.list, path, found)
    return False


def _leaf(left: Value, right: Value, path: _Path, found: Comparison) -> bool:
    if left is ABSENT:
        found.added.insert(path)
    elif right is ABSENT:
        found.removed.insert(path)
    elif not same(left, right):
        found.modified.insert(path)
    return True


def _compare_fields(left: Value, right: Value, kind: MapType, path: _Path, found: Comparison) -> None:
    ours = left if isinstance(left, dict) else {}
    theirs = right if isinstance(right, dict) else {}
    for name in ours | theirs:
        inner = kind.of(name) or Atom()
        _compare(ours.get(name, ABSENT), theirs.get(name, ABSENT), inner, (*path, field(name)), found)


def _compare_items(left: Value, right: Value, kind: ListType, path: _Path, found: Comparison) -> None:
    ours, theirs = _by_element(left, kind), _by_element(right, kind)
    for element in ours | theirs:
        _compare_item(ours.get(element, ()), theirs.get(element, ()), kind, (*path, element), found)


def _compare_item(
    ours: Sequence[Value], theirs: Sequence[Value], kind: ListType, path: _Path, found: Comparison
) -> None:
    """Compare what one element stands for; items that are there several times are compared as one."""
    one = 1
    if len(ours) <= one and len(theirs) <= one:
        _compare(ours[0] if ours else ABSENT, theirs[0] if theirs else ABSENT, kind.items, path, found)
    elif len(ours) > one and len(theirs) > one:
        if not same(list(ours), list(theirs)):
            found.modified.insert(path)
    elif len(ours) > one:
        if theirs:
            _compare(ABSENT, theirs[0], kind.items, path, found)
        found.removed.insert(path)
    else:
        if ours:
            _compare(ours[0], ABSENT, kind.items, path, found)
        found.added.insert(path)


def _by_element(value: Value, kind: ListType) -> dict[Element, list[Value]]:
    found: dict[Element, list[Value]] = {}
    for item in value if isinstance(value, list) else ():
        found.setdefault(element_of(item, kind), []).append(item)
    return found

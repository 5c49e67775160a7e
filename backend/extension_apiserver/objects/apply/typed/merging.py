"""Puts what a manager applied into an object.

https://github.com/kubernetes-sigs/structured-merge-diff/blob/v6.4.2/typed/merge.go
"""

from __future__ import annotations

from collections import deque

from extension_apiserver.objects.apply.elements import Element, told
from extension_apiserver.objects.schema.structural import ABSENT
from extension_apiserver.objects.values import Object, Value

from .atoms import Atom, ListType, MapType
from .walking import TypedError, element_of, is_empty, scalar_fault


def merge(live: Value, applied: Value, atom: Atom) -> Value:
    """Return the live value with what was applied in it; the result shares parts with both.

    Raises:
        TypedError: one of them does not fit the type.

    """
    merged = _merge(live, applied, atom)
    return None if merged is ABSENT else merged


def _merge(live: Value, applied: Value, atom: Atom) -> Value:
    of_live, of_applied = atom.of(live), atom.of(applied)
    if applied is ABSENT:
        return _merge_as(live, applied, of_live)
    return _merge_as(live, applied, of_applied)


def _merge_as(live: Value, applied: Value, atom: Atom) -> Value:
    if atom.map:
        if atom.map.atomic or (is_empty(live, dict) and is_empty(applied, dict)):
            return live if applied is ABSENT else applied
        return _merge_fields(live, applied, atom.map)
    if atom.scalar:
        faults = scalar_fault(live, atom.scalar, "lhs: "), scalar_fault(applied, atom.scalar, "rhs: ")
        if all(faults):
            raise TypedError("; ".join(faults))
        return live if applied is ABSENT else applied
    if atom.list is None or atom.list.atomic or (is_empty(live, list) and is_empty(applied, list)):
        return live if applied is ABSENT else applied
    return _merge_items(live, applied, atom.list)


def _merge_fields(live: Value, applied: Value, kind: MapType) -> Value:
    ours: Object = live if isinstance(live, dict) else {}
    theirs: Object = applied if isinstance(applied, dict) else {}
    merged: Object = {}
    for name in ours | theirs:
        value = _merge(ours.get(name, ABSENT), theirs.get(name, ABSENT), kind.of(name) or Atom())
        if value is not ABSENT:
            merged[name] = value
    return merged or ABSENT


def _merge_items(live: Value, applied: Value, kind: ListType) -> Value:
    """Merge sets and maps: in the order of what was applied, and items that only the live list has stay between their neighbours."""
    ours, of_ours = _index(live, kind, repeated=True)
    theirs, of_theirs = _index(applied, kind, repeated=False)
    live_items = live if isinstance(live, list) else []
    shared = deque(element for element in theirs if element in of_ours)
    done: set[Element] = set()
    merged: list[Value] = []
    left, right = 0, 0
    while left < len(ours) or right < len(theirs):
        mine = ours[left] if left < len(ours) else None
        other = theirs[right] if right < len(theirs) else None
        if mine is not None and mine not in of_theirs:
            # By its place, since an element that is there several times stands for several items.
            _append(merged, _merge(live_items[left], ABSENT, kind.items))
            left += 1
            continue
        if None not in (mine, other) and mine != other and shared and shared[0] != mine:
            # Both have it, and it comes later.
            left += 1
            continue
        left += mine == other or mine in done
        if other is not None:
            done.add(other)
            _append(merged, _merge(of_ours.get(other, ABSENT), of_theirs[other], kind.items))
            right += 1
            if shared and shared[0] == other:
                shared.popleft()
    return merged or ABSENT


def _append(merged: list[Value], value: Value) -> None:
    if value is not ABSENT:
        merged.append(value)


def _index(value: Value, kind: ListType, *, repeated: bool) -> tuple[list[Element], dict[Element, Value]]:
    """Return the elements of a list in order, and the item of each; null for those that are there several times.

    Raises:
        TypedError: an item has no element; or, unless ``repeated``, two have the same.

    """
    elements, found = [], {}
    for item in value if isinstance(value, list) else ():
        element = element_of(item, kind)
        if element in found and not repeated:
            raise TypedError(f"duplicate entries for key {told(element)}")
        found[element] = None if element in found else item
        elements.append(element)
    return elements, found

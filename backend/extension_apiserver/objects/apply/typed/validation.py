"""Whether a value fits its type, and the set of its fields.

https://github.com/kubernetes-sigs/structured-merge-diff/blob/v6.4.2/typed/validate.go
https://github.com/kubernetes-sigs/structured-merge-diff/blob/v6.4.2/typed/tofieldset.go
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from extension_apiserver.objects.apply.elements import Element, field, told
from extension_apiserver.objects.apply.field_set import FieldSet
from extension_apiserver.objects.causes import MOST_CAUSES
from extension_apiserver.objects.go_words import shortened, value_words
from extension_apiserver.objects.values import Value

from .atoms import Atom, ListType
from .walking import TypedError, element_of, scalar_fault

_Chain = tuple["_Chain", Element] | tuple[()]


def check(value: Value, atom: Atom, *, repeated: bool = False) -> None:
    """Check that a value fits its type.

    Args:
        repeated: items of sets and maps may be there twice, as they may in what is stored.

    Raises:
        TypedError: it does not; with what is wrong, the first MOST_CAUSES.

    """
    faults = []
    for fault in _faults(value, atom, (), repeated):
        faults.append(fault)
        if len(faults) == MOST_CAUSES:
            break
    if faults:
        raise TypedError(faults[0] if len(faults) == 1 else "\n  ".join(["errors:", *faults]))


def _faults(value: Value, atom: Atom, path: _Chain, repeated: bool) -> Iterator[str]:
    narrow = atom.of(value)
    if narrow.map:
        if value is not None and not isinstance(value, dict):
            yield _sentence(path, f"expected map, got &{{{value_words(value)}}}")
            return
        for name, item in (value or {}).items():
            inner, step = narrow.map.of(name), (path, field(name))
            if inner is None:
                yield _sentence(step, "field not declared in schema")
                return
            yield from _faults(item, inner, step, repeated)
    elif narrow.scalar:
        if fault := scalar_fault(value, narrow.scalar):
            yield _sentence(path, fault)
    elif narrow.list:
        if value is not None and not isinstance(value, list):
            yield _sentence(path, f"expected list, got &{{{value_words(value)}}}")
            return
        yield from _item_faults(value or [], narrow.list, path, repeated)


def _item_faults(value: list[Value], kind: ListType, path: _Chain, repeated: bool) -> Iterator[str]:
    seen: set[Element] = set()
    for index, item in enumerate(value):
        element: Element = f"i:{index}"
        if not kind.atomic:
            try:
                element = element_of(item, kind)
            except TypedError as error:
                yield _sentence(path, f"element {index}: {error}")
                return
            if element in seen and not repeated:
                yield _sentence(path, f"duplicate entries for key {told(element)}")
            seen.add(element)
        yield from _faults(item, kind.items, (path, element), repeated)


def _sentence(path: _Chain, words: str) -> str:
    steps: list[str] = []
    while path:
        path, step = path
        steps.append(told(step))
    where = shortened("".join(reversed(steps)))
    return f"{where}: {words}" if where else words


def fields_of(value: Value, atom: Atom) -> FieldSet:
    """Return the set of the fields of a value that fits its type."""
    made = FieldSet()
    _collect(value, atom, made)
    return made


def _collect(value: Value, atom: Atom, made: FieldSet) -> bool:
    """Put what is below a value into the set; return whether the value itself belongs into that of its parent."""
    narrow = atom.of(value)
    if narrow.map:
        if narrow.map.atomic:
            return True
        for name, item in value.items() if isinstance(value, dict) else ():
            below = FieldSet()
            member = _collect(item, narrow.map.of(name) or Atom(), below)
            if member or item is None or item == {} or name not in narrow.map.fields:
                made.members.add(field(name))
            _keep(made, field(name), below)
    elif narrow.scalar:
        return True
    elif narrow.list:
        if narrow.list.atomic:
            return True
        if isinstance(value, list):
            _collect_items(value, narrow.list, made)
    return False


def _collect_items(value: list[Value], kind: ListType, made: FieldSet) -> None:
    elements = [element_of(item, kind) for item in value]
    often = Counter(elements)
    made.members.update(elements)
    for element, item in zip(elements, value, strict=True):
        # What is there several times is owned as one.
        if often[element] == 1:
            below = FieldSet()
            _collect(item, kind.items, below)
            _keep(made, element, below)


def _keep(made: FieldSet, element: Element, below: FieldSet) -> None:
    if below.members or below.children:
        made.children[element] = below

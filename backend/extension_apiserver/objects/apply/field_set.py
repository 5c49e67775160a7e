"""A set of fields: who owns what, and what a write changed.

https://github.com/kubernetes-sigs/structured-merge-diff/blob/v6.4.2/fieldpath/set.go
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from extension_apiserver.objects.values import MOST_LEVELS, Object, Value

from .elements import Element, FieldsError, order, read


@dataclasses.dataclass(slots=True)
class FieldSet:
    """Fields, as a tree. Only who builds one changes it.

    Attributes:
        members: elements that are in the set themselves.
        children: elements below which there are members.

    """

    members: set[Element] = dataclasses.field(default_factory=set)
    children: dict[Element, FieldSet] = dataclasses.field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.members) or any(self.children.values())

    def insert(self, path: Sequence[Element]) -> None:
        """Put a path into the set; the empty one, the object itself, is nobody's."""
        if not path:
            return
        node = self
        for element in path[:-1]:
            node = node.children.setdefault(element, FieldSet())
        node.members.add(path[-1])

    def has(self, path: Sequence[Element]) -> bool:
        """Return whether the path itself is in the set."""
        node: FieldSet | None = self
        for element in path[:-1]:
            node = node.children.get(element) if node else None
        return node is not None and path[-1] in node.members

    def union(self, other: FieldSet) -> FieldSet:
        """Return what is in either."""
        children = dict(self.children)
        for element, theirs in other.children.items():
            ours = children.get(element)
            children[element] = ours.union(theirs) if ours else theirs
        return FieldSet(self.members | other.members, children)

    def intersection(self, other: FieldSet) -> FieldSet:
        """Return what is in both."""
        both = {
            element: ours.intersection(other.children[element])
            for element, ours in self.children.items()
            if element in other.children
        }
        return FieldSet(self.members & other.members, {element: rest for element, rest in both.items() if rest})

    def difference(self, other: FieldSet) -> FieldSet:
        """Return what is in this one only."""
        children: dict[Element, FieldSet] = {}
        for element, ours in self.children.items():
            theirs = other.children.get(element)
            rest = ours.difference(theirs) if theirs else ours
            if rest or not theirs:
                children[element] = rest
        return FieldSet(self.members - other.members, children)

    def without(self, other: FieldSet) -> FieldSet:
        """Return this set without the members of another and all that is below them."""
        children: dict[Element, FieldSet] = {}
        for element, ours in self.children.items():
            if element in other.members:
                continue
            theirs = other.children.get(element)
            rest = ours.without(theirs) if theirs else ours
            if rest or not theirs:
                children[element] = rest
        return FieldSet(self.members - other.members, children)

    def paths(self) -> Iterator[tuple[Element, ...]]:
        """Yield each path, in order: of a node first its members, then those below."""
        yield from ((element,) for element in sorted(self.members, key=order))
        for element in sorted(self.children, key=order):
            yield from ((element, *rest) for rest in self.children[element].paths())


def of_paths(*paths: Sequence[Element]) -> FieldSet:
    """Return the set with these paths."""
    made = FieldSet()
    for path in paths:
        made.insert(path)
    return made


def encoded(fields: FieldSet) -> Object:
    """Return a set as fieldsV1: a member is an object that has "." beside what is below it, or nothing.

    https://github.com/kubernetes-sigs/structured-merge-diff/blob/v6.4.2/fieldpath/serialize.go
    """
    found: Object = {}
    for element in sorted(fields.members | fields.children.keys(), key=order):
        below = encoded(fields.children[element]) if element in fields.children else {}
        if below and element in fields.members:
            below = {".": {}, **below}
        found[element] = below
    return found


def decoded(value: Value) -> FieldSet:
    """Return the set that a fieldsV1 is.

    Raises:
        FieldsError: it is none.

    """
    return _decoded(value, 0)[0] or FieldSet()


def _decoded(value: Value, level: int) -> tuple[FieldSet | None, bool]:
    """Return what is below an element, None for nothing, and whether it is a member."""
    if value is None:
        return None, True
    if not isinstance(value, dict) or level > MOST_LEVELS:
        raise FieldsError("fieldsV1 must be an object of objects")
    fields, member = FieldSet(), "." in value
    for text, inner in value.items():
        element = None if text == "." else read(text)
        if element is None:
            continue
        below, is_member = _decoded(inner, level + 1)
        if is_member:
            fields.members.add(element)
        if below is not None:
            fields.children[element] = below
    if not fields.members and not fields.children:
        return None, True
    return fields, member

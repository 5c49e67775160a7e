"""How the values of a schema are owned: as one, or by their parts.

https://github.com/kubernetes-sigs/structured-merge-diff/blob/v6.4.2/schema/elements.go
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from extension_apiserver.objects.schema.structural import Structural
from extension_apiserver.objects.values import Value

NUMERIC, STRING, BOOLEAN, UNTYPED = "numeric", "string", "boolean", "untyped"


@dataclasses.dataclass(slots=True, eq=False)
class MapType:
    """A map or struct.

    Attributes:
        fields: name → what it holds.
        others: what fields hold that are not among these; None where there can be none.
        atomic: one manager owns all of it.
        defaults: field → its default; of use where a field is the key of a list.

    """

    fields: Mapping[str, Atom]
    others: Atom | None
    atomic: bool = False
    defaults: Mapping[str, Value] = dataclasses.field(default_factory=dict)

    def of(self, name: str) -> Atom | None:
        """Return what a field holds; None where there can be no such field."""
        return self.fields.get(name, self.others)


@dataclasses.dataclass(slots=True, eq=False)
class ListType:
    """A list.

    Attributes:
        atomic: one manager owns all of it; else it is a set, or a map by its keys.

    """

    items: Atom
    atomic: bool = True
    keys: tuple[str, ...] = ()


@dataclasses.dataclass(slots=True, eq=False)
class Atom:
    """What a value may be, one of three or several of them."""

    scalar: str = ""
    list: ListType | None = None
    map: MapType | None = None

    def of(self, value: Value) -> Atom:
        """Return the atom with only that in it which the value is; all of it for null, and for what it is not."""
        if bool(self.scalar) + (self.list is not None) + (self.map is not None) < 2:  # noqa: PLR2004 - as nearly all are
            return self
        if isinstance(value, dict):
            return Atom(map=self.map) if self.map else self
        if isinstance(value, list):
            return Atom(list=self.list) if self.list else self
        return Atom(scalar=self.scalar) if self.scalar and value is not None else self

    def same_as(self, other: Atom) -> bool:
        """Return whether both were narrowed down to the same."""
        return (self.scalar, self.list, self.map) == (other.scalar, other.list, other.map)


def _untyped() -> Atom:
    atom = Atom(scalar=UNTYPED)
    atom.list = ListType(atom)
    atom.map = MapType({}, atom, atomic=True)
    return atom


def _deduced() -> Atom:
    atom = Atom(scalar=UNTYPED, list=ListType(ANYTHING))
    atom.map = MapType({}, atom)
    return atom


#: Something that no schema describes, owned as one.
ANYTHING = _untyped()
#: Something that no schema describes, whose maps are owned by their fields.
DEDUCED = _deduced()

_TEXT, _NUMBER, _BOOL = Atom(scalar=STRING), Atom(scalar=NUMERIC), Atom(scalar=BOOLEAN)
_TIME = Atom(scalar=UNTYPED)
_TEXTS = Atom(map=MapType({}, _TEXT))
_OWNER = {
    "apiVersion": _TEXT,
    "kind": _TEXT,
    "name": _TEXT,
    "uid": _TEXT,
    "controller": _BOOL,
    "blockOwnerDeletion": _BOOL,
}
_ENTRY = {
    **dict.fromkeys(("manager", "operation", "apiVersion", "fieldsType", "subresource"), _TEXT),
    "time": _TIME,
    "fieldsV1": DEDUCED,
}
_METADATA = Atom(
    map=MapType(
        {
            **dict.fromkeys(("name", "generateName", "namespace", "selfLink", "uid", "resourceVersion"), _TEXT),
            **dict.fromkeys(("generation", "deletionGracePeriodSeconds"), _NUMBER),
            **dict.fromkeys(("creationTimestamp", "deletionTimestamp"), _TIME),
            **dict.fromkeys(("labels", "annotations"), _TEXTS),
            "finalizers": Atom(list=ListType(_TEXT, atomic=False)),
            "ownerReferences": Atom(
                list=ListType(Atom(map=MapType(_OWNER, None, atomic=True)), atomic=False, keys=("uid",))
            ),
            "managedFields": Atom(list=ListType(Atom(map=MapType(_ENTRY, None)))),
        },
        None,
    )
)
_META = {"apiVersion": _TEXT, "kind": _TEXT, "metadata": _METADATA}


def atom_of_kind(schema: Structural) -> Atom:
    """Return the atom of whole objects.

    https://github.com/kubernetes/kube-openapi/blob/master/pkg/schemaconv/openapi.go
    """
    return atom(schema, meta=True)


def atom(schema: Structural, *, keeps: bool = False, meta: bool = False) -> Atom:
    """Return the atom of a value.

    Args:
        schema: of the value.
        keeps: something around it keeps unknown fields.
        meta: it has apiVersion, kind and metadata.

    """
    keeps = keeps or schema.preserve_unknown
    if schema.type in {"object", "array"}:
        made = Atom()
    elif schema.type in {"integer", "number"}:
        return _NUMBER
    elif schema.type == "boolean":
        return _BOOL
    elif schema.type == "string":
        return _TEXT if schema.checks.format in {"", "byte"} else _TIME
    else:
        made = Atom(scalar=UNTYPED)
    if schema.type != "array":
        made.map = _map(schema, keeps=keeps, meta=meta or schema.embedded)
    if schema.type != "object":
        made.list = ListType(
            atom(schema.items, keeps=keeps) if schema.items else ANYTHING,
            atomic=schema.list_type not in {"set", "map"},
            keys=schema.list_keys,
        )
    return made


def _map(schema: Structural, *, keeps: bool, meta: bool) -> MapType:
    fields = {name: atom(inner, keeps=keeps) for name, inner in schema.properties.items()}
    defaults = {name: inner.default for name, inner in schema.properties.items() if inner.has_default}
    if meta:
        fields |= _META
    others: Atom | None = None
    if schema.additional:
        others = atom(schema.additional, keeps=keeps)
    elif schema.any_additional or keeps or not fields:
        others = DEDUCED
    return MapType(fields, others, schema.map_type == "atomic", defaults)

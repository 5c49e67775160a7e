"""Makes a structural schema of the JSON schema of a model: nothing is referred to, each field has one type, and no word is new to OpenAPI v3.0.

https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from extension_apiserver.api.column import Column

from .columns import column
from .defaults import checked_default
from .marks import REFUSED, SHOWN
from .scalars import SCALARS, number, string, type_of
from .unions import Node, plain_union, tagged_union

#: What every object has; no schema says anything of it.
TYPE_META = ("apiVersion", "kind", "metadata")
_X = "x-kubernetes-"
_PRESERVE = f"{_X}preserve-unknown-fields"
#: What no structural schema has, or what validation by the model itself says.
_DROPPED = {
    "title", "examples", "deprecated", "readOnly", "contentMediaType", "contentEncoding", "contentSchema", "$defs",
    "discriminator", "propertyNames",
}  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class _Place:
    """Where a node is.

    Attributes:
        path: for sentences.
        names: the fields that lead there; None below a list, a map or a union.
        within: the definitions around it.

    """

    path: str
    names: tuple[str, ...] | None = ()
    within: tuple[str, ...] = ()

    def field(self, name: str) -> _Place:
        names = None if self.names is None else (*self.names, name)
        return dataclasses.replace(self, path=f"{self.path}.{name}", names=names)

    def below(self, step: str) -> _Place:
        return dataclasses.replace(self, path=f"{self.path}{step}", names=None)


class Structure:
    """Reads one document.

    Attributes:
        columns: that its fields are marked with, in order.

    """

    def __init__(self, document: Mapping[str, Any], name: str) -> None:
        """Take the document, and what it is called in sentences."""
        self.columns: list[Column] = []
        self._definitions: Mapping[str, Mapping[str, Any]] = document.get("$defs", {})
        self._document = document
        self._name = name

    def schema(self) -> Node:
        """Return the schema.

        Raises:
            ValueError: there is none; one sentence that names the field.

        """
        root, place = self._resolved(self._document, _Place(self._name))
        if "properties" not in root:
            raise ValueError(f"{self._name} must be a model with fields")
        own = {name: one for name, one in root["properties"].items() if name not in TYPE_META}
        required = [name for name in root.get("required", ()) if name not in TYPE_META]
        return self._node({**root, "properties": own, "required": required}, place)

    def _node(self, given: Mapping[str, Any], place: _Place) -> Node:
        node, place = self._resolved(given, place)
        node, nullable = self._without_null(node, place)
        node, place = self._resolved(node, place)
        if REFUSED in node:
            raise _PlacedError(f"{place.path}: {node[REFUSED]}")
        shown, default = node.pop(SHOWN, None), node.pop("default", None)
        try:
            made = self._shaped(node, place)
            if nullable:
                made["nullable"] = True
            if shown is not None:
                self._add_column(column(shown, made, place.names))
            if default is not None:
                made["default"] = checked_default(default, made)
        except _PlacedError:
            raise
        except ValueError as error:
            raise _PlacedError(f"{place.path}: {error}") from None
        if nullable and "enum" in made:
            made["enum"] = [*made["enum"], None]
        return made

    def _add_column(self, new: Column) -> None:
        if any(new.name == old.name for old in self.columns):
            raise _PlacedError(f"{self._name}: two columns are called '{new.name}'")
        self.columns.append(new)

    def _resolved(self, given: Mapping[str, Any], place: _Place) -> tuple[Node, _Place]:
        """Return a node with what it refers to in its place; what stands beside the reference goes before."""
        node = dict(given)
        while "$ref" in node:
            name = node.pop("$ref").rpartition("/")[2]
            if name in place.within:
                raise _PlacedError(
                    f"{place.path}: {name} contains itself, which no structural schema can say: use Any with a validator"
                )
            place = dataclasses.replace(place, within=(*place.within, name))
            node = {**self._definitions[name], **node}
        return node, place

    def _without_null(self, node: Node, place: _Place) -> tuple[Node, bool]:
        if "anyOf" in node:
            left = [one for one in node["anyOf"] if one.get("type") != "null"]
            nullable = len(left) < len(node["anyOf"])
            rest = {name: value for name, value in node.items() if name != "anyOf"}
            return ({**left[0], **rest} if len(left) == 1 else {**rest, "anyOf": left}), nullable
        if None in node.get("enum", ()):
            return {**node, "enum": [one for one in node["enum"] if one is not None]}, True
        if node.get("type") == "null" or ("const" in node and node["const"] is None):
            raise _PlacedError(f"{place.path}: nothing but null can be in it")
        return node, False

    def _shaped(self, node: Node, place: _Place) -> Node:
        words = {"description": node["description"]} if "description" in node else {}
        marks = {name: value for name, value in node.items() if name.startswith(_X)}
        if "anyOf" in node:
            return {**plain_union(self._members(node["anyOf"], place)), **words, **marks}
        if "oneOf" in node:
            tag = node.get("discriminator", {}).get("propertyName")
            if tag is None:
                raise ValueError("a union of models needs a discriminator that is a field of theirs")
            return {**tagged_union(self._members(node["oneOf"], place), tag), **words, **marks}
        made = {name: value for name, value in node.items() if name not in _DROPPED}
        if "const" in made:
            made["enum"] = [made.pop("const")]
        if "enum" in made and "type" not in made:
            made["type"] = type_of(made["enum"])
        if "type" not in made:
            return {_PRESERVE: True, "nullable": True, **made}
        if made["type"] in {"object", "array"}:
            return self._object(made, place) if made["type"] == "object" else self._array(made, place)
        return string(made) if made["type"] == "string" else number(made)

    def _members(self, members: Sequence[Mapping[str, Any]], place: _Place) -> list[Node]:
        return [self._node(member, dataclasses.replace(place, names=None)) for member in members]

    def _object(self, made: Node, place: _Place) -> Node:
        others = made.pop("additionalProperties", None)
        patterns = made.pop("patternProperties", None)
        if "properties" in made:
            made["properties"] = {name: self._node(one, place.field(name)) for name, one in made["properties"].items()}
            return made | ({_PRESERVE: True} if others or patterns else {})
        if patterns and not others:
            (others, *more) = patterns.values()
            others = True if more else others
        if isinstance(others, Mapping) and others:
            made["additionalProperties"] = self._node(others, place.below("[*]"))
        elif others is not None and others is not False:
            made[_PRESERVE] = True
        return made

    def _array(self, made: Node, place: _Place) -> Node:
        items = made.pop("prefixItems", None)
        if items and any(one != items[0] for one in items):
            raise ValueError("the items of a tuple must be of one type: use a model")
        made["items"] = self._node(items[0] if items else made.get("items", {}), place.below("[*]"))
        if made.pop("uniqueItems", False):
            if made["items"].get("type") not in SCALARS.values():
                raise ValueError("the items of a set must be texts, numbers or booleans: use a list")
            made[f"{_X}list-type"] = "set"
        for key in made.get(f"{_X}list-map-keys", ()):
            field = made["items"].get("properties", {}).get(key, {})
            if field.get("type") not in SCALARS.values():
                raise ValueError(f"'{key}' of ListMap must be a field of the items with a text, a number or a boolean")
            if key not in made["items"].get("required", ()) and "default" not in field:
                raise ValueError(f"'{key}' of ListMap must be required, or have a default")
        return made


class _PlacedError(ValueError):
    """A ValueError that says where."""

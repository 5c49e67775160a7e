"""What an annotation of a field may say besides its type."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

from pydantic import GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue

#: A type in the words of pydantic_core, which are pydantic's own business.
CoreSchema = Any
#: Keys in the JSON schema that pydantic makes, for whoever reads it: a column, and why a field cannot be.
SHOWN, REFUSED = "x-shown", "x-refused"


@dataclasses.dataclass(frozen=True, slots=True)
class Shown:
    """A column of `kubectl get` with the field's value: Annotated[str, Shown("Colour")].

    Attributes:
        name: heading.
        priority: above 0 it shows only with `-o wide`.
        type: of the cell, by default that of the field; 'date' shows a moment as its age.

    """

    name: str
    priority: int = 0
    type: Literal["", "string", "integer", "number", "boolean", "date"] = ""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(core), SHOWN: self}


class ListMap:
    """The items of a list are told apart by fields of theirs, so that several may apply one list: Annotated[list[Port], ListMap("port")]."""

    def __init__(self, *keys: str) -> None:
        """Take the names of these fields, as JSON has them."""
        self._keys = keys

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        marked: dict[str, Any] = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(self._keys)}
        return {**handler(core), **marked}

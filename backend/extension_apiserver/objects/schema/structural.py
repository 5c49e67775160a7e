"""A structural schema, as `openAPIV3Schema` of a CustomResourceDefinition has it, read once.

https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Final

from extension_apiserver.objects.cel.rule import Rule
from extension_apiserver.objects.values import Value


class _Absent:
    """Says that there is no value, which null is."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()
EMBEDDED, LISTS, DEFAULTS, RULES = "embedded", "lists", "defaults", "rules"


@dataclasses.dataclass(frozen=True, slots=True)
class Checks:
    """What a value must keep besides its type; None where nothing is said.

    Attributes:
        pattern: as written, for sentences.
        matches: whether a text matches the pattern.
        enum: the values that are allowed.

    """

    format: str = ""
    maximum: float | None = None
    exclusive_maximum: bool = False
    minimum: float | None = None
    exclusive_minimum: bool = False
    multiple_of: float | None = None
    max_length: int | None = None
    min_length: int | None = None
    pattern: str = ""
    matches: Callable[[str], bool] | None = None
    max_items: int | None = None
    min_items: int | None = None
    max_properties: int | None = None
    min_properties: int | None = None
    enum: tuple[Value, ...] = ()
    required: tuple[str, ...] = ()
    all_of: tuple[Structural, ...] = ()
    any_of: tuple[Structural, ...] = ()
    one_of: tuple[Structural, ...] = ()
    not_: Structural | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Structural:
    """One node of a schema.

    Attributes:
        type: `object`, `array`, `string`, `integer`, `number`, `boolean`, or "" for any.
        default: ABSENT where there is none.
        additional: schema of the values of a map.
        any_additional: `additionalProperties: true`.
        list_type: `atomic`, `set`, `map`, or "".
        list_keys: for `map`, the fields whose values tell items apart.
        map_type: `granular`, `atomic`, or "".
        unchecked: nothing but the type of a value is checked.
        rules: of `x-kubernetes-validations`.
        holds: what is in it or below it, of EMBEDDED, LISTS, DEFAULTS and RULES: walks spare what has nothing for them.

    """

    type: str = ""
    nullable: bool = False
    default: Value = ABSENT
    properties: Mapping[str, Structural] = dataclasses.field(default_factory=dict)
    items: Structural | None = None
    additional: Structural | None = None
    any_additional: bool = False
    preserve_unknown: bool = False
    embedded: bool = False
    int_or_string: bool = False
    list_type: str = ""
    list_keys: tuple[str, ...] = ()
    map_type: str = ""
    checks: Checks = Checks()
    unchecked: bool = False
    rules: tuple[Rule, ...] = ()
    holds: frozenset[str] = frozenset()

    @property
    def types(self) -> tuple[str, ...]:
        """The names of JSON types that are allowed; empty for any."""
        if self.int_or_string:
            return ("integer", "string")
        return (self.type,) if self.type else ()

    @property
    def has_default(self) -> bool:
        """Whether the schema says what a missing value is; a default of null is none, as upstream."""
        return self.default is not ABSENT and self.default is not None

    @property
    def takes_others(self) -> bool:
        """Whether a map may have fields that `properties` does not name."""
        return self.additional is not None or self.any_additional

    def of(self, name: str) -> Structural | None:
        """Return the schema of a field, None where none says anything."""
        return self.properties.get(name, self.additional)


Schema = Mapping[str, Any]

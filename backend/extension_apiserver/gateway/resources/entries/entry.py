"""One mapping: how a collection of an upstream becomes a resource."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from .actions import Action, Fields, read_actions, read_fields
from .expressions import Expression
from .reader import Reader

_LABEL, _A_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"), "a lower-case name such as pets"
_KIND = re.compile(r"[A-Z][A-Za-z0-9]{0,62}")
_TEXT, _SEGMENT, _HEADING = re.compile(r"(?s).*"), re.compile(r"[^/\s]*"), re.compile(r"\S.{0,62}")
#: Where a path of Kubernetes says something else: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris
_TAKEN_PLURALS = frozenset({"namespaces", "proxy", "watch"})
#: Schemas that every API has.
_TAKEN_KINDS = frozenset({"ListMeta", "ObjectMeta", "Status"})
TYPES = ("string", "integer", "number", "boolean", "date")
_TYPE = re.compile("|".join(TYPES))


@dataclasses.dataclass(frozen=True, slots=True)
class ColumnEntry:
    """One column of `kubectl get`, as `api.resources.Column` has it, but for the value."""

    name: str
    value: Expression
    type: str
    description: str
    priority: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One mapping, checked. Names are those of the configuration; `actions` is verb → what it asks."""

    place: str
    kind: str
    plural: str
    singular: str
    short_names: Sequence[str]
    categories: Sequence[str]
    namespaced: bool
    description: str
    upstream: str
    actions: dict[str, Action]
    fields: Fields
    columns: Sequence[ColumnEntry]
    schema: str


def read_entry(value: object, place: str, faults: list[str]) -> Entry | None:
    """Return a mapping, None if it has faults, which are added with their place."""
    before = len(faults)
    reader = Reader(value, place, faults)
    if len(faults) > before:
        return None
    kind = reader.text("kind", None, _KIND, "a name in CamelCase such as Pet")
    if kind in _TAKEN_KINDS:
        reader.fault("kind", f"must not be {kind}, which every API has")
    plural = reader.text("plural", f"{kind.lower()}s", _LABEL, _A_LABEL)
    if plural in _TAKEN_PLURALS:
        reader.fault("plural", f"must not be {plural}, which has a meaning of its own in paths")
    namespaced = reader.flag("namespaced")
    fields = read_fields(reader, namespaced=namespaced)
    actions = read_actions(reader, namespaced=namespaced, fields=fields)
    entry = {
        "singular": reader.text("singular", kind.lower(), _LABEL, "a lower-case name such as pet"),
        "short_names": reader.texts("shortNames", _LABEL, _A_LABEL),
        "categories": reader.texts("categories", _LABEL, _A_LABEL),
        "description": reader.text("description", f"{kind}, as the upstream has it.", _TEXT),
        "upstream": reader.text("upstream", "", _SEGMENT, "the first segment of a path"),
        "columns": [column for one in reader.parts("columns") if (column := _column(one)) is not None],
        "schema": reader.text("schema"),
    }
    reader.end()
    if len(faults) > before or fields is None:
        return None
    return Entry(place=place, kind=kind, plural=plural, namespaced=namespaced, actions=actions, fields=fields, **entry)  # type: ignore[arg-type]  # each is what its name says


def _column(reader: Reader) -> ColumnEntry | None:
    value = reader.expression("value", needed_for="what of an item the column shows")
    kind = reader.text("type", "string", _TYPE, f"one of {', '.join(TYPES)}")
    name = reader.text("name", None, _HEADING, "a heading")
    column = (reader.text("description", "", _TEXT), reader.number("priority"))
    reader.end()
    return ColumnEntry(name, value, kind, *column) if value is not None else None

"""The resources of a mapping."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from extension_apiserver.api.resources import Resource

from .columns import AGE, column_of
from .entries.entry import Entry, read_entry
from .fetch import Fetch, Run, Schemas
from .verbs import Verbs

_ANYTHING: Mapping[str, Any] = {
    "type": "object",
    "description": "The item, as the upstream has it.",
    "x-kubernetes-preserve-unknown-fields": True,
}


class MappingError(ValueError):
    """The mapping is wrong; every fault is on a line of its own, and in `faults`."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


def mapped(entries: Sequence[Mapping[str, Any]], fetch: Fetch, run: Run, schemas: Schemas) -> list[Resource]:
    """Return a resource for each entry.

    Args:
        entries: `resources` of the configuration.
        fetch: asks an upstream; in the event loop.
        run: waits for `fetch` in the thread of a verb.
        schemas: asked whenever a schema is needed, so it may know more as time goes on.

    Raises:
        MappingError: with the place of everything that is wrong.

    """
    faults: list[str] = []
    if not isinstance(entries, list | tuple):
        raise MappingError(["resources must be a list"])
    read = [read_entry(value, f"resources[{index}]", faults) for index, value in enumerate(entries)]
    found = [entry for entry in read if entry is not None]
    faults += _twice(found)
    if faults:
        raise MappingError(faults)
    return [_resource(entry, fetch, run, schemas) for entry in found]


def _twice(entries: Sequence[Entry]) -> Iterator[str]:
    """Name what kubectl could not tell apart: whatever it accepts as the name of a resource, and the names of schemas."""
    names: dict[str, str] = {}
    kinds: dict[str, str] = {}
    for entry in entries:
        for name in dict.fromkeys((entry.plural, entry.singular, *entry.short_names)):
            if names.setdefault(name, entry.place) != entry.place:
                yield f"{entry.place} has the name '{name}', which {names[name]} has, too"
        for kind in (entry.kind, f"{entry.kind}List"):
            if kinds.setdefault(kind, entry.place) != entry.place:
                yield f"{entry.place} has the kind {kind}, which {kinds[kind]} has, too"


def _resource(entry: Entry, fetch: Fetch, run: Run, schemas: Schemas) -> Resource:
    schema = _Schema(entry, schemas)
    columns = [column_of(one) for one in entry.columns]
    if entry.fields.creation_timestamp and not any(one.name.lower() == "age" for one in columns):
        columns.append(AGE)
    return Resource(
        kind=entry.kind,
        plural=entry.plural,
        singular=entry.singular,
        short_names=entry.short_names,
        categories=entry.categories,
        namespaced=entry.namespaced,
        description=entry.description,
        verbs=Verbs(entry, fetch, run, lambda: schema["spec"]).functions(),
        columns=columns,
        schema=schema,
    )


class _Schema(Mapping[str, Any]):
    """The schemas of an object's fields, which are known once the upstream has said them."""

    def __init__(self, entry: Entry, schemas: Schemas) -> None:
        self._entry = entry
        self._schemas = schemas
        fields = (entry.fields.name, entry.fields.namespace)
        self._ours: frozenset[str] = frozenset(one.field for one in fields if one is not None)

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - a schema
        if key != "spec":
            raise KeyError(key)
        schema = self._schemas(self._entry.upstream, self._entry.schema) if self._entry.schema else None
        if schema is None or schema.get("type") != "object":
            return _ANYTHING
        # The metadata says them, and they are put into the spec.
        required = [name for name in schema.get("required", ()) if name not in self._ours]
        rest = {key: value for key, value in schema.items() if key != "required"}
        return {"description": _ANYTHING["description"], **rest, **({"required": required} if required else {})}

    def __iter__(self) -> Iterator[str]:
        return iter(("spec",))

    def __len__(self) -> int:
        return 1

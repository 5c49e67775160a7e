"""Makes a resource of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, Unpack

from extension_apiserver.api.call import Subresource
from extension_apiserver.api.column import Column
from extension_apiserver.api.resources import Resource
from extension_apiserver.api.stored import Scale, Version
from extension_apiserver.objects.schema.reading import structural
from extension_apiserver.store.protocol import Store

from .functions import Verbs, functions
from .generator import Generator
from .structure import Structure
from .validation import Model, Reader


class Options(TypedDict, total=False):
    """What else a Resource has; see there. `columns` come after those of fields that are `Shown`."""

    kind: str
    description: str
    columns: Sequence[Column]
    namespaced: bool
    singular: str
    short_names: Sequence[str]
    categories: Sequence[str]
    subresources: Mapping[str, Subresource]
    store: Store | bool
    status: bool
    scale: Scale | None
    versions: Mapping[str, Version]
    stored_version: str
    selectable_fields: Sequence[str]


def resource(
    model: type[Model], *, plural: str, verbs: Verbs[Model] | None = None, **options: Unpack[Options]
) -> Resource:
    """Return the resource whose objects are as a model says.

    Args:
        model: its fields are those of the object, such as `spec`. Of `metadata` it says nothing to clients; functions need it as ObjectMeta.
        plural: as that of a Resource.
        verbs: functions that get and return models, where there is no store.
        options: by default `kind` is the model's name, `description` its docstring, and with a store there is the subresource `status` if it
            has that field.

    Raises:
        ValueError: the model has no structural schema, or the resource is wrong; one sentence that names the field.

    """
    kind = options.get("kind", model.__name__)
    structure = Structure(model.model_json_schema(by_alias=True, schema_generator=Generator), kind)
    schema = structure.schema()
    description = options.get("description") or schema.get("description", "")
    if not description:
        raise ValueError(f"{kind} has no docstring, which `kubectl explain` shows: write one, or give `description`")
    stored = options.get("store", False) is not False
    status = options.get("status", stored and "status" in schema["properties"])
    if status and "status" in schema.get("required", ()):
        raise ValueError(f"{kind}.status must have a default, such as None: a new object has no status")
    read = structural(schema)
    reader = Reader(model, read)
    if set(verbs or {}) - {"delete"} and not reader.has("metadata"):
        raise ValueError(f"{kind} needs the field `metadata: ObjectMeta`, where functions say the names of objects")
    made: dict[str, Any] = {
        **options,
        "kind": kind,
        "plural": plural,
        "description": description,
        "schema": schema,
        "status": status,
        "columns": [*structure.columns, *options.get("columns", ())],
        "verbs": functions(verbs or {}, kind, reader, read),
        "check": reader.check if stored else None,
    }
    return Resource(**made)

"""Objects within an object, `x-kubernetes-embedded-resource`: their metadata has a shape and rules, as that of the object itself.

https://github.com/kubernetes/apiextensions-apiserver/tree/v0.37.2/pkg/apiserver/schema/objectmeta
"""

from __future__ import annotations

from collections.abc import Iterator

from extension_apiserver.objects.causes import Cause, invalid, required
from extension_apiserver.objects.metadata.rules import common_causes, segment_faults
from extension_apiserver.objects.metadata.shape import WrongTypeError, shaped
from extension_apiserver.objects.paths import ROOT, Path, field, item, told
from extension_apiserver.objects.values import Object, Value
from extension_apiserver.selectors.names import dns_1035_faults

from .structural import EMBEDDED, Structural

_MOST_SLASHES = 1


def shape_embedded(value: Value, schema: Structural | None, unknown: list[str], path: Path = ROOT) -> None:
    """Give the metadata of embedded objects its shape, in place, and note what ObjectMeta does not have.

    Raises:
        WrongTypeError: a value is of a wrong type.

    """
    if schema is None or EMBEDDED not in schema.holds:
        return
    if isinstance(value, list):
        for index, one in enumerate(value):
            shape_embedded(one, schema.items, unknown, item(path, index))
    elif isinstance(value, dict):
        if schema.embedded:
            _shape(value, unknown, path)
        for name, one in value.items():
            inner = schema.of(name)
            if inner:
                shape_embedded(one, inner, unknown, field(path, name))


def _shape(value: Object, unknown: list[str], path: Path) -> None:
    for name in ("apiVersion", "kind"):
        if name in value and not isinstance(value[name], str):
            cause = invalid(told(field(path, name)), value[name], "must be a string")
            raise WrongTypeError(f"{cause.field}: {cause.message}")
    if "metadata" in value:
        where = told(field(path, "metadata"))
        try:
            value["metadata"], more = shaped(value["metadata"], where)
        except WrongTypeError as error:
            cause = invalid(where, value["metadata"], str(error))
            raise WrongTypeError(f"{cause.field}: {cause.message}") from None
        unknown += more


def embedded_causes(value: Value, schema: Structural | None, path: Path = ROOT) -> Iterator[Cause]:
    """Yield what is wrong with the metadata of embedded objects."""
    if schema is None or EMBEDDED not in schema.holds:
        return
    if isinstance(value, list):
        for index, one in enumerate(value):
            yield from embedded_causes(one, schema.items, item(path, index))
    elif isinstance(value, dict):
        if schema.embedded:
            yield from _causes(value, path)
        for name, one in value.items():
            inner = schema.of(name)
            if inner:
                step = field(path, name) if name in schema.properties else item(path, name)
                yield from embedded_causes(one, inner, step)


def _causes(value: Object, path: Path) -> Iterator[Cause]:
    for name in ("apiVersion", "kind"):
        where, said = told(field(path, name)), value.get(name)
        if name not in value:
            yield required(where)
        elif not isinstance(said, str):
            yield invalid(where, said, "must be a string")
        elif not said:
            yield invalid(where, said, "must not be empty")
        elif name == "apiVersion" and said.count("/") > _MOST_SLASHES:
            yield invalid(where, said, f"unexpected GroupVersion string: {said}")
        elif name == "kind" and (faults := dns_1035_faults(said.lower())):
            yield invalid(where, said, f"may have mixed case, but should otherwise match: {','.join(faults)}")
    if isinstance(value.get("metadata"), dict):
        metadata = {"name": "fakename", **value["metadata"]}
        yield from common_causes(
            metadata, told(field(path, "metadata")), namespaced="namespace" in metadata, faults_of=segment_faults
        )

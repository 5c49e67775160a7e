"""The Scale of an object, and the object after its Scale was written.

https://github.com/kubernetes/apiextensions-apiserver/blob/v0.37.2/pkg/registry/customresource/etcd.go (ScaleREST)
"""

from __future__ import annotations

import dataclasses

from extension_apiserver.api.stored import Scale
from extension_apiserver.objects.apply.elements import FieldsError
from extension_apiserver.objects.apply.typed.atoms import atom_of_kind
from extension_apiserver.objects.apply.versions import Versions
from extension_apiserver.objects.apply.writer import with_managed
from extension_apiserver.objects.kind import Kind
from extension_apiserver.objects.schema.defaulting import fill_defaults
from extension_apiserver.objects.schema.reading import structural
from extension_apiserver.objects.values import Object, copied
from extension_apiserver.registry.kept import Kept
from extension_apiserver.status import StatusError

from .scale_fields import SCALE_VERSION, to_object, to_scale
from .scale_paths import PathError, number_at, put_number, text_at

_INTEGER = {"type": "integer", "format": "int32"}
_SCHEMA = structural(
    {
        "type": "object",
        "properties": {
            "spec": {"type": "object", "properties": {"replicas": _INTEGER}},
            "status": {"type": "object", "properties": {"replicas": _INTEGER, "selector": {"type": "string"}}},
        },
    }
)
#: In the place of a number that is not there: upstream's sign that a patch did not give one either.
_MISSING = -(2**31)
_METADATA = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


@dataclasses.dataclass(frozen=True, slots=True)
class Scaling:
    """What the scales of a resource are.

    Attributes:
        kind: that of a Scale.
        versions: of it.

    """

    kept: Kept
    scale: Scale
    kind: Kind
    versions: Versions

    def shown(self, item: Object) -> Object:
        """Return the Scale of an object.

        Raises:
            StatusError: 500, the object has no number of replicas, or one that is none.

        """
        made, found = self._scale(item)
        if not found:
            raise self._failed(f'the spec replicas field "{self.scale.spec_replicas}" does not exist')
        return made

    def before(self, item: Object) -> Object:
        """Return the Scale as it is before a write, with its managedFields.

        Raises:
            StatusError: 500, the object has numbers that are none, or managedFields that cannot be read.

        """
        made, found = self._scale(item)
        if not found:
            made["spec"] = {"replicas": _MISSING}
        try:
            entries = to_scale(item["metadata"].get("managedFields", []), self._path, self._api_versions)
        except FieldsError as error:
            raise self._failed(f"failed to decode managed fields: {error}") from None
        if entries:
            made["metadata"]["managedFields"] = entries
        return made

    def after(self, sent: Object, item: Object) -> Object:
        """Return the object after a Scale was written, to be checked.

        Args:
            sent: the Scale, with its managedFields.
            item: the object before.

        Raises:
            StatusError: 400, the Scale is none; 500, the object has no place for the number.

        """
        replicas = _replicas(sent)
        if replicas == _MISSING:
            raise StatusError(400, f'the spec replicas field "{self.scale.spec_replicas}" cannot be empty')
        metadata = sent["metadata"]
        try:
            made: Object = copied(put_number(item, self.scale.spec_replicas, replicas))
            entries = to_object(
                item["metadata"].get("managedFields", []),
                metadata.get("managedFields", []),
                self._path,
                self._api_versions,
                item["apiVersion"],
            )
        except (PathError, FieldsError) as error:
            raise self._failed(str(error)) from None
        # The number may have made a field that was not there, and that has others by default.
        fill_defaults(made, self.kept.kinds[item["apiVersion"].rpartition("/")[2]].schema)
        own = {name: metadata[name] for name in ("resourceVersion", "uid") if metadata.get(name)}
        return with_managed(made | {"metadata": item["metadata"] | own}, entries)

    @property
    def _path(self) -> list[str]:
        return [f"f:{name}" for name in self.scale.spec_replicas.removeprefix(".").split(".")]

    @property
    def _api_versions(self) -> list[str]:
        return [kind.api_version for kind in self.kept.kinds.values()]

    def _scale(self, item: Object) -> tuple[Object, bool]:
        try:
            wanted = number_at(item, self.scale.spec_replicas)
            there = number_at(item, self.scale.status_replicas) or 0
            selector = text_at(item, self.scale.selector)
        except PathError as error:
            raise self._failed(str(error)) from None
        metadata = {name: item["metadata"][name] for name in _METADATA if item["metadata"].get(name)}
        status: Object = {"replicas": there}
        if selector:
            status["selector"] = selector
        # As upstream, whose type leaves out zeros here and not there.
        spec = {"replicas": wanted} if wanted else {}
        made = {"apiVersion": SCALE_VERSION, "kind": "Scale", "metadata": metadata, "spec": spec, "status": status}
        return made, wanted is not None

    @staticmethod
    def _failed(words: str) -> StatusError:
        return StatusError(500, f"Internal error occurred: {words}", details={"causes": [{"message": words}]})


def scaling(kept: Kept, scale: Scale) -> Scaling:
    """Return what the scales of a resource are."""
    namespaced = kept.resource.namespaced
    kind = Kind("autoscaling", "v1", "Scale", kept.resource.plural, _SCHEMA, namespaced=namespaced, tidy=_without_zero)
    versions = Versions({SCALE_VERSION: atom_of_kind(_SCHEMA)}, lambda value, _version: value)
    return Scaling(kept, scale, kind, versions)


def _without_zero(sent: Object) -> None:
    """Leave out the number where it is 0, as upstream's type does: who owns it is told by what is there."""
    spec = sent.get("spec")
    if isinstance(spec, dict) and spec.get("replicas") == 0 and spec["replicas"] is not False:
        del spec["replicas"]


def _replicas(sent: Object) -> int:
    """Return the number that a Scale asks for.

    Raises:
        StatusError: 400, a field of the Scale is of another type.

    """
    for name in ("spec", "status"):
        part = sent.get(name)
        if part is not None and not isinstance(part, dict):
            raise _wrong(name)
    spec, status = sent.get("spec") or {}, sent.get("status") or {}
    for where, value in (("spec.replicas", spec.get("replicas")), ("status.replicas", status.get("replicas"))):
        number = isinstance(value, int) and not isinstance(value, bool) and -(2**31) <= value < 2**31
        if value is not None and not number:
            raise _wrong(where)
    if not isinstance(status.get("selector") or "", str):
        raise _wrong("status.selector")
    return spec.get("replicas") or 0


def _wrong(where: str) -> StatusError:
    return StatusError(
        400, f'Scale in version "v1" cannot be handled as a Scale: {where} must be what it is in {SCALE_VERSION}'
    )

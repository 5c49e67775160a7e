"""Who writes an object, and its managedFields as part of it."""

from __future__ import annotations

import dataclasses
import datetime as dt

from extension_apiserver.objects.values import Object, same

from .field_set import FieldSet, of_paths


@dataclasses.dataclass(frozen=True, slots=True)
class Writer:
    """How an object is written.

    Attributes:
        name: of the manager; see managers.manager_name.
        api_version: by which the request came.
        subresource: by which it came, or "".
        now: the time of the request.
        has_status: the kind has the subresource `status`.

    """

    name: str
    api_version: str
    now: dt.datetime
    subresource: str = ""
    has_status: bool = False

    @property
    def ignored(self) -> FieldSet:
        """Fields that this write cannot change."""
        if self.subresource == "status":
            return of_paths(("f:metadata",), ("f:spec",))
        return of_paths(("f:status",)) if self.has_status else FieldSet()


def with_managed(value: Object, entries: list[Object]) -> Object:
    """Return an object with these managedFields, without where there are none."""
    plain = without_managed(value)
    return plain | {"metadata": plain["metadata"] | {"managedFields": entries}} if entries else plain


def without_managed(value: Object) -> Object:
    """Return an object without its managedFields."""
    metadata = value.get("metadata") or {}
    return value | {"metadata": {name: item for name, item in metadata.items() if name != "managedFields"}}


def with_old_times(new: Object, old: Object) -> Object:
    """Return the object with its old managedFields, if nothing but times differs from the old one: then nothing was written.

    https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/endpoints/handlers/fieldmanager/equality.go
    """
    return old if same(_without_times(new), _without_times(old)) else new


def _without_times(value: Object) -> Object:
    entries = value["metadata"].get("managedFields", [])
    return with_managed(value, [{name: item for name, item in entry.items() if name != "time"} for entry in entries])

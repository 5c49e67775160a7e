"""Who owns the number of replicas: managedFields of an object, as its scale has them, and back.

https://github.com/kubernetes/apimachinery/blob/v0.37.2/pkg/util/managedfields/scalehandler.go
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from extension_apiserver.objects.apply.field_set import of_paths
from extension_apiserver.objects.apply.managers import Managed, Owned, read, write
from extension_apiserver.objects.values import Object

SCALE_VERSION = "autoscaling/v1"
_IN_SCALE = ("f:spec", "f:replicas")


def to_scale(entries: Sequence[Object], path: Sequence[str], versions: Sequence[str]) -> list[Object]:
    """Return the managedFields of a scale.

    Args:
        entries: those of the object.
        path: of the number in it, as fieldsV1 writes its parts.
        versions: the object's apiVersions; in all of them it is there.

    Raises:
        FieldsError: they are none.

    """
    managed = read(entries)
    found = {
        manager: Owned(of_paths(_IN_SCALE), SCALE_VERSION, owned.applied)
        for manager, owned in managed.owners.items()
        if owned.api_version in versions and owned.fields.has(path)
    }
    times = {manager: when for manager, when in managed.times.items() if manager in found}
    return write(Managed(found, times))


def to_object(
    entries: Sequence[Object], of_scale: Sequence[Object], path: Sequence[str], versions: Sequence[str], version: str
) -> list[Object]:
    """Return the managedFields of an object after its scale was written.

    Args:
        entries: those of the object before.
        of_scale: those of the scale after.
        path, versions: as for `to_scale`.
        version: the apiVersion of the request's path.

    Raises:
        FieldsError: they are none.

    """
    before, scale = read(entries), read(of_scale)
    left = dict(scale.owners)
    made = Managed()
    for manager, owned in before.owners.items():
        if owned.api_version not in versions:
            continue
        kept = owned
        if owned.fields.has(path) and left.pop(manager, None) is None:
            kept = dataclasses.replace(owned, fields=owned.fields.difference(of_paths(path)))
            if not kept.fields:
                continue
        made.owners[manager] = kept
        if manager in before.times:
            made.times[manager] = before.times[manager]
    for manager, owned in left.items():
        if not owned.fields.has(_IN_SCALE):
            continue
        made.owners[manager] = Owned(of_paths(path), version, owned.applied)
        # As upstream, which looks for the time where only those who apply are found: who updates a scale has none.
        if manager in before.times:
            made.times[manager] = before.times[manager]
    return write(made)

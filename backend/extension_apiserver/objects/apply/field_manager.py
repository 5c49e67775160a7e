"""managedFields of every write, and server-side apply.

https://github.com/kubernetes/apimachinery/blob/v0.37.2/pkg/util/managedfields/internal/fieldmanager.go and the managers beside it
"""

from __future__ import annotations

import dataclasses

from extension_apiserver.objects.values import Object, copied, same
from extension_apiserver.status import StatusError

from . import last_applied
from .conflicts import ConflictsError, refusal
from .elements import FieldsError
from .field_set import FieldSet, of_paths
from .managers import APPLY, UPDATE, Managed, Manager, Owned, Owners, join_oldest, manager_of, read, write
from .typed.walking import TypedError
from .updater import apply as apply_fields
from .updater import update_owners
from .versions import UnknownVersionError, Versions
from .writer import Writer, with_managed, without_managed

_SELF = Manager("current-operation", "", "", "")
_BEFORE_APPLY = "before-first-apply"
_KUBECTL = "kubectl"
#: What no manager owns.
_NOBODYS = of_paths(
    *[(f"f:{name}",) for name in ("apiVersion", "kind", "metadata")],
    *[
        ("f:metadata", f"f:{name}")
        for name in (
            *("name", "namespace", "creationTimestamp", "selfLink", "uid", "clusterName", "generation"),
            *("managedFields", "resourceVersion"),
        )
    ],
)


def track_update(live: Object | None, new: Object, writer: Writer, versions: Versions) -> Object:
    """Return a new or changed object with its managedFields.

    Where they cannot be kept, since a value does not fit the schema, they stay as they were, as upstream.

    Args:
        live: as it is stored; None for a new one.
        new: as it was sent or patched, of the writer's version; its managedFields are what the client wants them to be.
        writer: who writes and how.
        versions: all of the kind.

    """
    before = live or _empty(new)
    plain = without_managed(new)
    try:
        managed = _track(without_managed(before), plain, _wanted(before, new, writer), writer, versions)
    except (TypedError, UnknownVersionError, FieldsError):
        return with_managed(plain, before["metadata"].get("managedFields", []))
    return with_managed(plain, write(managed) if managed else [])


def apply(live: Object | None, applied: Object, writer: Writer, versions: Versions, *, force: bool = False) -> Object:
    """Return the object with what was applied and with its managedFields.

    Args:
        live: as it is stored; None for a new one.
        applied: what the manager wants of the object, and nothing else; apiVersion and kind are demanded.
        writer: who applies; api_version is that of the request, and the object's.
        versions: all of the kind.
        force: take over what others own.

    Raises:
        StatusError: 400, it is of another version or has managedFields; 409, others own what it would change; 500, it does not fit its type.

    """
    if applied.get("apiVersion") != writer.api_version:
        raise StatusError(
            400,
            "Incorrect version specified in apply patch. "
            f"Specified patch version: {applied.get('apiVersion')}, expected: {writer.api_version}",
        )
    metadata = applied.get("metadata")
    if isinstance(metadata, dict) and metadata.get("managedFields") is not None:
        raise StatusError(400, "metadata.managedFields must be nil")
    before = live or _empty(applied)
    try:
        managed = read(before["metadata"].get("managedFields", []))
        before = without_managed(before)
        if not managed.owners:
            start = dataclasses.replace(writer, name=_BEFORE_APPLY)
            managed = _track(_empty(applied), before, managed, start, versions) or Managed()
        new, managed = _apply(before, applied, managed, writer, versions, force=force)
    except FieldsError as error:
        raise StatusError(500, f"failed to decode managed fields: {error}", reason="") from None
    except TypedError as error:
        words = f"failed to create typed patch object ({_called(applied)}): {error}"
        raise StatusError(500, words, reason="") from None
    made = with_managed(without_managed(new), write(managed))
    if writer.name == _KUBECTL:
        last_applied.renew(made, applied)
    return made


def _apply(
    live: Object, applied: Object, managed: Managed, writer: Writer, versions: Versions, *, force: bool
) -> tuple[Object, Managed]:
    manager = manager_of(writer.name, APPLY, writer.api_version, writer.subresource)
    wanted = versions.typed(applied, repeated=False)
    there = versions.to(versions.typed(live), writer.api_version)

    def take(forced: bool) -> tuple[Object, Owners]:
        return apply_fields(
            there,
            wanted,
            managed.owners,
            manager,
            versions,
            writer.ignored,
            force=forced,
            version=writer.api_version,
        )

    try:
        new, owners = take(force)
    except ConflictsError as error:
        allowed = last_applied.own_fields(there, versions) if writer.name == _KUBECTL else None
        left = error.without(allowed) if allowed else error.fields
        if left:
            raise refusal(left) from None
        new, owners = take(True)
    made = Managed(_without_nobodys(owners, manager), dict(managed.times))
    if same(new, there.value):
        return live, made
    made.times[manager] = writer.now
    # Upstream shares nothing with what is stored, nor with what was sent.
    return copied(new), made


def _track(live: Object, new: Object, managed: Managed, writer: Writer, versions: Versions) -> Managed | None:
    """Return the managers after an update; None where an object has none yet and none are wanted."""
    if not managed.owners and live["metadata"].get("uid"):
        return None
    before = versions.to(versions.typed(live), writer.api_version)
    after = versions.to(versions.typed(new), writer.api_version)
    owners = update_owners(before, after, managed.owners, _SELF, versions, writer.ignored, version=writer.api_version)
    owners = _without_nobodys(owners, _SELF)
    times = dict(managed.times)
    own = owners.pop(_SELF, None)
    if own:
        manager = manager_of(writer.name, UPDATE, writer.api_version, writer.subresource)
        previous = owners[manager].fields if manager in owners else FieldSet()
        owners[manager] = Owned(own.fields.union(previous), own.api_version, applied=False)
        times[manager] = writer.now
    made = Managed(owners, times)
    join_oldest(made)
    return made


def _wanted(live: Object, new: Object, writer: Writer) -> Managed:
    """Return the managers before this write: the client may set or clear them, save by a subresource."""
    asked = None if writer.subresource else new["metadata"].get("managedFields")
    if asked in ([], [{}]):
        return Managed()
    for entries in (asked or [], live["metadata"].get("managedFields", [])):
        try:
            found = read(entries)
        except FieldsError:
            continue
        if found.owners:
            return found
    return Managed()


def _without_nobodys(owners: Owners, manager: Manager) -> Owners:
    if manager not in owners:
        return owners
    own = owners[manager]
    fields = own.fields.difference(_NOBODYS)
    rest = {other: owned for other, owned in owners.items() if other != manager}
    return rest | ({manager: dataclasses.replace(own, fields=fields)} if fields else {})


def _empty(other: Object) -> Object:
    return {"apiVersion": other["apiVersion"], "kind": other["kind"], "metadata": {}}


def _called(applied: Object) -> str:
    """Return what Go calls an object: namespace/name; group/version, Kind=kind."""
    metadata = applied.get("metadata") if isinstance(applied.get("metadata"), dict) else {}
    names = [str((metadata or {}).get(name) or "") for name in ("namespace", "name")]
    return f"{'/'.join(names)}; {applied['apiVersion']}, Kind={applied.get('kind')}"

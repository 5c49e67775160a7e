"""What an update or an apply does to the owners of fields, and an apply to the object.

https://github.com/kubernetes-sigs/structured-merge-diff/blob/v6.4.2/merge/update.go
"""

from __future__ import annotations

from extension_apiserver.objects.values import Value

from .conflicts import ConflictsError
from .field_set import FieldSet
from .managers import Manager, Owned, Owners
from .typed.comparison import Comparison, compare
from .typed.merging import merge
from .typed.reconciling import reconciled
from .typed.removal import remove, with_named
from .typed.validation import fields_of
from .versions import Typed, UnknownVersionError, Versions


def update_owners(
    live: Typed, new: Typed, owners: Owners, manager: Manager, versions: Versions, ignored: FieldSet, *, version: str
) -> Owners:
    """Return the owners after a write by which ``live`` became ``new``: the manager owns what it changed, and nobody else does.

    Args:
        live: before; of a new object only apiVersion and kind.
        new: after; of the same version.
        owners: before.
        manager: who writes.
        versions: all of the kind.
        ignored: fields that this write cannot change.
        version: apiVersion of both.

    """
    known = _known(live, owners, versions)
    left, compared = _take(live, new, known, manager, versions, ignored, force=True, version=version)
    before = left[manager].fields if manager in left else FieldSet()
    fields = before.difference(compared.removed).union(compared.modified).union(compared.added).without(ignored)
    left.pop(manager, None)
    return left | ({manager: Owned(fields, version, applied=False)} if fields else {})


def apply(
    live: Typed,
    applied: Typed,
    owners: Owners,
    manager: Manager,
    versions: Versions,
    ignored: FieldSet,
    *,
    force: bool,
    version: str,
) -> tuple[Value, Owners]:
    """Return the object with what was applied, and its owners.

    What the manager applied before and does not apply now goes, unless others own it too.

    Args:
        live: as it is stored; of a new object only apiVersion and kind.
        applied: what the manager wants; of the same version.
        owners: before.
        manager: who applies.
        versions: all of the kind.
        ignored: fields that this write cannot change.
        force: take over what others own.
        version: apiVersion of both.

    Raises:
        ConflictsError: without force, others own what would change.
        TypedError: a value does not fit its type.

    """
    owners = _known(live, owners, versions)
    merged = Typed(merge(live.value, applied.value, live.atom), live.atom)
    last = owners.get(manager)
    owners[manager] = Owned(fields_of(applied.value, applied.atom).without(ignored), version, applied=True)
    new = _prune(merged, owners, manager, last, versions)
    owners, _ = _take(live, new, owners, manager, versions, ignored, force=force, version=version)
    return new.value, owners


def _known(live: Typed, owners: Owners, versions: Versions) -> Owners:
    """Return the owners, their fields as the schemas have them now; without those in versions that are no more."""
    found: Owners = {}
    for manager, owned in owners.items():
        try:
            atom = versions.to(live, owned.api_version).atom
        except UnknownVersionError:
            continue
        found[manager] = Owned(reconciled(owned.fields, atom), owned.api_version, owned.applied)
    return found


def _take(
    live: Typed,
    new: Typed,
    owners: Owners,
    manager: Manager,
    versions: Versions,
    ignored: FieldSet,
    *,
    force: bool,
    version: str,
) -> tuple[Owners, Comparison]:
    """Return the owners without what was taken from them, and what the write changed."""
    compared = compare(live.value, new.value, live.atom).without(ignored)
    by_version = {version: compared}
    conflicts: dict[Manager, FieldSet] = {}
    left: Owners = {}
    for other, owned in owners.items():
        fields = owned.fields
        if other != manager:
            try:
                there = _compared(live, new, owned.api_version, versions, by_version)
            except UnknownVersionError:
                continue
            taken = fields.intersection(there.modified.union(there.added))
            if taken:
                conflicts[other] = taken
            fields = fields.difference(taken).difference(there.removed)
        if fields:
            left[other] = Owned(fields, owned.api_version, owned.applied)
    if conflicts and not force:
        raise ConflictsError(conflicts)
    return left, compared


def _compared(live: Typed, new: Typed, version: str, versions: Versions, known: dict[str, Comparison]) -> Comparison:
    if version not in known:
        before, after = versions.to(live, version), versions.to(new, version)
        known[version] = compare(before.value, after.value, before.atom)
    return known[version]


def _prune(merged: Typed, owners: Owners, manager: Manager, last: Owned | None, versions: Versions) -> Typed:
    """Return the object without what the manager applied last time, and neither it nor another wants now."""
    if last is None or not last.fields:
        return merged
    now = owners[manager]
    if last.api_version == now.api_version and not last.fields.difference(now.fields):
        # What it applies again, as GitOps does every few minutes, takes nothing away: the steps below would find nothing, and cost most.
        return merged
    try:
        there = versions.to(merged, last.api_version)
    except UnknownVersionError:
        return merged
    pruned = Typed(remove(there.value, with_named(last.fields, there.atom), there.atom), there.atom)
    pruned = _add_back_owned(there, pruned, last.api_version, owners, versions)
    pruned = _add_back_dangling(there, pruned, last, versions)
    return versions.to(pruned, now.api_version)


def _add_back_owned(merged: Typed, pruned: Typed, version: str, owners: Owners, versions: Versions) -> Typed:
    """Return the pruned object with what anybody owns, by the version of the pruning first."""
    by_version: dict[str, FieldSet] = {}
    for owned in owners.values():
        by_version[owned.api_version] = by_version.get(owned.api_version, FieldSet()).union(owned.fields)
    for one in sorted(by_version, key=lambda name: (name != version, name)):
        try:
            merged, pruned = versions.to(merged, one), versions.to(pruned, one)
        except UnknownVersionError:
            continue
        atom = merged.atom
        wanted = with_named(fields_of(pruned.value, atom), atom).union(with_named(by_version[one], atom))
        gone = with_named(fields_of(merged.value, atom), atom).difference(wanted)
        pruned = Typed(remove(merged.value, gone, atom), atom)
    return pruned


def _add_back_dangling(merged: Typed, pruned: Typed, last: Owned, versions: Versions) -> Typed:
    """Return the object without only that which the manager itself owned before."""
    atom = merged.atom
    there = versions.to(pruned, last.api_version)
    left = with_named(fields_of(there.value, atom), atom)
    gone = with_named(fields_of(merged.value, atom), atom).difference(left)
    return Typed(remove(merged.value, gone.intersection(with_named(last.fields, atom)), atom), atom)

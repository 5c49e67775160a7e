"""metadata.managedFields: which manager owns which fields, since when and in which version.

https://github.com/kubernetes/apimachinery/blob/v0.37.2/pkg/util/managedfields/internal/managedfields.go
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from extension_apiserver.objects.go_words import quote
from extension_apiserver.objects.metadata.times import moment, written
from extension_apiserver.objects.values import Object

from .elements import FieldsError
from .field_set import FieldSet, decoded, encoded

APPLY, UPDATE = "Apply", "Update"
#: So many managers of updates are kept; the oldest of more become one.
MOST_UPDATERS = 10
_ANCIENT = "ancient-changes"
_LONGEST_NAME = 128


class Manager(NamedTuple):
    """Who owns fields.

    Attributes:
        operation: APPLY or UPDATE.
        api_version: in which it updates; "" where it applies, since then it is one manager whatever the version.

    """

    name: str
    operation: str
    api_version: str
    subresource: str


@dataclasses.dataclass(frozen=True, slots=True)
class Owned:
    """What a manager owns, by the names that a version of the kind has for it."""

    fields: FieldSet
    api_version: str
    applied: bool


Owners = dict[Manager, Owned]


@dataclasses.dataclass(slots=True)
class Managed:
    """The managers of an object.

    Attributes:
        times: when each wrote last; some have no time, as those that applied what was there already.

    """

    owners: Owners = dataclasses.field(default_factory=dict)
    times: dict[Manager, dt.datetime] = dataclasses.field(default_factory=dict)


def manager_of(name: str, operation: str, api_version: str, subresource: str) -> Manager:
    """Return the manager that writes so."""
    return Manager(name or "unknown", operation, "" if operation == APPLY else api_version, subresource)


def manager_name(field_manager: str, user_agent: str) -> str:
    """Return the name of the manager of a write: what the query says, else the User-Agent up to its first slash, 128 bytes at most.

    https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/endpoints/handlers/create.go (prefixFromUserAgent)
    """
    if field_manager:
        return field_manager
    name, size = "", 0
    for letter in user_agent.partition("/")[0][: 8 * _LONGEST_NAME]:
        if not letter.isprintable():
            continue
        size += len(letter.encode())
        if size > _LONGEST_NAME:
            break
        name += letter
    return name


def read(entries: Sequence[Object]) -> Managed:
    """Return the managers that managedFields tells of.

    Raises:
        FieldsError: it is none.

    """
    managed = Managed()
    for index, entry in enumerate(entries):
        operation, version = entry.get("operation", ""), entry.get("apiVersion", "")
        kind = entry.get("fieldsType", "")
        if operation not in {APPLY, UPDATE}:
            raise FieldsError("operation must be `Apply` or `Update`")
        if not version:
            raise FieldsError("apiVersion must not be empty")
        if kind != "FieldsV1":
            words = f"invalid fieldsType {quote(kind)}" if kind else "missing fieldsType"
            raise FieldsError(f"{words} in managed fields entry {index}")
        name = Manager(
            entry.get("manager", ""), operation, "" if operation == APPLY else version, entry.get("subresource", "")
        )
        managed.owners[name] = Owned(decoded(entry.get("fieldsV1", {})), version, operation == APPLY)
        when = moment(entry.get("time", ""))
        if when:
            managed.times[name] = when
    return managed


def write(managed: Managed) -> list[Object]:
    """Return managedFields: Apply before Update, then by time and name."""
    ordered = sorted(
        managed.owners.items(),
        key=lambda pair: (
            _operation(*pair),
            _seconds(managed.times, pair[0]),
            pair[0].name,
            pair[1].api_version,
            pair[0].subresource,
        ),
    )
    return [_entry(manager, owned, managed.times.get(manager)) for manager, owned in ordered]


def _operation(manager: Manager, owned: Owned) -> str:
    return APPLY if owned.applied else manager.operation


def _seconds(times: Mapping[Manager, dt.datetime], manager: Manager) -> int:
    return int(times[manager].timestamp()) if manager in times else 0


def _entry(manager: Manager, owned: Owned, when: dt.datetime | None) -> Object:
    entry: Object = {
        "manager": manager.name,
        "operation": _operation(manager, owned),
        "apiVersion": owned.api_version,
        "time": written(when) if when else "",
        "fieldsType": "FieldsV1",
        "fieldsV1": encoded(owned.fields),
        "subresource": manager.subresource,
    }
    return {name: value for name, value in entry.items() if value or name == "fieldsV1"}


def join_oldest(managed: Managed) -> None:
    """Make one of the oldest managers of updates in each version, until MOST_UPDATERS are left.

    https://github.com/kubernetes/apimachinery/blob/v0.37.2/pkg/util/managedfields/internal/capmanagers.go
    """
    owners = managed.owners
    updaters = [manager for manager, owned in owners.items() if not owned.applied]
    left = len(updaters)
    updaters.sort(key=lambda manager: (_seconds(managed.times, manager), manager))
    first_of: dict[str, Manager] = {}
    for manager in updaters:
        if left <= MOST_UPDATERS:
            return
        owned = owners[manager]
        version = owned.api_version
        bucket = manager_of(_ANCIENT, UPDATE, version, "")
        if version not in first_of:
            first_of[version] = manager
            continue
        if bucket not in owners:
            owners[bucket] = owners.pop(first_of[version])
        joined = owned.fields.union(owners[bucket].fields)
        owners[bucket] = Owned(joined, version, applied=False)
        if manager != bucket:
            del owners[manager]
        left -= 1
        if manager in managed.times:
            managed.times[bucket] = managed.times[manager]

"""Whether an object may be stored: the rules of metadata, schema, embedded objects and lists together.

https://github.com/kubernetes/apiextensions-apiserver/blob/v0.37.2/pkg/registry/customresource/strategy.go
"""

from __future__ import annotations

import dataclasses
from itertools import chain, islice

from .causes import MOST_CAUSES, Cause, invalid_object
from .cel.evaluation import rule_causes
from .decoding import type_causes
from .kind import Kind
from .metadata.rules import NameRule, create_causes, dns_subdomain, update_causes
from .schema.embedded import embedded_causes
from .schema.list_types import list_causes
from .schema.structural import ABSENT
from .schema.validation import schema_causes
from .values import Object


def check_create(new: Object, kind: Kind, *, faults_of: NameRule = dns_subdomain) -> None:
    """Check a new object.

    Raises:
        StatusError: 422, with its causes.

    """
    found = type_causes(new, kind) or list(
        islice(
            chain(
                create_causes(new["metadata"], namespaced=kind.namespaced, faults_of=faults_of),
                schema_causes(new, kind.schema),
                embedded_causes(new, kind.schema),
                list_causes(new, kind.schema),
                kind.also(new, ""),
            ),
            MOST_CAUSES,
        )
    )
    _refuse(found, new, kind, None, "")


def check_update(new: Object, old: Object, kind: Kind, *, subresource: str = "") -> list[str]:
    """Check a changed object; what was wrong before and stays as it is may stay, rules in CEL with a warning.

    Args:
        new: after `lifecycle.prepare_update`, or prepare_status_update.
        old: as it is stored.
        kind: the version that both are of.
        subresource: "status", by which only that field is checked, or "".

    Raises:
        StatusError: 422, with its causes.

    """
    metadata = update_causes(new["metadata"], old["metadata"], namespaced=kind.namespaced)
    if subresource == "status":
        checks = chain(metadata, _status_causes(new, old, kind))
    else:
        checks = chain(metadata, schema_causes(new, kind.schema, old=old), embedded_causes(new, kind.schema))
    again = () if next(list_causes(old, kind.schema), None) else list_causes(new, kind.schema)
    also = kind.also(new, subresource)
    found = type_causes(new, kind) or list(islice(chain(checks, again, also), MOST_CAUSES))
    return _refuse(found, new, kind, old, subresource)


def _status_causes(new: Object, old: Object, kind: Kind) -> list[Cause]:
    schema = kind.schema.of("status")
    if schema is None or "status" not in new:
        return []
    # As upstream: the sentences name fields as seen from there.
    found = schema_causes(new["status"], schema, old=old.get("status", ABSENT))
    return [dataclasses.replace(one, field=_within_status(one.field)) for one in found]


def _within_status(path: str) -> str:
    return f"status{path}" if path.startswith("[") or not path else f"status.{path}"


def _refuse(found: list[Cause], new: Object, kind: Kind, old: Object | None, subresource: str) -> list[str]:
    """Refuse what the schema or its rules found, or else the author's check; else return warnings."""
    was = ABSENT if old is None else old
    broken, warnings = rule_causes(new, kind.schema, was, found) if len(found) < MOST_CAUSES else ([], [])
    if not found and not broken:
        broken = list(islice(kind.check(new, old, subresource), MOST_CAUSES))
    if found or broken:
        name = str(new["metadata"].get("name", ""))
        raise invalid_object(kind.group, str(new.get("kind", "")), name, list(dict.fromkeys([*found, *broken])))
    return warnings

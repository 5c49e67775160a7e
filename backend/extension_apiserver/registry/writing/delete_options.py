"""The options of a deletion, which are in its body or its query.

https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/endpoints/handlers/delete.go
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from extension_apiserver.objects.causes import Cause, invalid, not_supported
from extension_apiserver.objects.json_text import parse
from extension_apiserver.objects.values import Object, Value
from extension_apiserver.request import Request
from extension_apiserver.status import StatusError

from .bodies import as_json, object_type
from .options import dry_run_causes, first, is_true, refuse

BACKGROUND, FOREGROUND, ORPHAN = "Background", "Foreground", "Orphan"
_POLICIES = (FOREGROUND, BACKGROUND, ORPHAN)
_KIND = "DeleteOptions"
_FIELDS: Mapping[str, type] = {
    "apiVersion": str,
    "kind": str,
    "propagationPolicy": str,
    "orphanDependents": bool,
    "gracePeriodSeconds": int,
    "dryRun": list,
    "preconditions": dict,
    "ignoreStoreReadErrorWithClusterBreakingPotential": bool,
}


@dataclasses.dataclass(frozen=True, slots=True)
class DeleteOptions:
    """How something is to be deleted.

    Attributes:
        policy: Background, Foreground, Orphan, or None for what the object's own finalizers say.
        orphan_dependents: older clients say so instead of a policy.
        uid: that the object must have, or None.
        resource_version: likewise.
        dry_run: nothing is deleted.

    """

    policy: str | None = None
    orphan_dependents: bool | None = None
    uid: str | None = None
    resource_version: str | None = None
    dry_run: bool = False


async def delete_options(request: Request, group: str, version: str) -> DeleteOptions:
    """Return the options of a request: those of its body, or without one those of its query.

    Raises:
        StatusError: 400, the body is none; 415, it is of another content type; 422, an option has a value that it cannot have.

    """
    text = await request.read_body()
    said = _of_body(as_json(text, object_type(request)), group, version) if text else _of_query(request)
    # The feature AllowUnsafeMalformedObjectDeletion is off upstream, and then this field counts as if it were not there.
    policy, orphans, dry_run = said.get("propagationPolicy"), said.get("orphanDependents"), said.get("dryRun") or []
    causes: list[Cause] = []
    if orphans is not None and policy is not None:
        words = "orphanDependents and deletionPropagation cannot be both set"
        causes.append(invalid("propagationPolicy", policy, words))
    if policy is not None and policy not in _POLICIES:
        causes.append(not_supported("propagationPolicy", policy, [*_POLICIES, "nil"]))
    refuse(_KIND, causes + dry_run_causes(dry_run))
    conditions: Object = said.get("preconditions") or {}
    return DeleteOptions(policy, orphans, conditions.get("uid"), conditions.get("resourceVersion"), bool(dry_run))


def _of_query(request: Request) -> Object:
    query = request.query()
    said: Object = {"dryRun": query.get("dryRun", [])}
    if "propagationPolicy" in query:
        said["propagationPolicy"] = first(query, "propagationPolicy")
    if "orphanDependents" in query:
        said["orphanDependents"] = is_true(query, "orphanDependents")
    if "gracePeriodSeconds" in query and not _is_number(first(query, "gracePeriodSeconds")):
        raise StatusError(400, "gracePeriodSeconds must be a whole number")
    return said


def _is_number(text: str) -> bool:
    return len(text) < 20 and text.lstrip("+-").isdecimal()  # noqa: PLR2004 - digits of 64 bits


def _of_body(text: bytes, group: str, version: str) -> Object:
    said, _ = parse(text)
    if not isinstance(said, dict):
        raise StatusError(400, "the body of a deletion must be DeleteOptions")
    for name, of in _FIELDS.items():
        _check(said.get(name), of, name)
    kind, api_version = said.get("kind") or _KIND, said.get("apiVersion") or "meta.k8s.io/v1"
    if kind != _KIND or api_version not in {"v1", "meta.k8s.io/v1", f"{group}/{version}"}:
        raise StatusError(
            400, f"the body of a deletion must be DeleteOptions of v1, meta.k8s.io/v1 or {group}/{version}"
        )
    for name in ("uid", "resourceVersion"):
        _check((said.get("preconditions") or {}).get(name), str, f"preconditions.{name}")
    for one in said.get("dryRun") or []:
        _check(one, str, "dryRun")
    return said


def _check(value: Value, of: type, name: str) -> None:
    wrong = not isinstance(value, of) or (of is int and isinstance(value, bool))
    if value is not None and wrong:
        words = {str: "a string", bool: "true or false", int: "a whole number", list: "a list", dict: "an object"}[of]
        raise StatusError(400, f"DeleteOptions cannot be read: {name} must be {words}")

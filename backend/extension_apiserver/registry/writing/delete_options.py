"""The options of a deletion, which are in its body or its query.

https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/endpoints/handlers/delete.go
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from extension_apiserver.objects.causes import Cause, invalid, not_supported
from extension_apiserver.objects.json_text import parse
from extension_apiserver.objects.values import Object, Value
from extension_apiserver.registry.work import Work
from extension_apiserver.request import Request
from extension_apiserver.status import StatusError

from .bodies import as_json, object_type
from .options import dry_run_causes, first, is_true, refuse

BACKGROUND, FOREGROUND, ORPHAN = "Background", "Foreground", "Orphan"
_POLICIES = (FOREGROUND, BACKGROUND, ORPHAN)
_KIND = "DeleteOptions"
UNREADABLE = "ignoreStoreReadErrorWithClusterBreakingPotential"
_NOT_WITH_UNREADABLE = ("propagationPolicy", "orphanDependents", "gracePeriodSeconds", "preconditions")
_FIELDS: Mapping[str, type] = {
    "apiVersion": str,
    "kind": str,
    "propagationPolicy": str,
    "orphanDependents": bool,
    "gracePeriodSeconds": int,
    "dryRun": list,
    "preconditions": dict,
    UNREADABLE: bool,
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
        unreadable: only what cannot be read; there is nothing such here.

    """

    policy: str | None = None
    orphan_dependents: bool | None = None
    uid: str | None = None
    resource_version: str | None = None
    dry_run: bool = False
    unreadable: bool = False


async def delete_options(request: Request, work: Work) -> DeleteOptions:
    """Return the options of a request: those of its body, or without one those of its query.

    Raises:
        StatusError: 400, the body is none; 415, it is of another content type; 422, an option has a value that it cannot have.

    """
    text = await request.read_body()
    said = _of_query(request)
    if text:
        content_type = object_type(request)
        said = await work.run(len(text), lambda: _of_body(as_json(text, content_type)))
    policy, orphans, dry_run = said.get("propagationPolicy"), said.get("orphanDependents"), said.get("dryRun") or []
    causes: list[Cause] = []
    if orphans is not None and policy is not None:
        words = "orphanDependents and deletionPropagation cannot be both set"
        causes.append(invalid("propagationPolicy", policy, words))
    if policy is not None and policy not in _POLICIES:
        causes.append(not_supported("propagationPolicy", policy, [*_POLICIES, "nil"]))
    blindly = said.get(UNREADABLE) or False
    if blindly:
        both = [name for name in _NOT_WITH_UNREADABLE if said.get(name) is not None]
        causes += [invalid(UNREADABLE, True, f"cannot be set together with .{name}") for name in both]
    refuse(_KIND, [*causes, *dry_run_causes(dry_run)])
    conditions: Object = said.get("preconditions") or {}
    uid, resource_version = conditions.get("uid"), conditions.get("resourceVersion")
    return DeleteOptions(policy, orphans, uid, resource_version, bool(dry_run), unreadable=blindly)


def _of_query(request: Request) -> Object:
    query = request.query()
    said: Object = {"dryRun": query.get("dryRun", [])}
    if "propagationPolicy" in query:
        said["propagationPolicy"] = first(query, "propagationPolicy")
    if "orphanDependents" in query:
        said["orphanDependents"] = is_true(query, "orphanDependents")
    if "gracePeriodSeconds" in query:
        said["gracePeriodSeconds"] = first(query, "gracePeriodSeconds")
        if not _is_number(said["gracePeriodSeconds"]):
            raise StatusError(400, "gracePeriodSeconds must be a whole number")
    if is_true(query, UNREADABLE):
        said[UNREADABLE] = True
    return said


def _is_number(text: str) -> bool:
    return len(text) < 20 and text.lstrip("+-").isdecimal()  # noqa: PLR2004 - digits of 64 bits


def _of_body(text: bytes) -> Object:
    said, _ = parse(text)
    if said is None:
        return {}
    if not isinstance(said, dict):
        raise StatusError(400, "the body of a deletion must be DeleteOptions")
    for name, of in _FIELDS.items():
        _check(said.get(name), of, name)
    # Each group has them, and they are the same: upstream takes those of any.
    if (said.get("kind") or _KIND) != _KIND:
        raise StatusError(400, "the body of a deletion must be DeleteOptions")
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

"""The options of a write, which are in its query.

https://github.com/kubernetes/apimachinery/blob/v0.37.2/pkg/apis/meta/v1/validation/validation.go
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Mapping, Sequence

from extension_apiserver.objects.apply.managers import manager_name
from extension_apiserver.objects.causes import Cause, forbidden, invalid_object, not_supported, required
from extension_apiserver.objects.decoding import directive_causes
from extension_apiserver.objects.metadata.rules import manager_causes
from extension_apiserver.request import Request

Query = Mapping[str, Sequence[str]]
_GROUP = "meta.k8s.io"


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """What a create, an update or a patch is asked to do besides.

    Attributes:
        manager: who writes, for managedFields.
        directive: fieldValidation.
        dry_run: nothing is stored.
        force: an apply takes over what others own.

    """

    manager: str
    directive: str
    dry_run: bool
    force: bool = False


def write_options(request: Request, kind: str, *, applies: bool = False) -> Options:
    """Return the options of a request.

    Args:
        request: its query, and its User-Agent.
        kind: CreateOptions, UpdateOptions or PatchOptions.
        applies: the patch is an apply.

    Raises:
        StatusError: 422, one has a value that it cannot have.

    """
    query = request.query()
    manager, directive = first(query, "fieldManager"), first(query, "fieldValidation")
    causes: list[Cause] = []
    if applies and not manager:
        causes.append(required("fieldManager", "is required for apply patch"))
    if kind == "PatchOptions" and not applies and "force" in query:
        causes.append(forbidden("force", "may not be specified for non-apply patch"))
    causes += [*manager_causes(manager), *dry_run_causes(query.get("dryRun", [])), *directive_causes(directive)]
    refuse(kind, causes)
    name = manager if applies else manager_name(manager, request.header(b"user-agent"))
    return Options(name, directive, bool(query.get("dryRun")), is_true(query, "force"))


def dry_run_causes(values: Sequence[object]) -> list[Cause]:
    """Return what is wrong with `dryRun`, which is All as often as one likes."""
    return [] if all(value == "All" for value in values) else [not_supported("dryRun", list(values), ["All"])]


def refuse(kind: str, causes: Sequence[Cause]) -> None:
    """Refuse options for what is wrong with them.

    Raises:
        StatusError: 422, there is something.

    """
    if causes:
        raise invalid_object(_GROUP, kind, "", causes)


def first(query: Query, name: str) -> str:
    """Return the first value of a parameter, or ""; upstream overlooks the others."""
    return next(iter(query.get(name, ())), "")


def is_true(query: Query, name: str) -> bool:
    """Return whether a parameter says yes: there, and neither `0` nor `false`.

    https://github.com/kubernetes/apimachinery/blob/v0.37.2/pkg/runtime/conversion.go (Convert_Slice_string_To_bool)
    """
    return name in query and first(query, name).lower() not in {"0", "false"}


def new_uid() -> str:
    """Return the uid of an object that begins."""
    return str(uuid.uuid4())

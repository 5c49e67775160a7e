"""What a request makes of an object: created, updated, patched, applied, as it is then stored; reading and storing are the caller's.

https://github.com/kubernetes/apiserver/tree/v0.37.2/pkg/endpoints/handlers
"""

from __future__ import annotations

import dataclasses
import datetime as dt

from extension_apiserver.status import StatusError

from .admission import check_create, check_update
from .apply.field_manager import apply as apply_fields
from .apply.field_manager import track_update
from .apply.versions import Versions
from .apply.writer import Writer, with_old_times
from .causes import invalid, invalid_object, required
from .decoding import coerce, complaints, decode, strict_words
from .go_words import quote, shortened
from .json_text import parse
from .kind import Kind
from .metadata.lifecycle import prepare_create, prepare_status_update, prepare_update
from .metadata.names import generated
from .metadata.rules import finalizer_warnings
from .metadata.shape import WrongTypeError
from .patch.json_patch import json_patch
from .patch.merge_patch import merge_patch
from .schema.defaulting import fill_defaults
from .values import Object, Value, canonical, copied

JSON_PATCH, MERGE_PATCH = "application/json-patch+json", "application/merge-patch+json"


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """How a request comes to an object.

    Attributes:
        kind: the version of its path.
        versions: all of the kind.
        namespace: of its path, "" where there is none.
        name: of its path, "" of a creation.
        subresource: "status" or "".
        manager: who writes; see apply.managers.manager_name.
        now: its time.
        directive: fieldValidation.

    """

    kind: Kind
    versions: Versions
    namespace: str
    name: str
    manager: str
    now: dt.datetime
    subresource: str = ""
    directive: str = ""

    @property
    def writer(self) -> Writer:
        """Who writes, for managedFields."""
        return Writer(self.manager, self.kind.api_version, self.now, self.subresource, self.kind.has_status)


Written = tuple[Object, list[str]]


def create(text: bytes, request: Request, *, uid: str, suffix: str) -> Written:
    """Return a new object and the warnings about it.

    Args:
        text: the body.
        request: how it came.
        uid: new.
        suffix: the end of its name, should it have generateName; names.SUFFIX_LETTERS, chosen by chance.

    Raises:
        StatusError: 400, it is no such object; 422, it is invalid.

    """
    sent, warnings = decode(text, request.kind, request.directive)
    _place(sent, request)
    return _created(track_update(None, sent, request.writer, request.versions), request, uid, suffix, warnings)


def _created(sent: Object, request: Request, uid: str, suffix: str, warnings: list[str]) -> Written:
    metadata = sent["metadata"]
    beginning = metadata.get("generateName", "")
    name = metadata.get("name") or (generated(beginning, suffix) if beginning else "")
    new = prepare_create(sent, name=name, uid=uid, now=request.now, has_status=request.kind.has_status)
    check_create(new, request.kind)
    return new, warnings + finalizer_warnings(new["metadata"].get("finalizers", []))


def update(text: bytes, old: Object, request: Request) -> Written:
    """Return a changed object, ``old`` itself if nothing changes, and the warnings about it.

    Raises:
        StatusError: 400, it is no such object; 409, it was changed meanwhile; 422, it is invalid.

    """
    sent, warnings = decode(text, request.kind, request.directive)
    _place(sent, request)
    return _updated(track_update(old, sent, request.writer, request.versions), old, request, warnings)


def _updated(sent: Object, old: Object, request: Request, warnings: list[str]) -> Written:
    _check_version(sent, old, request.kind)
    if request.subresource == "status":
        new = prepare_status_update(sent, old)
    else:
        new = prepare_update(sent, old, has_status=request.kind.has_status)
        was = old["metadata"].get("finalizers", [])
        warnings = warnings + finalizer_warnings(new["metadata"].get("finalizers", []), was)
    check_update(new, old, request.kind, subresource=request.subresource)
    return with_old_times(new, old), warnings


def _check_version(new: Object, old: Object, kind: Kind) -> None:
    version, uid = (new["metadata"].get(name, "") for name in ("resourceVersion", "uid"))
    name = old["metadata"]["name"]
    if uid and uid != old["metadata"]["uid"]:
        words = (
            f"Precondition failed: UID in precondition: {shortened(uid)}, UID in object meta: {old['metadata']['uid']}"
        )
        raise _conflict(kind, name, words)
    if not version:
        cause = invalid("metadata.resourceVersion", 0, "must be specified for an update")
        raise invalid_object(kind.group, kind.plural, name, [cause])
    if version != old["metadata"]["resourceVersion"]:
        words = "the object has been modified; please apply your changes to the latest version and try again"
        raise _conflict(kind, name, words)


def _conflict(kind: Kind, name: str, words: str) -> StatusError:
    details = {"name": name, "group": kind.group, "kind": kind.plural}
    return StatusError(
        409, f"Operation cannot be fulfilled on {kind.plural}.{kind.group} {quote(name)}: {words}", details=details
    )


def patch(text: bytes, old: Object, request: Request, how: str) -> Written:
    """Return a patched object, ``old`` itself if nothing changes, and the warnings about it.

    Args:
        text: the body.
        old: as it is stored, of the version of the request.
        request: how it came.
        how: JSON_PATCH or MERGE_PATCH.

    Raises:
        StatusError: 400, it is no patch; 409, it says a resourceVersion or uid that the object does not have; 413, 422, it cannot be applied, or
            makes the object invalid.

    """
    said, twice = parse(text)
    faults = complaints([f"json patch {name}" for name in twice] if how == JSON_PATCH else twice, [])
    patched = json_patch(old, said) if how == JSON_PATCH else copied(merge_patch(old, said))
    sent, warnings = _decoded(patched, faults, request)
    _place(sent, request)
    return _updated(track_update(old, sent, request.writer, request.versions), old, request, warnings)


def _decoded(patched: Value, faults: list[str], request: Request) -> Written:
    kind = request.kind
    if not isinstance(patched, dict) or not all(patched.get(name) for name in ("apiVersion", "kind")):
        raise _patch_fault(patched, "Object 'Kind' is missing")
    shown = copied(patched)
    try:
        unknown = coerce(patched, kind)
    except WrongTypeError as error:
        raise _patch_fault(shown, str(error)) from None
    faults += complaints([], unknown)
    if faults and request.directive == "Strict":
        raise _patch_fault(shown, strict_words(faults))
    fill_defaults(patched, kind.schema)
    return patched, faults if request.directive in {"", "Warn"} else []


def _patch_fault(patched: Value, words: str) -> StatusError:
    return invalid_object("", "", "", [invalid("patch", canonical(patched), words)])


def apply(
    said: Value, twice: list[str], old: Object | None, request: Request, *, force: bool, uid: str = ""
) -> Written:
    """Return an object to which something was applied, ``old`` itself if nothing changes, and the warnings about it.

    Args:
        said: the body, parsed from YAML or JSON.
        twice: fields that came twice in it.
        old: as it is stored, of the version of the request; None creates it.
        request: how it came.
        force: take over what others own.
        uid: new, for one that is created.

    Raises:
        StatusError: 400, it is no such object, or nobody is named as manager; 409, others own what it would change; 422, it is invalid.

    """
    kind = request.kind
    if not request.manager:
        raise invalid_object(
            "meta.k8s.io", "PatchOptions", "", [required("fieldManager", "is required for apply patch")]
        )
    if not isinstance(said, dict):
        raise StatusError(400, "error decoding patch: the body of an apply must be an object")
    if (said.get("apiVersion"), said.get("kind")) != (kind.api_version, kind.name):
        raise StatusError(400, f"invalid object type: {said.get('apiVersion')}, Kind={said.get('kind')}")
    faults = complaints(twice, [])
    new = copied(apply_fields(old, said, request.writer, request.versions, force=force))
    if faults and request.directive == "Strict":
        raise StatusError(400, f"error strict decoding patch: {strict_words(faults)}")
    try:
        coerce(new, kind)
    except WrongTypeError as error:
        raise StatusError(400, str(error)) from None
    fill_defaults(new, kind.schema)
    _place(new, request)
    warnings = faults if request.directive in {"", "Warn"} else []
    if old is None:
        return _created(new, request, uid, "", warnings)
    return _updated(new, old, request, warnings)


def _place(sent: Object, request: Request) -> None:
    """Put an object where its path says, in place.

    Raises:
        StatusError: 400, it says that it is elsewhere.

    """
    metadata = sent["metadata"]
    name = metadata.get("name", "")
    if request.name and name and name != request.name:
        raise StatusError(
            400, f"the name of the object ({shortened(name)}) does not match the name on the URL ({request.name})"
        )
    if request.name and not name:
        metadata["name"] = request.name
    namespace = metadata.get("namespace", "")
    if namespace not in {"", request.namespace}:
        raise StatusError(400, "the namespace of the provided object does not match the namespace sent on the request")
    if request.namespace:
        metadata["namespace"] = request.namespace

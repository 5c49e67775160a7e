"""What a patch and an apply make of an object, as it is then stored.

https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/endpoints/handlers/patch.go
"""

from __future__ import annotations

from extension_apiserver.status import StatusError

from .apply.field_manager import apply as apply_fields
from .apply.field_manager import track_update
from .causes import invalid, invalid_object, required
from .decoding import coerce, complaints, strict_words, type_causes
from .go_words import shortened
from .json_text import parse
from .metadata.lifecycle import drop_repeated_owners
from .metadata.shape import WrongTypeError
from .patch.json_patch import MOST_COPIED_BYTES, json_patch
from .patch.merge_patch import merge_patch
from .request import Request, place
from .schema.defaulting import fill_defaults
from .values import Object, Value, canonical, copied
from .writing import Written, created, updated

#: There is no admission here, and these are upstream's words.
_WHEN = " after mutating admission happens"
JSON_PATCH, MERGE_PATCH = "application/json-patch+json", "application/merge-patch+json"


def most_made_bytes(text: bytes, how: str) -> int:
    """Return how many bytes of an object a patch may make: copies of copies make megabytes of a thousand bytes."""
    copies = how == JSON_PATCH and (b"copy" in text or b"\\" in text)  # JSON may write each letter as an escape
    return len(text) + (MOST_COPIED_BYTES if copies else 0)


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
    sent, warnings = patched(text, old, request, how)
    return updated(sent, old, request, warnings)


def patched(text: bytes, old: Object, request: Request, how: str) -> Written:
    """Return what a patch makes of an object before that is checked, with its managedFields; otherwise as `patch`."""
    said, twice = parse(text)
    faults = complaints([f"json patch {name}" for name in twice] if how == JSON_PATCH else twice, [])
    made = json_patch(old, said) if how == JSON_PATCH else copied(merge_patch(old, said))
    sent, warnings = _decoded(made, faults, request)
    place(sent, request)
    new = track_update(old, sent, request.writer, request.versions)
    return new, warnings + drop_repeated_owners(new["metadata"], when=_WHEN)


def _decoded(patched: Value, faults: list[str], request: Request) -> Written:
    kind = request.kind
    if not isinstance(patched, dict) or not patched.get("kind"):
        raise _patch_fault(patched, f"Object 'Kind' is missing in '{shortened(canonical(patched))}'")
    if type_causes(patched, kind):
        raise _patch_fault(patched, f"it must stay of apiVersion '{kind.api_version}' and kind '{kind.name}'")
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
    new, warnings = applied(said, twice, old, request, force=force)
    if old is None:
        return created(new, request, uid, "", warnings)
    return updated(new, old, request, warnings)


def applied(said: Value, twice: list[str], old: Object | None, request: Request, *, force: bool) -> Written:
    """Return what an apply makes of an object before that is checked, with its managedFields; otherwise as `apply`."""
    kind = request.kind
    if not request.manager:
        raise invalid_object(
            "meta.k8s.io", "PatchOptions", "", [required("fieldManager", "is required for apply patch")]
        )
    if said is None:
        said = {}
    if not isinstance(said, dict):
        raise StatusError(400, "error decoding patch: the body of an apply must be an object")
    if (said.get("apiVersion"), said.get("kind")) != (kind.api_version, kind.name):
        of = str(said.get("apiVersion") or "")
        called = f"{of if '/' in of else f'/{of}'}, Kind={said.get('kind') or ''}"
        raise StatusError(400, f"invalid object type: {shortened(called)}")
    faults = complaints(twice, [])
    new = copied(apply_fields(old, said, request.writer, request.versions, force=force))
    if faults and request.directive == "Strict":
        raise StatusError(400, f"error strict decoding patch: {strict_words(faults)}")
    try:
        coerce(new, kind, applied=True)
    except WrongTypeError as error:
        raise StatusError(400, str(error)) from None
    fill_defaults(new, kind.schema)
    place(new, request)
    warnings = faults if request.directive in {"", "Warn"} else []
    return new, warnings + drop_repeated_owners(new["metadata"], when=_WHEN)

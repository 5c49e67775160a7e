"""What a creation and an update make of an object, as it is then stored; reading and storing are the caller's.

https://github.com/kubernetes/apiserver/tree/v0.37.2/pkg/endpoints/handlers
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from extension_apiserver.selectors.names import generated
from extension_apiserver.status import StatusError

from .admission import check_create, check_update
from .apply.field_manager import track_update
from .apply.writer import with_old_times
from .causes import invalid, invalid_object
from .decoding import decode
from .go_words import quote, shortened
from .kind import Kind
from .metadata.lifecycle import (
    OF_THE_SERVER,
    drop_repeated_owners,
    prepare_create,
    prepare_status_update,
    prepare_update,
)
from .metadata.rules import finalizer_warnings
from .request import Request, place
from .values import Object

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
    for name in OF_THE_SERVER:
        sent["metadata"].pop(name, None)
    with _telling(warnings):
        place(sent, request)
    warnings += drop_repeated_owners(sent["metadata"])
    return created(track_update(None, sent, request.writer, request.versions), request, uid, suffix, warnings)


def created(sent: Object, request: Request, uid: str, suffix: str, warnings: list[str]) -> Written:
    """Return a new object that was decoded, as `create`."""
    metadata = sent["metadata"]
    beginning = metadata.get("generateName", "")
    name = metadata.get("name") or (generated(beginning, suffix) if beginning else "")
    new = prepare_create(sent, name=name, uid=uid, now=request.now, has_status=request.kind.has_status)
    with _telling(warnings):
        check_create(new, request.kind)
    return new, warnings + finalizer_warnings(new["metadata"].get("finalizers", []))


def update(text: bytes, old: Object, request: Request) -> Written:
    """Return a changed object, ``old`` itself if nothing changes, and the warnings about it.

    Raises:
        StatusError: 400, it is no such object; 409, it was changed meanwhile; 422, it is invalid.

    """
    sent, warnings = replaced(text, old, request)
    check_uid(sent, old, request.kind)
    return updated(sent, old, request, warnings)


def replaced(text: bytes, old: Object, request: Request) -> Written:
    """Return what a client sent in an object's place, with its managedFields, and the warnings about it.

    Raises:
        StatusError: 400, it is no such object.

    """
    sent, warnings = read(text, request)
    return track_update(old, sent, request.writer, request.versions), warnings


def read(text: bytes, request: Request) -> Written:
    """Return the object in a body, and the warnings about it.

    Raises:
        StatusError: 400, it is no such object, or of another place than the request.

    """
    sent, warnings = decode(text, request.kind, request.directive)
    with _telling(warnings):
        place(sent, request)
    return sent, warnings + drop_repeated_owners(sent["metadata"])


def updated(sent: Object, old: Object, request: Request, warnings: list[str]) -> Written:
    """Return a changed object that was decoded, as `update`."""
    with _telling(warnings):
        _check_version(sent, old, request.kind)
    if request.subresource == "status":
        new = prepare_status_update(sent, old)
    else:
        new = prepare_update(sent, old, has_status=request.kind.has_status)
    with _telling(warnings):
        broken = check_update(new, old, request.kind, subresource=request.subresource)
    if request.subresource != "status":
        was = old["metadata"].get("finalizers", [])
        warnings = warnings + finalizer_warnings(new["metadata"].get("finalizers", []), was)
    return with_old_times(new, old), [*warnings, *broken]


@contextlib.contextmanager
def _telling(warnings: list[str]) -> Iterator[None]:
    """Tell who is refused the warnings, too: an unknown field may be why another one is missing."""
    try:
        yield
    except StatusError as error:
        error.warnings = warnings
        raise


def check_uid(new: Object, old: Object, kind: Kind) -> None:
    """Refuse to put an object in the place of another one of its name; of a patch it is a field that cannot be changed.

    Raises:
        StatusError: 409.

    """
    uid = new["metadata"].get("uid", "")
    if uid and uid != old["metadata"]["uid"]:
        words = (
            f"Precondition failed: UID in precondition: {shortened(uid)}, UID in object meta: {old['metadata']['uid']}"
        )
        raise _conflict(kind, old["metadata"]["name"], words)


def _check_version(new: Object, old: Object, kind: Kind) -> None:
    version, name = new["metadata"].get("resourceVersion", ""), old["metadata"]["name"]
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

"""What a list or watch says in its query, as metav1.ListOptions.

https://github.com/kubernetes/apimachinery/blob/v0.37.2/pkg/apis/meta/internalversion/validation/validation.go
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence

from extension_apiserver.objects.causes import Cause, forbidden, invalid_object, not_supported
from extension_apiserver.objects.go_words import quote
from extension_apiserver.status import StatusError

Query = Mapping[str, Sequence[str]]

_NOT_OLDER, _EXACT = "NotOlderThan", "Exact"
#: Leading zeros aside, more digits are no 64 bits; with the zeros there may be more than Python reads.
_INTEGER = re.compile(r"([-+]?)0*([0-9]{1,20})")
_DIGITS = re.compile(r"[-+]?[0-9]+")
_MATCH = "resourceVersionMatch"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options, valid; of several values upstream takes the first.

    Attributes:
        limit: of objects; 0 for none.
        token: `continue`.
        revision: of the store, None if no `resourceVersion` is given; 0 is whichever is at hand.
        exact: the list is as of `revision`, not of a later one.
        send_initial: a watch begins with the present state; None if nothing is said.
        bookmarks: are allowed.
        timeout_seconds: of a watch, None if nothing is said.

    """

    limit: int
    token: str
    revision: int | None
    exact: bool
    send_initial: bool | None
    bookmarks: bool
    timeout_seconds: int | None


def options_of(query: Query, *, watch: bool) -> Options:
    """Return the options of a list or a watch.

    Raises:
        StatusError: 400, a number is none, or `continue` and `resourceVersion` exclude each other; 422, so do others.

    """
    token, version, match = (_first(query, name) for name in ("continue", "resourceVersion", _MATCH))
    limit, timeout_seconds = _integer(query, "limit"), _integer(query, "timeoutSeconds")
    send_initial = _truth(query, "sendInitialEvents")
    if watch and send_initial is None and not match and version in {"", "0"}:
        # https://github.com/kubernetes/apimachinery/blob/v0.37.2/pkg/apis/meta/internalversion/defaults.go
        send_initial, match = True, _NOT_OLDER
    causes = (_of_watch if watch else _of_list)(match, version, token, send_initial)
    if causes:
        raise invalid_object("meta.k8s.io", "ListOptions", "", causes)
    revision = revision_of(version)
    return Options(
        limit=max(limit or 0, 0),
        token="" if watch else token,
        revision=revision,
        exact=bool(match == _EXACT or (not match and not watch and revision and limit and limit > 0)),
        send_initial=send_initial,
        bookmarks=_truth(query, "allowWatchBookmarks") or False,
        timeout_seconds=timeout_seconds,
    )


def revision_of(text: str) -> int | None:
    """Return the revision that a resourceVersion is, None if it is empty.

    Raises:
        StatusError: 400, it is none.

    """
    if not text:
        return None
    found = _INTEGER.fullmatch(text)
    if found and not found[1] and int(found[2]) < 2**64:
        return int(found[2])
    why = "value out of range" if _DIGITS.fullmatch(text) and text[0] not in "+-" else "invalid syntax"
    parsing = f"strconv.ParseUint: parsing {quote(text)}: {why}"
    raise StatusError(400, f"invalid resource version: resourceVersion: Invalid value: {quote(text)}: {parsing}")


def _of_list(match: str, version: str, token: str, send_initial: bool | None) -> list[Cause]:
    causes: list[Cause] = []
    if match:
        if not version:
            causes.append(forbidden(_MATCH, f"{_MATCH} is forbidden unless resourceVersion is provided"))
        if token:
            causes.append(forbidden(_MATCH, f"{_MATCH} is forbidden when continue is provided"))
        if match not in {_EXACT, _NOT_OLDER}:
            causes.append(not_supported(_MATCH, match, [_EXACT, _NOT_OLDER, ""]))
        if match == _EXACT and version == "0":
            causes.append(forbidden(_MATCH, f'{_MATCH} "exact" is forbidden for resourceVersion "0"'))
    if send_initial is not None:
        causes.append(forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    return causes


def _of_watch(match: str, version: str, token: str, send_initial: bool | None) -> list[Cause]:
    del version
    causes: list[Cause] = []
    if send_initial is not None and match != _NOT_OLDER:
        causes.append(forbidden(_MATCH, f"sendInitialEvents requires setting {_MATCH} to {_NOT_OLDER}"))
    if match:
        if send_initial is None:
            causes.append(forbidden(_MATCH, f"{_MATCH} is forbidden for watch unless sendInitialEvents is provided"))
        if match != _NOT_OLDER:
            causes.append(not_supported(_MATCH, match, [_NOT_OLDER]))
        if token:
            causes.append(forbidden(_MATCH, f"{_MATCH} is forbidden when continue is provided"))
    return causes


def _first(query: Query, name: str) -> str:
    return query.get(name, ("",))[0]


def _truth(query: Query, name: str) -> bool | None:
    # https://github.com/kubernetes/apimachinery/blob/v0.37.2/pkg/runtime/conversion.go (Convert_Slice_string_To_bool)
    return query[name][0].lower() not in {"0", "false"} if name in query else None


def _integer(query: Query, name: str) -> int | None:
    if name not in query:
        return None
    text = query[name][0]
    found = _INTEGER.fullmatch(text)
    if found and -(2**63) <= int(found[1] + found[2]) < 2**63:
        return int(found[1] + found[2])
    why = "value out of range" if _DIGITS.fullmatch(text) else "invalid syntax"
    raise StatusError(400, f"strconv.ParseInt: parsing {quote(text)}: {why}")

"""From a request's path to the upstream that answers it, and to the path that is asked for there."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar
from urllib.parse import quote, quote_from_bytes, unquote_to_bytes

from extension_apiserver.request import Request
from extension_apiserver.status import StatusError

_GROUP_PREFIX_PARTS = 3  # apis, group, version
#: Below it kube-apiserver lets requests last: verb `proxy`.
_PROXY, _ROOT = "proxy", "_"
#: As Go's net/url leaves them: https://www.rfc-editor.org/rfc/rfc3986#section-3.3
_SAFE = "/$&+,:;=@!*'()~"
#: Nothing in it is encoded, or means anything but itself.
_PLAIN = re.compile(r"(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+/?")
#: A segment of nothing, or of dots and spaces, which some cut off at an end; a path may end in a slash. What follows a `;` is a parameter
#: for some, as for Tomcat, and what follows `?` or `#` is no path any more where it was decoded too early.
_EMPTY = re.compile(rb"/[. ]*([;?#][^/]*)?(/|(?<!/)\Z)")
#: Among it '.' and '/' in two or three bytes: https://www.rfc-editor.org/rfc/rfc3629#section-10
_UNCLEAR = re.compile(rb"[\x00-\x1f\x7f\\]|[\xc0\xc1][\x80-\xbf]|\xe0[\x80-\x9f]")
_QUERY = re.compile(r"[!-~]*")
_QUERY_SAFE = "".join(chr(code) for code in range(0x21, 0x7F))


class Place(Protocol):
    """What an upstream's configuration says of requests that it answers; as `UpstreamConfig`."""

    @property
    def version(self) -> str:
        """Of the group, or '' for all."""

    @property
    def segment(self) -> str:
        """The first below the version, or '' for all."""

    @property
    def prefix(self) -> str:
        """'strip' or 'keep'."""


_Any = TypeVar("_Any", bound=Place)


@dataclasses.dataclass(frozen=True, slots=True)
class Way(Generic[_Any]):
    """Where a request goes.

    Attributes:
        upstream: who answers.
        target: path and query there, percent-encoded, beginning with '/'.
        prefix: what was cut off at its front, '' or '/apis/…' without a slash at its end.
        below_proxy: requests may last, and pages are for browsers.

    """

    upstream: _Any
    target: bytes
    prefix: str
    below_proxy: bool


def way(request: Request, upstreams: Sequence[_Any]) -> Way[_Any]:
    """Return where a request goes whose path is below `/apis/<group>/<version>/`.

    Raises:
        StatusError: 400 for a path that kube-apiserver and an upstream would read in two ways; 404 if no upstream answers it.

    """
    path = request.target.partition("?")[0]
    if not _PLAIN.fullmatch(path):
        decoded = unquote_to_bytes(path.encode("latin-1"))
        demand_one_meaning(decoded)
        # What kube-apiserver asked RBAC about is what it decoded, so that is what the upstream gets.
        path = quote_from_bytes(decoded, safe=_SAFE)
    parts = path.split("/")[1:]
    version, rest = parts[2], parts[_GROUP_PREFIX_PARTS:]
    front = front_of(rest)
    below = rest[len(front) :]
    upstream = chosen(upstreams, version, below[0] if below else "")
    if upstream is None:
        raise StatusError(404, "the server could not find the requested resource: no upstream answers this path")
    strip = upstream.prefix == "strip"
    query = request.query_string
    if not _QUERY.fullmatch(query):
        query = quote(query.encode("latin-1"), safe=_QUERY_SAFE)
    target = ("/" + "/".join(below) if strip else path) + (f"?{query}" if query else "")
    prefix = "/" + "/".join(parts[: _GROUP_PREFIX_PARTS + len(front)]) if strip else ""
    return Way(upstream, target.encode(), prefix, bool(front))


def front_of(segments: Sequence[str]) -> Sequence[str]:
    """Return what stands before the upstream's own path, below the version: nothing, `proxy`, or `proxy/_`.

    kube-apiserver wants a segment behind `proxy`, so that `_` is for pages and programs that need the upstream's root.
    """
    if segments[:1] != [_PROXY]:
        return ()
    return segments[:2] if segments[1:2] == [_ROOT] else segments[:1]


def chosen(upstreams: Sequence[_Any], version: str, segment: str) -> _Any | None:
    """Return the most specific upstream; a segment counts more than a version."""
    fitting = [one for one in upstreams if one.version in {"", version} and one.segment in {"", segment}]
    return max(fitting, key=lambda one: (bool(one.segment), bool(one.version)), default=None)


def demand_one_meaning(path: bytes) -> None:
    """Refuse what servers read in different ways: kube-apiserver takes every segment as it is.

    RBAC would be asked about `pets/../admins`, as the subresource of a pet, and the upstream would answer `admins`.

    Raises:
        StatusError: 400.

    """
    if _EMPTY.search(path):
        raise StatusError(
            400, "the path must have no empty segment and none of '.' and '..': servers differ about what they mean"
        )
    if _UNCLEAR.search(path):
        raise StatusError(
            400,
            "the path must have no backslash, no control character and no character in more bytes than UTF-8 has for it: servers differ "
            "about what they mean",
        )

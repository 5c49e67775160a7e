"""What paths need besides what kube-apiserver asks for.

kube-apiserver reads of `/apis/<group>/<version>/pets/tom/visits/7/bill` the resource `pets/visits` and the name `tom`, and nothing more:
whoever may `get pets/visits` gets the bill. A row of the access table gives the rest of the path words that Roles can name.
"""

from __future__ import annotations

from collections.abc import Sequence

from extension_apiserver.request import Request
from extension_apiserver.request_info import RequestInfo

from .config import AccessRow
from .passing.paths import front_of

_GROUP_PREFIX_PARTS = 3  # apis, group, version
_REST = "**"


def segments_below(path: str) -> list[str]:
    """Return the segments of a path below the version, without `proxy` or `proxy/_` at its front, and as upstreams read them.

    Many leave out what follows a `;` in a segment: https://www.rfc-editor.org/rfc/rfc3986#section-3.3
    """
    parts = path.removesuffix("/").split("/")[1 + _GROUP_PREFIX_PARTS :]
    return [part.partition(";")[0] for part in parts[len(front_of(parts)) :]]


class Pattern:
    """A path of the configuration, as `AccessRow.path` has it."""

    def __init__(self, path: str) -> None:
        """Take it apart."""
        self._parts = path.strip("/").split("/") if path.strip("/") else []
        self._open = self._parts[-1:] == [_REST]
        if self._open:
            self._parts.pop()

    def match(self, segments: Sequence[str]) -> dict[str, str] | None:
        """Return what stands for `{name}` and `{namespace}`, or None if the path is another one.

        In whatever case it is written: for some upstreams, as for Express, `/Admin` is `/admin`.
        """
        if len(segments) < len(self._parts) or (len(segments) > len(self._parts) and not self._open):
            return None
        found: dict[str, str] = {}
        for part, segment in zip(self._parts, segments, strict=False):
            if part.startswith("{"):
                found[part[1:-1]] = segment
            elif part not in {"*", segment} and part.lower() != segment.lower():
                return None
        return found


class Access:
    """The table; the first row that fits a request counts."""

    def __init__(self, group: str, rows: Sequence[AccessRow]) -> None:
        """Take the rows apart."""
        self._group = group
        self._rows = [(Pattern(row.path), frozenset(row.methods), row) for row in rows]

    def needed(self, request: Request) -> RequestInfo | None:
        """Return what a request needs, in the words of authorization, or None if that is nothing more."""
        if not self._rows or not request.path.startswith(f"/apis/{self._group}/"):
            return None
        segments = segments_below(request.path)
        method = "GET" if request.method == "HEAD" else request.method
        for pattern, methods, row in self._rows:
            found = pattern.match(segments) if not methods or method in methods else None
            if found is not None:
                resource, _, subresource = row.resource.partition("/")
                return RequestInfo(
                    verb=row.verb or request.method.lower(), path=request.path, is_resource=True, group=self._group,
                    version=request.path.split("/")[_GROUP_PREFIX_PARTS], namespace=found.get("namespace", ""),
                    resource=resource, subresource=subresource, name=found.get("name", ""),
                )  # fmt: skip
        return None

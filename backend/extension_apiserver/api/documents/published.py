"""Answers for the documents of all groups together: `/apis` and below it down to the versions, and `/openapi`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from extension_apiserver.api.group import Group
from extension_apiserver.request import JSON, Request, Response

from .discovery import Discovery, Listed
from .document import Document, compact
from .openapi import OpenApiDocuments


class Published:
    """Keeps documents until a group has something else to say."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self._groups = groups
        self._discovery, self._discovered = Discovery([]), _Made()
        self._openapi, self._described = dict[str, Document](), _Made()

    def answer(self, request: Request) -> Response | None:
        """Return the document at a path, None if there is none.

        Raises:
            StatusError: 405 for anything but GET and HEAD, 406 if the client wants no form that there is.

        """
        path = request.path
        if path == "/apis":
            return self._discover().groups(request.header(b"accept")).response(request)
        if not path.startswith("/openapi/"):
            document = self._discover().paths.get(path)
            return None if document is None else document.response(request)
        document = self._describe().get(path)
        if document is None:
            return None
        # The hash in the query is only there to defeat caches; an old one gets the document of now, never a redirect, which the
        # aggregator would refuse.
        current = request.query().get("hash") == [document.etag]
        return document.response(request, [("Cache-Control", "public, immutable")] if current else ())

    def _discover(self) -> Discovery:
        listed = [
            Listed(one.name, {version: one.resources(version) for version in one.versions}) for one in self._groups
        ]
        if self._discovered.of_others([entries for one in listed for entries in one.versions.values()]):
            self._discovery = Discovery(listed)
        return self._discovery

    def _describe(self) -> dict[str, Document]:
        found = [(group, documents) for group in self._groups if (documents := group.openapi()) is not None]
        if self._described.of_others([documents for _, documents in found]):
            self._openapi = _openapi(self._groups[0], found)
        return self._openapi


class _Made:
    """Remembers of what something was made."""

    def __init__(self) -> None:
        self._parts: list[object] | None = None

    def of_others(self, parts: list[object]) -> bool:
        """Return whether these are other objects than last time."""
        before, self._parts = self._parts, parts
        return before is None or [id(part) for part in before] != [id(part) for part in parts]


def _openapi(first: Group, found: Sequence[tuple[Group, OpenApiDocuments]]) -> dict[str, Document]:
    """Return path → document. The list of v3 names only our own, because kube-apiserver merges it unfiltered."""
    v3 = {f"apis/{group.name}/{version}": one for group, documents in found for version, one in documents.v3.items()}
    relative_urls = {
        path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={document.etag}"} for path, document in v3.items()
    }
    info = compact({"title": first.name, "version": first.versions[0]})
    paths = _merged(documents.v2_paths for _, documents in found)
    definitions = _merged(documents.v2_definitions for _, documents in found)
    v2 = b'{"swagger":"2.0","info":%b,"paths":%b,"definitions":%b}' % (info, paths, definitions)
    return {
        "/openapi/v2": Document(JSON, v2),
        "/openapi/v3": Document(JSON, {"paths": relative_urls}),
        **{f"/openapi/v3/{path}": document for path, document in v3.items()},
    }


def _merged(objects: Iterable[bytes]) -> bytes:
    """Return one JSON object with the members of several, whose names all differ: they begin with the group's."""
    return b"{%b}" % b",".join(members for one in objects if (members := one.strip()[1:-1]))

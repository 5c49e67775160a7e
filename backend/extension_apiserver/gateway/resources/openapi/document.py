"""Reads the OpenAPI document of an upstream: whatever is wrong with it costs a sentence in the log, and nothing else."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from extension_apiserver.gateway.resources.answers import parsed
from extension_apiserver.gateway.resources.words import quoted, shown

from .structural import structural

Json = dict[str, Any]

_MOST_BYTES = 8 * 2**20
_MOST_PATHS, _MOST_COMPONENTS = 5_000, 10_000
#: It stands before each path.
_LONGEST_BASE = 1024
#: The kinds of components that are kept.
SECTIONS = ("schemas", "parameters", "requestBodies", "responses")
_VERSION = re.compile(r"3\.[01]\.\d+(-\w+)?")


class OpenApiError(ValueError):
    """A document cannot be used; the message is a sentence for the log."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class UpstreamOpenApi:
    """The OpenAPI 3 document of an upstream.

    Attributes:
        paths: as the document has them.
        components: section → name → component, of SECTIONS alone.
        base: path of its server, that stands before each of its paths; '' for none.

    """

    paths: Mapping[str, Any]
    components: Mapping[str, Mapping[str, Any]]
    base: str
    _known: dict[str, Json | None] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, body: bytes) -> UpstreamOpenApi:
        """Read a document; 8 MiB take about a second.

        Raises:
            OpenApiError: if it is too large, or no OpenAPI 3.0 or 3.1 in JSON.

        """
        if len(body) > _MOST_BYTES:
            raise OpenApiError(f"the upstream's OpenAPI has {len(body)} bytes, and at most {_MOST_BYTES} are read")
        try:
            document = parsed(body)
        except ValueError as error:
            raise OpenApiError(f"the upstream's OpenAPI {error}; YAML is not read") from None
        if not isinstance(document, dict):
            raise OpenApiError(f"the upstream's OpenAPI must be an object, not {shown(document)}")
        if "swagger" in document:
            raise OpenApiError("the upstream's OpenAPI is Swagger 2, and must be OpenAPI 3.0 or 3.1")
        if not _VERSION.fullmatch(str(document.get("openapi"))):
            raise OpenApiError(
                f"the upstream's OpenAPI must be of version 3.0 or 3.1, not {shown(document.get('openapi'))}"
            )
        paths, components = _object(document.get("paths")), _object(document.get("components"))
        sections = {section: _object(components.get(section)) for section in SECTIONS}
        count = sum(map(len, sections.values()))
        if len(paths) > _MOST_PATHS or count > _MOST_COMPONENTS:
            raise OpenApiError(
                f"the upstream's OpenAPI has {len(paths)} paths and {count} components, and at most {_MOST_PATHS} and {_MOST_COMPONENTS} "
                "are served"
            )
        return cls(paths, sections, _base(document.get("servers")))

    def schema(self, name: str) -> Json | None:
        """Return the structural schema of a component, for the spec of a resource; None without an object of that name."""
        if name not in self._known:
            found = structural(self.components["schemas"], name)
            self._known[name] = found if found.get("type") == "object" else None
        return self._known[name]

    def complaint(self, name: str) -> str:
        """Return why a component gives no schema, '' if it does."""
        if self.schema(name) is not None:
            return ""
        what = "is not an object there" if name in self.components["schemas"] else "is not there"
        return f"the schema {quoted(name)} of the upstream's OpenAPI {what}; kubectl explain says only that a spec is an object"


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _base(servers: object) -> str:
    """Return the path of the first server: the rest of its URL is what the configuration says."""
    first = servers[0] if isinstance(servers, list) and servers else None
    url = first.get("url") if isinstance(first, dict) else None
    if not isinstance(url, str) or "{" in url:
        return ""
    try:
        path = urlsplit(url).path.rstrip("/")
    except ValueError:
        return ""
    return path if path.startswith("/") and len(path) <= _LONGEST_BASE else ""

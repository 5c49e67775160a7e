"""The OpenAPI documents of all upstreams, as they are known by now."""

from __future__ import annotations

import dataclasses
import hashlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from .document import OpenApiError, UpstreamOpenApi
from .merging import merged

Json = dict[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Origin:
    """Whose document it is.

    Attributes:
        version: as in `config.UpstreamConfig`, and so are the others.
        segment: see there.
        prefix: see there.

    """

    version: str
    segment: str
    prefix: str


class UpstreamDocuments:
    """What upstreams say of themselves; any thread may ask.

    Args:
        group: of the API.
        wanted: (segment, name) of the schemas that resources take from documents.

    """

    def __init__(self, group: str, wanted: Sequence[tuple[str, str]]) -> None:
        self._group = group
        self._wanted = tuple(wanted)
        self._lock = threading.Lock()
        #: With the hash of what was read.
        self._known: dict[Origin, tuple[bytes, UpstreamOpenApi]] = {}

    def put(self, origin: Origin, body: bytes) -> tuple[bool, Sequence[str]]:
        """Take the document of an upstream; it may take a second, so it is work for a thread.

        Returns whether it is another one than before, and what is wrong with it, in sentences for the log; what cannot be used
        changes nothing, so the last good one stays.
        """
        digest = hashlib.sha256(body).digest()
        if origin in self._known and self._known[origin][0] == digest:
            return False, ()
        try:
            document = UpstreamOpenApi.of(body)
        except OpenApiError as error:
            return False, (str(error),)
        with self._lock:
            self._known = {**self._known, origin: (digest, document)}
        names = [name for segment, name in self._wanted if segment == origin.segment]
        return True, [sentence for name in names if (sentence := document.complaint(name))]

    def schema(self, segment: str, name: str) -> Json | None:
        """Return a component's schema, as `resources.fetch.Schemas` wants it."""
        found = (document.schema(name) for origin, document in self._documents() if origin.segment == segment)
        return next((schema for schema in found if schema is not None), None)

    def extend(self, version: str, ours: Json) -> Json:
        """Return our document of a version with what the upstreams say; as `api.openapi.Extend` wants it."""
        root = f"/apis/{self._group}/{version}"
        for origin, document in sorted(
            self._documents(), key=lambda pair: (pair[0].segment == "", pair[0].version == "")
        ):
            if origin.version in {"", version}:
                name = ".".join(filter(None, ("upstream", origin.segment, origin.version)))
                below = f"{root}/{origin.segment}" if origin.segment else root
                ours = merged(ours, document, "" if origin.prefix == "keep" else root, below, name)
        return ours

    def _documents(self) -> Iterator[tuple[Origin, UpstreamOpenApi]]:
        return ((origin, document) for origin, (_, document) in self._known.items())

"""What the resources ask an upstream, and what it answers: the interface between them and the HTTP client."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from extension_apiserver.request import Request
from extension_apiserver.trust.identity import Identity


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FetchCall:
    """One request to an upstream.

    Attributes:
        segment: which upstream, as the mapping names it; '' for that of all segments.
        version: of the group, as the client asked for it.
        method: of HTTP.
        path: as the upstream has it, percent-encoded; begins with '/'.
        query: pairs of name and value, not encoded.
        body: JSON, None for none.
        identity: who calls.
        request: what came in, for its audit id and the headers that go on.

    """

    segment: str
    version: str
    method: str
    path: str
    query: Sequence[tuple[str, str]]
    body: bytes | None
    identity: Identity
    request: Request


@dataclasses.dataclass(frozen=True, slots=True)
class Fetched:
    """What the upstream answered; `body` is bounded by whoever fetched it."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        """Return the first value of a header, named in lower case; '' if there is none."""
        return next((value for key, value in self.headers if key.lower() == name), "")


#: Raises StatusError 502 or 504 if the upstream is away, 502 if its answer is too large.
Fetch = Callable[[FetchCall], Awaitable[Fetched]]
#: Waits, in a thread, for what the event loop does.
Run = Callable[[Awaitable[Fetched]], Fetched]
#: Returns the schema of a component of an upstream's OpenAPI, by the upstream's segment and the component's name; None without it.
Schemas = Callable[[str, str], Mapping[str, Any] | None]

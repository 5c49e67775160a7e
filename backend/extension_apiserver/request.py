"""The request and the response, as every part of the library but the HTTP server sees them."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any
from urllib.parse import parse_qs, unquote

from .streams import Stream

JSON = "application/json"


@dataclasses.dataclass(slots=True, eq=False)
class Connection:
    """One TLS connection.

    Attributes:
        certificates: what the client showed, leaf first, DER. Empty without a certificate, and for a resumed session, in which
            none is shown: whoever resumes one is nobody.
        client_address: IP address of the client, '' if it is gone already.
        verdict: a place where the authenticator remembers what it found for these certificates.
        watchers: called once each when the client has left, while they are here; for work that is worth nothing then.

    """

    certificates: tuple[bytes, ...] = ()
    client_address: str = ""
    verdict: Any = None
    watchers: set[Callable[[], object]] = dataclasses.field(default_factory=set)

    @contextlib.contextmanager
    def watching(self, leave: Callable[[], object]) -> Iterator[None]:
        """Have `leave` called if the client leaves meanwhile."""
        self.watchers.add(leave)
        try:
            yield
        finally:
            self.watchers.discard(leave)


async def _nothing() -> bytes:
    return b""


@dataclasses.dataclass(slots=True)
class Request:
    """One request.

    Attributes:
        method: upper case, as received.
        target: path and query as received, percent-encoded; begins with '/'.
        headers: every header line in arrival order, names in lower case. The only source of identity: mappings and WSGI
            variables fold repeated and look-alike names. Authentication takes out credentials and what claims an identity
            without a proof.
        connection: where it came from.
        read_body: reads the whole body; raises StatusError 413 if it is too large and 408 if it takes too long.
        identity_names: names of the header lines by which the front proxy said who calls; for the eyes of the library alone.
        length: of the body, in bytes, as announced; None if it comes in chunks.
        read_part: reads the next part of the body, once there is any, and b'' at its end; raises StatusError 413 if all parts together
            are too large and 408 if they come too slowly. A body is read whole or in parts, never both.
        upgrades: the client wants to go on with another protocol, and what it sends next is no HTTP; only such a request may be answered
            with 101.

    """

    method: str
    target: str
    headers: Sequence[tuple[bytes, bytes]]
    connection: Connection
    read_body: Callable[[], Awaitable[bytes]]
    identity_names: frozenset[bytes] = frozenset()
    length: int | None = 0
    read_part: Callable[[], Awaitable[bytes]] = _nothing
    upgrades: bool = False
    path: str = dataclasses.field(init=False)
    query_string: str = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        path, _, self.query_string = self.target.partition("?")
        # kube-apiserver decodes and encodes again on its way, so an encoded slash is a slash in any case.
        self.path = unquote(path) if "%" in path else path

    def header(self, name: bytes) -> str:
        """Return all values of a header joined by ', ', or ''. Not for identity."""
        return ", ".join(value.decode("latin-1") for key, value in self.headers if key == name)

    def query(self) -> dict[str, list[str]]:
        """Return the query as name → values; empty values are kept."""
        return parse_qs(self.query_string, keep_blank_values=True) if self.query_string else {}


@dataclasses.dataclass(slots=True)
class Response:
    """One response; the server adds Content-Length or Transfer-Encoding, Date and Connection.

    Attributes:
        body: all of it, b'' if there is a stream.
        stream: makes the body while it is sent. With status 101 it is what the connection carries from then on, both ways.

    """

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes = b""
    stream: Stream | None = None


def json_response(document: object, status: int = 200, headers: Sequence[tuple[str, str]] = ()) -> Response:
    """Return a response with a JSON body that ends in a newline."""
    return Response(status, [("Content-Type", JSON), *headers], json.dumps(document).encode() + b"\n")

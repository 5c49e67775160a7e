"""Documents that never change while the server runs, kept as bytes, with an ETag."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from extension_apiserver.request import Request, Response
from extension_apiserver.status import StatusError


class Document:
    """One JSON document and its headers.

    Args:
        content_type: its Content-Type.
        document: what JSON can say, or bytes of JSON.

    Attributes:
        etag: hash of the content, without quotes.

    """

    def __init__(self, content_type: str, document: object) -> None:
        body = (document if isinstance(document, bytes) else compact(document)) + b"\n"
        self.etag = hashlib.sha256(body).hexdigest().upper()
        headers = [("ETag", f'"{self.etag}"'), ("Vary", "Accept")]
        self._full = Response(200, [("Content-Type", content_type), *headers], body)
        self._unchanged = Response(304, headers, b"")

    def response(self, request: Request, headers: Sequence[tuple[str, str]] = ()) -> Response:
        """Return the document, or 304 for a client that has it.

        Raises:
            StatusError: 405 for anything but GET and HEAD.

        """
        require_reading(request)
        known = request.header(b"if-none-match")
        answer = self._unchanged if known and f'"{self.etag}"' in known else self._full
        return Response(answer.status, [*answer.headers, *headers], answer.body) if headers else answer


def compact(document: object) -> bytes:
    """Return JSON without spaces."""
    return json.dumps(document, separators=(",", ":")).encode()


def require_reading(request: Request) -> None:
    """Check that the method only reads.

    Raises:
        StatusError: 405 for anything but GET and HEAD.

    """
    if request.method not in {"GET", "HEAD"}:
        message = f"{request.method} is not supported for {request.path}"
        raise StatusError(405, message, headers=[("Allow", "GET, HEAD")])

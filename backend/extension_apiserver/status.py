"""metav1.Status, the only form in which this server reports a failure.

https://github.com/kubernetes/apimachinery/blob/v0.34.0/pkg/apis/meta/v1/types.go
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

#: HTTP code → reason that clients compare with. Codes that are missing here have an empty reason, as upstream.
REASONS: Mapping[int, str] = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    409: "Conflict",
    410: "Expired",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


class StatusError(Exception):
    """A request failed; becomes a Status with the same code.

    Args:
        code: HTTP status code, 400 to 599.
        message: one sentence for the person who runs kubectl.
        reason: the machine-readable reason; by default the one that belongs to the code.
        details: the `details` of the Status, such as `{"name": …, "kind": …, "causes": […]}`.
        headers: additional response headers.
        metadata: the `metadata` of the Status, such as the token with which a list can be continued.

    Attributes:
        warnings: what the client is told besides.

    """

    def __init__(
        self,
        code: int,
        message: str,
        *,
        reason: str | None = None,
        details: Mapping[str, Any] | None = None,
        headers: Sequence[tuple[str, str]] = (),
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = REASONS.get(code, "") if reason is None else reason
        self.details = details
        self.headers = tuple(headers)
        self.warnings: Sequence[str] = ()
        self.metadata = metadata or {}

    def body(self) -> bytes:
        """Return the Status as JSON."""
        status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": self.metadata,
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
        if not self.reason:
            del status["reason"]
        if self.details:
            status["details"] = self.details
        return json.dumps(status).encode() + b"\n"


def not_found(group: str, plural: str, name: str) -> StatusError:
    """Return the 404 for an object that does not exist, in kubectl's usual words."""
    return StatusError(
        404, f'{plural}.{group} "{name}" not found', details={"name": name, "group": group, "kind": plural}
    )


def no_such_path() -> StatusError:
    """Return the 404 for a path that leads nowhere, in the usual words."""
    return StatusError(404, "the server could not find the requested resource")


def invalid(group: str, kind: str, name: str, causes: Sequence[tuple[str, str]]) -> StatusError:
    """Return the 422 for an object that breaks its schema.

    Args:
        group: API group.
        kind: kind of the object.
        name: name of the object.
        causes: pairs of field path and sentence.

    """
    text = ", ".join(f"{field}: {message}" for field, message in causes)
    return StatusError(
        422,
        f'{kind}.{group} "{name}" is invalid: {text}',
        details={
            "name": name,
            "group": group,
            "kind": kind,
            "causes": [
                {"reason": "FieldValueInvalid", "message": message, "field": field} for field, message in causes
            ],
        },
    )

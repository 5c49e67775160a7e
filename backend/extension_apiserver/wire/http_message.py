"""What may be wrong with an HTTP request that the parser accepts, in words."""

from __future__ import annotations

from collections.abc import Sequence

from extension_apiserver.settings import Settings
from extension_apiserver.status import StatusError

from .message import Message

#: The request line, and one header line; `max_header_bytes` bounds all of them together.
LONGEST_HEADER_LINE = 16384
#: Clients of Kubernetes repeat whatever has it.
RETRY = (("Retry-After", "1"),)


def examine(
    message: Message,
    version: str,
    target: bytes,
    headers: Sequence[tuple[bytes, bytes]],
    settings: Settings,
    *,
    long: bool,
) -> None:
    """Note in the message what is wrong with its header, and what that says about the body.

    Args:
        message: whose header it is.
        version: of HTTP, as "1.1".
        target: path and query.
        headers: all lines, names in lower case.
        settings: the bounds.
        long: whether it is worth while to add up its bytes.

    """
    message.objection = _too_long(target, headers, settings) if long else None
    if message.objection is not None:
        return
    if len(headers) > settings.max_header_lines:
        message.objection = StatusError(431, f"the request header must have at most {settings.max_header_lines} lines")
    elif version not in {"1.0", "1.1"}:
        message.objection = malformed()
    elif not target.startswith(b"/"):
        # `GET http://elsewhere/`, `CONNECT elsewhere:443` and `OPTIONS *` have no meaning here.
        message.objection = StatusError(400, "the request target must be a path")
    else:
        message.objection = _read_lines(message, version, headers, settings)


def _read_lines(
    message: Message, version: str, headers: Sequence[tuple[bytes, bytes]], settings: Settings
) -> StatusError | None:
    hosts = 0
    for name, value in headers:
        if name == b"host":
            hosts += 1
        elif name == b"content-length":
            message.length = int(value.lstrip(b"0") or b"0")
        elif name == b"transfer-encoding":
            if value.lower() != b"chunked" or version != "1.1":
                return malformed()
            message.length = None
        elif name == b"expect":
            message.expects_continue = value.lower() == b"100-continue" and version == "1.1"
    if hosts > 1 or (version == "1.1" and not hosts):
        return StatusError(400, "the request must have one Host header")
    if message.upgrades and (message.length != 0 or version != "1.1"):
        # Whose bytes are they that follow: https://www.rfc-editor.org/rfc/rfc9110#section-7.8
        return StatusError(400, "a request to upgrade the connection must be HTTP/1.1 and have no body")
    message.bound_bytes = settings.most_body_bytes
    if message.length is not None and message.length > message.bound_bytes:
        message.fail(body_too_large(message.bound_bytes))
    return None


def _too_long(target: bytes, headers: Sequence[tuple[bytes, bytes]], settings: Settings) -> StatusError | None:
    lines = [len(target), *(len(name) + len(value) + 4 for name, value in headers)]
    if sum(lines) > settings.max_header_bytes:
        return header_too_large(settings)
    if max(lines) > LONGEST_HEADER_LINE:
        return StatusError(431, "a line of the request header is too long")
    return None


def malformed() -> StatusError:
    """Return the error for what is no HTTP."""
    return StatusError(400, "the request is malformed HTTP")


def header_too_large(settings: Settings) -> StatusError:
    """Return the error for a header over its bound."""
    return StatusError(431, f"the request header must be at most {settings.max_header_bytes} bytes")


def body_too_large(most_bytes: int) -> StatusError:
    """Return the error for a body over its bound."""
    return StatusError(413, f"the request body must be at most {most_bytes} bytes", details={"causes": []})


def body_in_too_many() -> StatusError:
    """Return the error for a body for which there is no room beside those of others."""
    return StatusError(503, "too many bytes are in flight; send the request again later", headers=RETRY)

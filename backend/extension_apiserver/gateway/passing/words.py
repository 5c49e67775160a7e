"""What a failure says, as a Status: the gateway's own failures, and pages with which an upstream answers."""

from __future__ import annotations

import html
import zlib
from http import HTTPStatus

from extension_apiserver.apps.upstream.failures import UpstreamError
from extension_apiserver.status import StatusError

#: Of a page; more of it is not looked at.
MOST_PAGE_BYTES = 65536
_LONGEST_WORDS = 1024
_RETRY = (("Retry-After", "1"),)
#: Headers of a failure that mean something to clients, whatever its body is.
_KEPT = frozenset({"allow", "content-range", "retry-after", "set-cookie", "www-authenticate"})


def unreachable(url: str, error: UpstreamError, method: str) -> StatusError:
    """Return the Status for an upstream from which no answer came: 502, or 504 if it took too long.

    Clients of Kubernetes repeat what has Retry-After, whatever it asks for; so it is there only if nothing can be done twice.
    """
    again = error.unsent or method in {"GET", "HEAD", "OPTIONS"}
    code = 504 if error.slow else 502
    reason = None if error.slow else "BadGateway"
    return StatusError(code, f"the upstream {url} {error}", reason=reason, headers=_RETRY if again else ())


def failure(status: int, headers: list[tuple[str, str]], body: bytes, url: str) -> StatusError:
    """Return the Status for an answer of 400 to 599 that is not JSON, with the upstream's words."""
    values = {name.lower(): value for name, value in headers}
    kept = [(name, value) for name, value in headers if name.lower() in _KEPT]
    text = _words(values.get("content-type", "").lower(), values.get("content-encoding", "").lower(), body)
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "a failure"
    return StatusError(status, text or f"the upstream {url} answers {status} ({phrase})", headers=kept)


def _words(content_type: str, coding: str, body: bytes) -> str:
    if not content_type.startswith(("text/", "application/xhtml")):
        return ""
    if coding in {"gzip", "deflate"}:
        body = _inflated(body)
    elif coding not in {"", "identity"}:
        return ""
    text = body[:MOST_PAGE_BYTES].decode(errors="replace")
    if "html" in content_type:
        text = _text_of_page(text)
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return text if len(text) <= _LONGEST_WORDS else f"{text[:_LONGEST_WORDS]}..."


def unescaped(text: str) -> str:
    """Return a text of HTML without character references; as it is if one of them is a number that Python does not read."""
    try:
        return html.unescape(text)
    except ValueError:
        return text


def _inflated(body: bytes) -> bytes:
    """Return what fits of compressed bytes, whether or not they are all there."""
    try:
        return zlib.decompressobj(wbits=47).decompress(body, MOST_PAGE_BYTES)
    except zlib.error:
        return b""


def _text_of_page(page: str) -> str:
    """Return what a reader would see of HTML, the title first unless it stands in the text once more. Takes time as the page is long."""
    title: list[str] = []
    parts: list[str] = []
    inside = ""
    before, *pieces = page.split("<")
    parts.append(before)
    for piece in pieces:
        tag, _, text = piece.partition(">")
        name = tag.partition(" ")[0].lower()
        if name in {"title", "script", "style"}:
            inside = name
        elif name == f"/{inside}":
            inside = ""
        if inside == "title":
            title.append(text)
        elif not inside:
            parts.append(text)
    heading, text = (" ".join(unescaped(" ".join(some)).split()) for some in (title, parts))
    return text if not heading or heading in text else f"{heading}: {text}" if text else heading

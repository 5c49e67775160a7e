"""Redirects of an upstream, which kube-apiserver does not relay: it makes 502 of every 3xx with a Location (CVE-2022-3172)."""

from __future__ import annotations

import dataclasses
import html
from urllib.parse import quote, unquote_to_bytes, urljoin, urlsplit

from extension_apiserver.apps.upstream.origin import Origin
from extension_apiserver.request import Request, Response, json_response
from extension_apiserver.status import StatusError

from .lines import HTML, HeaderLines, from_upstream, value_of
from .paths import Way, demand_one_meaning
from .served import Served

#: https://www.rfc-editor.org/rfc/rfc9110#section-15.4; 300 and 304 lead nowhere by themselves.
_CODES = frozenset({301, 302, 303, 307, 308})
#: With these the same request is to be sent again, so nothing was done yet.
_UNDONE = frozenset({307, 308})
READING = frozenset({"GET", "HEAD"})
#: What stays of a Location; terminals obey some of the rest.
_SAFE = "".join(map(chr, range(0x21, 0x7F)))
#: Of a URL that is looked at, as of a line in a request; and of one in a message.
_LONGEST_LOCATION, _LONGEST = 16384, 2048
_ROOT_PARTS = 4  # '', apis, group, version


@dataclasses.dataclass(frozen=True, slots=True)
class Redirect:
    """Where an upstream sends its client.

    Attributes:
        code: HTTP code.
        url: where to, as the client knows it: a path below `/apis/<group>/<version>` if it is within the upstream.
        inside: it is within the upstream, and the path is one that the gateway serves.

    """

    code: int
    url: str
    inside: bool


def redirect(code: int, headers: HeaderLines, way: Way[Served]) -> Redirect | None:
    """Return what an answer says, or None if it is no redirect."""
    said = value_of(headers, b"location")
    if code not in _CODES or not said:
        return None
    if len(said) > _LONGEST_LOCATION:
        return Redirect(code, f"a URL of {len(said)} bytes", inside=False)
    location = quote(said.encode("latin-1"), safe=_SAFE)
    origin = way.upstream.config.origin
    here = f"{'https' if origin.secure else 'http'}://{origin.authority}{origin.path}{way.target.decode()}"
    try:
        there = urljoin(here, location)
        parts = urlsplit(there)
    except ValueError:
        return Redirect(code, location, inside=False)
    path = parts.path or "/"
    inside = _is_of(origin, parts.scheme, parts.netloc) and (path == origin.path or path.startswith(f"{origin.path}/"))
    if not inside:
        return Redirect(code, there, inside=False)
    below = path[len(origin.path) :] or "/"
    query = f"?{parts.query}" if parts.query else ""
    root = "/".join(f"{way.prefix}{way.target.decode()}".split("/")[:_ROOT_PARTS])
    if not _is_served(f"{way.prefix}{below}", root):
        return Redirect(code, there, inside=False)
    return Redirect(code, f"{way.prefix}{below}{query}", inside=True)


def _is_served(path: str, root: str) -> bool:
    """Return whether a path is one that the gateway serves below `/apis/<group>/<version>`."""
    try:
        demand_one_meaning(unquote_to_bytes(path))
    except StatusError:
        return False
    return path.startswith(f"{root}/")


def _is_of(origin: Origin, scheme: str, authority: str) -> bool:
    # Behind whoever ends TLS, a service says http of itself and means https, or the other way round.
    return scheme in {"http", "https"} and authority.lower() in {origin.authority.lower(), origin.host.lower()}


def told(found: Redirect, request: Request, headers: HeaderLines, url: str, *, page: bool) -> Response:
    """Return an answer that leads a client there, since it cannot be a redirect.

    A browser gets a page that goes there, with the cookies of the redirect. Whoever has done something with a POST is told that it is
    done, and where to look.

    Raises:
        StatusError: 502 if nothing is done; it says where to ask.

    """
    cookies = [line for line in from_upstream(headers) if line[0] == "Set-Cookie"]
    if page and found.url.startswith(("/", "http://", "https://")):
        target = html.escape(found.url, quote=True)
        text = (
            f'<!DOCTYPE html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url={target}">'
            f'<title>Elsewhere</title><a href="{target}">{target}</a>\n'
        )
        return Response(
            200, [("Content-Type", f"{HTML}; charset=utf-8"), ("Cache-Control", "no-store"), *cookies], text.encode()
        )
    if request.method not in READING and found.code not in _UNDONE:
        status = {
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
            "message": f"the upstream {url} took the request, and sends its client to {found.url[:_LONGEST]}", "code": 200,
        }  # fmt: skip
        return json_response(status, headers=cookies)
    raise StatusError(
        502,
        f"the upstream {url} redirects to {found.url[:_LONGEST]}, which the aggregation layer does not permit; ask for that instead",
        reason="BadGateway",
    )

"""Header lines on their way to an upstream, and back."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence

from extension_apiserver.request import Request

HeaderLines = Sequence[tuple[bytes, bytes]]

#: In text/html, written so, the aggregator puts the pod's address before each path from the root, which no browser reaches; to
#: browsers capitals are the same: https://github.com/kubernetes/kubernetes/blob/v1.34.0/staging/src/k8s.io/apimachinery/pkg/util/proxy/transport.go
HTML = "Text/HTML"
#: They are about one connection: https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1
HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te", b"trailer",
     b"transfer-encoding", b"upgrade"}
)  # fmt: skip
#: Browsers send a token of Kubernetes so, since they can send no other header with a WebSocket:
#: https://github.com/kubernetes/apiserver/blob/v0.34.0/pkg/authentication/request/websocket/protocol.go
_SUBPROTOCOLS, _BEARER = b"sec-websocket-protocol", b"base64url.bearer.authorization.k8s.io."
#: The server writes them, or kube-apiserver does.
_SERVERS = frozenset({b"content-length", b"date", b"server", b"audit-id"})


def to_upstream(
    request: Request, passes: Callable[[bytes], bool], ours: Iterable[tuple[bytes, bytes]], prefix: str
) -> list[tuple[bytes, bytes]]:
    """Return the lines that an upstream gets, but Host and those of the connection.

    Args:
        request: of the client.
        passes: whether a line of the client's may have a name, in lower case.
        ours: who calls.
        prefix: that was cut off the path, or ''.

    """
    named = _named(request.headers)
    lines = [line for line in request.headers if passes(line[0]) and line[0] not in named]
    if any(name == _SUBPROTOCOLS and _BEARER in value for name, value in lines):
        lines = [line for line in lines if line[0] != _SUBPROTOCOLS]
        lines += _without_bearer(request.headers)
    lines += ours
    values = dict(reversed(request.headers))
    forwarded_for = [value for name, value in request.headers if name == b"x-forwarded-for"]
    if request.connection.client_address:
        forwarded_for.append(request.connection.client_address.encode())
    if forwarded_for:
        lines.append((b"x-forwarded-for", b", ".join(forwarded_for)))
    lines.append((b"x-forwarded-proto", b"https"))
    host = values.get(b"x-forwarded-host") or values.get(b"host")
    if host:
        lines.append((b"x-forwarded-host", host))
    lines.append((b"x-forwarded-uri", request.target.partition("?")[0].encode("latin-1")))
    if prefix:
        lines.append((b"x-forwarded-prefix", prefix.encode()))
    return lines


def _without_bearer(lines: HeaderLines) -> list[tuple[bytes, bytes]]:
    words = [word.strip() for name, value in lines if name == _SUBPROTOCOLS for word in value.split(b",")]
    kept = b", ".join(word for word in words if not word.startswith(_BEARER))
    return [(_SUBPROTOCOLS, kept)] if kept else []


def from_upstream(lines: HeaderLines) -> list[tuple[str, str]]:
    """Return the lines of an answer that its client gets, but those that the server writes."""
    named = _named(lines)
    return [
        (_title(name), value.decode("latin-1"))
        for name, value in lines
        if name not in HOP_BY_HOP and name not in _SERVERS and name not in named
    ]


def for_browsers(lines: Iterable[tuple[str, str]], kind: str, *, page: bool) -> list[tuple[str, str]]:
    """Return the lines of an answer so that no browser runs what is in it, with the rights of whoever looks at it, unless it is a page.

    Args:
        lines: of the answer.
        kind: its first Content-Type, in lower case; '' if there is none.
        page: it is for a browser, and HTML may stay what it is.

    """
    found = [*lines, ("X-Content-Type-Options", "nosniff")]
    types = [value for name, value in found if name == "Content-Type"]
    if page and kind.startswith("text/html"):
        types = [kind.replace("text/html", HTML)]
    elif kind.startswith(("text/html", "application/xhtml")):
        types = ["text/plain; charset=utf-8"]
    elif len(types) < 2 and ("xml" not in kind or page):  # noqa: PLR2004
        return found
    if "xml" in kind and not page:
        # Whoever reads it as data needs its type.
        found.append(("Content-Security-Policy", "sandbox"))
    # Of several, browsers believe the last.
    return [line for line in found if line[0] != "Content-Type"] + [("Content-Type", types[0])]


def value_of(lines: HeaderLines, name: bytes) -> str:
    """Return the first value of a header in lower case, or ''."""
    return next((value.decode("latin-1") for key, value in lines if key == name), "")


def _named(lines: HeaderLines) -> frozenset[bytes]:
    """Return the names that the header Connection names: they are of one connection, too."""
    tokens = [value for name, value in lines if name == b"connection"]
    if not tokens:
        return frozenset()
    return frozenset(token.strip().lower() for value in tokens for token in value.split(b","))


@functools.lru_cache(maxsize=512)
def _title(name: bytes) -> str:
    return name.decode("latin-1").title()

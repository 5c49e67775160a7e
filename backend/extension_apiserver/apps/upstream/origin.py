"""Where an upstream is, out of its URL."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from urllib.parse import SplitResult, unquote, urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}
_EXAMPLES = "'http://127.0.0.1:8000', 'https://pets.default.svc/v2' or 'unix:///run/pets.sock'"
#: Also with underscores, which names in a network of containers have.
_HOST_NAME = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?"
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PORT = re.compile(r"[0-9]{1,5}")
_PATH = re.compile(r"(/([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*)*")
_SOCKET = re.compile(r"(/[A-Za-z0-9._~+=,:@-]+)+")
#: Of a path that fits into sockaddr_un: https://man7.org/linux/man-pages/man7/unix.7.html
_LONGEST_SOCKET = 107
_HIGHEST_PORT = 65535


@dataclasses.dataclass(frozen=True, slots=True)
class Origin:
    """Where a service listens.

    Attributes:
        url: as it was given; for messages.
        secure: by TLS.
        host: name or address, without brackets; '' for a Unix socket.
        port: TCP; 0 for a Unix socket.
        socket: path of a Unix socket, '' for TCP.
        path: what stands before every path that is sent, '' or '/…' without a slash at its end.

    """

    url: str
    secure: bool
    host: str
    port: int
    socket: str
    path: str

    @property
    def authority(self) -> str:
        """What the header Host says."""
        if self.socket:
            return "localhost"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


def origin(url: str) -> Origin:
    """Read `http://host[:port][/path]`, `https://…` or `unix:///path/of.sock`.

    Raises:
        ValueError: with a sentence that says what is wrong and what to write; it shows no password.

    """
    scheme, rest = _split(url)
    if scheme not in {"http", "https", "unix"}:
        raise ValueError(f"the scheme is '{scheme}', and can be 'http', 'https' or 'unix'")
    if "?" in rest or "#" in rest:
        raise ValueError("the URL has a query or a fragment; leave out what begins with '?' or '#'")
    try:
        parts = urlsplit(f"{scheme}://{rest}")
    except ValueError:
        raise ValueError("the host is no IPv6 address in brackets, such as '[::1]'") from None
    if "@" in parts.netloc:
        raise ValueError(
            "the URL holds a user or password, which would be in logs; leave out what stands before '@', "
            "and let the upstream believe a token or a client certificate"
        )
    if ".." in unquote(parts.path).split("/"):
        raise ValueError("the path holds '..'; write the path that is meant")
    if scheme == "unix":
        return _unix(url, parts)
    if not _PATH.fullmatch(parts.path):
        raise ValueError("the path holds a character that a URL cannot have, or a '%' without two hexadecimal digits")
    return Origin(url, scheme == "https", _host(parts), _port(parts, scheme), "", parts.path.rstrip("/"))


def _split(url: str) -> tuple[str, str]:
    """Return the scheme, in lower case, and what follows `://`."""
    if not url:
        raise ValueError(f"the URL is empty; write one such as {_EXAMPLES}")
    # First, since urlsplit leaves out newlines and tabs.
    wrong = next((one for one in url if not "!" <= one <= "~"), None)
    if wrong is not None:
        raise ValueError(
            f"the URL holds {wrong!a}; write spaces and other characters than ASCII as %XX, and a host in its xn-- form"
        )
    scheme, colon, rest = url.partition("://")
    if not colon or not _SCHEME.fullmatch(scheme):
        raise ValueError(f"the URL begins with no scheme; write one such as {_EXAMPLES}")
    return scheme.lower(), rest


def _unix(url: str, parts: SplitResult) -> Origin:
    if parts.netloc:
        raise ValueError(
            f"the URL of a socket has the host '{parts.netloc}'; write three slashes and an absolute path, 'unix:///run/pets.sock'"
        )
    if not _SOCKET.fullmatch(parts.path):
        raise ValueError(
            "the URL of a socket must end in its absolute path, of letters, digits and ._~+=,:@-, such as 'unix:///run/pets.sock'"
        )
    if len(parts.path) > _LONGEST_SOCKET:
        raise ValueError(f"the path of the socket has {len(parts.path)} bytes, and Linux takes {_LONGEST_SOCKET}")
    return Origin(url, secure=False, host="", port=0, socket=parts.path, path="")


def _host(parts: SplitResult) -> str:
    host = (parts.hostname or "").lower()
    if not host or parts.netloc.startswith(":"):
        raise ValueError("the URL names no host; write one between '//' and the path, such as 'http://127.0.0.1:8000'")
    if parts.netloc.startswith("["):
        if "%" in host:
            raise ValueError("the address has a zone (what follows '%'), which only one machine knows; leave it out")
        try:
            if parts.netloc.rpartition("]")[2][:1] in {"", ":"}:
                return str(ipaddress.IPv6Address(host))
            raise ValueError  # noqa: TRY301 (the same sentence)
        except ValueError:
            raise ValueError("the host is no IPv6 address in brackets, such as '[::1]'") from None
    # What ends in a number is an address, or nothing: https://url.spec.whatwg.org/#ends-in-a-number-checker
    if _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise ValueError(f"the host '{host}' is no IPv4 address") from None
    if not _HOST_NAME.fullmatch(host):
        raise ValueError(f"the host '{host}' is no DNS name or address; an IPv6 address stands in brackets")
    return host


def _port(parts: SplitResult, scheme: str) -> int:
    _, colon, text = parts.netloc.rpartition("]")[2].partition(":")
    if not colon:
        return _DEFAULT_PORTS[scheme]
    # One of ASCII digits alone: int() takes '+80', '8_0' and those of other scripts.
    if not _PORT.fullmatch(text) or not 1 <= int(text) <= _HIGHEST_PORT:
        raise ValueError(f"the port '{text}' is no number from 1 to {_HIGHEST_PORT}")
    return int(text)

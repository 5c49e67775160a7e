"""What a value of the configuration file must be.

Each function returns the value, or raises ValueError with the end of a sentence: "must be …".
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable
from typing import Any

from extension_apiserver.apps.upstream.origin import Origin, origin

_PATH = re.compile(r"/[!-~]*")
_SEPARATOR = re.compile(r"[ -/;-@\[-`{-~]{1,2}")
_CLAIM = re.compile(r"[!-~]{0,255}")
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_DNS_NAME = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
_HEADER_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,62}[A-Za-z0-9])?")
_HEADER_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}-")
_METHOD = re.compile(r"[A-Z]{1,32}")
_VERB = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
#: What a decoded segment of a path may be, so that it can be met.
_WORD = re.compile(r"[^\x00-\x20\x7f/*{}%?#\\]+")
_PLACES = ("{name}", "{namespace}")
_LONGEST = 1024
_DAY = 86400


def _text(value: Any) -> str:  # noqa: ANN401
    if not isinstance(value, str):
        raise ValueError("must be a string")  # noqa: TRY004 - a value of a file, not of the program
    return value


def whole(lowest: int, highest: int) -> Callable[[Any], int]:
    """Accept a whole number; Go writes large ones as 1e+21, which is one too."""

    def parse(value: Any) -> int:  # noqa: ANN401
        right = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not right or value != int(value) or not lowest <= value <= highest:
            raise ValueError(f"must be a whole number, {lowest} to {highest}")
        return int(value)

    return parse


def positive(value: Any) -> int:  # noqa: ANN401
    """Accept a whole number that is not 0."""
    try:
        return whole(1, 2**53)(value)
    except ValueError:
        raise ValueError("must be a whole number, 1 or more") from None


def non_negative(value: Any) -> int:  # noqa: ANN401
    """Accept a whole number."""
    try:
        return whole(0, 2**53)(value)
    except ValueError:
        raise ValueError("must be a whole number, 0 or more") from None


def seconds(value: Any) -> float:  # noqa: ANN401
    """Accept a number up to a day, with a fraction if need be, but not 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _DAY:
        raise ValueError(f"must be a number of seconds, more than 0 and at most {_DAY}")
    return float(value)


def url(value: Any) -> Origin:  # noqa: ANN401
    """Accept what `origin` does."""
    try:
        return origin(_text(value))
    except ValueError as error:
        raise ValueError(f"must be the URL of an upstream: {error}") from None


def one_of(*words: str) -> Callable[[Any], str]:
    """Accept some words."""

    def parse(value: Any) -> str:  # noqa: ANN401
        if value not in words:
            raise ValueError(f"must be {' or '.join(map(repr, words))}")
        return str(value)

    return parse


def version(value: Any) -> str:  # noqa: ANN401
    """Accept a version of the group, or ''."""
    if value != "" and not _DNS_LABEL.fullmatch(_text(value)):
        raise ValueError("must be a version of the group, such as 'v1'")
    return str(value)


def segment(value: Any) -> str:  # noqa: ANN401
    """Accept the first segment of a path below the version, or ''."""
    text = _text(value)
    if text in {".", ".."} or (text and not _WORD.fullmatch(text)):
        raise ValueError("must be one segment of a path, decoded and without slashes, such as 'pets'")
    if text == "proxy":
        raise ValueError("must be another segment than 'proxy', below which every upstream is")
    return text


def sent_path(value: Any) -> str:  # noqa: ANN401
    """Accept a path as a request line holds it, perhaps with a query, or ''."""
    text = _text(value)
    if (text and not _PATH.fullmatch(text)) or "#" in text:
        raise ValueError("must be a path as it is sent, such as '/ready': '/' first, ASCII, without ' ' and '#'")
    return text


def pattern(value: Any) -> str:  # noqa: ANN401
    """Accept the path of a row, as `AccessRow` describes it."""
    segments = _text(value).split("/")
    rest = segments[1:-1] if segments[-1] == "**" else segments[1:]
    if segments[0] or len(segments) == 1 or len(value) > _LONGEST or (not rest and segments[-1] != "**"):
        raise ValueError("must be a path below the version, such as '/pets/{name}/feed'")
    for one in rest:
        if one not in {"*", *_PLACES} and (one in {".", ".."} or not _WORD.fullmatch(one)):
            raise ValueError(
                "must have words, '*', '{name}' or '{namespace}' between its slashes, decoded, and '**' only at its end"
            )
    if any(rest.count(place) > 1 for place in _PLACES):
        raise ValueError("must have '{name}' and '{namespace}' once each")
    return str(value)


def methods(value: Any) -> tuple[str, ...]:  # noqa: ANN401
    """Accept a list of methods."""
    if not isinstance(value, list) or not all(isinstance(one, str) and _METHOD.fullmatch(one) for one in value):
        raise ValueError("must be a list of methods in upper case, such as ['GET', 'HEAD']")
    return tuple(value)


def resource(value: Any) -> str:  # noqa: ANN401
    """Accept a resource as RBAC has it."""
    parts = _text(value).split("/")
    if len(parts) > 2 or not all(_DNS_LABEL.fullmatch(one) for one in parts):  # noqa: PLR2004
        raise ValueError("must be a resource of RBAC in lower case, 'pets' or with a subresource 'pets/feed'")
    return str(value)


def verb(value: Any) -> str:  # noqa: ANN401
    """Accept a verb as RBAC has it."""
    if not _VERB.fullmatch(_text(value)):
        raise ValueError("must be a verb of RBAC, a word in lower case such as 'get' or 'feed'")
    return str(value)


def header_name(value: Any) -> str:  # noqa: ANN401
    """Accept a header name of which servers make nothing else, or ''."""
    if value != "" and not _HEADER_NAME.fullmatch(_text(value)):
        raise ValueError("must be a header name of letters, digits and dashes, 64 at most, such as 'X-Remote-User'")
    return str(value)


def header_prefix(value: Any) -> str:  # noqa: ANN401
    """Accept what header names begin with, or ''."""
    if value != "" and not _HEADER_PREFIX.fullmatch(_text(value)):
        raise ValueError("must be letters, digits and dashes that end in '-', 64 at most, such as 'X-Remote-Extra-'")
    return str(value)


def separator(value: Any) -> str:  # noqa: ANN401
    """Accept what can stand between groups, or ''."""
    # Every group of Kubernetes has letters and ':', and no user would be left.
    if value != "" and not _SEPARATOR.fullmatch(_text(value)):
        raise ValueError("must be one or two printable characters of ASCII, but no letters, digits or ':', such as ','")
    return str(value)


def file(value: Any) -> str:  # noqa: ANN401
    """Accept the path of a file, whether or not something is there, or ''."""
    if "\0" in _text(value) or len(value) > _LONGEST:
        raise ValueError("must be the path of a file")
    return str(value)


def server_name(value: Any) -> str:  # noqa: ANN401
    """Accept a DNS name or an address, or ''."""
    if value == "" or _DNS_NAME.fullmatch(_text(value)):
        return str(value)
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError("must be the DNS name or address that the upstream's certificate has") from None


def claim(value: Any) -> str:  # noqa: ANN401
    """Accept what a token can say of its issuer or audience, or ''."""
    if not _CLAIM.fullmatch(_text(value)):
        raise ValueError("must be a name or URL without spaces, 255 characters at most")
    return str(value)

"""`format` of a schema: what a string must look like.

https://github.com/kubernetes/apiextensions-apiserver/blob/v0.37.2/pkg/apiserver/validation/formats.go
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
import urllib.parse
from collections.abc import Callable, Mapping

from extension_apiserver.objects.metadata.times import is_date, moment
from extension_apiserver.selectors.names import SUBDOMAIN, label_faults

_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE)
_MAC = re.compile(r"[0-9a-f]{2}(?:([:-])[0-9a-f]{2})(?:\1[0-9a-f]{2}){4}(?:(?:\1[0-9a-f]{2}){2})?(?:(?:\1[0-9a-f]{2}){12})?", re.IGNORECASE)  # fmt: skip
_DURATION = re.compile(r"[+-]?(?:0|(?:(?:[0-9]+(?:[.][0-9]*)?|[.][0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+)")
_EMAIL = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\\]+")
_HOST_LABEL = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?")
_LONGEST_HOST, _LONGEST_LABEL, _LONGEST_NAME = 255, 63, 253
#: Checked upstream and not here: no API is known to use them.
_NOT_HERE = {"bsonobjectid", "isbn", "isbn10", "isbn13", "creditcard", "ssn", "hexcolor", "rgbcolor"}


def known_format(name: str, kind: str, where: str) -> str:
    """Return the format if it means something for the type; upstream, too, ignores what it does not know.

    Raises:
        ValueError: upstream checks it, and we do not.

    """
    plain = name.replace("-", "")
    if kind in {"", "string"}:
        if plain in _NOT_HERE:
            raise ValueError(f"{where}: the format '{name}' is not supported: use a pattern")
        return name if plain in FORMATS else ""
    allowed = {"integer": ("int32", "int64"), "number": ("float", "double")}.get(kind, ())
    return name if name in allowed else ""


def _uuid(version: str) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        digits = text.replace("-", "")
        return bool(_UUID.fullmatch(text)) and digits[12] == version and (version == "3" or digits[16] in "89abAB")

    return check


def _address(version: int, *, network: bool = False) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        if len(text) > _LONGEST_LABEL or "%" in text:
            return False
        try:
            if network:
                return "/" in text and bool(ipaddress.ip_interface(text))
            return ipaddress.ip_address(text).version == version
        except ValueError:
            return False

    return check


def _bytes(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return bool(text)


def _uri(text: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme or text.startswith("/")) and not any(ord(letter) <= 32 for letter in text)  # noqa: PLR2004 - a space


def _hostname(text: str) -> bool:
    labels = text.split(".")
    return len(text) <= _LONGEST_HOST and all(
        len(label) <= _LONGEST_LABEL and _HOST_LABEL.fullmatch(label) for label in labels
    )


FORMATS: Mapping[str, Callable[[str], bool]] = {
    "uuid": lambda text: bool(_UUID.fullmatch(text)),
    "uuid3": _uuid("3"),
    "uuid4": _uuid("4"),
    "uuid5": _uuid("5"),
    "date": is_date,
    "datetime": lambda text: moment(text) is not None,
    "duration": lambda text: bool(_DURATION.fullmatch(text)),
    "ipv4": _address(4),
    "ipv6": _address(6),
    "cidr": _address(0, network=True),
    "mac": lambda text: bool(_MAC.fullmatch(text)),
    "byte": _bytes,
    "uri": _uri,
    "email": lambda text: bool(_EMAIL.fullmatch(text)),
    "hostname": _hostname,
    "password": lambda _text: True,
    "k8sshortname": lambda text: not label_faults(text),
    "k8slongname": lambda text: len(text) <= _LONGEST_NAME and bool(SUBDOMAIN.fullmatch(text)),
}


def fits_format(name: str, text: str) -> bool:
    """Return whether a text has the format."""
    return FORMATS[name.replace("-", "")](text)

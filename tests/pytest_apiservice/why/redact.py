"""Take secrets out of what is written for people: by their values, and by their looks."""

import base64
import binascii
import copy
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

Object = dict[str, Any]

REDACTED = "[redacted]"
# Replacing every "true" or "v1" of a log would hide more than it protects; the Secret's own dump hides them.
SHORTEST_VALUE = 6
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
NAMES = r"(?:password|passwd|passphrase|api_?key|token|secret_?key|credentials)"
LOOKS = (  # what the group "keep" matches stays
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"\bLS0tLS1CRUdJTiB[\w+/]{0,16}UFJJVkFURSBLRVk[\w+/=]*"),  # a private key's first line, in Base64
    re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"),  # a JSON Web Token
    re.compile(r"(?i)(?P<keep>\b(?:Bearer|Basic) )[\w.~+/=-]{8,}"),
    re.compile(r"(?P<keep>\bclient-key-data: )\S+"),
    re.compile(rf"(?im)(?P<keep>\w*{NAMES}[\"']?[ \t]*[:=][ \t]*[\"']?)[^\s\"']{{6,}}"),
    re.compile(
        rf"(?im)(?P<keep>name: \w*{NAMES}\w*[ \t]*\n[ \t]*value:[ \t]*[\"']?)[^\s\"']+"
    ),  # a container's environment
)
CERTIFICATES_ONLY = re.compile(r"\s*(-----BEGIN CERTIFICATE-----[\s\w+/=]*-----END CERTIFICATE-----\s*)+\Z")


class Redactor:
    """Knows the values of Secrets and replaces them wherever they stand."""

    def __init__(self, secrets: Iterable[Object] = ()) -> None:
        """Learn the values of ``secrets`` (Secret objects of the API); certificates alone are no secret."""
        values: set[str] = set()
        for secret in secrets:
            for encoded in (secret.get("data") or {}).values():
                values |= _forms(encoded)
            values.discard(secret["metadata"].get("namespace", ""))  # tokens of ServiceAccounts carry it
        self._values = sorted((v for v in values if len(v) >= SHORTEST_VALUE), key=len, reverse=True)

    def text(self, text: str) -> str:
        """Return ``text`` without known values, private keys, tokens and credentials."""
        for value in self._values:
            text = text.replace(value, REDACTED)
        for look in LOOKS:
            text = look.sub(lambda found: (found.groupdict().get("keep") or "") + REDACTED, text)
        return text

    def directory(self, directory: Path) -> None:
        """Rewrite every file below ``directory`` without secrets; whatever is no text passes through as bytes."""
        for path in sorted(directory.rglob("*")):
            if path.is_file() and not path.is_symlink():
                before = path.read_bytes().decode("utf-8", "surrogateescape")
                after = self.text(before)
                if after != before:
                    path.write_bytes(after.encode("utf-8", "surrogateescape"))


def without_values(secret: Object) -> Object:
    """Return a copy of a Secret that keeps its keys, the sizes of its values, and its certificates."""
    shown = copy.deepcopy(secret)
    shown.get("metadata", {}).get("annotations", {}).pop(LAST_APPLIED, None)
    for key, encoded in (secret.get("data") or {}).items():
        shown["data"][key] = encoded if is_public(encoded) else f"{REDACTED}, {len(_decoded(encoded))} bytes"
    for key in secret.get("stringData") or {}:
        shown["stringData"][key] = REDACTED
    return shown


def is_public(encoded: str) -> bool:
    """Return whether a Secret's value is nothing but certificates in PEM."""
    return CERTIFICATES_ONLY.match(_decoded(encoded).decode("utf-8", "replace")) is not None


def _forms(encoded: str) -> set[str]:
    if is_public(encoded):
        return set()
    value = _decoded(encoded).decode("utf-8", "surrogateescape")
    quoted = value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')  # as JSON and many logs write it
    lines = {line.strip() for line in value.splitlines()}  # as YAML blocks indent it
    return {encoded, value, value.strip(), quoted, *lines}


def _decoded(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded)
    except (binascii.Error, ValueError):
        return encoded.encode()

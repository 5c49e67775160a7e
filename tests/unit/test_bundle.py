"""A bundle of authorities as people write it: what counts and what does not."""

from __future__ import annotations

import re
import ssl
import textwrap

import pytest
from cryptography import x509

from extension_apiserver.trust.certificates import authorities_pem, load_authorities
from unit.pki import Authority

FIRST, SECOND = Authority("first"), Authority("second")


def names(bundle: str) -> list[str]:
    """Return the authorities that are read from a bundle, and see that TLS takes what is made of them."""
    found = load_authorities(bundle)
    ssl.create_default_context(cadata=authorities_pem(found))
    return [str(one.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value) for one in found]


_INDENTED_BASE64 = FIRST.pem.replace("\n", "\n  \t").replace("  \t-----", "-----").rstrip(" \t")


@pytest.mark.parametrize(
    ("bundle", "expected"),
    [
        (FIRST.pem + SECOND.pem, ["first", "second"]),
        (f"# Schlüssel für Zürich\n{FIRST.pem}текст\n{SECOND.pem}", ["first", "second"]),
        (FIRST.pem.replace("\n", "\r\n"), ["first"]),
        (FIRST.pem.replace("\n", "  \n"), ["first"]),
        (_INDENTED_BASE64, ["first"]),
        (re.sub("([a-z])", "\\1 \t", FIRST.pem), ["first"]),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n" + FIRST.pem, ["first"]),
        (SECOND.client("x").key + FIRST.pem, ["first"]),
        (f"# the old one:\n{textwrap.indent(SECOND.pem, '    ')}{FIRST.pem}", ["first"]),
        (FIRST.pem + SECOND.pem.replace("-----\n", "-----\nX-Comment: not a plain certificate\n\n", 1), ["first"]),
    ],
    ids=[
        "plain",
        "comments",
        "CRLF",
        "spaces at ends",
        "indented base64",
        "spaces in base64",
        "repeated begin",
        "a key",
        "a comment",
        "headers",
    ],
)
def test_must_11_a_bundle_is_read_as_go_reads_it(bundle: str, expected: list[str]) -> None:
    """pem.Decode passes over text and over what is indented, so that nobody is trusted here and not there, or the reverse."""
    assert names(bundle) == expected


@pytest.mark.parametrize(
    "bundle", ["", "text", textwrap.indent(FIRST.pem, "  "), FIRST.pem.replace("M", "!"), FIRST.pem[:-20]]
)
def test_must_11_a_bundle_without_a_certificate_is_refused(bundle: str) -> None:
    """As by Go, also one that is indented altogether."""
    with pytest.raises(ValueError):  # noqa: PT011 - cryptography words it
        load_authorities(bundle)

"""Certificates, read and told in words."""

import base64
import binascii
import datetime as dt
from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtendedKeyUsageOID


def load(pem: bytes | str | None) -> list[x509.Certificate]:
    """Return the certificates in ``pem``, in their order; none for what is empty or no PEM."""
    content = pem.encode() if isinstance(pem, str) else pem or b""
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError:
        return []


def load_base64(encoded: str | None) -> list[x509.Certificate]:
    """Return the certificates in a field such as caBundle or a Secret's tls.crt."""
    try:
        return load(base64.b64decode(encoded or ""))
    except (binascii.Error, ValueError):
        return []


def name_of(name: x509.Name) -> str:
    """Return a subject or issuer as people write it: CN=…, O=…."""
    return ", ".join(part.rfc4514_string() for part in reversed(list(name))) or "(empty)"


def alternative_names(certificate: x509.Certificate) -> list[str]:
    """Return the DNS names and IP addresses that the certificate is for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses = [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    return [*names.get_values_for_type(x509.DNSName), *addresses]


def in_words(certificate: x509.Certificate, now: dt.datetime | None = None) -> str:
    """Return subject, names, issuer, validity and role of a certificate, one line each."""
    names = ", ".join(alternative_names(certificate)) or "none"
    return "\n".join(
        [
            f"subject    {name_of(certificate.subject)}",
            f"names      {names}",
            f"issuer     {name_of(certificate.issuer)}{' (itself)' if signed_by(certificate, certificate) else ''}",
            f"notBefore  {day(certificate.not_valid_before_utc)}",
            f"notAfter   {day(certificate.not_valid_after_utc)}, {_left(certificate, now or dt.datetime.now(dt.UTC))}",
            f"role       {'CA' if is_ca(certificate) else usage(certificate)}",
            f"serial     {certificate.serial_number:x}",
        ]
    )


def short(certificate: x509.Certificate) -> str:
    """Return subject (or, where it is empty, the first name), issuer and end of a certificate in one line."""
    named = name_of(certificate.subject) if list(certificate.subject) else ", ".join(alternative_names(certificate)[:1])
    return f"'{named}' by '{name_of(certificate.issuer)}' until {day(certificate.not_valid_after_utc)}"


def signers(leaf: x509.Certificate, bundle: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Return the CAs of ``bundle`` that signed ``leaf``: same name and a signature that fits."""
    return [ca for ca in bundle if ca.subject == leaf.issuer and signed_by(leaf, ca)]


def signed_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """Return whether the issuer's name is the authority's and its key verifies the signature."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def usages(certificate: x509.Certificate) -> list[x509.ObjectIdentifier]:
    """Return the extended key usages, none if any use is allowed."""
    try:
        return list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return []


def usage(certificate: x509.Certificate) -> str:
    """Return the extended key usages in words."""
    known = {ExtendedKeyUsageOID.SERVER_AUTH: "server", ExtendedKeyUsageOID.CLIENT_AUTH: "client"}
    return ", ".join(known.get(usage, usage.dotted_string) for usage in usages(certificate)) or "any"


def is_ca(certificate: x509.Certificate) -> bool:
    """Return whether it may sign others."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _left(certificate: x509.Certificate, now: dt.datetime) -> str:
    left = certificate.not_valid_after_utc - now
    word = f"{abs(left).days} days" if abs(left).days else f"{abs(left).seconds // 60} minutes"
    return f"in {word}" if left > dt.timedelta() else f"EXPIRED {word} ago"


def day(moment: dt.datetime) -> str:
    """Return a moment as people write it."""
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")

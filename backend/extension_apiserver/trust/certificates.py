"""Verification of client certificates against one set of certificate authorities, and facts about our own certificate.

The TLS handshake verifies too, but only against the authorities of that moment, and against all of them together. What counts is
whether the certificate chains to the front proxy's authority alone, now: so this check is made again for requests.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

#: Share of its lifetime; cert-manager renews when a third is left.
_RENEWED_BEFORE = 0.1
_AGNOSTIC = verification.Criticality.AGNOSTIC


class CertificateRefusedError(Exception):
    """A certificate does not prove what it should; the message says why."""


@dataclasses.dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A verified client certificate.

    Attributes:
        common_name: CN of the subject, '' if it has none.
        organizations: O of the subject, in order; groups for a user's certificate.
        not_after: when the first certificate of the chain expires, seconds since the epoch.

    """

    common_name: str
    organizations: tuple[str, ...]
    not_after: float


def _require_client_auth(_policy: verification.Policy, _leaf: x509.Certificate, usage: x509.ExtendedKeyUsage) -> None:
    if ExtendedKeyUsageOID.CLIENT_AUTH not in usage:
        raise ValueError("the certificate is not for client authentication")


# The defaults of cryptography are the Web PKI's: a subjectAltName in every leaf. The front proxy of kubeadm has none.
_LEAF_POLICY = verification.ExtensionPolicy.permit_all().require_present(
    x509.ExtendedKeyUsage, _AGNOSTIC, _require_client_auth
)
_AUTHORITY_POLICY = verification.ExtensionPolicy.permit_all().require_present(x509.BasicConstraints, _AGNOSTIC, None)


def load_authorities(pem: str) -> tuple[x509.Certificate, ...]:
    """Load a PEM bundle as Go's pem.Decode reads it, which also kube-apiserver does.

    What stands around certificates may be any text, and base64 may be indented; lines of dashes must begin their line.

    Raises:
        ValueError: if there is no certificate in it or one is malformed.

    """
    kept: list[str] = []
    block: list[str] | None = None
    for line in pem.split("\n"):
        if line.startswith("-----BEGIN "):
            block = []
        if block is not None:
            # Also what looks like a certificate in a comment must not become one: so the marker itself is not shifted.
            block.append(line.rstrip() if line.startswith("-----") else "".join(line.split()))
        if block is not None and line.startswith("-----END "):
            if block[0] == "-----BEGIN CERTIFICATE-----" and not any(":" in one for one in block):
                kept += block
            block = None
    return tuple(x509.load_pem_x509_certificates("\n".join(kept).encode()))


def authorities_pem(authorities: Sequence[x509.Certificate]) -> str:
    """Return a PEM bundle of nothing but these certificates."""
    return "".join(one.public_bytes(serialization.Encoding.PEM).decode() for one in authorities)


def verify_client(chain: Sequence[bytes], authorities: Sequence[x509.Certificate]) -> ClientCertificate:
    """Verify a client's chain against these authorities alone, at this moment.

    Args:
        chain: DER, leaf first, then intermediates.
        authorities: trust anchors.

    Raises:
        CertificateRefusedError: if it is expired, of another authority, not for client authentication, or malformed.

    """
    if not authorities:
        raise CertificateRefusedError("no certificate authority is known")
    try:
        leaf, *intermediates = [x509.load_der_x509_certificate(der) for der in chain]
        verifier = (
            verification.PolicyBuilder()
            .store(verification.Store(list(authorities)))
            .time(dt.datetime.now(dt.UTC))
            .extension_policies(ca_policy=_AUTHORITY_POLICY, ee_policy=_LEAF_POLICY)
            .build_client_verifier()
        )
        verified = verifier.verify(leaf, intermediates)
    except (verification.VerificationError, ValueError) as error:
        # The text after the first parenthesis describes objects, not the reason.
        raise CertificateRefusedError(str(error).partition(" (")[0]) from error
    names = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    organizations = leaf.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return ClientCertificate(
        str(names[-1].value) if names else "",
        tuple(str(organization.value) for organization in organizations),
        min(certificate.not_valid_after_utc.timestamp() for certificate in verified.chain),
    )


@dataclasses.dataclass(frozen=True, slots=True)
class ServingCertificate:
    """Facts about the certificate this server shows.

    Attributes:
        dns_names: DNS names of its subjectAltName; Go ignores the CN.
        not_before: seconds since the epoch.
        not_after: seconds since the epoch.

    """

    dns_names: tuple[str, ...]
    not_before: float
    not_after: float

    def complaint(self, dns_name: str, now: float) -> str | None:
        """Return why a client that asks for `dns_name` will refuse this certificate, or None.

        Args:
            dns_name: name that the aggregator verifies; '' if nobody does, then nothing is wrong.
            now: seconds since the epoch.

        """
        if not dns_name:
            return None
        if dns_name not in self.dns_names and f"*.{dns_name.partition('.')[2]}" not in self.dns_names:
            named = ", ".join(self.dns_names) or "nothing"
            return f"the serving certificate has no subjectAltName {dns_name}; it names {named}"
        if now > self.not_after:
            return f"the serving certificate expired {_iso(self.not_after)}"
        if now < self.not_before:
            return f"the serving certificate is not valid before {_iso(self.not_before)}"
        return None

    def remark(self, dns_name: str, now: float) -> str | None:
        """Return that a tenth of its lifetime is left and nobody renewed it, or None; arguments as for `complaint`."""
        if dns_name and now > self.not_after - _RENEWED_BEFORE * (self.not_after - self.not_before):
            return f"the serving certificate expires {_iso(self.not_after)} and was not renewed yet"
        return None


def read_serving_certificate(pem: bytes) -> ServingCertificate:
    """Read the first certificate of a PEM file.

    Raises:
        ValueError: if there is none or it is malformed.

    """
    leaf = x509.load_pem_x509_certificates(pem)[0]
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        dns_names = tuple(names.get_values_for_type(x509.DNSName))
    except x509.ExtensionNotFound:
        dns_names = ()
    return ServingCertificate(dns_names, leaf.not_valid_before_utc.timestamp(), leaf.not_valid_after_utc.timestamp())


def _iso(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

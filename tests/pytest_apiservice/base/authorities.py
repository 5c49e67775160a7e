"""Certificate authorities, one per trust domain as a real control plane has them."""

import datetime as dt
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SigningKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
LIFETIME = dt.timedelta(days=30)
CLOCK_SKEW = dt.timedelta(minutes=5)


@dataclass(frozen=True)
class KeyPair:
    """A PEM certificate and its PEM private key."""

    certificate: bytes
    key: bytes

    def write(self, folder: Path, name: str) -> None:
        """Write ``name.crt`` and ``name.key`` into ``folder``; each appears whole or not at all."""
        for suffix, content in (("key", self.key), ("crt", self.certificate)):
            write_private(folder / f"{name}.{suffix}", content)


class Signer:
    """The key of a certificate authority, which is never written, and its certificate.

    Attributes:
        name: its distinguished name, which is the issuer of what it signs.
    """

    def __init__(
        self, name: str, issuer: "Signer | None" = None, *, key: SigningKey | None = None, key_identifiers: bool = True
    ) -> None:
        """Make a CA.

        Args:
            name: its common name.
            issuer: signs its certificate; None makes it self-signed.
            key: None makes a new one.
            key_identifiers: whether certificates name their keys, as those of Go and cert-manager do. By it OpenSSL tells a CA
                from its successor of the same name. Those of EKS do not.
        """
        self._key = key or ec.generate_private_key(ec.SECP256R1())
        self.name = distinguished_name(name)
        self._key_identifiers = key_identifiers
        signer = issuer or self
        public = self._key.public_key()
        builder = (
            certificate_builder(self.name, signer.name, public, dt.timedelta(), LIFETIME)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(key_usage(certificate_authority=True), critical=True)
        )
        if key_identifiers:
            builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        self._certificate = signer.sign(builder)

    def sign(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        """Return the certificate, signed as it is."""
        # Ed25519 has its own hash.
        return builder.sign(self._key, None if isinstance(self._key, ed25519.Ed25519PrivateKey) else hashes.SHA256())

    def _sign_leaf(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        if self._key_identifiers:
            identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
            builder = builder.add_extension(identifier, critical=False)
        return self.sign(builder)


class Authority(Signer):
    """A certificate authority that lives in memory."""

    @property
    def certificate(self) -> bytes:
        """The CA certificate as PEM."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def client(self, user: str, groups: Sequence[str] = ()) -> KeyPair:
        """Issue a client certificate: Kubernetes reads the user from CN and the groups from O."""
        return self._issue(distinguished_name(user, groups), ExtendedKeyUsageOID.CLIENT_AUTH, ())

    def server(self, names: Sequence[str]) -> KeyPair:
        """Issue a serving certificate for DNS names and IP addresses."""
        return self._issue(distinguished_name(names[0]), ExtendedKeyUsageOID.SERVER_AUTH, names)

    def _issue(self, subject: x509.Name, usage: x509.ObjectIdentifier, names: Sequence[str]) -> KeyPair:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            certificate_builder(subject, self.name, key.public_key(), dt.timedelta(), LIFETIME)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage(certificate_authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        )
        if names:
            # An empty critical subjectAltName is refused by Go ("unhandled critical extension"), so only when there are names.
            builder = builder.add_extension(
                x509.SubjectAlternativeName([general_name(name) for name in names]), critical=False
            )
        return KeyPair(self._sign_leaf(builder).public_bytes(serialization.Encoding.PEM), key_pem(key))


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the private key as unencrypted PKCS #8 PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def signing_pair() -> tuple[bytes, bytes]:
    """Return (private, public) PEM of a fresh key that signs ServiceAccount tokens."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return key_pem(key), public


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read; readers see the old content or the new, never a part."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.touch(mode=0o600)
    fresh.write_bytes(content)
    fresh.replace(path)


def distinguished_name(common_name: str, organizations: Sequence[str] = ()) -> x509.Name:
    """Return a name of O's and a CN, which an empty ``common_name`` leaves out."""
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization) for organization in organizations]
    if common_name:
        attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
    return x509.Name(attributes)


def general_name(name: str) -> x509.GeneralName:
    """Return an IP address or a DNS name as a subjectAltName has it."""
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def certificate_builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: CertificatePublicKeyTypes,
    begins: dt.timedelta,
    ends: dt.timedelta,
) -> x509.CertificateBuilder:
    """Return a certificate to be, without extensions; it is valid from ``begins``, less some clock skew, to ``ends``, both from now."""
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins - CLOCK_SKEW)
        .not_valid_after(now + ends)
    )


def key_usage(*, certificate_authority: bool) -> x509.KeyUsage:
    """Return what a key may do: sign, and certificates and CRLs if it is an authority's."""
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=certificate_authority,
        crl_sign=certificate_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )

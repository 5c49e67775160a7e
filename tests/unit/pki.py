"""Certificates as a cluster has them: separate authorities for front proxy, clients, kube-apiserver and the backend."""

from __future__ import annotations

import dataclasses
import datetime as dt
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DNS_NAME = "header-echo.default.svc"


@dataclasses.dataclass(frozen=True)
class Pair:
    """A certificate and its key, both PEM; `chain` is what a peer shows."""

    certificate: str
    key: str
    chain: str = ""

    def encrypted_key(self) -> str:
        """Return the key as PEM that asks for a password."""
        key = serialization.load_pem_private_key(self.key.encode(), None)
        encryption = serialization.BestAvailableEncryption(b"password")
        return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption).decode()

    def write(self, directory: Path, name: str = "tls") -> tuple[Path, Path]:
        """Write `<name>.crt` and `<name>.key`, each replaced at once."""
        directory.mkdir(parents=True, exist_ok=True)
        files = directory / f"{name}.crt", directory / f"{name}.key"
        for file, text in zip(files, (self.chain or self.certificate, self.key), strict=True):
            temporary = file.with_suffix(".new")
            temporary.write_text(text)
            temporary.replace(file)
        return files


class Authority:
    """A certificate authority as clusters have it."""

    def __init__(self, common_name: str, parent: Authority | None = None, *, key_identifiers: bool = False) -> None:
        """Make it; without key identifiers it is as EKS makes it, with them as Go and cert-manager do."""
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(common_name)
        self._key_identifiers = key_identifiers
        signer = parent or self
        builder = (
            _builder(self._name, signer._name, self._key.public_key(), 0, 3650)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_key_usage(key_cert_sign=True), critical=True)
        )
        if key_identifiers:
            builder = builder.add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False
            )
        self._certificate = builder.sign(signer._key, hashes.SHA256())
        self.pem = _pem(self._certificate)

    def client(
        self,
        common_name: str,
        *,
        organizations: tuple[str, ...] = (),
        usage: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.CLIENT_AUTH,
        days: tuple[float, float] = (-1, 1),
    ) -> Pair:
        """Issue a client certificate; `days` is its validity relative to now."""
        return self._issue(_name(common_name, organizations), usage, days, None)

    def server(self, *names: str, days: tuple[float, float] = (-1, 1)) -> Pair:
        """Issue a serving certificate for DNS names and IP addresses."""
        general = [_general_name(name) for name in names]
        return self._issue(_name(""), ExtendedKeyUsageOID.SERVER_AUTH, days, x509.SubjectAlternativeName(general))

    def _issue(
        self,
        subject: x509.Name,
        usage: x509.ObjectIdentifier | None,
        days: tuple[float, float],
        names: x509.SubjectAlternativeName | None,
    ) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(subject, self._name, key.public_key(), *days).add_extension(_key_usage(), critical=True)
        if usage is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if names is not None:
            builder = builder.add_extension(names, critical=True)
        if self._key_identifiers:
            identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
            builder = builder.add_extension(identifier, critical=False)
        certificate = _pem(builder.sign(self._key, hashes.SHA256()))
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        return Pair(certificate, private)

    def issue_as_leaf_authority(self, common_name: str, issued: str) -> Pair:
        """Issue a client certificate that itself, without being an authority, signed another one; both form the chain."""
        leaf = self.client(common_name)
        impostor = Authority(common_name)
        impostor._key = serialization.load_pem_private_key(leaf.key.encode(), None)  # type: ignore[assignment]
        pair = impostor.client(issued)
        return dataclasses.replace(pair, chain=pair.certificate + leaf.certificate)


def _name(common_name: str, organizations: tuple[str, ...] = ()) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, name) for name in organizations]
    if common_name:
        attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
    return x509.Name(attributes)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, first_day: float, last_day: float
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + dt.timedelta(days=first_day, minutes=-5))
        .not_valid_after(now + dt.timedelta(days=last_day))
    )


def _key_usage(*, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not key_cert_sign,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()

"""Certificates as a cluster has them: separate authorities for front proxy, clients, kube-apiserver and the backend."""

from __future__ import annotations

import dataclasses
import datetime as dt
import ssl
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pytest_apiservice.base.authorities import (
    Signer,
    SigningKey,
    certificate_builder,
    distinguished_name,
    general_name,
    key_pem,
    key_usage,
)

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


class Authority(Signer):
    """A certificate authority as clusters have it."""

    def __init__(
        self,
        common_name: str,
        parent: Authority | None = None,
        *,
        key_identifiers: bool = False,
        key: SigningKey | None = None,
    ) -> None:
        """Make it, by default as EKS does."""
        super().__init__(common_name, parent, key=key, key_identifiers=key_identifiers)
        self.common_name = common_name
        self.pem = _pem(self._certificate)

    def rewrite(self, change: Callable[[list[bytes]], list[bytes]]) -> None:
        """Change the parts of the self-signed certificate as no builder would, and sign it again; DER, each with its header."""
        assert isinstance(self._key, ec.EllipticCurvePrivateKey)
        content = _der(0x30, b"".join(change(_parts(self._certificate.tbs_certificate_bytes))))
        algorithm = _parts(self._certificate.public_bytes(serialization.Encoding.DER))[1]
        signature = self._key.sign(content, ec.ECDSA(hashes.SHA256()))
        whole = _der(0x30, content + algorithm + _der(0x03, b"\0" + signature))
        self.pem = ssl.DER_cert_to_PEM_cert(whole)

    def client(
        self,
        common_name: str,
        *,
        last_name: str = "",
        organizations: tuple[str, ...] = (),
        usage: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.CLIENT_AUTH,
        days: tuple[float, float] = (-1, 1),
    ) -> Pair:
        """Issue a client certificate; `days` is its validity relative to now, `last_name` a second CN after the first."""
        subject = distinguished_name(common_name, organizations)
        if last_name:
            subject = x509.Name([*subject, x509.NameAttribute(NameOID.COMMON_NAME, last_name)])
        return self._issue(subject, usage, days, None)

    def server(self, *names: str, days: tuple[float, float] = (-1, 1)) -> Pair:
        """Issue a serving certificate for DNS names and IP addresses."""
        general = [general_name(name) for name in names]
        return self._issue(
            distinguished_name(""), ExtendedKeyUsageOID.SERVER_AUTH, days, x509.SubjectAlternativeName(general)
        )

    def _issue(
        self,
        subject: x509.Name,
        usage: x509.ObjectIdentifier | None,
        days: tuple[float, float],
        names: x509.SubjectAlternativeName | None,
        constraints: x509.BasicConstraints | None = None,
    ) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        begins, ends = (dt.timedelta(days=number) for number in days)
        builder = certificate_builder(subject, self.name, key.public_key(), begins, ends)
        builder = builder.add_extension(key_usage(certificate_authority=False), critical=True)
        if usage is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if constraints is not None:
            builder = builder.add_extension(constraints, critical=True)
        if names is not None:
            builder = builder.add_extension(names, critical=True)
        return Pair(_pem(self._sign_leaf(builder)), key_pem(key).decode())

    def issue_as_leaf_authority(self, common_name: str, issued: str, *, says_so: bool = True) -> Pair:
        """Issue a client certificate that itself, without being an authority, signed another one; both form the chain.

        It says that it is none, or nothing about it.
        """
        constraints = x509.BasicConstraints(ca=False, path_length=None) if says_so else None
        leaf = self._issue(distinguished_name(common_name), ExtendedKeyUsageOID.CLIENT_AUTH, (-1, 1), None, constraints)
        impostor = Authority(common_name)
        impostor._key = serialization.load_pem_private_key(leaf.key.encode(), None)  # type: ignore[assignment]
        pair = impostor.client(issued)
        return dataclasses.replace(pair, chain=pair.certificate + leaf.certificate)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, size] if size < 0x80 else [tag, 0x80 + len(length), *length]) + content


def _parts(sequence: bytes) -> list[bytes]:
    """Return what is in a DER sequence, each part with its header."""
    found = []
    position, _ = _content(sequence, 0)
    while position < len(sequence):
        _, end = _content(sequence, position)
        found.append(sequence[position:end])
        position = end
    return found


def _content(data: bytes, position: int) -> tuple[int, int]:
    """Return where the content of the DER value at a position begins and ends."""
    size = data[position + 1]
    begins = position + 2
    if size & 0x80:
        width = size & 0x7F
        size, begins = int.from_bytes(data[begins : begins + width]), begins + width
    return begins, begins + size

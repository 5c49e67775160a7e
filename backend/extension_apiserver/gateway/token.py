"""A signed token with each request, so that an upstream that others can reach knows who speaks.

A JWT (RFC 7519) with ES256 (RFC 7518, 3.4). Its key may change at any time: a new one is published at once and signs later, an old one is
published a while after its last signature, so that no upstream needs a key that it could not have.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import math
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from extension_apiserver.status import StatusError
from extension_apiserver.trust.files import FileError, Reloaded, read
from extension_apiserver.trust.identity import Identity

from .config import TokenConfig

#: From the publishing of a new key to its first signature, and from an old key's last signature to its end.
OVERLAP_SECONDS = 300.0
#: How often the file is looked at.
_LOOK_SECONDS = 1.0
_NUMBER_BYTES = 32
_ALGORITHM = ec.ECDSA(hashes.SHA256())
_LONGEST_SECONDS = 60


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _compact(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


class Key:
    """One private key.

    Attributes:
        published: its public half as a JWK (RFC 7517).
        name: `kid`, its thumbprint (RFC 7638).

    """

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        numbers = private.public_key().public_numbers()
        x, y = (_base64url(number.to_bytes(_NUMBER_BYTES)) for number in (numbers.x, numbers.y))
        # These members, in this order: https://www.rfc-editor.org/rfc/rfc7638#section-3.2
        required = {"crv": "P-256", "kty": "EC", "x": x, "y": y}
        self.name = _base64url(hashlib.sha256(_compact(required)).digest())
        self.published = {**required, "kid": self.name, "alg": "ES256", "use": "sig"}
        self._private = private
        self._head = _base64url(_compact({"alg": "ES256", "kid": self.name, "typ": "JWT"}))

    def token(self, claims: Mapping[str, Any]) -> bytes:
        """Return the signed claims."""
        signed = f"{self._head}.{_base64url(_compact(claims))}".encode()
        r, s = decode_dss_signature(self._private.sign(signed, _ALGORITHM))
        return signed + b"." + _base64url(r.to_bytes(_NUMBER_BYTES) + s.to_bytes(_NUMBER_BYTES)).encode()


def read_key(file: Path) -> Key:
    """Return the key in a file.

    Raises:
        FileError: if it is no private key of P-256 in PEM, or encrypted.

    """
    remedy = "; make one with `openssl ecparam -name prime256v1 -genkey -noout`"
    content = read(file)
    try:
        private = serialization.load_pem_private_key(content, None)
    except TypeError:
        raise FileError(f"{file} is an encrypted key; the token's key must not be") from None
    except UnsupportedAlgorithm:
        raise FileError(f"{file} holds a key that is not supported, and must hold one of P-256{remedy}") from None
    except ValueError:
        raise FileError(f"{file} holds no private key in PEM{remedy}") from None
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        kind = type(private).__name__.removesuffix("PrivateKey").removeprefix("_")
        raise FileError(f"{file} holds a key of {kind}, and must hold one of P-256{remedy}")
    if not isinstance(private.curve, ec.SECP256R1):
        raise FileError(f"{file} holds a key of {private.curve.name}, and must hold one of P-256{remedy}")
    return Key(private)


@dataclasses.dataclass(frozen=True, slots=True)
class _Term:
    """From when on a key signs, by the clock of the schedule."""

    begins: float
    key: Key


class Signer:
    """Signs with the key of the file, and publishes it."""

    def __init__(
        self,
        config: TokenConfig,
        *,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read the key; it signs at once.

        Args:
            config: as `read_config` checked it, with a key file.
            now: what time a token says, seconds since the epoch.
            clock: by which keys follow one another, seconds; nobody sets it back.

        Raises:
            FileError: if the key can't be used.

        """
        self._config = config
        self._now, self._clock = now, clock
        file = Path(config.key_file)
        self._key = Reloaded([file], lambda: read_key(file))
        #: In the order in which they sign; the first one does.
        self._terms = [_Term(clock(), self._key.value())]
        #: Keys that sign no more, and until when they are published.
        self._old: list[tuple[float, Key]] = []
        self._looked = clock()
        self._name = config.header.encode()
        self._scheme = b"Bearer " if config.header.lower() == "authorization" else b""

    @property
    def complaint(self) -> str | None:
        """Why the key in the file is not in use, in words, or None."""
        return self._key.complaint

    def header(self, identity: Identity) -> tuple[bytes, bytes]:
        """Return a header line with a token for one request.

        Raises:
            StatusError: 403 if the identity is no text.

        """
        now = self._now()
        issued = math.floor(now)
        claims: dict[str, Any] = {
            "iss": self._config.issuer,
            "aud": self._config.audience,
            "sub": identity.user,
            "groups": identity.groups,
            "iat": issued,
            "nbf": issued,
            # A second is not lost, and no token lives for more than a minute.
            "exp": min(math.ceil(now) + self._config.lifetime_seconds, issued + _LONGEST_SECONDS),
            "jti": secrets.token_hex(16),
        }
        if identity.uid:
            claims["uid"] = identity.uid
        try:
            return self._name, self._scheme + self._signing().token(claims)
        except UnicodeEncodeError:
            raise StatusError(403, "the caller's name is no text, so the upstream can't be told who calls") from None

    def jwks(self) -> dict[str, Any]:
        """Return the JWK Set (RFC 7517) of the keys with which a token may be signed now and soon."""
        self._signing()
        keys = {
            key.name: key.published for key in (*(term.key for term in self._terms), *(key for _, key in self._old))
        }
        return {"keys": list(keys.values())}

    def _signing(self) -> Key:
        """Return the key of now, after a look at the file and the clock."""
        clock = self._clock()
        if clock - self._looked >= _LOOK_SECONDS:
            self._looked = clock
            key = self._key.value()
            if key.name != self._terms[-1].key.name:
                self._terms.append(_Term(clock + OVERLAP_SECONDS, key))
        while len(self._terms) > 1 and self._terms[1].begins <= clock:
            # It signed until the last look, which may be before the next one's term began.
            self._old.append((clock + OVERLAP_SECONDS, self._terms.pop(0).key))
        if self._old and self._old[0][0] <= clock:
            self._old = [one for one in self._old if one[0] > clock]
        return self._terms[0].key

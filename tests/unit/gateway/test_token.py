"""The token: a verifier that knows the published keys believes it, and nothing else; keys follow one another without a gap."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import logging
import os
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

from extension_apiserver.gateway.config import TokenConfig
from extension_apiserver.gateway.token import OVERLAP_SECONDS, Signer
from extension_apiserver.status import StatusError
from extension_apiserver.trust.files import FileError
from extension_apiserver.trust.identity import Identity
from unit.gateway.clocks import Clock

ALICE = Identity("alice", ("dev", "O=a,system:masters"), "42", {"scopes": ("a",)})
_P_256 = ec.generate_private_key(ec.SECP256R1())
PKCS8, SEC1 = serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL


def pem(key: Any, form: serialization.PrivateFormat = PKCS8, password: bytes = b"") -> bytes:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return bytes(key.private_bytes(serialization.Encoding.PEM, form, encryption))


def new_key(form: serialization.PrivateFormat = PKCS8) -> bytes:
    return pem(ec.generate_private_key(ec.SECP256R1()), form)


class Issuer:
    """A signer with its file and its clock."""

    def __init__(self, tmp_path: Path, **config: Any) -> None:
        self.file = tmp_path / "tls.key"
        self.put(new_key())
        self.clock = Clock(1000.0)
        self.config = TokenConfig(
            **{
                "key_file": str(self.file),
                "audience": "https://pets",
                "issuer": "https://gateway",
                "lifetime_seconds": 60,
                **config,
            }
        )
        self.signer = Signer(self.config, clock=self.clock)

    def put(self, content: bytes) -> None:
        """Replace the key in the file."""
        new = self.file.with_suffix(".new")
        new.write_bytes(content)
        new.replace(self.file)

    def later(self, seconds: float) -> None:
        """Let time go by."""
        self.clock.seconds += seconds

    def token(self, identity: Identity = ALICE) -> str:
        """Return a token for an identity."""
        name, value = self.signer.header(identity)
        assert name == b"Authorization"
        scheme, _, token = value.decode().partition(" ")
        assert scheme == "Bearer"
        return token

    def published(self) -> list[str]:
        """Return the names of the published keys."""
        return [key["kid"] for key in self.signer.jwks()["keys"]]

    def signs_with(self) -> str:
        """Return the name of the key that signs now."""
        return str(jwt.get_unverified_header(self.token())["kid"])


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    """Who signs, with a clock of the test's own."""
    return Issuer(tmp_path)


def verify(
    token: str, keys: dict[str, Any], audience: str = "https://pets", issuer: str = "https://gateway"
) -> dict[str, Any]:
    """Verify as PyJWT's JWKS client does: the key that the token names, of those that are published."""
    key = jwt.PyJWKSet.from_dict(keys)[jwt.get_unverified_header(token)["kid"]]
    required: Any = {"require": ["iss", "aud", "sub", "iat", "nbf", "exp", "jti"]}
    return jwt.decode(token, key, algorithms=["ES256"], audience=audience, issuer=issuer, options=required, leeway=1)


def test_a_verifier_learns_who_calls(issuer: Issuer) -> None:
    claims = verify(issuer.token(), issuer.signer.jwks())

    assert (claims["sub"], claims["groups"], claims["uid"]) == ("alice", ["dev", "O=a,system:masters"], "42")
    assert claims["iat"] == claims["nbf"]
    assert claims["exp"] - claims["iat"] == 60
    assert abs(claims["iat"] - time.time()) < 60
    assert "uid" not in verify(issuer.token(Identity("bob")), issuer.signer.jwks())


def test_a_signature_is_always_of_64_bytes(issuer: Issuer) -> None:
    """One of 256 has a number with a zero in front."""
    keys = issuer.signer.jwks()
    for number in range(600):
        token = issuer.token(Identity(f"user-{number}", ("ä",)))
        assert verify(token, keys)["sub"] == f"user-{number}"
        assert len(base64.urlsafe_b64decode(token.rpartition(".")[2] + "==")) == 64


def test_no_two_tokens_have_one_id(issuer: Issuer) -> None:
    keys = issuer.signer.jwks()

    assert len({verify(issuer.token(), keys)["jti"] for _ in range(100)}) == 100


def test_a_name_in_any_script_is_signed_as_it_is(issuer: Issuer) -> None:
    odd = Identity('jürgen "x"\n😀', ("група", ""))
    claims = verify(issuer.token(odd), issuer.signer.jwks())

    assert (claims["sub"], claims["groups"]) == (odd.user, list(odd.groups))


def test_a_name_that_is_no_text_is_refused(issuer: Issuer) -> None:
    with pytest.raises(StatusError, match="is no text") as refused:
        issuer.signer.header(Identity("\ud800"))
    assert refused.value.code == 403


def test_a_token_for_somebody_else_is_not_believed(issuer: Issuer, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other, token, keys = Issuer(tmp_path / "other"), issuer.token(), issuer.signer.jwks()

    with pytest.raises(jwt.InvalidAudienceError):
        verify(token, keys, audience="https://cats")
    with pytest.raises(jwt.InvalidIssuerError):
        verify(token, keys, issuer="https://somebody")
    with pytest.raises(KeyError):
        verify(other.token(), keys)
    other_key = other.signer.jwks()["keys"][0]
    with pytest.raises(jwt.InvalidSignatureError):
        verify(token, {"keys": [{**other_key, "kid": keys["keys"][0]["kid"]}]})


@pytest.mark.parametrize(("lifetime", "longest"), [(60, 60), (59, 60), (1, 2)])
def test_a_token_expires_when_it_is_said(tmp_path: Path, lifetime: int, longest: int) -> None:
    """Not before its lifetime is over, but for the longest, and never after a minute."""
    now = Clock(1_800_000_000.75)
    issuer = Issuer(tmp_path, lifetime_seconds=lifetime)
    signer = Signer(issuer.config, now=now)
    token = signer.header(ALICE)[1].decode().removeprefix("Bearer ")
    claims = jwt.decode(token, options={"verify_signature": False})

    assert claims["iat"] == 1_800_000_000
    assert claims["exp"] - claims["iat"] == longest
    past = Signer(issuer.config, now=Clock(time.time() - 70)).header(ALICE)[1].decode().removeprefix("Bearer ")
    with pytest.raises(jwt.ExpiredSignatureError):
        verify(past, signer.jwks())


def test_it_goes_into_the_configured_header(tmp_path: Path) -> None:
    issuer = Issuer(tmp_path, header="X-Token")
    name, value = issuer.signer.header(ALICE)

    assert name == b"X-Token"
    assert verify(value.decode(), issuer.signer.jwks())["sub"] == "alice"


def test_a_key_is_published_with_its_thumbprint_and_without_its_secret(issuer: Issuer) -> None:
    (key,) = issuer.signer.jwks()["keys"]
    members = '{{"crv":"{crv}","kty":"{kty}","x":"{x}","y":"{y}"}}'.format(**key)

    assert set(key) == {"kty", "crv", "x", "y", "kid", "alg", "use"}
    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig")
    assert key["kid"] == base64.urlsafe_b64encode(hashlib.sha256(members.encode()).digest()).decode().rstrip("=")
    assert json.dumps(issuer.signer.jwks())


def test_a_new_key_is_published_at_once_and_signs_later(issuer: Issuer) -> None:
    (old,) = issuer.published()
    issuer.put(new_key())
    issuer.later(1)
    published = issuer.published()

    assert published[0] == old
    assert len(published) == 2
    issuer.later(OVERLAP_SECONDS - 1)
    assert issuer.signs_with() == old
    issuer.later(1)
    assert issuer.signs_with() == published[1]


def test_an_old_key_is_published_a_while_longer(issuer: Issuer) -> None:
    (old,) = issuer.published()
    last = issuer.token()
    issuer.put(new_key())
    issuer.later(1)
    issuer.published()
    issuer.later(OVERLAP_SECONDS)
    new = issuer.signs_with()
    assert verify(last, issuer.signer.jwks())["sub"] == "alice"
    issuer.later(OVERLAP_SECONDS - 1)
    assert sorted(issuer.published()) == sorted([old, new])
    issuer.later(1)

    assert issuer.published() == [new]
    assert issuer.signer._old == []


def test_whoever_signs_is_always_published_before(issuer: Issuer) -> None:
    """Also when keys change faster than they come into use, and back to one that was there before."""
    keys = [new_key() for _ in range(4)]
    seen: dict[str, float] = {issuer.published()[0]: -OVERLAP_SECONDS}
    last_signed: dict[str, float] = {}
    for step in range(400):
        if step % 11 == 0 and step < 200:
            issuer.put(keys[step // 11 % 4])
        issuer.later(7)
        now = issuer.clock.seconds - 1000
        published = issuer.published()
        signs = issuer.signs_with()
        last_signed[signs] = now

        assert signs in published
        for name in published:
            seen.setdefault(name, now)
        assert now - seen[signs] >= OVERLAP_SECONDS - 7, "an upstream had time to learn the key"
        recently = [name for name, at in last_signed.items() if now - at < OVERLAP_SECONDS]
        assert set(recently) <= set(published), "what was signed can be verified"
    assert len(issuer.published()) == 1


def test_the_file_is_looked_at_once_a_second(issuer: Issuer) -> None:
    (old,) = issuer.published()
    issuer.put(new_key())
    issuer.later(0.9)
    assert issuer.published() == [old]
    issuer.later(0.1)

    assert len(issuer.published()) == 2


def test_the_last_good_key_stays_and_the_log_says_once_why(issuer: Issuer, caplog: pytest.LogCaptureFixture) -> None:
    (old,) = issuer.published()
    with caplog.at_level(logging.ERROR):
        for content in (b"garbage", b"garbage", new_key()[:50], b""):
            issuer.put(content)
            issuer.later(1)
            assert issuer.signs_with() == old
            issuer.later(OVERLAP_SECONDS * 2)
            assert issuer.published() == [old]

    complaint = f"{issuer.file} holds no private key in PEM"
    assert issuer.signer.complaint is not None
    assert issuer.signer.complaint.startswith(complaint)
    assert [record.getMessage().partition(";")[0] for record in caplog.records] == [complaint]
    issuer.file.unlink()
    issuer.later(1)
    assert issuer.signs_with() == old
    assert issuer.signer.complaint == f"{issuer.file} cannot be read: No such file or directory"
    issuer.put(new_key())
    issuer.later(1)
    assert len(issuer.published()) == 2
    assert issuer.signer.complaint is None


def test_a_key_changes_as_the_kubelet_changes_it(tmp_path: Path) -> None:
    """It swaps the symbolic link of the folder; size and time of the file may be the same as before."""
    for number in (1, 2):
        folder = tmp_path / f"..{number}"
        folder.mkdir()
        (folder / "tls.key").write_bytes(new_key())
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "tls.key").symlink_to("..data/tls.key")
    clock = Clock(0)
    signer = Signer(TokenConfig(key_file=str(tmp_path / "tls.key"), audience="a", issuer="b"), clock=clock)
    (tmp_path / "..new").symlink_to("..2")
    (tmp_path / "..new").rename(tmp_path / "..data")
    clock.seconds += 1

    assert len(signer.jwks()["keys"]) == 2


def test_keys_of_openssl_and_of_cert_manager_are_read(tmp_path: Path) -> None:
    issuer = Issuer(tmp_path)
    issuer.put(b"some words\n" + new_key(SEC1))
    issuer.later(1)

    assert len(issuer.published()) == 2


def _of_no_kind() -> bytes:
    """Return a key whose algorithm nobody knows."""
    der = _P_256.private_bytes(serialization.Encoding.DER, PKCS8, serialization.NoEncryption())
    return der.replace(bytes.fromhex("2a8648ce3d0201"), bytes.fromhex("2a8648ce3d0209"))


_BAD_KEYS: dict[str, tuple[Callable[[], bytes], str]] = {
    "RSA": (lambda: pem(rsa.generate_private_key(65537, 2048)), "holds a key of RSA, and must hold one of P-256; make one with `openssl"),
    "P-384": (lambda: pem(ec.generate_private_key(ec.SECP384R1())), "holds a key of secp384r1, and must hold one of P-256; make one"),
    "secp256k1": (lambda: pem(ec.generate_private_key(ec.SECP256K1())), "holds a key of secp256k1, and must"),
    "Ed25519": (lambda: pem(ed25519.Ed25519PrivateKey.generate()), "holds a key of Ed25519, and must"),
    "DSA": (lambda: pem(dsa.generate_private_key(2048)), "holds a key of DSA, and must"),
    "of another kind": (lambda: ssl.DER_cert_to_PEM_cert(_of_no_kind()).replace("CERTIFICATE", "PRIVATE KEY").encode(), "holds a key that is not supported"),
    "encrypted": (lambda: pem(_P_256, PKCS8, b"x"), "is an encrypted key; the token's key must not be"),
    "encrypted by OpenSSL": (lambda: pem(_P_256, SEC1, b"x"), "is an encrypted key; the token's key must not be"),
    "garbage": (lambda: b"garbage", "holds no private key in PEM; make one with"),
    "empty": (lambda: b"", "holds no private key in PEM"),
    "bytes": (lambda: b"\xff\0" * 100, "holds no private key in PEM"),
    "half": (lambda: new_key()[:-60], "holds no private key in PEM"),
    "public": (
        lambda: _P_256.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        "holds no private key in PEM",
    ),
    "long": (lambda: b"-" * (2**20 + 1), "has more than 1048576 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("kind", _BAD_KEYS)
def test_a_key_that_cannot_sign_is_a_sentence_at_the_start(tmp_path: Path, kind: str) -> None:
    make, sentence = _BAD_KEYS[kind]
    file = tmp_path / "tls.key"
    file.write_bytes(make())
    with pytest.raises(FileError) as refused:
        Signer(TokenConfig(key_file=str(file), audience="a", issuer="b"))

    assert str(refused.value).startswith(f"{file} {sentence}")


def test_what_is_no_file_is_a_sentence_at_the_start(tmp_path: Path) -> None:
    """A pipe is not waited for."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to("none")
    for name, sentence in (
        ("none", "No such file"),
        ("", "it is no file"),
        ("pipe", "it is no file"),
        ("dangling", "No such file"),
    ):
        with pytest.raises(FileError, match=f"cannot be read: {sentence}"):
            Signer(TokenConfig(key_file=str(tmp_path / name), audience="a", issuer="b"))


def test_dates_of_a_token_are_whole_seconds(issuer: Issuer) -> None:
    """As some verifiers want them."""
    claims = verify(issuer.token(), issuer.signer.jwks())

    assert all(isinstance(claims[name], int) for name in ("iat", "nbf", "exp"))
    assert dt.datetime.fromtimestamp(claims["exp"], dt.UTC)

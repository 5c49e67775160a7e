"""What a chain proves, and what our own certificate is good for."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from extension_apiserver.trust.certificates import (
    CertificateRefusedError,
    ServingCertificate,
    authorities_pem,
    load_authorities,
    read_serving_certificate,
    verify_client,
)
from unit.pki import DNS_NAME, Authority

ROOT = Authority("front-proxy-ca")
MIDDLE = Authority("middle", ROOT)
DAY = 86400


def der(pem: str) -> list[bytes]:
    return [one.public_bytes(serialization.Encoding.DER) for one in load_authorities(pem)]


def refusal(chain: list[bytes], *authorities: Authority) -> str:
    """Return why a chain proves nothing."""
    with pytest.raises(CertificateRefusedError) as refused:
        verify_client(chain, load_authorities("".join(one.pem for one in authorities)) if authorities else ())
    return str(refused.value)


def test_must_10_a_chain_says_who_and_until_when() -> None:
    """The last CN, the organizations in order, and the end of what ends first."""
    pair = ROOT.client("front-proxy-client", organizations=("b", "a"), days=(-1, 2))
    found = verify_client(der(pair.certificate), load_authorities(Authority("other").pem + ROOT.pem))

    assert (found.common_name, found.organizations) == ("front-proxy-client", ("b", "a"))
    assert abs(found.not_after - time.time() - 2 * DAY) < 60
    assert verify_client(der(ROOT.client("").certificate), load_authorities(ROOT.pem)).common_name == ""


def test_must_10_an_intermediate_certificate_is_part_of_the_proof() -> None:
    """Given with the leaf, and not without it; the authority of the middle can also be trusted itself."""
    leaf = der(MIDDLE.client("x", days=(-1, 100)).certificate)
    found = verify_client([*leaf, *der(MIDDLE.pem)], load_authorities(ROOT.pem))

    assert found.common_name == "x"
    assert found.not_after < time.time() + 40 * DAY, "the middle ends before the leaf"
    assert "validation failed" in refusal(leaf, ROOT)
    assert verify_client(leaf, load_authorities(MIDDLE.pem)).common_name == "x"


def test_a_chain_that_leads_everywhere_is_refused_at_once() -> None:
    """Who has a good certificate can send others with the names and keys of its authority, and there are 8 to the 8th paths."""
    users = Authority("kubernetes")
    forger = Authority("kubernetes")
    junk = [Authority("kubernetes", forger, key=users._key).pem for _ in range(8)]
    junk += [Authority("kubernetes", key=forger._key).pem for _ in range(8)]

    assert "validation failed" in refusal(der(users.client("x").certificate + "".join(junk)), ROOT)


def test_must_10_what_proves_nothing_and_why() -> None:
    """One reason each, in words, without the insides of a library."""
    usual = der(ROOT.client("x").certificate)
    server = der(ROOT.client("x", usage=ExtendedKeyUsageOID.SERVER_AUTH).certificate)
    anything = der(ROOT.client("x", usage=ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE).certificate)
    nothing = der(ROOT.client("x", usage=None).certificate)
    impostor = der(ROOT.issue_as_leaf_authority("x", "x").chain)
    silent = der(ROOT.issue_as_leaf_authority("x", "x", says_so=False).chain)
    reasons = {
        "no authority": refusal(usual),
        "another authority": refusal(usual, Authority("other")),
        "server usage": refusal(server, ROOT),
        "any usage": refusal(anything, ROOT),
        "no usage": refusal(nothing, ROOT),
        "issued by a leaf": refusal(impostor, ROOT),
        "issued by a leaf that says nothing": refusal(silent, ROOT),
        "expired": refusal(der(ROOT.client("x", days=(-2, -1)).certificate), ROOT),
        "too early": refusal(der(ROOT.client("x", days=(1, 2)).certificate), ROOT),
        "no certificate": refusal([b"x"], ROOT),
    }

    assert reasons["no authority"] == "no certificate authority is known"
    for kind in ("server usage", "any usage"):
        assert reasons[kind].endswith("the certificate is not for client authentication"), reasons
    assert reasons["issued by a leaf"].endswith("basicConstraints.cA must be asserted in a CA certificate"), reasons
    assert reasons["issued by a leaf that says nothing"].endswith("CA certificate has no basicConstraints"), reasons
    assert [kind for kind, words in reasons.items() if " (" in words or not words] == []


def test_a_bundle_is_written_as_plain_pem() -> None:
    """So that TLS, which takes only ASCII, hears of the certificates alone."""
    assert authorities_pem(load_authorities(f"# für\n{ROOT.pem}{MIDDLE.pem}")) == ROOT.pem + MIDDLE.pem
    assert authorities_pem(()) == ""


def test_facts_about_the_serving_certificate() -> None:
    """Names of the subjectAltName alone, both ends of its time (clocks that differ are allowed for); the first of a chain counts."""
    pair = ROOT.server("a.default.svc", "b.default.svc", days=(-3, 5))
    found = read_serving_certificate((pair.certificate + MIDDLE.pem).encode())

    assert found.dns_names == ("a.default.svc", "b.default.svc")
    assert abs(found.not_before - time.time() + 3 * DAY) < 600
    assert abs(found.not_after - time.time() - 5 * DAY) < 60
    assert read_serving_certificate(ROOT.client(DNS_NAME).certificate.encode()).dns_names == ()
    with pytest.raises(ValueError, match="PEM"):
        read_serving_certificate(b"x")


MINE = ServingCertificate(("a.b.svc", "*.c.svc"), 1000.0, 2000.0)


@pytest.mark.parametrize(
    ("certificate", "name", "now", "expected"),
    [
        (MINE, "a.b.svc", 1500, None),
        (MINE, "x.c.svc", 1500, None),
        (MINE, "", 9999, None),
        (MINE, "a.b.svc", 1000, None),
        (MINE, "a.b.svc", 2000, None),
        (MINE, "a.c", 1500, "the serving certificate has no subjectAltName a.c; it names a.b.svc, *.c.svc"),
        (MINE, "y.x.c.svc", 1500, "the serving certificate has no subjectAltName y.x.c.svc; it names a.b.svc, *.c.svc"),
        (ServingCertificate((), 0, 1), "a", 0, "the serving certificate has no subjectAltName a; it names nothing"),
        (MINE, "a.b.svc", 2001, "the serving certificate expired 1970-01-01T00:33:20Z"),
        (MINE, "a.b.svc", 999, "the serving certificate is not valid before 1970-01-01T00:16:40Z"),
    ],
)
def test_must_01_why_a_client_would_refuse_our_certificate(
    certificate: ServingCertificate, name: str, now: float, expected: str | None
) -> None:
    """Name and time, to the second; nothing is wrong where nobody verifies."""
    assert certificate.complaint(name, now) == expected


@pytest.mark.parametrize(
    ("name", "now", "remarked"), [("a.b.svc", 1900, False), ("a.b.svc", 1901, True), ("", 1901, False)]
)
def test_a_tenth_of_the_time_is_left(name: str, now: float, remarked: bool) -> None:
    """cert-manager renews when a third is left, so then something is wrong."""
    words = "the serving certificate expires 1970-01-01T00:33:20Z and was not renewed yet"

    assert MINE.remark(name, now) == (words if remarked else None)


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set the clock on the wall nine hours ahead."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_dates_are_those_of_greenwich(tokyo: None) -> None:
    """In what is told, and in what is judged: valid in an hour is not valid now."""
    assert MINE.complaint("a.b.svc", 2001) == "the serving certificate expired 1970-01-01T00:33:20Z"
    early = ROOT.client("x", days=(1 / 24, 1))

    assert refusal(der(early.certificate), ROOT)


def test_must_10_names_are_those_of_the_subject() -> None:
    """Two CNs: the last, as for Go."""
    pair = ROOT.client("first", last_name="last")
    assert x509.load_pem_x509_certificate(pair.certificate.encode()).subject.rfc4514_string().count("CN=") == 2

    assert verify_client(der(pair.certificate), load_authorities(ROOT.pem)).common_name == "last"

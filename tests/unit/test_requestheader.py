"""The ConfigMap as people write it: what counts, what does not, and what never ends who is being served."""

from __future__ import annotations

import json
import re
import ssl
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from extension_apiserver.trust.certificates import load_authorities
from unit.pki import Authority, Pair
from unit.running import BASE, Backend, start

FIRST, SECOND = Authority("first"), Authority("second")


_CHANGES: dict[str, Any] = {
    "a number for a bundle": {"requestheader-client-ca-file": 5},
    "a number for a list": {"requestheader-username-headers": 5},
    "a list for a bundle": {"requestheader-client-ca-file": ["x"]},
    "no mapping": ["x"],
    "deep JSON": {"requestheader-allowed-names": "[" * 100_000},
}


@pytest.mark.parametrize("change", _CHANGES)
def test_must_11_whatever_an_update_holds_the_last_good_one_stays(
    own: Backend, caplog: pytest.LogCaptureFixture, change: str
) -> None:
    """Service goes on, the log and the metric say so, and a good update heals it."""
    start(own)
    data = _CHANGES[change]
    good = own.pki.config_map()
    own.apiserver.set_raw(
        {"metadata": {"resourceVersion": "7"}, "data": {**good, **data} if isinstance(data, dict) else data}
    )
    own.wait_for(lambda: "the last good configuration stays" in caplog.text)
    assert own.aggregator().request("GET", BASE).status == 200
    metrics = own.aggregator().request("GET", "/metrics").text
    assert re.search(r'extension_apiserver_requestheader_reloads_total\{result="failure"\} [1-9]', metrics), metrics
    own.apiserver.set_config_map(own.pki.config_map(requestheader_allowed_names='["another"]'))

    own.wait_for(lambda: own.aggregator().request("GET", BASE).status == 401)


@pytest.mark.parametrize("answer", [{"data": {}}, {"metadata": {}}, {"metadata": 1}, {}, []], ids=json.dumps)
def test_must_11_an_answer_that_is_no_config_map_ends_nothing(
    own: Backend, caplog: pytest.LogCaptureFixture, answer: Any
) -> None:
    """Who asked for a ConfigMap and got something else asks again, and serves by the last good one."""
    start(own)
    own.apiserver.watchable = False
    own.apiserver.set_raw(answer)
    own.wait_for(lambda: "ConfigMap" in caplog.text)
    assert own.aggregator().request("GET", BASE).status == 200
    own.apiserver.set_config_map(own.pki.config_map(requestheader_allowed_names='["another"]'))

    own.wait_for(lambda: own.aggregator().request("GET", BASE).status == 401)


@pytest.mark.parametrize(
    "event", [b"{}", b"[]", b"nonsense", b'{"type": "MODIFIED"}', b'{"type": "MODIFIED", "object": 1}', b"[" * 100_000]
)
def test_must_11_an_event_that_is_none_ends_nothing(own: Backend, event: bytes) -> None:
    """The ConfigMap is read again, and changes count."""
    start(own)
    before = own.apiserver.reads
    own.apiserver.send_event(event)
    own.wait_for(lambda: own.apiserver.reads > before)
    own.apiserver.set_config_map(own.pki.config_map(requestheader_allowed_names='["another"]'))

    own.wait_for(lambda: own.aggregator().request("GET", BASE).status == 401)


def test_must_11_a_comment_in_any_language_ends_nothing(own: Backend) -> None:
    """A letter beyond ASCII in the bundle ended the process, on every replica at once."""
    start(own)
    new = Authority("front-proxy-ca-2")
    own.apiserver.set_config_map(own.pki.config_map(requestheader_client_ca_file=f"# für später\n{new.pem}"))

    own.wait_for(lambda: _code(own, new.client("front-proxy-client")) == 200)


def _code(own: Backend, pair: Pair) -> int | None:
    """Return the code of an answer, None if the handshake failed."""
    try:
        return own.client(pair).request("GET", BASE).status
    except (ssl.SSLError, ConnectionError):
        return None


@pytest.mark.parametrize("delegated", ["false", "true"])
def test_must_11_a_broken_client_authority_does_not_hold_up_the_front_proxys(
    own: Backend, caplog: pytest.LogCaptureFixture, delegated: str
) -> None:
    """They are two things in one ConfigMap: a mistake in one is told, and the other changes."""
    start(own, DELEGATED_AUTHENTICATION=delegated)
    new = Authority("front-proxy-ca-2")
    broken = own.pki.config_map(client_ca_file="nonsense", requestheader_client_ca_file=new.pem)
    own.apiserver.set_config_map(broken)

    own.wait_for(lambda: _code(own, new.client("front-proxy-client")) == 200)
    assert "client-ca-file of ConfigMap" in caplog.text
    assert _code(own, own.pki.proxy) in {401, None}, "the old front proxy's time is over"


def test_must_11_a_broken_front_proxy_does_not_hold_up_the_clients_authority(own: Backend) -> None:
    """The reverse: users' certificates of a new authority count, and the front proxy of before is still believed."""
    start(own, DELEGATED_AUTHENTICATION="true", DELEGATED_AUTHORIZATION="true")
    new = Authority("kubernetes-2")
    own.apiserver.set_config_map(own.pki.config_map(client_ca_file=new.pem, requestheader_client_ca_file="nonsense"))
    own.wait_for(lambda: own.client(new.client("dave")).try_request("GET", BASE, user=None) == 200)

    assert own.aggregator().request("GET", BASE).status == 200


def _serial_number_zero(parts: list[bytes]) -> list[bytes]:
    return [parts[0], b"\x02\x01\x00", *parts[2:]]


def _version_1(parts: list[bytes]) -> list[bytes]:
    return parts[1:-1]


# Whoever takes a version of cryptography that says more than this warning has to find another way to read such authorities.
@pytest.mark.filterwarnings("ignore:Parsed a serial number which wasn't positive")
def test_must_10_an_authority_with_serial_number_zero_is_believed(own: Backend) -> None:
    """Older kubeadm gave its authorities that number, for ten years."""
    old = Authority("front-proxy-ca")
    old.rewrite(_serial_number_zero)
    assert load_authorities(old.pem)[0].serial_number == 0
    own.apiserver.set_config_map(own.pki.config_map(requestheader_client_ca_file=old.pem))
    start(own)

    assert _code(own, old.client("front-proxy-client")) == 200


def _unusual(kind: str) -> tuple[Authority, Pair]:
    """Return an authority and a front proxy's certificate that Go would take."""
    authority = Authority("front-proxy-ca")
    usage = ExtendedKeyUsageOID.CLIENT_AUTH
    match kind:
        case "Ed25519":
            authority = Authority("front-proxy-ca", key=ed25519.Ed25519PrivateKey.generate())
        case "RSA-1024":
            authority = Authority("front-proxy-ca", key=rsa.generate_private_key(65537, 1024))  # noqa: S505 - the subject
        case "RSA-2048":
            authority = Authority("front-proxy-ca", key=rsa.generate_private_key(65537, 2048))
        case "version 1":
            authority.rewrite(_version_1)
        case "any usage":
            usage = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
    return authority, authority.client("front-proxy-client", usage=usage)


@pytest.mark.parametrize("kind", ["Ed25519", "RSA-1024", "version 1", "any usage"])
def test_must_10_unusual_certificates_are_refused(own: Backend, kind: str) -> None:
    """docs/contract.md names them; the others of the cluster are served all the same."""
    authority, pair = _unusual(kind)
    bundle = own.pki.front_proxy.pem + authority.pem
    own.apiserver.set_config_map(own.pki.config_map(requestheader_client_ca_file=bundle))
    start(own)

    assert _code(own, pair) in {401, None}
    assert _code(own, own.pki.proxy) == 200


@pytest.mark.parametrize("kind", ["usual", "RSA-2048"])
def test_must_10_usual_certificates_are_believed(own: Backend, kind: str) -> None:
    """The reverse, so that the test above can fail."""
    authority, pair = _unusual(kind)
    own.apiserver.set_config_map(own.pki.config_map(requestheader_client_ca_file=authority.pem))
    start(own)

    assert _code(own, pair) == 200

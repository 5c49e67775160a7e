"""Who the caller is, by certificate, headers and token: the decision alone, without a server."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import ssl
import time
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from extension_apiserver.observe.metrics import Metrics
from extension_apiserver.request import Connection, Request
from extension_apiserver.status import StatusError
from extension_apiserver.trust.authentication import Authenticator, Caller, _bearer_token
from extension_apiserver.trust.budget import Payer
from extension_apiserver.trust.certificates import load_authorities
from extension_apiserver.trust.identity import ANONYMOUS, Identity
from extension_apiserver.trust.requestheader import RequestHeaderConfig
from unit.pki import Authority

PROXIES, USERS = Authority("front-proxy-ca"), Authority("kubernetes")
CONFIG = RequestHeaderConfig(
    authorities=load_authorities(PROXIES.pem),
    client_authorities=load_authorities(USERS.pem),
    allowed_names=frozenset({"front-proxy-client"}),
    username_headers=(b"x-remote-user", b"x-auth-user"),
    group_headers=(b"x-remote-group",),
    extra_prefixes=(b"x-remote-extra-", b"x-auth-extra-"),
)
ALICE = ((b"x-remote-user", b"alice"), (b"x-remote-group", b"dev"))
AUTHENTICATED = "system:authenticated"
ADDRESS = "10.0.0.7"


def shown(authority: Authority, name: str, **options: Any) -> tuple[bytes, ...]:
    """Return what a client with such a certificate shows."""
    pem = authority.client(name, **options).certificate
    return tuple(one.public_bytes(serialization.Encoding.DER) for one in load_authorities(pem))


PROXY = shown(PROXIES, "front-proxy-client")
DAVE = shown(USERS, "dave", organizations=("team",))


class Tokens:
    """Knows one token."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    async def review(self, token: str, client_address: str) -> Identity | None:
        """Note who asks, and know the owner of 'good'."""
        self.asked.append((token, client_address))
        return Identity("erin", ("g",)) if token == "good" else None


@dataclasses.dataclass
class Desk:
    """One authenticator and what it works with."""

    watch: Any = dataclasses.field(default_factory=lambda: SimpleNamespace(config=CONFIG, generation=1))
    metrics: Metrics = dataclasses.field(default_factory=Metrics)
    tokens: Tokens | None = dataclasses.field(default_factory=Tokens)

    def __post_init__(self) -> None:
        self.authenticator = Authenticator(self.watch, self.metrics, self.tokens)  # type: ignore[arg-type]

    def ask(self, connection: Connection, *headers: tuple[bytes, bytes]) -> tuple[Caller, Request]:
        """Authenticate one request."""
        request = Request("GET", "/", list(headers), connection, _no_body)
        return asyncio.run(self.authenticator.authenticate(request)), request

    def refusal(self, connection: Connection, *headers: tuple[bytes, bytes]) -> tuple[str, str]:
        """Return the sentence of a 401 and the reason that is counted once."""
        with pytest.raises(StatusError) as refused:
            self.ask(connection, *headers)
        assert refused.value.code == 401
        [(labels, count)] = self.metrics.refused_identities._values.items()
        assert count == 1
        return str(refused.value), dict(labels)["reason"]


async def _no_body() -> bytes:
    return b""


def connection(certificates: tuple[bytes, ...] = ()) -> Connection:
    return Connection(certificates, client_address=ADDRESS)


def bearer(token: str) -> tuple[bytes, bytes]:
    return b"authorization", f"Bearer {token}".encode()


def test_must_10_the_front_proxys_word_is_the_caller() -> None:
    """On nobody's account, since kube-apiserver bounds its callers; whatever token comes with it."""
    desk = Desk()
    caller, request = desk.ask(connection(PROXY), *ALICE, bearer("good"), (b"accept", b"*/*"))

    assert caller == Caller(Identity("alice", ("dev", AUTHENTICATED)), by_front_proxy=True, payer=None)
    assert desk.tokens is not None
    assert desk.tokens.asked == []
    assert request.headers == [*ALICE, (b"accept", b"*/*")]
    assert request.identity_names == {b"x-remote-user", b"x-remote-group"}


def test_must_18_a_user_by_certificate_and_by_token_pays_for_itself() -> None:
    """Each known, by user; the credential goes no further."""
    for certificates, headers, identity in (
        (DAVE, [], Identity("dave", ("team", AUTHENTICATED))),
        ((), [bearer("good")], Identity("erin", ("g", AUTHENTICATED))),
    ):
        desk = Desk()
        caller, request = desk.ask(connection(certificates), *headers)

        assert caller == Caller(identity, payer=Payer(f"user:{identity.user}", known=True))
        assert (request.headers, request.identity_names) == ([], frozenset())
    assert desk.tokens is not None
    assert desk.tokens.asked == [("good", ADDRESS)]


def test_must_12_who_claims_nothing_is_anonymous_and_a_stranger() -> None:
    """On the account of its address."""
    caller, _ = Desk().ask(connection(), (b"accept", b"*/*"))

    assert caller == Caller(ANONYMOUS, payer=Payer(ADDRESS, known=False))


_STRANGER = shown(Authority("other"), "front-proxy-client")
_NAME = "Unauthorized: the client certificate is refused: 'somebody' is not an allowed front proxy name"
_FORGED = "Unauthorized: identity headers count only from the front proxy of the cluster"
_OFF = "Unauthorized: bearer tokens of direct callers are not accepted; call through kube-apiserver"


@pytest.mark.parametrize("delegated", [True, False])
@pytest.mark.parametrize(
    ("certificates", "headers", "words", "reason"),
    [
        (shown(PROXIES, "somebody"), ALICE, _NAME, "name_not_allowed"),
        (shown(PROXIES, "somebody"), (), _NAME, "name_not_allowed"),
        (shown(PROXIES, "somebody"), (bearer("bad"),), _NAME, "name_not_allowed"),
        (_STRANGER, ALICE, "the client certificate is refused: validation failed", "untrusted_certificate"),
        (_STRANGER, (), "the client certificate is refused: validation failed", "untrusted_certificate"),
        (PROXY, ALICE[1:], "the client certificate is refused: the front proxy names no user", "no_user"),
        (PROXY, (), "the client certificate is refused: the front proxy names no user", "no_user"),
        (PROXY, ((b"x-remote-user", b"\xff"),), "an identity header is not UTF-8", "malformed_headers"),
        ((), ALICE, _FORGED, "forged_headers"),
        ((), (*ALICE, bearer("good")), _FORGED, "forged_headers"),
        ((), ((b"x-remote-anything", b""),), _FORGED, "forged_headers"),
        ((), ((b"x-auth-user", b"a"),), _FORGED, "forged_headers"),
        ((), ((b"x-auth-extra-k", b"a"),), _FORGED, "forged_headers"),
    ],
)
def test_must_12_what_proves_nothing_is_401(
    certificates: tuple[bytes, ...], headers: tuple[tuple[bytes, bytes], ...], words: str, reason: str, delegated: bool
) -> None:
    """With a sentence that says why, and counted by that reason."""
    desk = Desk(tokens=Tokens() if delegated else None)
    said, counted = desk.refusal(connection(certificates), *headers)

    assert words in said
    assert counted == reason


@pytest.mark.parametrize(("delegated", "words"), [(True, "Unauthorized: the bearer token is not valid"), (False, _OFF)])
@pytest.mark.parametrize("value", [b"Bearer bad", b"Basic good", b"Bearer"])
def test_must_12_a_credential_that_is_none_is_401(delegated: bool, words: str, value: bytes) -> None:
    """Not anonymous: who shows a credential thinks it counts."""
    desk = Desk(tokens=Tokens() if delegated else None)

    assert desk.refusal(connection(), (b"authorization", value)) == (words, "token")


def test_must_12_a_users_claim_beside_its_certificate_is_401() -> None:
    """Its certificate is good, so what is refused is the claim."""
    assert Desk().refusal(connection(DAVE), *ALICE) == (_FORGED, "forged_headers")


def test_must_18_users_certificates_count_only_where_direct_callers_are_served() -> None:
    """Elsewhere they are a stranger's."""
    assert Desk(tokens=None).refusal(connection(DAVE))[1] == "untrusted_certificate"
    assert Desk().refusal(connection(shown(USERS, "")))[1] == "untrusted_certificate"


def test_a_refused_certificate_does_not_spoil_a_good_token() -> None:
    """As upstream: one authenticator passes, another does not."""
    caller, _ = Desk().ask(connection(_STRANGER), bearer("good"))

    assert caller.identity.user == "erin"


def test_must_10_a_connection_is_the_front_proxys_by_its_certificate_alone() -> None:
    """Before any request: a place among the connections depends on it."""
    desk = Desk()
    judged = [desk.authenticator.is_front_proxy(connection(shown)) for shown in (PROXY, DAVE, _STRANGER, ())]

    assert judged == [True, False, False, False]


def test_must_11_a_verdict_counts_for_one_configuration() -> None:
    """An open connection is judged anew when the ConfigMap changes, and what was read by the old names is forgotten."""
    desk = Desk()
    one = connection(PROXY)
    assert desk.ask(one, *ALICE)[0].identity.groups == ("dev", AUTHENTICATED)
    verdict = one.verdict
    desk.ask(one, *ALICE)
    assert one.verdict is verdict, "not judged for each request"
    desk.watch.config = dataclasses.replace(CONFIG, group_headers=())
    desk.watch.generation = 2
    assert desk.ask(one, *ALICE)[0].identity.groups == (AUTHENTICATED,)
    desk.watch.config = dataclasses.replace(CONFIG, allowed_names=frozenset({"another"}))
    desk.watch.generation = 3

    assert desk.refusal(one, *ALICE)[1] == "name_not_allowed"


@pytest.mark.parametrize("certificates", [PROXY, DAVE, _STRANGER, ()], ids=["proxy", "user", "stranger", "nobody"])
def test_a_connection_is_judged_once(certificates: tuple[bytes, ...]) -> None:
    """As long as nothing changes: a judgement costs as much as ten requests."""
    desk, one = Desk(), connection(certificates)
    verdicts = []
    for _ in range(2):
        with contextlib.suppress(StatusError):
            desk.ask(one, *(ALICE if certificates is PROXY else ()))
        verdicts.append(one.verdict)

    assert verdicts[0] is verdicts[1]


def test_must_11_the_first_configuration_counts_at_once() -> None:
    """Before it, no other names are known than X-Remote-*."""
    desk = Desk(watch=SimpleNamespace(config=RequestHeaderConfig(), generation=0))
    assert desk.ask(connection(), (b"x-auth-user", b"a"))[0].identity == ANONYMOUS
    desk.watch.config, desk.watch.generation = CONFIG, 1

    assert desk.ask(connection(PROXY), (b"x-auth-user", b"a"))[0].identity.user == "a"


def test_must_11_no_allowed_names_are_all_names() -> None:
    """Of that authority."""
    desk = Desk()
    desk.watch.config = dataclasses.replace(CONFIG, allowed_names=frozenset())

    assert desk.ask(connection(shown(PROXIES, "anybody")), *ALICE)[0].by_front_proxy


def test_a_verdict_ends_with_its_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a proxy and of a user, to the second; a refusal is looked at again after an hour."""
    for certificates in (PROXY, DAVE):
        one = connection(certificates)
        Desk().ask(one, *(ALICE if certificates is PROXY else ()))
        end = load_authorities(ssl.DER_cert_to_PEM_cert(certificates[0]))[0].not_valid_after_utc.timestamp()
        assert one.verdict.valid_until == end
    desk, one = Desk(), connection(PROXY)
    desk.ask(one, *ALICE)
    verdict = one.verdict
    for now, same in ((end, True), (end + 1, False)):
        monkeypatch.setattr(time, "time", lambda now=now: now)
        desk.ask(one, *ALICE)
        assert (one.verdict is verdict) is same
    stranger = connection(_STRANGER)
    with pytest.raises(StatusError):
        Desk().ask(stranger)
    assert stranger.verdict.valid_until == now + 3600


def test_must_16_look_alikes_go_and_what_only_has_an_underscore_stays() -> None:
    """Of every name that counts, of the prefixes too; a key of extras may have an underscore."""
    pretended = [
        (name, b"f") for name in (b"x_remote_user", b"x-remote_group", b"x_auth_user", b"x_auth_extra_k", b"x_remote_")
    ]
    kept = [(b"x-auth-extra-a_b", b"v"), (b"under_score", b"v"), (b"x-remote-extra-a_b", b"v")]
    _, request = Desk().ask(connection(PROXY), *ALICE, *pretended, *kept)

    assert request.headers == [*ALICE, *kept]


def test_identities_are_read_once() -> None:
    """The same lines are the same identity, without another look."""
    desk, one = Desk(), connection(PROXY)
    first, second = desk.ask(one, *ALICE)[0], desk.ask(one, *ALICE)[0]

    assert first.identity is second.identity
    assert desk.ask(one, (b"x-remote-user", b"bob"))[0].identity.user == "bob"


def test_identities_are_forgotten_when_they_are_too_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line counts with what Python keeps beside it; beyond the bound all go and counting begins anew."""
    monkeypatch.setattr("extension_apiserver.trust.authentication._CACHE_BYTES", 600)
    desk, one = Desk(), connection(PROXY)
    counted = []
    for user in (b"alice", b"bob", b"carol", b"dave", b"alice"):
        desk.ask(one, (b"x-remote-user", user))
        counted.append((len(desk.authenticator._identities), desk.authenticator._identities_bytes))
    line = 256 + len("x-remote-user")

    assert counted == [(1, line + 5), (2, 2 * line + 8), (3, 3 * line + 13), (1, line + 4), (2, 2 * line + 9)]


@pytest.mark.parametrize("usage", [None, ExtendedKeyUsageOID.SERVER_AUTH])
def test_must_10_a_certificate_for_something_else_is_no_front_proxys(usage: Any) -> None:
    """Whatever its name and authority."""
    certificates = shown(PROXIES, "front-proxy-client", usage=usage)

    assert Desk().refusal(connection(certificates), *ALICE)[1] == "untrusted_certificate"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Bearer good", "good"),
        ("bearer good", "good"),
        ("  Bearer   good  ", "good"),
        ("Bearer", ""),
        ("Basic good", ""),
        ("good", ""),
        ("Bearer good bad", "good bad"),
        ("", None),
    ],
)
def test_what_of_an_authorization_header_is_a_token(value: str, expected: str | None) -> None:
    """Anything but a bearer token is a credential that proves nothing."""
    headers = [(b"authorization", value.encode())] if value else []

    assert _bearer_token(Request("GET", "/", headers, Connection(), _no_body)) == expected

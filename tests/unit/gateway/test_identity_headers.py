"""The upstream is told who calls by the gateway, and by nobody else."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extension_apiserver.gateway.config import IdentityConfig
from extension_apiserver.gateway.identity import IdentityHeaders
from extension_apiserver.status import StatusError
from extension_apiserver.trust.identity import Identity, identity_from_headers
from extension_apiserver.trust.requestheader import RequestHeaderConfig

USUAL = IdentityHeaders(IdentityConfig())
OAUTH2_PROXY = IdentityConfig(
    user_header="X-Forwarded-User",
    group_header="X-Forwarded-Groups",
    group_separator=",",
    uid_header="",
    extra_header_prefix="",
)
CONFIGURED = IdentityConfig(
    user_header="Pet-Owner",
    group_header="Pet-Gangs",
    group_separator=", ",
    uid_header="Pet-No",
    extra_header_prefix="Pet-More-",
)
PEACE = RequestHeaderConfig(
    (), frozenset(), (b"x-remote-user",), (b"x-remote-group",), (b"x-remote-uid",), (b"x-remote-extra-",)
)


def refusal(headers: IdentityHeaders, identity: Identity) -> str:
    with pytest.raises(StatusError) as refused:
        headers.lines(identity)
    assert refused.value.code == 403
    return refused.value.message


def test_by_default_it_is_told_as_kube_apiserver_tells_it() -> None:
    identity = Identity("jürgen", ("dev", "O=a;CN=b"), "42", {"example.com/A_b%": ("1", "2")})

    assert USUAL.lines(identity) == [
        (b"X-Remote-User", "jürgen".encode()),
        (b"X-Remote-Group", b"dev"),
        (b"X-Remote-Group", b"O=a;CN=b"),
        (b"X-Remote-Uid", b"42"),
        (b"X-Remote-Extra-example.com%2F%41%5Fb%25", b"1"),
        (b"X-Remote-Extra-example.com%2F%41%5Fb%25", b"2"),
    ]


def test_a_group_that_servers_would_take_for_two_is_refused() -> None:
    """WSGI, CGI and Node.js join the lines of one name by commas."""
    assert "'O=a,system:masters' holds ','" in refusal(USUAL, Identity("alice", ("dev", "O=a,system:masters")))


def test_groups_can_be_joined_and_what_is_not_configured_is_not_told() -> None:
    headers = IdentityHeaders(OAUTH2_PROXY)

    assert headers.lines(Identity("alice", ("dev", "ops"), "42", {"a": ("1",)})) == [
        (b"X-Forwarded-User", b"alice"),
        (b"X-Forwarded-Groups", b"dev,ops"),
    ]
    assert headers.lines(Identity("alice")) == [(b"X-Forwarded-User", b"alice")]


@pytest.mark.parametrize("group", ["O=a,system:masters", ",", "a,", ",a"])
def test_a_group_that_holds_the_separator_is_refused(group: str) -> None:
    """Also by an upstream that takes ', ' apart at ','."""
    for config in (OAUTH2_PROXY, CONFIGURED):
        assert "may take it apart" in refusal(IdentityHeaders(config), Identity("alice", ("dev", group)))


def test_a_group_with_a_space_is_told_also_when_the_separator_has_one() -> None:
    lines = IdentityHeaders(CONFIGURED).lines(Identity("alice", ("Domain Users", "dev")))

    assert lines == [(b"Pet-Owner", b"alice"), (b"Pet-Gangs", b"Domain Users, dev")]


@pytest.mark.parametrize(
    "value", ["a\r\nX-Remote-User: admin", "a\nb", "a\0b", "a\tb", " a", "a ", "a\x7f", "\ud800", "\r"]
)
def test_a_value_that_no_header_can_hold_is_refused(value: str) -> None:
    """A token's review is JSON, where a name may be anything; a header's ends are trimmed by whoever reads it."""
    for identity in (
        Identity(value),
        Identity("alice", ("dev", value)),
        Identity("alice", (), value),
        Identity("alice", (), "", {"a": (value,)}),
    ):
        assert "has characters that no header can hold" in refusal(USUAL, identity)


def test_a_caller_without_a_name_and_an_extra_without_a_key_are_refused() -> None:
    assert "no user name" in refusal(USUAL, Identity(""))
    assert "is no text" in refusal(USUAL, Identity("alice", (), "", {"": ("1",)}))
    assert "is no text" in refusal(USUAL, Identity("alice", (), "", {"\ud800": ("1",)}))


def test_a_refusal_shows_little_of_what_somebody_made_long() -> None:
    assert len(refusal(USUAL, Identity("\n" + "ä" * 100_000))) < 600


_WORD = st.text(min_size=1, max_size=8)
_IDENTITIES = st.builds(
    Identity,
    _WORD,
    st.lists(_WORD, max_size=4).map(tuple),
    st.text(max_size=4),
    st.dictionaries(_WORD, st.lists(st.text(max_size=4), min_size=1, max_size=3).map(tuple), max_size=3),
)
_NEAR = st.text("a,A-_% ", min_size=1, max_size=4)
_NEARLY_EQUAL = st.builds(
    Identity, _NEAR, st.lists(_NEAR, max_size=3).map(tuple), st.text("a ", max_size=2),
    st.dictionaries(_NEAR, st.lists(_NEAR, min_size=1, max_size=2).map(tuple), max_size=3),
)  # fmt: skip


@given(st.one_of(_IDENTITIES, _NEARLY_EQUAL))
def test_what_is_told_is_read_back_as_the_same_identity(identity: Identity) -> None:
    """So no two identities give the same lines; read as k8s.io/apiserver reads them, after a server has folded and trimmed."""
    try:
        lines = USUAL.lines(identity)
    except StatusError:
        return
    folded = [(name.lower().replace(b"_", b"-"), value.strip()) for name, value in lines]
    found = identity_from_headers(folded, PEACE)
    assert found is not None
    told = tuple(group for group in found.groups if group != "system:authenticated" or group in identity.groups)

    assert (found.user, told, found.uid, found.extra) == (identity.user, identity.groups, identity.uid, identity.extra)


@given(st.one_of(_IDENTITIES, _NEARLY_EQUAL))
def test_joined_groups_come_apart_again(identity: Identity) -> None:
    for separator in (",", ", ", ";;", " ", "|,"):
        config = IdentityConfig(
            group_header="G", group_separator=separator, user_header="", uid_header="", extra_header_prefix=""
        )
        try:
            lines = IdentityHeaders(config).lines(identity)
        except StatusError:
            continue

        assert [group for _, value in lines for group in value.decode().split(separator)] == list(identity.groups)


def forged(*names: str) -> list[str]:
    """Return those of the names that pass."""
    return [
        name
        for name in names
        if any(one.passes(name.encode()) for one in (USUAL, IdentityHeaders(CONFIGURED, ["Pet-Token"])))
    ]


def test_no_header_that_names_an_identity_passes() -> None:
    """In the words of every proxy that could have stood in front of the upstream before."""
    names = [
        "x-remote-user",
        "x-remote-group",
        "x-remote-uid",
        "x-remote-extra-a",
        "x-remote-email",
        "x-remote-anything",
        "remote-user",
        "remote-groups",
        "remote-email",
        "remote-name",
        "remote-addr",
        "impersonate-user",
        "impersonate-group",
        "impersonate-uid",
        "impersonate-extra-a",
        "x-forwarded-user",
        "x-forwarded-groups",
        "x-forwarded-email",
        "x-forwarded-preferred-username",
        "x-forwarded-access-token",
        "x-forwarded-client-cert",
        "x-forwarded-tls-client-cert",
        "x-auth-request-user",
        "x-auth-request-groups",
        "x-auth-request-email",
        "x-auth-request-access-token",
        "x-auth-user",
        "x-auth-email",
        "x-webauth-user",
        "x-webauth-role",
        "x-authenticated-user",
        "x-authenticated-userid",
        "x-authenticated-groups",
        "x-consumer-id",
        "x-consumer-username",
        "x-credential-identifier",
        "x-anonymous-consumer",
        "x-user",
        "x-user-id",
        "x-user-email",
        "x-userinfo",
        "x-username",
        "x-email",
        "x-group",
        "x-groups",
        "x-role",
        "x-roles",
        "x-principal",
        "x-goog-authenticated-user-email",
        "x-goog-authenticated-user-id",
        "x-goog-iap-jwt-assertion",
        "x-endpoint-api-userinfo",
        "x-apigateway-api-userinfo",
        "x-ms-client-principal",
        "x-ms-client-principal-name",
        "x-ms-client-principal-id",
        "x-ms-token-aad-access-token",
        "x-amzn-oidc-identity",
        "x-amzn-oidc-data",
        "x-amzn-oidc-accesstoken",
        "x-amzn-mtls-clientcert-subject",
        "tailscale-user-login",
        "tailscale-user-name",
        "cf-access-authenticated-user-email",
        "cf-access-jwt-assertion",
        "ssl-client-s-dn",
        "ssl-client-verify",
        "ssl-client-cert",
        "x-ssl-client-s-dn",
        "x-ssl-client-cn",
        "x-ssl-cert",
        "x-client-cert",
        "x-client-cert-subject",
        "x-client-dn",
        "x-client-verify",
        "client-cert",
        "client-cert-chain",
        "tls-client-subject",
        "x-tls-client-cn",
        "x-arr-clientcert",
        "x-spiffe-id",
        "x-pomerium-jwt-assertion",
        "x-pomerium-claim-email",
        "x-authentik-username",
        "x-authentik-groups",
        "x-authentik-jwt",
        "x-vouch-user",
        "x-vouch-idp-claims-groups",
        "x-jwt-payload",
        "oidc-claim-sub",
        "oidc-access-token",
        "x-oidc-name",
        "mellon-name-id",
        "shib-session-id",
        "sm-user",
        "smuser-dn",
        "iv-user",
        "iv-groups",
        "iv-creds",
        "x-trino-user",
        "x-presto-user",
        "x-hasura-role",
        "x-scope-orgid",
        "from",
        "my-user",
        "x-my-login",
    ]

    assert forged(*names) == []


def test_no_header_that_goes_round_the_decision_of_the_api_server_passes() -> None:
    """It allowed this method on this path; credentials for it, and what belongs to a connection, stay here too."""
    names = [
        "authorization",
        "proxy-authorization",
        "proxy-connection",
        "proxy",
        "proxy-authenticate",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "trailers",
        "transfer-encoding",
        "upgrade",
        "http2-settings",
        "host",
        "content-length",
        "expect",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-forwarded-uri",
        "x-forwarded-prefix",
        "x-forwarded-port",
        "x-forwarded-server",
        "x-forwarded-scheme",
        "x-forwarded-ssl",
        "x-forwarded",
        "forwarded",
        "forwarded-for",
        "x-real-ip",
        "x-client-ip",
        "client-ip",
        "true-client-ip",
        "cf-connecting-ip",
        "cf-connecting-ipv6",
        "x-cluster-client-ip",
        "x-original-url",
        "x-original-uri",
        "x-original-method",
        "x-original-host",
        "x-rewrite-url",
        "x-http-method-override",
        "x-http-method",
        "x-method-override",
        "x-http-host-override",
        "x-host",
        "x-script-name",
        "x-accel-mapping",
        "x-sendfile-type",
        "x-middleware-subrequest",
        "x-envoy-internal",
        "x-envoy-original-path",
    ]

    assert forged(*names) == []


def test_what_clients_need_passes() -> None:
    """A browser's headers, those of a WebSocket, of ranges and caches, of traces, and credentials for the upstream itself."""
    names = [
        "accept",
        "accept-encoding",
        "accept-language",
        "access-control-request-method",
        "access-control-request-headers",
        "audit-id",
        "cache-control",
        "cookie",
        "content-type",
        "content-encoding",
        "content-language",
        "content-disposition",
        "content-range",
        "date",
        "dnt",
        "idempotency-key",
        "if-match",
        "if-none-match",
        "if-modified-since",
        "if-range",
        "last-event-id",
        "origin",
        "pragma",
        "priority",
        "range",
        "referer",
        "sec-ch-ua",
        "sec-fetch-site",
        "sec-fetch-user",
        "sec-websocket-key",
        "sec-websocket-version",
        "sec-websocket-protocol",
        "sec-websocket-extensions",
        "traceparent",
        "tracestate",
        "baggage",
        "b3",
        "via",
        "upgrade-insecure-requests",
        "user-agent",
        "x-api-key",
        "x-auth-token",
        "x-csrf-token",
        "x-requested-with",
        "x-request-id",
        "x-amz-content-sha256",
        "x-amz-date",
        "grpc-timeout",
        "x-custom",
        "a",
        "1",
        "hx-request",
    ]

    assert [name for name in names if not USUAL.passes(name.encode())] == []


@pytest.mark.parametrize(
    "name",
    [b"", b"x_custom", b"x.custom", b"x custom", b"x-custom ", b"x-custom\n", b"X-Custom", b"x-custom:", b"x\0", "x-\u017f".encode(), b"\xe9",
     b"x-\xd9\xa1", b"x%2dy", b"x~y", b"`", b"{"],
)  # fmt: skip
def test_only_letters_digits_and_dashes_of_ascii_pass(name: bytes) -> None:
    """Servers fold and drop other characters, each in its own way."""
    assert not USUAL.passes(name)


def test_a_name_that_is_longer_than_any_does_not_pass() -> None:
    """It costs nothing to decide."""
    assert USUAL.passes(b"x" * 128)
    assert not USUAL.passes(b"x" * 129)


@pytest.mark.parametrize(
    "name", ["Pet-Owner", "Pet-Gangs", "Pet-No", "Pet-Token", "Pet-More-a", "Pet-More-", "Pet-More-a-b"]
)
def test_a_configured_name_passes_in_no_folding(name: str) -> None:
    headers = IdentityHeaders(CONFIGURED, ["Pet-Token"])
    low = name.lower()
    foldings = {low, low.replace("-", ""), low.replace("-", "_"), low.replace("-", "--"), f"-{low}", f"{low}-", name}

    assert [one for one in foldings if headers.passes(one.encode())] == []
    assert headers.passes(b"pet-other")


def test_a_header_that_is_not_configured_stops_nothing() -> None:
    """A prefix of '' would begin every name."""
    nothing = IdentityConfig(user_header="", group_header="", uid_header="", extra_header_prefix="")

    assert IdentityHeaders(nothing).passes(b"x-custom")
    assert not IdentityHeaders(nothing).passes(b"x-remote-user")


_SENT = st.text(string.ascii_lowercase + string.digits + "-_.", min_size=1, max_size=30)
_LOOKALIKE = st.sampled_from(["pet-owner", "pet-gangs", "pet-no", "pet-token", "pet-more-a"]).flatmap(
    lambda name: st.lists(st.sampled_from(["", "-", "_", "--"]), min_size=4, max_size=4).map(
        lambda dashes: dashes[0] + name.replace("-", dashes[1], 1).replace("-", dashes[2]) + dashes[3]
    )
)


@given(st.one_of(_SENT, _LOOKALIKE))
def test_no_line_of_a_client_can_be_one_of_ours(name: str) -> None:
    """However a server folds names: nothing of a name but its letters and digits is left here."""
    headers = IdentityHeaders(CONFIGURED, ["Pet-Token"])
    ours = [line for line, _ in headers.lines(Identity("alice", ("dev",), "1", {"a": ("1",)}))] + [b"Pet-Token"]
    plain = re.sub("[^a-z0-9]", "", name)

    if plain in {re.sub("[^a-z0-9]", "", line.decode().lower()) for line in ours}:
        assert not headers.passes(name.encode())


def test_a_stranger_fills_no_memory_with_names() -> None:
    headers = IdentityHeaders(IdentityConfig())
    for number in range(2000):
        headers.passes(b"x-%d" % number)
        headers.passes(b"x-%d-" % number + b"a" * 1000)

    assert headers._known.cache_info().currsize <= 512  # type: ignore[attr-defined]

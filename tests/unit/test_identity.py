"""From header lines to an identity: what k8s.io/apiserver reads, and never more."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extension_apiserver.trust.identity import Identity, IdentityError, identity_from_headers
from extension_apiserver.trust.requestheader import RequestHeaderConfig
from unit.fake_aggregator import canonical, escape_extra_key

Headers = list[tuple[bytes, bytes]]

CONFIG = RequestHeaderConfig(
    username_headers=(b"x-remote-user",),
    group_headers=(b"x-remote-group",),
    uid_headers=(b"x-remote-uid",),
    extra_prefixes=(b"x-remote-extra-",),
)
AUTHENTICATED = "system:authenticated"


def identity(*headers: tuple[bytes, bytes], config: RequestHeaderConfig = CONFIG) -> Identity:
    found = identity_from_headers(headers, config)
    assert found is not None, headers
    return found


def test_must_13_each_group_line_is_one_group() -> None:
    """Groups keep their order and are never split at commas: `O=a,system:masters` is a name, not two."""
    lines = [(b"x-remote-group", b"dev"), (b"x-remote-group", b"O=a,system:masters"), (b"x-remote-group", b"ops")]

    assert identity((b"x-remote-user", b"alice"), *lines).groups == ("dev", "O=a,system:masters", "ops", AUTHENTICATED)


def test_must_13_all_group_headers_count() -> None:
    """Every configured group header is read, in the order of the configuration; empty values are no groups."""
    config = RequestHeaderConfig(username_headers=(b"x-remote-user",), group_headers=(b"b", b"a"))
    lines = [(b"a", b"1"), (b"b", b"2"), (b"a", b""), (b"a", b"3")]

    assert identity((b"x-remote-user", b"alice"), *lines, config=config).groups == ("2", "1", "3", AUTHENTICATED)


def test_must_14_extra_keys_are_decoded() -> None:
    """Keys lose the prefix and are percent-decoded; all values stay; `-` and `_` differ."""
    lines = [
        (b"x-remote-extra-authentication.kubernetes.io%2fcredential-id", b"JTI=1"),
        (b"x-remote-extra-authentication.kubernetes.io%2fcredential-id", b"JTI=2"),
        (b"x-remote-extra-under-score", b"dash"),
        (b"x-remote-extra-under_score", b"underscore"),
    ]

    assert identity((b"x-remote-user", b"alice"), *lines).extra == {
        "authentication.kubernetes.io/credential-id": ("JTI=1", "JTI=2"),
        "under-score": ("dash",),
        "under_score": ("underscore",),
    }


def test_must_14_a_bad_escape_stays_as_it_is() -> None:
    """A key that is not percent-encoded properly is taken literally, as Go does."""
    for key in ("50%zz", "a%2fb%zz", "50%"):
        line = (f"x-remote-extra-{key}".encode(), b"1")
        assert identity((b"x-remote-user", b"alice"), line).extra == {key: ("1",)}


@given(st.text(min_size=1))
def test_must_14_any_extra_key_survives_the_way_through_go(key: str) -> None:
    """What client-go escapes and canonicalizes comes back in lower case."""
    key = key.lower()
    if key.encode("utf-8", "replace") != key.encode("utf-8", "ignore"):
        return
    line = canonical(f"X-Remote-Extra-{escape_extra_key(key)}").encode().lower()

    assert list(identity((b"x-remote-user", b"alice"), (line, b"1")).extra) == [key]


def test_must_14_a_prefix_without_a_key_is_no_extra() -> None:
    """A key is what stands after the prefix."""
    assert identity((b"x-remote-user", b"alice"), (b"x-remote-extra-", b"1")).extra == {}


def test_must_15_uid_counts_only_if_configured() -> None:
    """Before Kubernetes 1.32 any user can send X-Remote-Uid, so it is read only where the cluster names that header."""
    lines = ((b"x-remote-user", b"alice"), (b"x-remote-uid", b"42"))
    unnamed = RequestHeaderConfig(username_headers=(b"x-remote-user",))

    assert (identity(*lines).uid, identity(*lines, config=unnamed).uid) == ("42", "")


@pytest.mark.parametrize(
    "lookalike",
    [b"x_remote_user", b"x-remote_user", b"x-remote-user ", b"http_x_remote_user", b"script_name", b"x-remote-users"],
)
def test_must_16_lookalikes_are_ignored(lookalike: bytes) -> None:
    """`X_Remote_User` passes kube-apiserver untouched; for CGI it is the same header, here it is not."""
    assert identity_from_headers([(lookalike, b"system:admin")], CONFIG) is None
    assert identity((b"x-remote-user", b"alice"), (lookalike, b"system:admin")).user == "alice"


@pytest.mark.parametrize(
    ("user", "groups", "expected"),
    [
        ("alice", (), (AUTHENTICATED,)),
        ("alice", ("dev",), ("dev", AUTHENTICATED)),
        ("alice", (AUTHENTICATED, "dev"), (AUTHENTICATED, "dev")),
        ("alice", ("system:unauthenticated",), ("system:unauthenticated",)),
        ("system:anonymous", (), ()),
        ("system:kube-aggregator", (), (AUTHENTICATED,)),
    ],
)
def test_must_17_authenticated_group(user: str, groups: tuple[str, ...], expected: tuple[str, ...]) -> None:
    """system:authenticated is added where upstream adds it, also for the aggregator's own group-less users."""
    lines = [(b"x-remote-group", group.encode()) for group in groups]

    assert identity((b"x-remote-user", user.encode()), *lines).groups == expected


def test_the_first_user_header_with_a_value_counts() -> None:
    """Username headers are tried in the order of the configuration; empty values are passed over."""
    config = RequestHeaderConfig(username_headers=(b"a", b"b"))

    assert identity((b"b", b"second"), (b"a", b""), (b"b", b"third"), config=config).user == "second"


def test_bytes_that_are_no_text_are_no_identity() -> None:
    """Two different byte strings must never become one user by decoding."""
    with pytest.raises(IdentityError, match="not UTF-8"):
        identity_from_headers([(b"x-remote-user", b"\xff")], CONFIG)


_FORGED = "system:admin"
_TOKEN = st.text(string.ascii_lowercase + string.digits + "-_.%!~ ", min_size=1, max_size=40).map(str.encode)
_LOOKALIKES = st.sampled_from(
    [b"x_remote_user", b"x-remote_group", b"x_remote-group", b"x_remote_extra_a", b"x-remote", b"remote_user"]
)
_NOISE = st.lists(st.tuples(st.one_of(_LOOKALIKES, _TOKEN), st.just(_FORGED.encode())), max_size=12)


@given(_NOISE, st.permutations(range(3)))
def test_a_forged_identity_never_results(noise: Headers, order: list[int]) -> None:
    """Whatever a user adds to the proxy's headers under other names, the identity is the proxy's.

    The proxy removes the exact names first, so these are taken out of what the user sends.
    """
    proxied = [(b"x-remote-user", b"alice"), (b"x-remote-group", b"dev"), (b"x-remote-extra-key", b"value")]
    sent = [line for line in noise if not line[0].startswith((b"x-remote-extra-",)) and line[0] not in _EXACT]
    half = len(sent) // 2
    headers = [*sent[:half], *(proxied[index] for index in order), *sent[half:]]

    assert identity(*headers) == Identity("alice", ("dev", AUTHENTICATED), "", {"key": ("value",)})


_EXACT = {b"x-remote-user", b"x-remote-group", b"x-remote-uid"}


@given(st.lists(st.tuples(_TOKEN, st.binary(max_size=20))))
def test_without_a_user_header_there_is_no_identity(headers: Headers) -> None:
    """Nothing but the configured header names a user."""
    assert identity_from_headers([line for line in headers if line[0] not in _EXACT], CONFIG) is None

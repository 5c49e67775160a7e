"""Who is believed: the negative set, and what counts instead."""

from __future__ import annotations

import ssl
import time
from typing import Any

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from extension_apiserver import HEADERS_KEY
from unit.fake_aggregator import Aggregator, Answer
from unit.pki import Authority, Pair
from unit.running import BASE, Backend, Pki, echo, start

ADMIN = {"user": "system:admin", "groups": ("system:masters",)}


def seen_user(answer: Answer) -> str:
    """Return who the backend says the caller is."""
    assert answer.status == 200, answer
    user: str = answer.json()["items"][0]["status"]["user"]
    return user


def test_must_10_the_front_proxy_is_believed(aggregator: Aggregator) -> None:
    """Chain, usage and name are right, so the identity is what the headers say, in full."""
    extra = {"authentication.kubernetes.io/credential-id": ["JTI=1"]}
    answer = aggregator.request("GET", f"{BASE}/echoes", user="bob", groups=["a", "b,c"], uid="7", extra=extra)

    status = answer.json()["items"][0]["status"]
    assert {key: status[key] for key in ("user", "groups", "uid", "extra")} == {
        "user": "bob",
        "groups": ["a", "b,c", "system:authenticated"],
        "uid": "7",
        "extra": extra,
    }


def _negative_set(pki: Pki) -> dict[str, Pair | None]:
    """Return certificates that must not be believed."""
    server_only = ExtendedKeyUsageOID.SERVER_AUTH
    return {
        "no certificate": None,
        "right authority, wrong name": pki.front_proxy.client("somebody"),
        "right authority, no name": pki.front_proxy.client(""),
        "right name, client authority": pki.clients.client("front-proxy-client"),
        "right name, other authority": Authority("other").client("front-proxy-client"),
        "right name, other authority of the same name": Authority("front-proxy-ca").client("front-proxy-client"),
        "right name, serving authority": pki.serving.client("front-proxy-client"),
        "server usage only": pki.front_proxy.client("front-proxy-client", usage=server_only),
        "no usage": pki.front_proxy.client("front-proxy-client", usage=None),
        "expired": pki.front_proxy.client("front-proxy-client", days=(-2, -1)),
        "not yet valid": pki.front_proxy.client("front-proxy-client", days=(1, 2)),
        "issued by a leaf": pki.front_proxy.issue_as_leaf_authority("front-proxy-client", "front-proxy-client"),
    }


@pytest.mark.parametrize("delegated", ["false", "true"])
def test_must_10_and_12_negative_set(own: Backend, delegated: str) -> None:
    """Nobody but the front proxy is believed, with and without delegation: 401 Status, or refused in the handshake."""
    start(own, DELEGATED_AUTHENTICATION=delegated, DELEGATED_AUTHORIZATION=delegated)
    accepted = {}
    for name, pair in _negative_set(own.pki).items():
        try:
            answer = own.client(pair).request("POST", f"{BASE}/echoes", body=echo("x"), **ADMIN)  # type: ignore[arg-type]
        except (ssl.SSLError, ConnectionError):
            continue
        if answer.status != 401 or answer.json()["reason"] != "Unauthorized":
            accepted[name] = answer

    assert accepted == {}


def test_must_12_no_credentials_is_anonymous(own: Backend) -> None:
    """Who claims nothing is system:anonymous, and without delegated authorization may do nothing: 403."""
    start(own)
    answer = own.client(None).request("GET", BASE, user=None)

    assert (answer.status, answer.json()["reason"]) == (403, "Forbidden")
    assert "system:anonymous" in answer.json()["message"]


@pytest.mark.parametrize("header", ["X-Remote-User", "X-Remote-Group", "X-Remote-Extra-A", "X-Remote-Uid"])
def test_must_12_any_forged_header_is_an_unproven_claim(shared: Backend, header: str) -> None:
    """A single identity header without proof is refused with 401, not passed over."""
    answer = shared.client(None).request("GET", BASE, user=None, headers=[(header, "x")])

    assert (answer.status, answer.json()["reason"]) == (401, "Unauthorized")


@pytest.mark.parametrize("value", ["Bearer abc", "Basic YTpi", "bearer"])
def test_must_12_a_token_is_refused_where_nobody_reviews_it(shared: Backend, value: str) -> None:
    """Without delegation a direct caller's token proves nothing: 401."""
    answer = shared.client(None).request("GET", BASE, user=None, headers=[("Authorization", value)])

    assert (answer.status, answer.json()["code"]) == (401, 401)


def test_a_front_proxy_that_names_no_user_is_refused(aggregator: Aggregator) -> None:
    """The proxy's certificate alone is nobody."""
    assert aggregator.request("GET", BASE, user=None).status == 401


def test_must_11_names_headers_and_prefixes_come_from_the_config_map(own: Backend) -> None:
    """All names are the cluster's to choose."""
    own.apiserver.set_config_map(
        own.pki.config_map(
            requestheader_allowed_names='["proxy"]',
            requestheader_username_headers='["X-User"]',
            requestheader_group_headers='["X-Group"]',
            requestheader_extra_headers_prefix='["X-Extra-"]',
        )
    )
    start(own)
    proxy = own.client(own.pki.front_proxy.client("proxy"))
    headers = [("X-User", "carol"), ("X-Group", "g"), ("X-Extra-K", "v")]
    status = proxy.request("GET", f"{BASE}/echoes", headers=headers, **ADMIN).json()["items"][0]["status"]  # type: ignore[arg-type]

    assert (status["user"], status["groups"], status["extra"]) == ("carol", ["g", "system:authenticated"], {"k": ["v"]})
    assert own.aggregator().request("GET", BASE).status == 401, "front-proxy-client is not an allowed name any more"


def test_must_11_changes_apply_without_restart(own: Backend) -> None:
    """A changed ConfigMap counts within a moment, also for connections that are open."""
    start(own)
    aggregator = own.aggregator()
    assert aggregator.request("GET", BASE).status == 200
    own.apiserver.set_config_map(own.pki.config_map(requestheader_allowed_names='["another"]'))

    own.wait_for(lambda: aggregator.request("GET", BASE).status == 401)


def test_must_11_what_was_read_by_the_old_names_is_forgotten(own: Backend) -> None:
    """The same lines of the same connection say something else once the ConfigMap names other headers."""
    start(own)
    aggregator = own.aggregator()

    def seen() -> dict[str, Any]:
        answer = aggregator.request("GET", f"{BASE}/echoes", user="bob", groups=["dev"], uid="7")
        status: dict[str, Any] = answer.json()["items"][0]["status"]
        return status

    assert (seen()["groups"], seen()["uid"]) == (["dev", "system:authenticated"], "7")
    own.apiserver.set_config_map(
        own.pki.config_map(requestheader_uid_headers=None, requestheader_group_headers='["X-Another-Group"]')
    )
    own.wait_for(lambda: "uid" not in seen())

    assert seen()["groups"] == ["system:authenticated"]


def test_must_11_empty_allowed_names_mean_any_certificate_of_the_authority(own: Backend) -> None:
    """Legal, though unwise."""
    own.apiserver.set_config_map(own.pki.config_map(requestheader_allowed_names=None))
    start(own)

    assert own.client(own.pki.front_proxy.client("anybody")).request("GET", BASE).status == 200


@pytest.mark.parametrize("code", [403, 404, 500])
def test_must_11_without_the_config_map_nobody_is_trusted(
    own: Backend, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    """Until it was read, nothing is served: 503, readiness says what is missing, and the log says why."""
    own.apiserver.set_config_map(code)
    start(own, ready=False)
    client = own.client(None)

    own.wait_for(lambda: "cannot be read" in caplog.text)
    readiness = client.request("GET", "/readyz", user=None)
    assert (readiness.status, "[-]requestheader failed" in readiness.text) == (503, True), readiness.text
    assert ("extension-apiserver-authentication-reader" in caplog.text) == (code == 403), caplog.text
    assert client.request("GET", BASE, **ADMIN).status == 503  # type: ignore[arg-type]
    own.apiserver.set_config_map(own.pki.config_map())
    own.wait_until_ready()
    assert own.aggregator().request("GET", BASE).status == 200


def test_must_11_without_an_authority_nobody_is_trusted(own: Backend, caplog: pytest.LogCaptureFixture) -> None:
    """A cluster without the aggregation layer: nothing is served to anybody, readiness fails, and the log says why."""
    own.apiserver.set_config_map(own.pki.config_map(requestheader_client_ca_file=None))
    start(own, ready=False)
    client = own.client(None)

    own.wait_for(lambda: "no requestheader-client-ca-file" in caplog.text)
    assert client.request("GET", "/readyz", user=None).status == 503
    assert client.request("GET", BASE, **ADMIN).status == 401  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("requestheader_username_headers", "X-Remote-User"),
        ("requestheader_allowed_names", '{"a": 1}'),
        ("requestheader_client_ca_file", "no certificate"),
    ],
)
def test_must_11_a_malformed_update_keeps_the_last_good_one(
    own: Backend, caplog: pytest.LogCaptureFixture, key: str, value: str
) -> None:
    """Service goes on, `/readyz?verbose` says that something is wrong, and the log what."""
    start(own)
    own.apiserver.set_config_map(own.pki.config_map(**{key: value}))
    client = own.client(None)

    own.wait_for(lambda: key.replace("_", "-") in caplog.text)
    assert "[+]requestheader ok, but see the log" in client.request("GET", "/readyz?verbose", user=None).text
    assert own.aggregator().request("GET", BASE).status == 200


def test_must_11_a_deleted_config_map_keeps_the_last_good_one(own: Backend, caplog: pytest.LogCaptureFixture) -> None:
    """Deletion says nothing about whom to trust."""
    start(own)
    own.apiserver.set_config_map(404)

    own.wait_for(lambda: "was deleted" in caplog.text)
    assert own.aggregator().request("GET", BASE).status == 200


def test_must_18_a_users_certificate_is_a_direct_caller(own: Backend) -> None:
    """CN is the user, O are the groups."""
    start(own, DELEGATED_AUTHENTICATION="true", DELEGATED_AUTHORIZATION="true")
    client = own.client(own.pki.clients.client("dave", organizations=("team", "ops")))

    status = client.request("GET", f"{BASE}/echoes", user=None).json()["items"][0]["status"]
    assert (status["user"], set(status["groups"])) == ("dave", {"team", "ops", "system:authenticated"})


def test_must_18_a_certificate_without_a_name_is_nobodys(own: Backend) -> None:
    """A certificate of the users' authority without a CN is not the user '', whatever groups it names: 401."""
    start(own, DELEGATED_AUTHENTICATION="true", DELEGATED_AUTHORIZATION="true")
    nameless = own.pki.clients.client("", organizations=("system:masters",))
    answer = own.client(nameless).request("GET", BASE, user=None)

    assert (answer.status, answer.json()["reason"]) == (401, "Unauthorized")
    assert own.apiserver.reviews == []


def test_must_10_and_18_the_last_of_two_names_counts(own: Backend) -> None:
    """As for Go, for a front proxy and for a user: so that nobody is somebody here and another there."""
    start(own, DELEGATED_AUTHENTICATION="true", DELEGATED_AUTHORIZATION="true")
    proxies = [
        own.client(own.pki.front_proxy.client("first", last_name=last)) for last in ("front-proxy-client", "another")
    ]
    first = own.client(own.pki.front_proxy.client("front-proxy-client", last_name="another"))
    user = own.client(own.pki.clients.client("erin", last_name="dave"))

    assert [client.request("GET", BASE).status for client in (*proxies, first)] == [200, 401, 401]
    assert seen_user(user.request("GET", f"{BASE}/echoes", user=None)) == "dave"


def test_must_18_a_token_is_reviewed_once_in_ten_seconds(own: Backend) -> None:
    """A TokenReview names the user; the answer is cached, also that a token is wrong."""
    own.apiserver.users["good"] = {"username": "erin", "groups": ["g"], "uid": "9", "extra": {"K": ["v"]}}
    start(own, DELEGATED_AUTHENTICATION="true", DELEGATED_AUTHORIZATION="true")
    client = own.client(None)

    def call(token: str) -> Answer:
        headers = [("Authorization", f"Bearer {token}")]
        return client.request("GET", f"{BASE}/echoes", user=None, headers=headers)

    status = [call("good"), call("good")][1].json()["items"][0]["status"]
    assert [call("bad").status, call("bad").status] == [401, 401]
    assert (status["user"], status["groups"], status["uid"]) == ("erin", ["g", "system:authenticated"], "9")
    assert status["extra"] == {"k": ["v"]}
    assert "authorization" not in status["headers"], "a token is nobody else's business, not even redacted"
    reviewed = [review["spec"]["token"] for review in own.apiserver.reviews if review["kind"] == "TokenReview"]
    assert reviewed == ["good", "bad"]
    first = {key: own.apiserver.reviews[0][key] for key in ("apiVersion", "kind", "spec")}
    assert first == {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": "good"}}


def test_must_18_a_failed_review_lets_nobody_in(own: Backend) -> None:
    """If kube-apiserver refuses the review, the answer is 401."""
    own.apiserver.review_code = 403
    start(own, DELEGATED_AUTHENTICATION="true")
    started = time.monotonic()
    answer = own.client(None).request("GET", BASE, user=None, headers=[("Authorization", "Bearer x")])

    assert answer.status == 401
    assert time.monotonic() - started < 5, "a refusal is not worth another try"


@pytest.mark.parametrize("header", ["X-Remote-User", "X-Remote-Group", "X-Auth-User", "X-Auth-Extra-K"])
@pytest.mark.parametrize("proof", ["token", "certificate"])
def test_must_12_a_claim_beside_a_good_credential_is_refused(own: Backend, header: str, proof: str) -> None:
    """Who is somebody and claims to be somebody else gets 401, asks nobody anything, and the claim is never echoed."""
    own.apiserver.users["good"] = {"username": "erin"}
    own.apiserver.set_config_map(
        own.pki.config_map(
            requestheader_username_headers='["X-Remote-User", "X-Auth-User"]',
            requestheader_extra_headers_prefix='["X-Auth-Extra-"]',
        )
    )
    start(own, DELEGATED_AUTHENTICATION="true", DELEGATED_AUTHORIZATION="true")
    client = own.client(own.pki.clients.client("dave") if proof == "certificate" else None)
    credential = [("Authorization", "Bearer good")] if proof == "token" else []
    answer = client.request("GET", f"{BASE}/", user=None, headers=[*credential, (header, "system:admin")])

    assert (answer.status, answer.json()["reason"]) == (401, "Unauthorized")
    assert own.apiserver.reviews == []
    assert client.request("GET", f"{BASE}/", user=None, headers=credential).status == 200


def test_must_19_the_application_sees_no_identity_headers(own: Backend) -> None:
    """WSGI code finds the caller in REMOTE_USER and IDENTITY_KEY; what folds together never reaches it."""
    seen: list[dict[str, object]] = []

    def application(environ, start_response):  # type: ignore[no-untyped-def]
        seen.append(environ)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok"]

    start(own, app=application)
    headers = [("X_Remote_User", "system:admin"), ("X_Forwarded_For", "6.6.6.6"), ("Script_Name", "/x")]
    own.aggregator().request("GET", f"{BASE}/anything", headers=headers)

    [environ] = seen
    assert environ["REMOTE_USER"] == "alice", "X-Forwarded-For and look-alikes are no identity"
    assert environ["SCRIPT_NAME"] == ""
    assert [key for key in environ if "REMOTE" in key] == ["REMOTE_USER"]
    assert environ["HTTP_X_FORWARDED_FOR"] == "127.0.0.1"


def test_must_19_the_names_of_the_config_map_are_identity_headers_too(own: Backend) -> None:
    """Neither these nor a credential reach the environ; the list of lines has what the front proxy said, and no look-alikes."""
    seen: list[dict[str, Any]] = []

    def application(environ, start_response):  # type: ignore[no-untyped-def]
        seen.append(environ)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok"]

    own.apiserver.set_config_map(
        own.pki.config_map(
            requestheader_username_headers='["X-Auth-User"]',
            requestheader_group_headers='["X-Auth-Group"]',
            requestheader_extra_headers_prefix='["X-Auth-Extra-"]',
        )
    )
    own.apiserver.users["good"] = {"username": "erin"}
    start(own, app=application, DELEGATED_AUTHENTICATION="true", DELEGATED_AUTHORIZATION="true")
    proven = [("X-Auth-User", "carol"), ("X-Auth-Group", "g"), ("X-Auth-Extra-A_b", "v")]
    pretended = [("X_Auth_User", "f"), ("X-Auth_Group", "f"), ("X_Remote_User", "f"), ("X_Auth_Extra_A", "f")]
    credential = ("Authorization", "Bearer good")
    own.aggregator().request("GET", f"{BASE}/x", user=None, headers=[*proven, *pretended, credential, ("A_b", "kept")])
    own.client(None).request("GET", f"{BASE}/x", user=None, headers=[*pretended, credential])

    listed = [
        {name for name, value in environ[HEADERS_KEY] if value in {b"carol", b"g", b"v", b"f"}} for environ in seen
    ]
    assert listed == [{b"x-auth-user", b"x-auth-group", b"x-auth-extra-a_b"}, set()]
    assert [environ["REMOTE_USER"] for environ in seen] == ["carol", "erin"]
    assert (b"a_b", b"kept") in seen[0][HEADERS_KEY]
    for environ in seen:
        assert [key for key in environ if "AUTH" in key.upper() or key == "HTTP_X_REMOTE_USER"] == []
        assert b"authorization" not in {name for name, _ in environ[HEADERS_KEY]}


def test_must_46_the_serving_authority_is_no_front_proxy(shared: Backend) -> None:
    """Three authorities, three trusts: a certificate of the serving authority or of the clients' is nobody here."""
    for authority in (shared.pki.serving, shared.pki.clients):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            shared.client(authority.client("front-proxy-client")).request("GET", BASE, **ADMIN)  # type: ignore[arg-type]


def test_the_echo_of_the_caller_is_the_callers(aggregator: Aggregator) -> None:
    """Two users over one connection each see themselves."""
    users = [seen_user(aggregator.request("GET", f"{BASE}/echoes", user=user)) for user in ("a", "b", "a")]

    assert users == ["a", "b", "a"]


def test_a_watch_that_ends_at_once_is_no_loop(own: Backend) -> None:
    """The ConfigMap is read again after a pause that grows, whatever cuts the watch; changes are seen all the same."""
    own.apiserver.watchable = False
    start(own)
    began, before = time.monotonic(), own.apiserver.reads
    own.apiserver.set_config_map(own.pki.config_map(requestheader_allowed_names='["another"]'))
    own.wait_for(lambda: own.aggregator().request("GET", BASE).status == 401)
    own.wait_for(lambda: own.apiserver.reads >= before + 3)

    assert time.monotonic() - began > 0.5 * (1.5 + 1.5**2), "a lower bound, which no slow machine can miss"


def test_a_certificate_that_expires_on_an_open_connection(own: Backend) -> None:
    """Counts to its last second and no longer, though TLS asks only once."""
    start(own)
    client = own.client(own.pki.front_proxy.client("front-proxy-client", days=(-1, 3 / 86400)))
    assert client.request("GET", BASE).status == 200
    kept = client._connection
    codes = []
    own.wait_for(lambda: codes.append(client.request("GET", BASE).status) or codes[-1] != 200)  # type: ignore[func-returns-value]

    assert codes[-1] == 401
    assert client._connection is kept


def test_authorities_of_one_name(own: Backend) -> None:
    """While a cluster changes its authority for another of the same name, certificates of both are believed.

    Not so if the authorities lack key identifiers: OpenSSL then takes the first of that name, and Python's ssl lets nobody correct it.
    """
    old, new = (Authority("front-proxy-ca", key_identifiers=True) for _ in range(2))
    own.apiserver.set_config_map(own.pki.config_map(requestheader_client_ca_file=old.pem + new.pem))
    start(own)
    codes = [own.client(one.client("front-proxy-client")).request("GET", BASE).status for one in (old, new)]

    assert codes == [200, 200]

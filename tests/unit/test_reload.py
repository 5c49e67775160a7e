"""Certificates and authorities change under a running server."""

from __future__ import annotations

import collections
import contextlib
import re
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from extension_apiserver.observe.metrics import Metrics
from extension_apiserver.trust import tls
from unit.fake_aggregator import Aggregator, Answer
from unit.pki import DNS_NAME, Authority, Pair
from unit.running import BASE, Backend, start


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the files more often than in a cluster."""
    monkeypatch.setattr(tls, "POLL_SECONDS", 0.05)


def shown(client: Aggregator) -> bytes:
    """Return the certificate the server shows now."""
    with client.connect() as connection:
        certificate = connection.getpeercert(binary_form=True)
    assert certificate is not None
    return certificate


def test_must_02_a_new_pair_is_shown_and_old_connections_live(own: Backend) -> None:
    """The next handshake shows it; the open connection goes on."""
    start(own)
    client = own.aggregator()
    before = shown(client)
    client.request("GET", BASE)
    kept = client._connection
    own.pki.serving.server(DNS_NAME).write(own.directory / "tls")

    own.wait_for(lambda: shown(client) != before)
    assert client.request("GET", BASE).status == 200
    assert client._connection is kept


@pytest.mark.parametrize("fault", ["mismatched", "garbage", "missing", "wrong name", "expired", "encrypted key"])
def test_must_02_a_bad_pair_keeps_the_last_good_one(own: Backend, fault: str) -> None:
    """Handshakes go on, and log, metric and `/readyz?verbose` say what is wrong; a new authority counts all the same; a good pair heals it."""
    start(own, DELEGATED_AUTHORIZATION="false")
    client = own.client(None)
    before = shown(client)
    directory = own.directory / "tls"
    serving = own.pki.serving
    match fault:
        case "mismatched":
            (directory / "tls.key").write_text(serving.server(DNS_NAME).key)
        case "garbage":
            (directory / "tls.crt").write_text("garbage")
        case "missing":
            (directory / "tls.crt").unlink()
        case "wrong name":
            serving.server("another.default.svc").write(directory)
        case "expired":
            serving.server(DNS_NAME, days=(-3, -1)).write(directory)
        case "encrypted key":
            (directory / "tls.key").write_text(serving.server(DNS_NAME).encrypted_key())
    own.wait_for(lambda: "serving-certificate ok, but" in client.request("GET", "/readyz?verbose", user=None).text)

    assert shown(client) == before
    new = Authority("front-proxy-ca-2")
    own.apiserver.set_config_map(own.pki.config_map(requestheader_client_ca_file=own.pki.front_proxy.pem + new.pem))
    own.wait_for(lambda: accepted(own.client(new.client("front-proxy-client"))))
    metrics = own.aggregator().request("GET", "/metrics").text
    assert re.search(r'extension_apiserver_tls_reloads_total\{result="failure"\} [1-9]', metrics)
    serving.server(DNS_NAME).write(directory)
    own.wait_for(lambda: shown(client) != before)
    own.wait_for(lambda: "but" not in client.request("GET", "/readyz?verbose", user=None).text)


@pytest.mark.parametrize(
    ("names", "days", "words"),
    [(("wrong.default.svc",), (-1, 1), "subjectAltName"), ((DNS_NAME,), (-3, -1), "expired")],
)
def test_must_01_a_certificate_the_aggregator_will_refuse_is_not_ready(
    own: Backend, caplog: pytest.LogCaptureFixture, names: tuple[str, ...], days: tuple[float, float], words: str
) -> None:
    """Readiness fails and the log says which name or date is wrong, so a rollout stops before it takes the old pods away."""
    own.pki.serving.server(*names, days=days).write(own.directory / "tls")
    start(own, ready=False)
    client = own.client(None)
    client.context.check_hostname = False
    if words == "expired":
        # Nothing can be asked over a certificate that does not verify, so the answer is read from the library.
        certificate = tls.Tls(own.directory / "tls", DNS_NAME, Metrics())
        assert words in (certificate.name_complaint() or "")
        return
    answer = client.request("GET", "/readyz", user=None)

    assert (answer.status, "[-]serving-certificate failed" in answer.text) == (503, True), answer.text
    assert f"{words} {DNS_NAME}; it names {names[0]}" in caplog.text


def test_a_certificate_that_ends_soon_is_remarked(own: Backend, caplog: pytest.LogCaptureFixture) -> None:
    """The log says so while there is time; the server is ready all the same."""
    own.pki.serving.server(DNS_NAME, days=(-30, 1)).write(own.directory / "tls")
    start(own)
    answer = own.client(None).request("GET", "/readyz?verbose", user=None)

    assert answer.status == 200
    assert "[+]serving-certificate ok, but see the log" in answer.text
    assert "check serving-certificate passes, but the serving certificate expires" in caplog.text


def test_must_02_a_new_front_proxy_authority_counts_at_once(own: Backend) -> None:
    """Old and new are both trusted while both are in the bundle; the old one not a moment longer, on open connections too."""
    start(own)
    new = Authority("front-proxy-ca-2")
    old_client, new_client = own.aggregator(), own.client(new.client("front-proxy-client"))
    assert old_client.request("GET", BASE).status == 200
    with pytest.raises((ssl.SSLError, ConnectionError)):
        new_client.request("GET", BASE)
    both = own.pki.front_proxy.pem + new.pem
    own.apiserver.set_config_map(own.pki.config_map(requestheader_client_ca_file=both))
    own.wait_for(lambda: accepted(new_client))
    assert old_client.request("GET", BASE).status == 200
    own.apiserver.set_config_map(own.pki.config_map(requestheader_client_ca_file=new.pem))
    own.wait_for(lambda: old_client.request("GET", BASE).status == 401)

    assert new_client.request("GET", BASE).status == 200


def accepted(client: Aggregator) -> bool:
    """Return whether a request passes now."""
    try:
        return client.request("GET", BASE).status == 200
    except (ssl.SSLError, ConnectionError):
        return False


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_must_10_a_resumed_session_proves_nothing(own: Backend, version: ssl.TLSVersion) -> None:
    """Who resumes a session of the old authority is nobody, before and after the authority changed."""
    start(own)
    client = own.aggregator()
    client.context.minimum_version = client.context.maximum_version = version
    with client.connect() as first:
        first.sendall(f"GET {BASE} HTTP/1.1\r\nHost: x\r\nX-Remote-User: alice\r\nConnection: close\r\n\r\n".encode())
        assert b" 200 " in first.recv(65536)
        session = first.session
    own.apiserver.set_config_map(own.pki.config_map(requestheader_client_ca_file=Authority("new").pem))
    own.wait_for(lambda: not accepted(own.aggregator()))
    try:
        with client.connect(session) as resumed:
            resumed.sendall(f"GET {BASE} HTTP/1.1\r\nHost: x\r\nX-Remote-User: alice\r\n\r\n".encode())
            answer = resumed.recv(65536)
    except (ssl.SSLError, ConnectionError):
        return

    if answer:  # otherwise refused in the handshake, which TLS 1.3 tells only with the first read
        assert answer.startswith(b"HTTP/1.1 401 "), answer


def test_must_10_who_resumes_a_session_is_nobody(own: Backend) -> None:
    """It shows no certificate, so it is not believed, though the session began with the front proxy's."""
    start(own)
    client = own.aggregator()
    client.context.minimum_version = client.context.maximum_version = ssl.TLSVersion.TLSv1_2
    request = f"GET {BASE} HTTP/1.1\r\nHost: x\r\nX-Remote-User: alice\r\n\r\n".encode()
    with client.connect() as first:
        first.sendall(request)
        assert b" 200 " in first.recv(65536)
        with client.connect(first.session) as resumed:
            resumed.sendall(request)
            answer = resumed.recv(65536)

            if resumed.session_reused:  # a server may also know no sessions, and then this is a client like any other
                assert answer.startswith(b"HTTP/1.1 401 "), answer


def test_sessions_are_forgotten(own: Backend) -> None:
    """Those of TLS 1.2 take memory in the server, so it keeps but a few."""
    start(own)
    client = own.aggregator()
    client.context.minimum_version = client.context.maximum_version = ssl.TLSVersion.TLSv1_2
    with client.connect() as first:
        session = first.session
        for _ in range(100):
            with client.connect() as another, contextlib.suppress(OSError):
                # Without a goodbye OpenSSL does not keep it.
                another.unwrap()
        with client.connect(session) as again:
            assert not again.session_reused


def test_must_02_rotation_under_load_loses_no_request(own: Backend) -> None:
    """Leaf and front-proxy authority change five times while four clients call: 0 failures.

    As kube-apiserver does, a client makes new connections when its certificate changes; before the old authority leaves the bundle.
    """
    start(own)
    failures: list[Answer] = []
    calls: collections.Counter[tuple[int, Pair]] = collections.Counter()
    done = threading.Event()
    proxy = own.pki.proxy

    def call(number: int) -> None:
        while not done.is_set():
            mine = proxy
            client = own.client(mine)
            while mine is proxy and not done.is_set():
                answer = client.request("GET", f"{BASE}/")
                calls[number, mine] += 1
                if answer.status != 200:
                    failures.append(answer)
            client.close()

    with ThreadPoolExecutor(4) as threads:
        running = [threads.submit(call, number) for number in range(4)]
        authority = own.pki.front_proxy
        for number in range(5):
            own.pki.serving.server(DNS_NAME).write(own.directory / "tls")
            following = Authority(f"front-proxy-ca-{number}")
            both = authority.pem + following.pem
            own.apiserver.set_config_map(own.pki.config_map(requestheader_client_ca_file=both))
            pair = following.client("front-proxy-client")
            probe = own.client(pair)
            own.wait_for(lambda probe=probe: accepted(probe))  # type: ignore[misc]
            proxy = pair
            own.wait_for(lambda pair=pair: all(calls[number, pair] > 10 for number in range(4)))  # type: ignore[misc]
            authority = following
        done.set()
        for future in running:
            future.result()

    assert failures == []


def test_must_02_the_key_is_read_from_a_mounted_secret(own: Backend, tmp_path: Path) -> None:
    """A Secret is mounted as symbolic links of which one is swapped; that is seen."""
    secret = tmp_path / "secret"
    for name in ("..1", "..2"):
        own.pki.serving.server(DNS_NAME).write(secret / name)
    (secret / "..data").symlink_to("..1")
    for name in ("tls.crt", "tls.key"):
        (secret / name).symlink_to(f"..data/{name}")
    start(own, TLS_DIRECTORY=str(secret))
    client = own.client(None)
    before = shown(client)
    (secret / "..next").symlink_to("..2")
    (secret / "..next").replace(secret / "..data")

    own.wait_for(lambda: shown(client) != before)

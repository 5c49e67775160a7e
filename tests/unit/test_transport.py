"""TLS and HTTP/1.1 as the aggregator uses them."""

from __future__ import annotations

import gc
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from extension_apiserver.wire.stream import TlsStream
from unit.fake_aggregator import Aggregator
from unit.pki import DNS_NAME
from unit.raw import exchange
from unit.running import BASE, Backend, echo, start

GROUPS = [f"CN=group-{number:03d},OU=Département,DC=example,DC=com" for number in range(500)]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_must_01_tls_with_the_service_name(shared: Backend, version: ssl.TLSVersion) -> None:
    """The certificate verifies for `<service>.<namespace>.svc` with TLS 1.2 and 1.3."""
    client = shared.aggregator()
    client.context.minimum_version = client.context.maximum_version = version

    assert client.request("GET", BASE).status == 200


def test_must_01_without_sni(shared: Backend) -> None:
    """kube-apiserver up to 1.35 probes an IP address without a name."""
    assert shared.client(shared.pki.proxy, server_name=None).request("GET", BASE).status == 200


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_must_01_no_older_tls(shared: Backend) -> None:
    """TLS 1.1 is refused in the handshake."""
    client = shared.aggregator()
    client.context.minimum_version = client.context.maximum_version = ssl.TLSVersion.TLSv1_1
    client.context.set_ciphers("DEFAULT:@SECLEVEL=0")

    with pytest.raises((ssl.SSLError, ConnectionError)):
        client.request("GET", BASE)


def test_must_03_a_client_certificate_is_asked_for_and_not_required(shared: Backend) -> None:
    """The kubelet's probes come without one."""
    for path in ("/livez", "/readyz", "/healthz"):
        assert shared.client(None).request("GET", path, user=None).status == 200, path


def test_must_04_http_1_1_only(shared: Backend) -> None:
    """Of h2 and http/1.1 the server picks http/1.1, and keeps the connection for the next request."""
    client = shared.aggregator()
    with client.connect() as tls:
        assert tls.selected_alpn_protocol() == "http/1.1"
    client.request("GET", BASE)
    kept = client._connection
    client.request("GET", BASE)

    assert client._connection is kept


def test_nothing_is_kept_back_until_the_client_has_acknowledged_what_was_sent(shared: Backend) -> None:
    """Nagle's algorithm would delay the ends of large answers, and events that follow each other, by 40 ms."""
    with shared.aggregator().connect():
        transports = [one._transport for one in gc.get_objects() if isinstance(one, TlsStream) and one._transport]
        sockets = [one.get_extra_info("socket") for one in transports]
        assert [one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for one in sockets] == [1] * len(sockets) != []


def test_must_04_idle_connections_block_nobody(shared: Backend) -> None:
    """30 connections lie idle; five probes at once are answered."""
    idle = [shared.aggregator().connect() for _ in range(30)]
    probes = [shared.aggregator() for _ in range(5)]
    with ThreadPoolExecutor(5) as threads:
        codes = list(threads.map(lambda probe: probe.request("GET", BASE).status, probes))
    for tls in idle:
        tls.close()

    assert codes == [200] * 5


@pytest.mark.parametrize("host", ["10.96.0.1:443", "[fd00::1]:443", "evil.example.com", DNS_NAME, "x"])
def test_must_05_any_host_header(shared: Backend, host: str) -> None:
    """Host is the address the aggregator dialled, whatever that is."""
    request = f"GET {BASE}/ HTTP/1.1\r\nHost: {host}\r\nX-Remote-User: alice\r\nConnection: close\r\n\r\n"
    [(code, body)] = exchange(shared.aggregator().connect(), request.encode())

    assert code == 200
    assert host in body.decode()


def test_must_06_five_hundred_groups(aggregator: Aggregator) -> None:
    """More header lines than any Python server allows by default, and all of them are seen."""
    answer = aggregator.request("GET", f"{BASE}/echoes", groups=GROUPS)

    assert answer.status == 200
    assert answer.json()["items"][0]["status"]["groups"] == [*GROUPS, "system:authenticated"]


def test_must_06_more_than_the_bound_is_431(aggregator: Aggregator) -> None:
    """131072 bytes of header in small lines are refused, and the answer says so."""
    lines = "".join(f"X-{number}: {'x' * 500}\r\n" for number in range(300))
    request = f"GET {BASE} HTTP/1.1\r\nHost: x\r\n{lines}\r\n"
    answers = exchange(aggregator.connect(), request.encode())

    assert [code for code, _ in answers] in ([431], []), "the client may see the connection closed instead"


@pytest.mark.parametrize("chunked", [False, True])
def test_must_07_bodies(aggregator: Aggregator, chunked: bool) -> None:
    """With a length or in chunks, up to the bound."""
    message = "x" * 900_000
    body = f'{{"apiVersion":"cats.example.com/v1","kind":"Echo","metadata":{{"name":"x"}},"spec":{{"message":"{message}"}}}}'
    answer = aggregator.request("POST", f"{BASE}/echoes", body=body.encode(), chunked=chunked)

    assert (answer.status, answer.json()["spec"]["message"]) == (201, message)


@pytest.mark.parametrize("chunked", [False, True])
def test_must_07_more_than_the_bound_is_413(aggregator: Aggregator, chunked: bool) -> None:
    """One byte more than 1 MiB is a Status."""
    answer = aggregator.request("POST", f"{BASE}/echoes", body=b"x" * 1_048_577, chunked=chunked)

    assert (answer.status, answer.json()["reason"]) == (413, "RequestEntityTooLarge")


@pytest.mark.parametrize(
    "path",
    ["//", f"{BASE}//", f"/{BASE}", f"{BASE}/./", f"{BASE}/../v1", "/apis/", f"{BASE}/echoes/", f"{BASE}/echoes//caller",
     "/openapi/v3/", f"/openapi/v3{BASE}?hash=OLD", "/readyz/", f"{BASE}/%2e%2e/x", f"{BASE}/no-such"],
)  # fmt: skip
def test_must_08_never_a_redirect(aggregator: Aggregator, path: str) -> None:
    """The aggregator turns any redirect into 502."""
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Remote-User: alice\r\nConnection: close\r\n\r\n"
    [(code, _)] = exchange(aggregator.connect(), request.encode())

    assert code in {200, 404}, path


def test_must_08_an_application_that_redirects_is_stopped(own: Backend) -> None:
    """The library answers 404 in its place, and says why."""

    def application(_environ, start_response):  # type: ignore[no-untyped-def]
        start_response("308 Permanent Redirect", [("Location", "http://evil/"), ("Content-Type", "text/html")])
        return [b"<html>"]

    start(own, app=application)
    answer = own.aggregator().request("GET", f"{BASE}/x")

    assert (answer.status, answer.json()["reason"], answer.header("Location")) == (404, "NotFound", "")
    assert "redirect" in answer.json()["message"]


@pytest.mark.parametrize(
    ("status", "content_type", "expected"),
    [
        ("404 Not Found", "text/html", (404, "application/json")),
        ("500 Oops", "text/plain", (500, "application/json")),
        ("418 Teapot", "text/html; charset=utf-8", (418, "application/json")),
        ("200 OK", "text/html; charset=utf-8", (200, "text/plain; charset=utf-8")),
        ("200 OK", "text/csv", (200, "text/csv")),
    ],
)
def test_must_09_never_html(own: Backend, status: str, content_type: str, expected: tuple[int, str]) -> None:
    """Failures of the application become a Status; a page becomes plain text."""

    def application(_environ, start_response):  # type: ignore[no-untyped-def]
        start_response(status, [("Content-Type", content_type)])
        return [b"<html>"]

    start(own, app=application)
    answer = own.aggregator().request("GET", f"{BASE}/x")

    assert (answer.status, answer.header("Content-Type")) == expected
    if answer.status >= 400:
        assert answer.json()["code"] == answer.status


def test_must_09_an_application_that_raises_is_a_status(own: Backend) -> None:
    """Its traceback is the log's."""

    def application(_environ, _start_response):  # type: ignore[no-untyped-def]
        raise RuntimeError("s3cret")

    start(own, app=application, LOG_LEVEL="error")
    answer = own.aggregator().request("GET", f"{BASE}/x")

    assert (answer.status, answer.json()["reason"]) == (500, "InternalError")
    assert "s3cret" not in answer.text


@pytest.mark.parametrize("path", ["/", "/echoes", "/no-such"])
def test_must_42_an_upgrade_is_refused_and_the_connection_closed(aggregator: Aggregator, path: str) -> None:
    """No request can hide behind an upgrade that failed: CVE-2018-1002105."""
    upgrade = f"GET {BASE}{path} HTTP/1.1\r\nHost: x\r\nX-Remote-User: alice\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    smuggled = f"GET {BASE}/ HTTP/1.1\r\nHost: x\r\nX-Remote-User: system:admin\r\n\r\n"
    answers = exchange(aggregator.connect(), (upgrade + smuggled).encode())

    assert len(answers) == 1, answers
    assert answers[0][0] >= 400


def test_a_body_that_is_never_read_costs_nobody_else(shared: Backend) -> None:
    """A refused caller's body is not waited for: the answer comes at once."""
    with shared.client(None).connect() as tls:
        tls.settimeout(5)
        started = time.monotonic()
        tls.sendall(
            f"POST {BASE}/echoes HTTP/1.1\r\nHost: x\r\nX-Remote-User: a\r\nContent-Length: 1000\r\n\r\n".encode()
        )
        answer = tls.recv(4096)

    assert answer.startswith(b"HTTP/1.1 401 ")
    assert time.monotonic() - started < 2


def test_plain_http_is_no_http(shared: Backend) -> None:
    """What is not TLS is closed without an answer."""
    with socket.create_connection(("127.0.0.1", shared.port), 5) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            received = plain.recv(4096)
        except ConnectionError:
            received = b""

    assert not received.startswith(b"HTTP")


def test_a_created_object_survives_a_kept_connection(aggregator: Aggregator) -> None:
    """A POST over a connection that served other users before."""
    for user in ("a", "b"):
        assert aggregator.request("POST", f"{BASE}/echoes", user=user, body=echo(user)).json()["status"]["user"] == user

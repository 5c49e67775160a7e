"""What all clients together may take: connections and memory. Who must get in gets in: kube-apiserver, and the kubelet."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from unit.fake_aggregator import Aggregator
from unit.pki import Authority, Pair
from unit.raw import exchange
from unit.running import BASE, Backend, Pki, echo, start
from unit.test_metrics import scrape

DELEGATED = {"DELEGATED_AUTHENTICATION": "true", "DELEGATED_AUTHORIZATION": "true"}
#: Whoever has a certificate that the handshake accepts and that is not the front proxy's.
STRANGERS: dict[str, Callable[[Pki], Pair | None]] = {
    "no certificate": lambda _pki: None,
    "a user's certificate": lambda pki: pki.clients.client("mallory"),
    "a certificate of the front proxy's authority with another name": lambda pki: pki.front_proxy.client("mallory"),
}
MEGABYTE = 1_000_000


def is_open(connection: ssl.SSLSocket) -> bool:
    """Return whether the server has not closed a connection on which it has nothing to say."""
    connection.settimeout(0.01)
    try:
        return bool(connection.recv(1))
    except TimeoutError:
        return True
    except (ConnectionError, ssl.SSLError):
        return False


def idle(client: Aggregator, count: int) -> list[ssl.SSLSocket]:
    """Open connections and say nothing; the server may close earlier ones."""
    connections = []
    for _ in range(count):
        with contextlib.suppress(OSError):
            connections.append(client.connect())
    return connections


@pytest.mark.parametrize("who", STRANGERS)
def test_idle_strangers_keep_neither_kube_apiserver_nor_the_kubelet_out(own: Backend, who: str) -> None:
    """Whatever certificate they show, all together have the places of the unverified."""
    start(own, environ=DELEGATED, MAX_CONNECTIONS="16", MAX_UNVERIFIED_CONNECTIONS="4")
    connections = idle(own.client(STRANGERS[who](own.pki)), 40)
    codes = [own.aggregator().request("GET", BASE).status for _ in range(5)]
    codes += [own.client(None).request("GET", "/livez", user=None).status for _ in range(5)]
    still_open = [connection for connection in connections if is_open(connection)]
    for connection in connections:
        connection.close()

    assert codes == [200] * 10
    assert len(still_open) <= 4, f"{len(still_open)} connections with {who} are open"


def test_kube_apiserver_does_not_keep_the_kubelet_out(own: Backend) -> None:
    """When kube-apiserver has all its places, which many slow requests of users do, the probe passes all the same."""
    start(own, MAX_CONNECTIONS="4", MAX_UNVERIFIED_CONNECTIONS="4")
    kept = [own.aggregator() for _ in range(4)]
    assert [client.request("GET", BASE).status for client in kept] == [200] * 4
    with pytest.raises((ConnectionError, ssl.SSLError)):
        own.aggregator().request("GET", BASE)

    assert own.client(None).request("GET", "/livez", user=None).status == 200
    assert [client.request("GET", BASE).status for client in kept] == [200] * 4


def test_who_is_idle_makes_room_before_who_is_answered(own: Backend) -> None:
    """The oldest connection waits for its answer and gets it; younger ones, which ask for nothing, are closed."""
    release, begun = threading.Event(), threading.Event()

    def application(_environ: object, start_response: Callable[..., Any]) -> Iterable[bytes]:
        begun.set()
        release.wait(10)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"late"]

    start(own, app=application, blocking=True, environ=DELEGATED, MAX_UNVERIFIED_CONNECTIONS="4")
    user = own.pki.clients.client("alice")
    with ThreadPoolExecutor(1) as threads:
        late = threads.submit(own.client(user).request, "GET", f"{BASE}/x", user=None)
        assert begun.wait(10)
        connections = idle(own.client(user), 20)
        release.set()

        assert late.result().body == b"late"
    for connection in connections:
        connection.close()


def test_places_follow_the_trust_of_now(own: Backend) -> None:
    """Connections of an authority that left the ConfigMap lose their places, idle as they are; those of a name that came get them."""
    start(own, MAX_UNVERIFIED_CONNECTIONS="4")
    old = idle(own.aggregator(), 12)
    assert [is_open(connection) for connection in old] == [True] * 12
    new = Authority("front-proxy-ca-2")
    own.apiserver.set_config_map(own.pki.config_map(requestheader_client_ca_file=own.pki.front_proxy.pem + new.pem))
    own.apiserver.set_config_map(own.pki.config_map(requestheader_client_ca_file=new.pem))

    own.wait_for(lambda: sum(is_open(connection) for connection in old) <= 4)
    other = own.client(new.client("another-name"))
    own.wait_for(lambda: status(other) == 401)
    names = own.pki.config_map(requestheader_client_ca_file=new.pem, requestheader_allowed_names='["another-name"]')
    own.apiserver.set_config_map(names)
    own.wait_for(lambda: status(other) == 200)
    own.wait_for(lambda: survives_a_flood(own, other))
    for connection in old:
        connection.close()


def survives_a_flood(backend: Backend, client: Aggregator) -> bool:
    """Return whether a client's connection is still the same after many strangers connected from the same address."""
    client.request("GET", BASE)
    kept = client._connection
    for connection in idle(backend.client(None), 12):
        connection.close()
    return status(client) == 200 and client._connection is kept


def status(client: Aggregator) -> int:
    """Return the code of an answer, 0 for none."""
    try:
        return client.request("GET", BASE).status
    except (ssl.SSLError, ConnectionError):
        return 0


def upload(length: int, sent: int) -> bytes:
    """Return a part of a request that creates an Echo."""
    body = json.dumps(echo("x", message="x" * length)).encode()
    head = f"POST {BASE}/echoes HTTP/1.1\r\nHost: x\r\nX-Remote-User: alice\r\nX-Remote-Group: a\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body[:sent]


def test_stalled_uploads_are_bounded_together(own: Backend) -> None:
    """Beyond the bound an upload is 503 and says when to come again; what is small passes; when there is room, so do uploads."""
    start(own, MAX_BYTES_IN_FLIGHT="2000000")
    stalled = [own.aggregator().connect() for _ in range(3)]
    for connection in stalled:
        connection.sendall(upload(900_000, 800_000))
        connection.settimeout(10)
    client = own.aggregator()
    answers: list[bytes] = []

    def refused() -> bool:
        return scrape(client)['extension_apiserver_refused_requests_total{reason="max_bytes_in_flight"}'] >= 1

    own.wait_for(refused)
    small = client.request("POST", f"{BASE}/echoes", body=echo("x", message="y" * 1000)).status
    probe = own.client(None).request("GET", "/readyz", user=None).status
    large = exchange(own.aggregator().connect(), upload(900_000, 2**21))
    for connection in stalled:
        if not is_waiting(connection):
            answers.append(connection.recv(65536))
        connection.close()

    assert (small, probe) == (201, 200)
    assert [code for code, _ in large] == [503]
    assert len(answers) == 1, "two of three fit into the bound"
    assert answers[0].startswith(b"HTTP/1.1 503 ")
    assert b"\r\nRetry-After: 1\r\n" in answers[0]
    own.wait_for(lambda: [code for code, _ in exchange(own.aggregator().connect(), upload(900_000, 2**21))] == [201])


def is_waiting(connection: ssl.SSLSocket) -> bool:
    """Return whether the server has not answered yet."""
    raw = socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM)
    with raw:
        raw.setblocking(False)
        try:
            return not raw.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True


def of_length(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer with as many bytes as the last part of the path says."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"x" * int(environ["PATH_INFO"].rpartition("/")[2])]


def test_answers_that_nobody_reads_are_bounded_together(own: Backend) -> None:
    """Beyond the bound an answer is 503; small ones pass; when the others are gone, so do large ones."""
    start(own, app=of_length, MAX_BYTES_IN_FLIGHT=str(40 * MEGABYTE))
    get = f"GET {BASE}/{30 * MEGABYTE} HTTP/1.1\r\nHost: x\r\nX-Remote-User: alice\r\n\r\n".encode()
    unread = own.aggregator().connect()
    unread.sendall(get)
    unread.recv(1)
    client = own.aggregator()
    refused = client.request("GET", f"{BASE}/{30 * MEGABYTE}")
    changed = client.request("POST", f"{BASE}/{30 * MEGABYTE}", body=b"x")
    small = client.request("GET", f"{BASE}/60000").status
    probe = own.client(None).request("GET", "/readyz", user=None).status
    unread.close()

    assert (refused.status, refused.json()["reason"], refused.header("Retry-After")) == (503, "ServiceUnavailable", "1")
    assert (changed.status, changed.header("Retry-After")) == (503, ""), "nobody may carry it out twice"
    assert (small, probe) == (200, 200)
    own.wait_for(lambda: client.request("GET", f"{BASE}/{30 * MEGABYTE}").status == 200)


def test_what_was_read_is_no_longer_in_flight(own: Backend) -> None:
    """Connections that had a large answer or a large body, and lie idle now, leave room for others."""
    start(own, MAX_BYTES_IN_FLIGHT="2000000")
    clients = [own.aggregator() for _ in range(6)]
    body = echo("x", message="y" * 900_000)

    assert [client.request("POST", f"{BASE}/echoes", body=body).status for client in clients] == [201] * 6


def test_an_answer_above_the_bound_says_so(own: Backend) -> None:
    """It can never be sent, so nobody is told to come again."""
    start(own, app=of_length, MAX_BYTES_IN_FLIGHT="1000000", MAX_BODY_BYTES="1000000")
    answer = own.aggregator().request("GET", f"{BASE}/{2 * MEGABYTE}")

    assert (answer.status, answer.header("Retry-After")) == (500, "")
    assert "2000000 bytes" in answer.json()["message"]


LONG = "\N{GREEK SMALL LETTER ALPHA}" * 400_000
OVERSIZED: dict[str, tuple[str, dict[str, Any]]] = {
    "name": ("", {"metadata": {"name": LONG}}),
    "generateName": ("", {"metadata": {"generateName": LONG}}),
    "name and a wrong type": ("", {"metadata": {"name": LONG}, "spec": "x"}),
    "label": ("", {"metadata": {"name": "x", "labels": {LONG: 1}}}),
    "unknown field": ("?fieldValidation=Strict", {"metadata": {"name": "x"}, LONG: 1}),
    "unknown field, as a warning": ("", {"metadata": {"name": LONG[:150_000]}, LONG[:150_000]: 1}),
}


@pytest.mark.parametrize("what", OVERSIZED)
def test_what_was_sent_does_not_come_back_many_times_over(aggregator: Aggregator, what: str) -> None:
    """A body of nearly 1 MiB is refused in a few words."""
    query, fields = OVERSIZED[what]
    body = {"apiVersion": "cats.example.com/v1", "kind": "Echo", **fields}
    content = json.dumps(body, ensure_ascii=False).encode()
    answer = aggregator.request("POST", f"{BASE}/echoes{query}", body=content)

    assert answer.status in {400, 422}, (answer.status, answer.text[:200])
    assert len(answer.body) < 10_000

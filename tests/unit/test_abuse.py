"""Clients that are slow, many or malformed harm nobody else."""

from __future__ import annotations

import gzip
import resource
import socket
import ssl
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from unit.fake_aggregator import Aggregator
from unit.raw import closed_after, exchange
from unit.running import BASE, Backend, start
from unit.test_lifecycle import process, resident_mib

HALF_HEADER = f"GET {BASE} HTTP/1.1\r\nHost: x\r\nX-Half: ".encode()
HALF_BODY = f"POST {BASE}/echoes HTTP/1.1\r\nHost: x\r\nX-Remote-User: a\r\nContent-Length: 100\r\n\r\n{{".encode()


def silent(backend: Backend) -> socket.socket:
    """Connect and send no TLS hello."""
    return socket.create_connection(("127.0.0.1", backend.port), 5)


def stalled(client: Aggregator, data: bytes) -> ssl.SSLSocket:
    """Connect, send a part of a request and nothing more."""
    tls = client.connect()
    tls.sendall(data)
    return tls


def seconds_of(client: Aggregator) -> float:
    """Return how long a usual request takes, the median of 30."""
    times = []
    for _ in range(30):
        started = time.perf_counter()
        assert client.request("GET", f"{BASE}/").status == 200
        times.append(time.perf_counter() - started)
    return statistics.median(times)


@pytest.mark.usefixtures("unmeasured")
def test_forty_stalled_connections(own: Backend, capsys: pytest.CaptureFixture[str]) -> None:
    """No hello, half a header, half a body, 40 of each: a usual request takes its usual time, and memory is bounded."""
    with process(own, MAX_UNVERIFIED_CONNECTIONS="128") as child:
        own.wait_until_ready()
        client, proxy = own.aggregator(), own.aggregator()
        usual, before = seconds_of(client), resident_mib(child.pid)
        connections: list[socket.socket] = [silent(own) for _ in range(40)]
        connections += [stalled(own.client(None), HALF_HEADER) for _ in range(40)]
        connections += [stalled(proxy, HALF_BODY) for _ in range(40)]
        now, grown = seconds_of(client), resident_mib(child.pid) - before
        for connection in connections:
            connection.close()
    with capsys.disabled():
        sys.stdout.write(f" usual {usual * 1000:.2f} ms, with 120 stalled {now * 1000:.2f} ms, {grown:.1f} MiB more ")

    assert now < 4 * usual + 0.02, "generous, because tests share their machine"
    assert grown < 15


@pytest.mark.parametrize(
    ("variable", "data", "code"),
    [
        ("HEADER_TIMEOUT_SECONDS", HALF_HEADER, b"408"),
        ("HEADER_TIMEOUT_SECONDS", b"G", b"408"),
        ("BODY_TIMEOUT_SECONDS", HALF_BODY, b"408"),
    ],
)
def test_half_a_request_has_its_time(own: Backend, variable: str, data: bytes, code: bytes) -> None:
    """After the time a Status says what was late."""
    start(own, environ={variable: "0.5"})
    started = time.monotonic()
    with stalled(own.aggregator(), data) as tls:
        tls.settimeout(5)
        answer = tls.recv(4096)

    assert answer.startswith(b"HTTP/1.1 " + code), answer
    assert 0.4 < time.monotonic() - started < 3


def test_dripping_does_not_extend_the_time(own: Backend) -> None:
    """One byte now and then does not keep a connection open."""
    start(own, HEADER_TIMEOUT_SECONDS="0.5")
    started = time.monotonic()
    with own.aggregator().connect() as tls:
        try:
            while time.monotonic() - started < 5:
                tls.sendall(b"G")
                time.sleep(0.05)
        except (ConnectionError, ssl.SSLError):
            pass

    assert time.monotonic() - started < 3


def test_no_hello_has_its_time(own: Backend) -> None:
    """A connection without a TLS hello is closed after its time."""
    start(own, TLS_HANDSHAKE_TIMEOUT_SECONDS="0.5")
    with silent(own) as plain:
        assert 0.4 < closed_after(plain, 5, time.monotonic) < 3


def test_a_flood_without_certificates_does_not_keep_the_proxy_out(own: Backend) -> None:
    """Beyond the bound the oldest unverified connection is closed; the proxy connects all the while."""
    start(own, MAX_UNVERIFIED_CONNECTIONS="8")
    flood = [silent(own) for _ in range(60)]
    idle = [stalled(own.client(None), b"") for _ in range(20)]
    assert own.aggregator().request("GET", BASE).status == 200
    metrics = own.aggregator().request("GET", "/metrics").text
    open_connections = next(
        line for line in metrics.splitlines() if line.startswith("extension_apiserver_connections ")
    )
    for connection in (*flood, *idle):
        connection.close()

    assert 'extension_apiserver_refused_connections_total{reason="max_unverified_connections"}' in metrics
    assert float(open_connections.split()[1]) <= 8 + 3, "the bound and the proxy's own"


def test_connections_in_all_are_bounded(own: Backend) -> None:
    """Beyond the bound new connections are closed at once; those that are open go on."""
    start(own, MAX_CONNECTIONS="6")
    own.aggregators[0].close()
    kept = [own.aggregator() for _ in range(5)]
    assert [client.request("GET", BASE).status for client in kept] == [200] * 5
    refused = 0
    for _ in range(4):
        try:
            own.aggregator().request("GET", BASE)
        except (OSError, ssl.SSLError):
            refused += 1

    assert refused >= 3
    assert [client.request("GET", BASE).status for client in kept] == [200] * 5


def test_many_connections_leave_nothing_behind(own: Backend) -> None:
    """60 connections later no more descriptors are open than before."""
    with process(own) as child:
        own.wait_until_ready()
        client = own.aggregator()
        client.request("GET", BASE)
        descriptors = Path(f"/proc/{child.pid}/fd")
        before = len(list(descriptors.iterdir()))

        def connect(_number: int) -> None:
            each = own.aggregator()
            each.request("GET", BASE)
            each.close()

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(connect, range(60)))
        own.wait_for(lambda: len(list(descriptors.iterdir())) <= before + 1)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process limit another")
def test_no_more_descriptors(own: Backend) -> None:
    """Who is connected is served, the log says a little, and when descriptors are free again everybody is served."""
    with process(own) as child:
        own.wait_until_ready()
        client = own.aggregator()
        client.request("GET", BASE)
        resource.prlimit(child.pid, resource.RLIMIT_NOFILE, (40, 40))
        flood = [silent(own) for _ in range(200)]
        codes = [client.request("GET", BASE).status for _ in range(50)]
        for connection in flood:
            connection.close()
        own.wait_for(lambda: own.client(None).request("GET", "/livez", user=None).status == 200)
        child.terminate()
        _, log = child.communicate(timeout=10)

    assert codes == [200] * 50
    assert 0 < log.count("out of system resource") < 200


VICTIM = "X-Remote-User: alice\r\n"
HIDDEN = f"GET {BASE}/ HTTP/1.1\r\nHost: x\r\nX-Remote-User: smuggled\r\n\r\n"
MALFORMED = {
    "two different lengths": f"POST {BASE}/ HTTP/1.1\r\nHost: x\r\n{VICTIM}Content-Length: 0\r\nContent-Length: 5\r\n\r\n",
    "two equal lengths": f"POST {BASE}/ HTTP/1.1\r\nHost: x\r\n{VICTIM}Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "list of lengths": f"POST {BASE}/ HTTP/1.1\r\nHost: x\r\n{VICTIM}Content-Length: 0, 0\r\n\r\n",
    "signed length": f"POST {BASE}/ HTTP/1.1\r\nHost: x\r\n{VICTIM}Content-Length: +5\r\n\r\nhello",
    "negative length": f"POST {BASE}/ HTTP/1.1\r\nHost: x\r\n{VICTIM}Content-Length: -1\r\n\r\n",
    "length with underscore": f"POST {BASE}/ HTTP/1.1\r\nHost: x\r\n{VICTIM}Content-Length: 1_0\r\n\r\n",
    "length and chunks": f"POST {BASE}/ HTTP/1.1\r\nHost: x\r\n{VICTIM}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "space before colon": f"POST {BASE}/ HTTP/1.1\r\nHost: x\r\n{VICTIM}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "identity with a space": f"GET {BASE}/ HTTP/1.1\r\nHost: x\r\n{VICTIM}X-Remote-User : smuggled\r\n\r\n",
    "unknown transfer encoding": f"POST {BASE}/ HTTP/1.1\r\nHost: x\r\n{VICTIM}Transfer-Encoding: xchunked\r\n\r\n",
    "chunked twice": f"POST {BASE}/ HTTP/1.1\r\nHost: x\r\n{VICTIM}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked not last": f"POST {BASE}/ HTTP/1.1\r\nHost: x\r\n{VICTIM}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunk size with sign": f"POST {BASE}/ HTTP/1.1\r\nHost: x\r\n{VICTIM}Transfer-Encoding: chunked\r\n\r\n+0\r\n\r\n",
    "chunk size with 0x": f"POST {BASE}/ HTTP/1.1\r\nHost: x\r\n{VICTIM}Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
    "folded header": f"GET {BASE}/ HTTP/1.1\r\nHost: x\r\n{VICTIM} smuggled\r\n\r\n",
    "NUL in a value": f"GET {BASE}/ HTTP/1.1\r\nHost: x\r\nX-Remote-User: al\0ice\r\n\r\n",
    "CR in a value": f"GET {BASE}/ HTTP/1.1\r\nHost: x\r\nX-Remote-User: a\rX-Remote-User: smuggled\r\n\r\n",
    "LF in a value": f"GET {BASE}/ HTTP/1.1\r\nHost: x\r\nX-Remote-User: a\nX-Remote-User: smuggled\r\n\r\n",
    "bare line feeds": f"GET {BASE}/ HTTP/1.1\nHost: x\nX-Remote-User: smuggled\n\n",
    "header without colon": f"GET {BASE}/ HTTP/1.1\r\nHost: x\r\n{VICTIM}nonsense\r\n\r\n",
    "empty header name": f"GET {BASE}/ HTTP/1.1\r\nHost: x\r\n{VICTIM}: x\r\n\r\n",
    "empty length": f"POST {BASE}/ HTTP/1.1\r\nHost: x\r\n{VICTIM}Content-Length:\r\n\r\n",
    "length of two words": f"POST {BASE}/ HTTP/1.1\r\nHost: x\r\n{VICTIM}Content-Length: 1 0\r\n\r\n",
    "two lines of chunked": f"POST {BASE}/ HTTP/1.1\r\nHost: x\r\n{VICTIM}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two transfer encodings": f"POST {BASE}/ HTTP/1.1\r\nHost: x\r\n{VICTIM}Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked with a tab": f"POST {BASE}/ HTTP/1.1\r\nHost: x\r\n{VICTIM}Transfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": f"POST {BASE}/ HTTP/1.0\r\n{VICTIM}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunk size with a space": f"POST {BASE}/ HTTP/1.1\r\nHost: x\r\n{VICTIM}Transfer-Encoding: chunked\r\n\r\n1 \r\na\r\n0\r\n\r\n",
    "chunk size of 17 digits": f"POST {BASE}/ HTTP/1.1\r\nHost: x\r\n{VICTIM}Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\na\r\n0\r\n\r\n",
    "chunk longer than it says": f"POST {BASE}/ HTTP/1.1\r\nHost: x\r\n{VICTIM}Transfer-Encoding: chunked\r\n\r\n1\r\nab0\r\n\r\n",
    "line feed in a chunk extension": f"POST {BASE}/ HTTP/1.1\r\nHost: x\r\n{VICTIM}Transfer-Encoding: chunked\r\n\r\n1;a\nb\r\na\r\n0\r\n\r\n",
    "chunks with bare line feeds": f"POST {BASE}/ HTTP/1.1\r\nHost: x\r\n{VICTIM}Transfer-Encoding: chunked\r\n\r\n1\na\n0\n\n",
    "length in a trailer": f"POST {BASE}/ HTTP/1.1\r\nHost: x\r\n{VICTIM}Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 99\r\n\r\n",
    "chunked in a trailer": f"POST {BASE}/ HTTP/1.1\r\nHost: x\r\n{VICTIM}Transfer-Encoding: chunked\r\n\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "control in a value": f"GET {BASE}/ HTTP/1.1\r\nHost: x\r\nX-Remote-User: al\x01ice\r\n\r\n",
    "control in the target": f"GET {BASE}/a\x01b HTTP/1.1\r\nHost: x\r\n{VICTIM}\r\n",
    "bytes in the target": f"GET {BASE}/a\xe9b HTTP/1.1\r\nHost: x\r\n{VICTIM}\r\n",
    "bytes in a name": f"GET {BASE}/ HTTP/1.1\r\nHost: x\r\n{VICTIM}X-\xe9: x\r\n\r\n",
    "space before the first line": f"GET {BASE}/ HTTP/1.1\r\n Host: x\r\n{VICTIM}\r\n",
    "two Hosts": f"GET {BASE}/ HTTP/1.1\r\nHost: x\r\nHost: x\r\n{VICTIM}\r\n",
    "no Host": f"GET {BASE}/ HTTP/1.1\r\n{VICTIM}\r\n",
    "no version": f"GET {BASE}/\r\n\r\n",
    "unknown version": f"GET {BASE}/ HTTP/9.9\r\nHost: x\r\n{VICTIM}\r\n",
    "absolute target": f"GET http://evil{BASE}/ HTTP/1.1\r\nHost: x\r\n{VICTIM}\r\n",
    "asterisk target": f"OPTIONS * HTTP/1.1\r\nHost: x\r\n{VICTIM}\r\n",
    "authority target": f"CONNECT evil:443 HTTP/1.1\r\nHost: x\r\n{VICTIM}\r\n",
    "RTSP": f"GET {BASE}/ RTSP/1.0\r\nHost: x\r\n{VICTIM}\r\n",
    "RTSP with the version of HTTP": f"GET {BASE}/ RTSP/1.1\r\nHost: x\r\n{VICTIM}\r\n",
    "ICE": f"SOURCE {BASE}/ ICE/1.0\r\nHost: x\r\n{VICTIM}\r\n",
    "HTTP/2 preface": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


@pytest.mark.parametrize("name", sorted(MALFORMED))
def test_malformed_http_is_refused(shared: Backend, name: str) -> None:
    """Refused with 400 as a Status or closed; nothing behind it on the connection is ever answered."""
    answers = exchange(shared.aggregator().connect(), (MALFORMED[name] + HIDDEN).encode("latin-1"))
    bodies = b"".join(body for _, body in answers)

    assert [code for code, _ in answers if code < 400] == [], (name, answers)
    assert len(answers) <= 1, (name, answers)
    assert b"smuggled" not in bodies, (name, bodies)


def test_a_number_of_thousands_of_digits_is_answered(aggregator: Aggregator) -> None:
    """Python reads no integer of more than 4300 digits, zeros in front included: https://docs.python.org/3/library/stdtypes.html#int-max-str-digits."""
    zeros = "0" * 5000
    as_limit = f"GET {BASE}/echoes?limit={zeros}1 HTTP/1.1\r\nHost: x\r\n{VICTIM}Connection: close\r\n\r\n"
    as_length = (
        f"POST {BASE}/ HTTP/1.1\r\nHost: x\r\n{VICTIM}Connection: close\r\nContent-Length: {zeros}5\r\n\r\nhello"
    )

    for request in (as_limit, as_length):
        assert [code for code, _ in exchange(aggregator.connect(), request.encode())] == [200]


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST", "PUT", "OPTIONS"])
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("path", [f"{BASE}/", f"{BASE}/echoes", "/no-such", "/readyz", BASE])
def test_a_request_hidden_in_a_body_is_a_body(shared: Backend, method: str, chunked: bool, path: str) -> None:
    """Whether the body is read or not, what is in it is never a request."""
    hidden = f"{len(HIDDEN):x}\r\n{HIDDEN}\r\n0\r\n\r\n" if chunked else HIDDEN
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(HIDDEN)}"
    first = f"{method} {path} HTTP/1.1\r\nHost: x\r\n{VICTIM}{framing}\r\n\r\n{hidden}"
    last = f"GET {BASE}/ HTTP/1.1\r\nHost: x\r\nX-Remote-User: last\r\nConnection: close\r\n\r\n"
    answers = exchange(shared.aggregator().connect(), (first + last).encode())

    assert all(b"smuggled" not in body for _, body in answers), answers
    assert len(answers) in {1, 2}, answers
    if len(answers) == 2:
        assert b"x-remote-user: last" in answers[1][1]


@pytest.mark.parametrize("encoding", ["identity", "gzip", "deflate"])
def test_an_encoded_body_is_not_unpacked(aggregator: Aggregator, encoding: str) -> None:
    """A small body cannot grow by decompression: it is read as it is, which is no JSON object."""
    body = gzip.compress(b"x" * 10_000_000)
    answer = aggregator.request("POST", f"{BASE}/echoes", body=body, headers=[("Content-Encoding", encoding)])

    assert (answer.status, answer.json()["reason"]) == (400, "BadRequest")

"""Answers that are sent while they are made, and bodies that are read while they arrive."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import re
import resource
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from unit.running import BASE, Backend, start

StartResponse = Callable[..., Callable[[bytes], None]]
EVENTS = [("Content-Type", "text/event-stream")]
IDENTITY = "Host: x\r\nX-Remote-User: alice\r\n"


def get(path: str, *lines: str, method: str = "GET", version: str = "1.1") -> bytes:
    """Return a request as it is sent."""
    return f"{method} {BASE}{path} HTTP/{version}\r\n{IDENTITY}{''.join(line + chr(13) + chr(10) for line in lines)}\r\n".encode()


@pytest.fixture
def connect(own: Backend) -> Iterator[Callable[[], ssl.SSLSocket]]:
    """Open connections as the front proxy; they are closed in the end."""
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(own.aggregator().connect())


def read_until(tls: ssl.SSLSocket, end: bytes, seconds: float = 10) -> bytes:
    """Return what comes until `end` was in it."""
    tls.settimeout(seconds)
    received = b""
    while end not in received:
        data = tls.recv(65536)
        assert data, f"closed after {received!r}"
        received += data
    return received


def rest(tls: ssl.SSLSocket, seconds: float = 10) -> tuple[bytes, bool]:
    """Return what comes until the end, and whether the server said goodbye."""
    tls.settimeout(seconds)
    received = b""
    try:
        while data := tls.recv(65536):
            received += data
    except (ConnectionError, ssl.SSLError):
        return received, False
    return received, True


class Ticker:
    """A generator's app: sends an event each time it is told to; knows whether it was closed."""

    def __init__(self) -> None:
        self.go, self.closed, self.asked = threading.Semaphore(0), threading.Event(), 0

    def __call__(self, _environ: object, start_response: StartResponse) -> Iterable[bytes]:
        """Answer with the events."""
        start_response("200 OK", EVENTS)
        return self.events()

    def events(self) -> Iterator[bytes]:
        """Yield one each time."""
        try:
            while True:
                self.go.acquire()
                self.asked += 1
                yield b"data: %d\n\n" % self.asked
        finally:
            self.closed.set()


def test_each_part_is_sent_before_the_next_is_made(own: Backend, connect: Callable[[], ssl.SSLSocket]) -> None:
    """The application makes the second event only after the first has arrived."""
    ticker = Ticker()
    start(own, app=ticker, blocking=True)
    tls = connect()
    tls.sendall(get("/events"))
    received = []
    for number in (1, 2, 3):
        ticker.go.release()
        received.append(read_until(tls, b"data: %d\n\n" % number))

    assert b"\r\nTransfer-Encoding: chunked\r\n" in received[0]
    assert b"Content-Length" not in received[0]
    assert received[1] == b"9\r\ndata: 2\n\n\r\n"


def test_a_generator_is_closed_when_the_client_leaves(own: Backend, connect: Callable[[], ssl.SSLSocket]) -> None:
    """It is asked for one more part at most, and its thread is free again."""
    ticker = Ticker()
    start(own, app=ticker, blocking=True)
    tls = connect()
    tls.sendall(get("/events"))
    ticker.go.release()
    read_until(tls, b"data: 1\n\n")
    tls.close()
    own.wait_for(lambda: gauge(own, "extension_apiserver_streams") == 0)
    ticker.go.release()

    assert ticker.closed.wait(10)
    assert ticker.asked <= 2


def gauge(backend: Backend, name: str) -> float:
    """Return the value of a metric without labels."""
    text = backend.aggregator().request("GET", "/metrics").text
    return float(re.search(rf"(?m)^{name} (\S+)$", text)[1])  # type: ignore[index]


@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize("how", ["generator", "write", "announced"])
def test_a_stream_arrives_whole(own: Backend, how: str, blocking: bool) -> None:
    """3 MB in parts of many sizes, with and without an announced length, by `write` too."""
    parts = [bytes([size % 251]) * size for size in (1, 0, 70_000, 5, 1_000_000, 1_930_000)]

    def application(_environ: object, start_response: StartResponse) -> Iterable[bytes]:
        length = [("Content-Length", str(sum(map(len, parts))))] if how == "announced" else []
        write = start_response("200 OK", [*EVENTS, *length])
        if how != "write":
            return iter(parts)
        for part in parts:
            write(part)
        return []

    start(own, app=application, blocking=blocking)
    client = own.aggregator()
    answers = [client.request("GET", f"{BASE}/x") for _ in range(2)]

    assert {hashlib.sha256(answer.body).hexdigest() for answer in answers} == {
        hashlib.sha256(b"".join(parts)).hexdigest()
    }


@pytest.mark.parametrize(
    ("announced", "sent", "said"),
    [
        (100_000, 99_999, "1 bytes before its Content-Length"),
        (100_000, 100_001, "1 bytes longer than its Content-Length"),
    ],
)
def test_a_wrong_length_is_not_believed(
    own: Backend,
    connect: Callable[[], ssl.SSLSocket],
    caplog: pytest.LogCaptureFixture,
    announced: int,
    sent: int,
    said: str,
) -> None:
    """A body that is too short is cut off, one that is too long ends at its length; the connection ends, and the log says why."""

    def application(_environ: object, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [*EVENTS, ("Content-Length", str(announced))])
        yield b"a" * 70_000
        yield b"b" * (sent - 70_000)

    start(own, app=application, blocking=True)
    tls = connect()
    tls.sendall(get("/x") + get("/y"))
    received, _ = rest(tls)
    head, _, body = received.partition(b"\r\n\r\n")

    assert f"Content-Length: {announced}".encode() in head
    assert len(body) == min(announced, sent)
    assert said in caplog.text


def test_a_failure_after_the_first_part_has_no_end_mark(
    own: Backend, connect: Callable[[], ssl.SSLSocket], caplog: pytest.LogCaptureFixture
) -> None:
    """So the client knows that this is not all; what failed is in the log, not in the answer."""

    def application(_environ: object, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", EVENTS)
        yield b"first"
        raise RuntimeError("s3cret")

    start(own, app=application, blocking=True)
    tls = connect()
    tls.sendall(get("/x"))
    received, _ = rest(tls)

    assert received.endswith(b"5\r\nfirst\r\n")
    assert b"s3cret" not in received
    assert "s3cret" in caplog.text


def test_a_header_after_the_body_began_cuts_the_answer(
    own: Backend, connect: Callable[[], ssl.SSLSocket], caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing can take back what was sent."""

    def application(_environ: object, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", EVENTS)
        yield b"first"
        start_response("500 Oops", EVENTS)
        yield b"second"

    start(own, app=application, blocking=True)
    tls = connect()
    tls.sendall(get("/x"))
    received, _ = rest(tls)

    assert received.endswith(b"5\r\nfirst\r\n")
    assert "start_response is called after the body began" in caplog.text


def test_two_lengths_are_an_error(own: Backend, caplog: pytest.LogCaptureFixture) -> None:
    """Which of them the client believes is nobody's to say."""

    def application(_environ: object, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [*EVENTS, ("Content-Length", "3"), ("Content-Length", "4")])
        return [b"abc"]

    start(own, app=application, blocking=True)

    assert own.aggregator().request("GET", f"{BASE}/x").status == 500
    assert "Content-Length must be one number of bytes, not 3, 4" in caplog.text


@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", "200 OK"), ("GET", "204 No Content"), ("GET", "304 Not Modified")]
)
def test_what_has_no_body_is_not_asked_for_one(own: Backend, method: str, status: str) -> None:
    """An endless generator is closed at once, and the connection goes on; its first part's length is not said to be its own."""
    ticker = Ticker()

    def application(_environ: object, start_response: StartResponse) -> Iterable[bytes]:
        start_response(status, EVENTS)
        return ticker.events()

    start(own, app=application, blocking=True)
    ticker.go.release()
    answer = own.aggregator().request(method, f"{BASE}/x")

    assert (answer.status, answer.body, answer.header("Content-Length")) == (int(status[:3]), b"", "")
    assert ticker.closed.wait(10)


def test_to_http_1_0_the_end_of_the_connection_is_the_end(own: Backend, connect: Callable[[], ssl.SSLSocket]) -> None:
    """It knows no chunks."""

    def application(_environ: object, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", EVENTS)
        yield b"one"
        yield b"two"

    start(own, app=application, blocking=True)
    tls = connect()
    tls.sendall(get("/x", "Connection: keep-alive", version="1.0"))
    received, goodbye = rest(tls)
    head, _, body = received.partition(b"\r\n\r\n")

    assert body == b"onetwo"
    assert b"Transfer-Encoding" not in head
    assert b"Connection: close" in head
    assert goodbye


def test_a_client_that_reads_nothing_stops_the_application_and_is_cut_off(own: Backend) -> None:
    """The application waits with it, within bounds; after the body's time the client is gone and the generator closed."""
    made, closed = [0], threading.Event()

    def application(_environ: object, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", EVENTS)
        try:
            while True:
                made[0] += 65536
                yield b"x" * 65536
        finally:
            closed.set()

    start(own, app=application, blocking=True, BODY_TIMEOUT_SECONDS="1")
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    raw.connect(("127.0.0.1", own.port))
    tls = own.aggregator().context.wrap_socket(raw, server_hostname=own.aggregator()._server_name)
    tls.sendall(get("/x"))

    assert closed.wait(20)
    # The kernel's buffers of both sides hold some megabytes.
    assert made[0] < 16_000_000
    tls.close()


@pytest.fixture
def waiting() -> Iterator[Callable[[dict[str, Any], StartResponse], Iterable[bytes]]]:
    """An application: one event, and then none until the test is over; below /x a short answer."""
    over = threading.Event()

    def events() -> Iterator[bytes]:
        yield b"data: 1\n\n"
        over.wait(60)

    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", EVENTS)
        return events() if environ["PATH_INFO"].endswith("/events") else [b"served"]

    yield application
    over.set()


def test_streams_have_threads_of_their_own(own: Backend, connect: Callable[[], ssl.SSLSocket], waiting: Any) -> None:
    """More open streams than threads for calls: everybody else is served."""
    start(own, app=waiting, blocking=True)
    for _ in range(40):
        tls = connect()
        tls.sendall(get("/events"))
        read_until(tls, b"data: ")

    assert own.aggregator().request("GET", f"{BASE}/x").text == "served"
    assert gauge(own, "extension_apiserver_streams") == 40


def test_streams_beyond_the_bound_are_refused(own: Backend, connect: Callable[[], ssl.SSLSocket], waiting: Any) -> None:
    """One caller has half of them; each refusal is a Status, and is counted."""
    start(own, app=waiting, blocking=True, MAX_STREAMS="4")

    def open_one(user: str) -> bytes:
        tls = connect()
        tls.sendall(get("/events").replace(b"alice", user.encode()))
        return read_until(tls, b"\r\n\r\n").split(b"\r\n")[0]

    statuses = [open_one(user) for user in ("alice", "alice", "alice", "bob", "bob", "carol")]
    metrics = own.aggregator().request("GET", "/metrics").text

    assert [status.split()[1] for status in statuses] == [b"200", b"200", b"503", b"200", b"200", b"503"]
    assert 'extension_apiserver_refused_requests_total{reason="max_streams"} 2' in metrics


def test_shutdown_ends_a_stream_whole(own: Backend, connect: Callable[[], ssl.SSLSocket]) -> None:
    """The end mark comes although the application still waits; the client knows that it has all."""
    ticker = Ticker()
    start(own, app=ticker, blocking=True, SHUTDOWN_TIMEOUT_SECONDS="10")
    tls = connect()
    tls.sendall(get("/events"))
    ticker.go.release()
    read_until(tls, b"data: 1\n\n")
    stopping = threading.Thread(target=own.stop)
    stopping.start()
    received, goodbye = rest(tls)
    tls.close()
    stopping.join(20)

    assert received.endswith(b"0\r\n\r\n")
    assert goodbye


def test_shutdown_lets_a_download_end(own: Backend, connect: Callable[[], ssl.SSLSocket]) -> None:
    """What has a length is sent to its end, within the time of the shutdown."""
    go = threading.Event()

    def application(_environ: object, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [*EVENTS, ("Content-Length", "200000")])
        yield b"a" * 100_000
        go.wait(10)
        yield b"b" * 100_000

    start(own, app=application, blocking=True, SHUTDOWN_TIMEOUT_SECONDS="10")
    tls = connect()
    tls.sendall(get("/x"))
    first = read_until(tls, b"a" * 1000)
    stopping = threading.Thread(target=own.stop)
    stopping.start()
    own.wait_for(lambda: refuses(own.port))
    go.set()
    received, _ = rest(tls)
    stopping.join(20)

    assert len((first + received).partition(b"\r\n\r\n")[2]) == 200_000


def refuses(port: int) -> bool:
    """Return whether nobody listens, without a connection: that would be one more to close for a server that ends."""
    lines = Path("/proc/net/tcp").read_text().splitlines()
    return f"0100007F:{port:04X} 00000000:0000 0A" not in "\n".join(" ".join(line.split()[1:4]) for line in lines)


def test_max_stream_seconds_ends_a_stream_whole(own: Backend, connect: Callable[[], ssl.SSLSocket]) -> None:
    """The client has to ask, and to be allowed, anew."""
    ticker = Ticker()
    start(own, app=ticker, blocking=True, MAX_STREAM_SECONDS="1")
    tls = connect()
    tls.sendall(get("/events"))
    ticker.go.release()
    received, goodbye = rest(tls)

    assert received.endswith(b"data: 1\n\n\r\n0\r\n\r\n")
    assert goodbye


def test_the_log_says_what_a_stream_came_to(
    own: Backend, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line at its end, with its bytes."""

    def application(_environ: object, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", EVENTS)
        yield b"one"
        yield b"three"

    caplog.set_level("INFO", "extension_apiserver.requests")
    start(own, app=application, blocking=True)
    own.aggregator().request("GET", f"{BASE}/logged")
    own.stop()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if "/logged" in line]

    assert [(line["code"], line["bytes"]) for line in lines] == [(200, 8)]


# Bodies.


def reading(calls: list[tuple[str, int]]) -> Callable[[dict[str, Any], StartResponse], Iterable[bytes]]:
    """Return an application that reads its body in parts, and answers with its digest."""

    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        digest, count = hashlib.sha256(), 0
        while part := environ["wsgi.input"].read(65536):
            digest.update(part)
            count += len(part)
        calls.append((environ.get("CONTENT_LENGTH", ""), count))
        start_response("200 OK", EVENTS)
        return [digest.hexdigest().encode()]

    return application


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_body_is_read_while_it_arrives(
    own: Backend, connect: Callable[[], ssl.SSLSocket], chunked: bool
) -> None:
    """64 MiB where 1 MiB may be held, and little more memory."""
    calls: list[tuple[str, int]] = []
    start(own, app=reading(calls), blocking=True, MAX_STREAMED_BODY_BYTES="100000000")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    part = b"x" * 65536
    connection = http.client.HTTPConnection("127.0.0.1")
    connection.sock = connect()
    headers = {"X-Remote-User": "alice"} | ({} if chunked else {"Content-Length": str(1024 * len(part))})
    connection.request("POST", f"{BASE}/x", iter([part] * 1024), headers, encode_chunked=chunked)
    answer = connection.getresponse()

    assert answer.status == 200
    digest = hashlib.sha256()
    for _ in range(1024):
        digest.update(part)
    assert answer.read().decode() == digest.hexdigest()
    assert calls == [("" if chunked else str(1024 * len(part)), 1024 * len(part))]
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 32 << 20


def test_a_body_beyond_the_bound_of_streams_is_refused(own: Backend, connect: Callable[[], ssl.SSLSocket]) -> None:
    """By its announced length at once; in chunks when it has come so far, whatever the application makes of it."""
    calls: list[tuple[str, int]] = []
    start(own, app=reading(calls), blocking=True, MAX_STREAMED_BODY_BYTES="2000000")
    announced = connect()
    announced.sendall(get("/x", "Content-Length: 2000001", method="POST"))
    chunked = connect()
    chunked.sendall(
        get("/x", "Transfer-Encoding: chunked", method="POST") + (b"10000\r\n" + b"x" * 65536 + b"\r\n") * 31
    )

    for tls in (announced, chunked):
        received, _ = rest(tls)
        assert received.startswith(b"HTTP/1.1 413 ")
        assert b"the request body must be at most 2000000 bytes" in received
    assert calls == []


def test_a_body_beyond_the_bound_is_refused_also_where_nobody_reads_it(
    own: Backend, connect: Callable[[], ssl.SSLSocket]
) -> None:
    """An endless answer would keep the client from hearing of it."""
    start(own, app=Ticker(), blocking=True, MAX_STREAMED_BODY_BYTES="2000000")
    tls = connect()
    tls.sendall(get("/events", "Content-Length: 2000001"))
    received, _ = rest(tls)

    assert received.startswith(b"HTTP/1.1 413 ")


def test_a_slow_body_is_cut_off_and_frees_its_thread(own: Backend, connect: Callable[[], ssl.SSLSocket]) -> None:
    """One byte now and then is no upload."""
    calls: list[tuple[str, int]] = []
    start(own, app=reading(calls), blocking=True, MAX_STREAMED_BODY_BYTES="2000000", BODY_TIMEOUT_SECONDS="1")
    tls = connect()
    tls.sendall(get("/x", "Content-Length: 1500000", method="POST") + b"x")
    received, _ = rest(tls, 20)

    assert received.startswith(b"HTTP/1.1 408 ")
    assert calls == []


def test_a_client_that_waits_for_100_gets_it_when_the_body_is_read(
    own: Backend, connect: Callable[[], ssl.SSLSocket]
) -> None:
    """Once, and not before."""
    start(own, app=reading([]), blocking=True, MAX_STREAMED_BODY_BYTES="4000000")
    tls = connect()
    body = b"x" * 2_000_000
    tls.sendall(get("/x", f"Content-Length: {len(body)}", "Expect: 100-continue", "Connection: close", method="POST"))
    first = read_until(tls, b"\r\n\r\n")
    tls.sendall(body)
    received, _ = rest(tls)

    assert first == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert received.startswith(b"HTTP/1.1 200 ")
    assert received.endswith(hashlib.sha256(body).hexdigest().encode())


def test_an_answer_before_the_body_has_come_ends_the_connection(
    own: Backend, connect: Callable[[], ssl.SSLSocket]
) -> None:
    """The rest of the body is nobody's request."""

    def application(_environ: object, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", EVENTS)
        return [b"enough"]

    start(own, app=application, blocking=True, MAX_STREAMED_BODY_BYTES="4000000")
    tls = connect()
    tls.sendall(get("/x", "Content-Length: 2000000", method="POST") + b"x" * 1000)
    received, _ = rest(tls)

    assert received.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nConnection: close\r\n" in received
    assert received.endswith(b"enough")


def test_an_echo_streams_both_ways(own: Backend, connect: Callable[[], ssl.SSLSocket]) -> None:
    """A part goes out before the next has come in."""

    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", EVENTS)
        while part := environ["wsgi.input"].read1(65536):
            yield part.upper()

    start(own, app=application, blocking=True, MAX_STREAMED_BODY_BYTES="4000000")
    tls = connect()
    tls.sendall(get("/x", "Transfer-Encoding: chunked", method="POST"))
    for word in (b"one", b"two"):
        tls.sendall(b"3\r\n%b\r\n" % word)
        read_until(tls, word.upper())
    tls.sendall(b"0\r\nX-Remote-User: trailer\r\n\r\n")

    assert read_until(tls, b"0\r\n\r\n").endswith(b"0\r\n\r\n")


def test_wsgi_may_send_a_file(own: Backend, tmp_path: Path) -> None:
    """A Flask application's send_file, whole and by Range."""
    flask = pytest.importorskip("flask")
    content = bytes(range(256)) * 4096
    (tmp_path / "file.bin").write_bytes(content)
    app = flask.Flask("files")
    app.get(f"{BASE}/file")(lambda: flask.send_file(tmp_path / "file.bin", conditional=True))
    start(own, app=app, blocking=True)
    client = own.aggregator()
    whole = client.request("GET", f"{BASE}/file")
    part = client.request("GET", f"{BASE}/file", headers=[("Range", "bytes=1000-199999")])

    assert (whole.status, whole.body) == (200, content)
    assert (part.status, part.body) == (206, content[1000:200000])


def test_an_asynchronous_call_ends_when_its_client_leaves_before_the_answer(
    own: Backend, connect: Callable[[], ssl.SSLSocket]
) -> None:
    """It is told, so that nothing is left behind of clients that come and leave."""
    asked, told = threading.Event(), threading.Event()

    async def application(scope: Any, receive: Any, _send: Any) -> None:
        if scope["type"] != "http":
            return
        await receive()
        asked.set()
        if (await receive())["type"] == "http.disconnect":
            told.set()

    start(own, app=application)
    tls = connect()
    tls.sendall(get("/x"))
    assert asked.wait(10)
    tls.close()

    assert told.wait(10)

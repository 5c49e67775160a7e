"""What the connection itself promises: the order of answers, where headers end, and what an answer may hold."""

from __future__ import annotations

import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from extension_apiserver.apps.wsgi import WsgiApp
from extension_apiserver.wire.request_parser import RequestParser
from extension_apiserver.wire.stream import LINGER_SECONDS
from unit.fake_aggregator import Aggregator
from unit.raw import closed_after, exchange
from unit.running import BASE, Backend, start
from unit.test_metrics import scrape

IDENTITY = "X-Remote-User: alice\r\nX-Remote-Group: system:authenticated\r\n"


def request(method: str, path: str, headers: str = "", body: str = "", *, last: bool = True) -> bytes:
    """Return a request of alice; the last one closes the connection."""
    connection = "Connection: close\r\n" if last else ""
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\n{IDENTITY}{headers}{connection}\r\n{body}".encode()


def test_a_trailer_is_no_header(aggregator: Aggregator) -> None:
    """What follows a chunked body is never taken for identity, neither of this request nor of the next."""
    trailer = "0\r\nX-Remote-User: admin\r\nX-Remote-Group: system:masters\r\n\r\n"
    first = request("POST", f"{BASE}/", "Transfer-Encoding: chunked\r\n", trailer, last=False)
    answers = exchange(aggregator.connect(), first + request("GET", f"{BASE}/"))

    assert [code for code, _ in answers] == [200, 200]
    for _, body in answers:
        assert b"x-remote-user: alice\n" in body
        assert b"admin" not in body
        assert b"system:masters" not in body


def test_requests_in_one_write_are_answered_in_order(aggregator: Aggregator) -> None:
    """A client that does not wait for answers gets all of them, each to its own request."""
    paths = [f"{BASE}/echoes/no-{number}" for number in range(20)]
    data = b"".join(request("GET", path, last=path == paths[-1]) for path in paths)
    answers = exchange(aggregator.connect(), data)

    assert len(paths) == len(answers)
    for number, (code, body) in enumerate(answers):
        assert (code, f'\\"no-{number}\\" not found'.encode() in body) == (404, True)


def test_nothing_is_served_after_the_last_request(aggregator: Aggregator) -> None:
    """What follows `Connection: close` is not a request."""
    answers = exchange(aggregator.connect(), request("GET", f"{BASE}/") + request("GET", f"{BASE}/"))

    assert [code for code, _ in answers] == [200]


def test_continue_is_said_when_the_body_is_wanted(aggregator: Aggregator) -> None:
    """`Expect: 100-continue` is answered before the body comes."""
    tls = aggregator.connect()
    tls.settimeout(10)
    with tls:
        tls.sendall(request("POST", f"{BASE}/", "Content-Length: 2\r\nExpect: 100-continue\r\n"))

        assert tls.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        tls.sendall(b"hi")
        assert tls.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_a_body_over_the_bound_is_not_asked_for(aggregator: Aggregator) -> None:
    """413 comes at once, without 100 Continue and without the body."""
    headers = "Content-Length: 100000000\r\nExpect: 100-continue\r\n"
    answers = exchange(aggregator.connect(), request("POST", f"{BASE}/", headers))

    assert [code for code, _ in answers] == [413]


def test_an_answer_reaches_a_client_that_is_still_sending(aggregator: Aggregator) -> None:
    """A refusal is not lost in a reset while the client pours on."""
    tls = aggregator.connect()
    tls.settimeout(10)
    with tls:
        tls.sendall(request("POST", f"{BASE}/", "Content-Length: 2000000\r\n"))
        for _ in range(20):
            tls.sendall(b"x" * 10000)

        assert tls.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_a_header_of_the_application_is_one_header(own: Backend) -> None:
    """A line break in it would be a second header, or a second answer: 500 instead."""

    def app(environ: object, start_response: object) -> list[bytes]:
        del environ
        start_response("200 OK", [("Content-Type", "text/plain"), ("X-Value", "a\r\nX-Injected: b")])  # type: ignore[operator]
        return [b"body"]

    start(own, app=app)
    answer = own.aggregator().request("GET", f"{BASE}/")

    assert (answer.status, answer.header("X-Injected")) == (500, "")


def test_who_does_not_read_is_dropped(own: Backend) -> None:
    """A client that asks and asks and never reads loses its connection when the body timeout is over."""
    start(own, HEADER_TIMEOUT_SECONDS="30", BODY_TIMEOUT_SECONDS="0.5")
    tls = own.aggregator().connect()
    tls.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    tls.settimeout(0.2)
    begin = time.monotonic()
    dropped = False
    while not dropped and time.monotonic() - begin < 15:
        try:
            tls.sendall(request("GET", "/openapi/v2", last=False))
        except TimeoutError:
            continue
        except (OSError, ssl.SSLError):
            dropped = True
    tls.close()

    assert dropped


def test_blank_lines_do_not_keep_a_connection(own: Backend) -> None:
    """Line breaks between requests are no requests: header bytes are bounded all the same."""
    start(own, HEADER_TIMEOUT_SECONDS="0.5")
    tls = own.aggregator().connect()
    with tls:
        tls.sendall(b"\r\n\r\nGET / HT")

        assert closed_after(tls, 5, time.monotonic) < 4


def test_white_space_around_a_value_is_not_of_it(aggregator: Aggregator) -> None:
    """Nor behind it: 'alice ' and 'alice' are one user, as they are for Go."""
    answers = exchange(aggregator.connect(), request("GET", f"{BASE}/", "X-Padded: \t a b \t \r\nX-Empty: \t\r\n"))

    assert [code for code, _ in answers] == [200]
    assert b"x-padded: a b\n" in answers[0][1]


def test_who_only_looks_like_somebody_else(aggregator: Aggregator) -> None:
    """A user of white space is none."""
    data = f"GET {BASE}/ HTTP/1.1\r\nHost: x\r\nX-Remote-User: \t \r\nConnection: close\r\n\r\n"

    assert [code for code, _ in exchange(aggregator.connect(), data.encode())] == [401]


@pytest.mark.parametrize("where", ["header", "trailer"])
def test_lines_are_bounded_while_they_arrive(own: Backend, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """26000 lines of five bytes are not kept: 431 for a header, and no memory for trailers."""
    start(own)
    lines = "ab:\r\n" * 26000
    kept = 0
    take = RequestParser.on_header

    def watch(parser: RequestParser, name: bytes, value: bytes) -> None:
        nonlocal kept
        take(parser, name, value)
        kept = max(kept, len(parser._headers))

    monkeypatch.setattr(RequestParser, "on_header", watch)
    data = {
        "header": request("GET", f"{BASE}/", lines),
        "trailer": request("POST", f"{BASE}/", "Transfer-Encoding: chunked\r\n", f"0\r\n{lines}\r\n"),
    }
    answers = exchange(own.aggregator().connect(), data[where])

    assert [code for code, _ in answers] == [{"header": 431, "trailer": 200}[where]]
    assert 0 < kept <= 1025


def test_nobody_is_told_to_continue_in_http_1_0(own: Backend) -> None:
    """HTTP/1.0 knows no 100 Continue and would take it for the answer."""
    start(own, BODY_TIMEOUT_SECONDS="0.5")
    head = f"POST {BASE}/ HTTP/1.0\r\n{IDENTITY}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"

    assert [code for code, _ in exchange(own.aggregator().connect(), head.encode())] == [408]


def large(calls: list[str], size: int = 6_000_000) -> WsgiApp:
    """Return an application that answers more than the kernel takes at once, and notes what it was asked."""

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        calls.append(environ["PATH_INFO"])
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"x" * size]

    return application


def test_nothing_is_begun_on_a_connection_that_closes(own: Backend) -> None:
    """While the last answer is being read, the request behind it is not answered, so it must not be carried out."""
    calls: list[str] = []
    start(own, app=large(calls), BODY_TIMEOUT_SECONDS="8")
    tls = own.aggregator().connect()
    data = f"GET {BASE}/first HTTP/1.0\r\n{IDENTITY}Connection: keep-alive\r\n\r\n".encode()
    answers = exchange(tls, data + request("POST", f"{BASE}/second"))

    assert [(code, len(body)) for code, body in answers] == [(200, 6_000_000)]
    assert calls == [f"{BASE}/first"]


#: What ends a connection, each in records of its own: nothing behind it is a request.
LAST_WORDS: dict[str, tuple[int, list[bytes]]] = {
    "too large a header": (
        431,
        [b"GET / HTTP/1.1\r\nHost: x\r\n", *[b"X-Large: " + b"x" * 16000 + b"\r\n"] * 9, b"\r\n"],
    ),
    "no HTTP": (400, [b"\x01\r\n\r\n"]),
    "a malformed body": (400, [request("POST", f"{BASE}/", "Transfer-Encoding: chunked\r\n", last=False), b"x\r\n"]),
    "a last request": (200, [request("GET", f"{BASE}/last")]),
    "an upgrade": (400, [request("GET", f"{BASE}/last", "Connection: Upgrade\r\nUpgrade: x\r\n", last=False)]),
    "another protocol in pieces": (400, [f"GET {BASE}/ RT".encode(), b"SP/1.0\r\nHost: x\r\n\r\n"]),
    "another protocol": (400, [f"GET {BASE}/ RTSP/1.0\r\nHost: x\r\n\r\n".encode()]),
}


@pytest.mark.parametrize("what", LAST_WORDS)
def test_behind_the_last_words_nothing_is_a_request(own: Backend, what: str) -> None:
    """While an earlier request is in work, the refusal waits for its turn, and whatever follows it is thrown away."""
    calls: list[str] = []
    begun, release = threading.Event(), threading.Event()

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        calls.append(environ["PATH_INFO"])
        begun.set()
        release.wait(10)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"answer"]

    start(own, app=application, blocking=True)
    code, records = LAST_WORDS[what]
    tls = own.aggregator().connect()
    tls.sendall(request("GET", f"{BASE}/first", last=False))
    assert begun.wait(10)
    for record in (*records, request("POST", f"{BASE}/behind", last=False), request("POST", f"{BASE}/behind")):
        tls.sendall(record)
    timer = threading.Timer(0.3, release.set)
    timer.start()
    answers = exchange(tls, b"")
    timer.join()

    assert [answer[0] for answer in answers] == [200, code]
    assert f"{BASE}/behind" not in calls


def test_the_last_answer_has_its_time(own: Backend) -> None:
    """Who reads a large last answer late, yet within the body timeout, gets all of it."""
    start(own, app=large([]), BODY_TIMEOUT_SECONDS="15")
    tls = own.aggregator().connect()
    tls.sendall(request("GET", f"{BASE}/"))
    time.sleep(LINGER_SECONDS + 1.5)

    assert [(code, len(body)) for code, body in exchange(tls, b"")] == [(200, 6_000_000)]


def paced(tls: ssl.SSLSocket, portion: int, pause_seconds: float) -> bytes:
    """Read to the end, some bytes at a time."""
    received = bytearray()
    tls.settimeout(10)
    with tls:
        try:
            while data := tls.recv(portion):
                received += data
                if len(received) // portion > (len(received) - len(data)) // portion:
                    time.sleep(pause_seconds)
        except (OSError, ssl.SSLError):
            pass
    return bytes(received)


@pytest.mark.parametrize("last", [False, True])
def test_a_steady_reader_gets_all_of_an_answer(own: Backend, last: bool) -> None:
    """However long it takes in all: the body timeout is for a portion, not for the whole."""
    start(own, app=large([], 16_000_000), BODY_TIMEOUT_SECONDS="1.5")
    tls = own.aggregator().connect()
    tls.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    begin = time.monotonic()
    # Where the connection goes on, the next request ends it.
    tls.sendall(request("GET", f"{BASE}/", last=last) + (b"" if last else request("GET", "/livez")))
    received = paced(tls, 400_000, 0.1)

    assert len(received) > 16_000_000
    assert time.monotonic() - begin > 3, "it was to take longer than the body timeout"


@pytest.mark.parametrize("portion", [100, 10_000])
def test_a_reader_who_hardly_reads_is_dropped(own: Backend, portion: int) -> None:
    """A few bytes now and then do not keep an answer in memory, nor, if it is large, a few more."""
    start(own, app=large([], 12_000_000), BODY_TIMEOUT_SECONDS="1")
    tls = own.aggregator().connect()
    tls.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    tls.sendall(request("GET", f"{BASE}/"))
    client = own.aggregator()

    def alone() -> bool:
        # What was sent before can be read after the connection is gone.
        tls.recv(portion)
        return scrape(client)["extension_apiserver_connections"] == 1

    own.aggregators[0].close()
    with tls:
        own.wait_for(alone, seconds=20)


def test_a_steady_upload_has_its_time(own: Backend) -> None:
    """However long it takes in all: the body timeout is for a portion, not for the whole."""
    start(own, BODY_TIMEOUT_SECONDS="3")
    tls = own.aggregator().connect()
    tls.settimeout(10)
    with tls:
        tls.sendall(request("POST", f"{BASE}/", "Content-Length: 1000000\r\n"))
        for _ in range(10):
            tls.sendall(b"x" * 100_000)
            time.sleep(0.4)

        assert tls.recv(65536).startswith(b"HTTP/1.1 200 ")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")
def test_a_flood_from_one_address_closes_its_own_connections(own: Backend) -> None:
    """Whoever has the most connections without certificate loses the oldest; the kubelet's single one stays."""
    start(own, MAX_UNVERIFIED_CONNECTIONS="8")
    kubelet = own.client(None)
    assert kubelet.request("GET", "/livez").status == 200
    flood = [socket.create_connection(("127.0.0.1", own.port), 5, source_address=("127.0.0.2", 0)) for _ in range(60)]
    tls = kubelet.connect()
    tls.close()
    still_open = kubelet.request("GET", "/livez").status
    for connection in flood:
        connection.close()

    assert still_open == 200

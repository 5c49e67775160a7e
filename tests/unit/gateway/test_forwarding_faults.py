"""Upstreams that are away, slow or broken, and redirects: what the caller is told."""

from __future__ import annotations

import itertools
import json
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from extension_apiserver.apps.upstream.origin import origin
from extension_apiserver.gateway.config import GatewayConfig, Limits, UpstreamConfig
from unit.fake_aggregator import Answer
from unit.gateway.upstream import Upstream, Visitor, answering, ok
from unit.running import BASE, Backend, start_gateway

FAST = Limits(answer_seconds=0.5, connect_seconds=0.5)


@pytest.fixture
def asked(own: Backend) -> Iterator[Callable[..., Answer]]:
    """Ask a gateway in front of an upstream with this script, or that answers with these bytes."""
    upstreams = []

    def ask(
        script: bytes | Callable[[Visitor], object],
        path: str = "/x",
        method: str = "GET",
        accept: str | None = None,
        **fields: object,
    ) -> Answer:
        upstreams.append(Upstream(answering(script) if isinstance(script, bytes) else script))
        start_gateway(own, upstreams[-1].config(**fields))
        return own.aggregator().request(method, BASE + path, accept=accept)

    yield ask
    for upstream in upstreams:
        upstream.close()


def says(answer: Answer) -> tuple[int, str]:
    """Return code and message of a Status."""
    status = answer.json()
    assert (status["kind"], status["code"]) == ("Status", answer.status)
    return answer.status, status["message"]


def test_an_upstream_that_is_not_there_is_named(own: Backend) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        start_gateway(
            own,
            GatewayConfig(upstreams=[UpstreamConfig(origin=origin(url), limits=Limits(connect_seconds=2))]),
            ready=False,
        )
        own.wait_for(lambda: "[+]requestheader ok" in own.client(None).request("GET", "/readyz", user=None).text)
        answer = own.aggregator().request("POST", f"{BASE}/x", body=b"x")
    assert says(answer) == (502, f"the upstream {url} takes no connection: Connection refused")
    # Nothing was sent, so even a POST may be sent again.
    assert answer.header("Retry-After") == "1"


def silent(visitor: Visitor) -> None:
    visitor.header()
    visitor.until(b"never")


@pytest.mark.parametrize(("method", "again"), [("GET", "1"), ("POST", "")])
def test_an_upstream_that_never_answers_is_given_up(asked: Callable[..., Answer], method: str, again: str) -> None:
    answer = asked(silent, method=method, limits=FAST)
    assert answer.status == 504
    assert says(answer)[1].endswith("was silent for 0.5 seconds")
    assert answer.header("Retry-After") == again


GARBAGE = {
    "no HTTP": b"SSH-2.0-OpenSSH\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "another coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a folded line": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "HTTP/2": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "a large header": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\nContent-Length: 0\r\n\r\n",
    "many lines": b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 2000 + b"Content-Length: 0\r\n\r\n",
    "101": b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
    "a code of 42": b"HTTP/1.1 042 Hm\r\nContent-Length: 0\r\n\r\n",
    "a code of 999": b"HTTP/1.1 999 Hm\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("said", GARBAGE.values(), ids=GARBAGE)
def test_what_is_no_answer_is_a_bad_gateway(asked: Callable[..., Answer], said: bytes) -> None:
    answer = asked(said, limits=FAST)
    assert (answer.status, answer.json()["reason"]) == (502, "BadGateway")


def test_a_connection_that_is_closed_instead_of_an_answer_is_a_bad_gateway(asked: Callable[..., Answer]) -> None:
    code, message = says(asked(lambda visitor: visitor.header(), method="POST"))
    assert (code, message.partition(" closed")[2]) == (502, " the connection before its answer was complete")


CUT = {
    "within its length": b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nxx",
    "within a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\nxx",
    "by garbage": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\nzz\r\n",
}


@pytest.mark.parametrize("said", CUT.values(), ids=CUT)
def test_an_answer_that_ends_in_the_middle_does_not_look_whole(own: Backend, said: bytes) -> None:
    def script(visitor: Visitor) -> None:
        if visitor.header():
            visitor.socket.sendall(said)

    upstream = Upstream(script)
    start_gateway(own, upstream.config())
    with own.aggregator().connect() as tls:
        tls.sendall(f"GET {BASE}/x HTTP/1.1\r\nHost: x\r\nX-Remote-User: jane\r\n\r\n".encode())
        received = b""
        try:
            while data := tls.recv(65536):
                received += data
        except OSError:
            pass
    upstream.close()
    assert b"0\r\n\r\n" not in received
    assert b"xx" not in received or b"200 OK" in received


def test_a_small_answer_that_ends_in_the_middle_is_a_bad_gateway(asked: Callable[..., Answer]) -> None:
    def script(visitor: Visitor) -> None:
        visitor.header()
        visitor.socket.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nxx")

    assert says(asked(script))[0] == 502


@pytest.mark.parametrize(
    "said",
    [
        ok(b"x" * 2000),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"100\r\n" + b"x" * 256 + b"\r\n" + b"0\r\n\r\n",
    ],
)
def test_an_answer_beyond_its_bound_is_refused_or_cut(asked: Callable[..., Answer], said: bytes) -> None:
    import http.client

    try:
        answer = asked(said, limits=Limits(answer_bytes=100))
    except (http.client.HTTPException, OSError):
        return
    assert answer.status == 502


def test_what_is_sent_after_an_answer_is_nobodys(own: Backend) -> None:
    upstream = Upstream(answering(ok(b"own") + ok(b"another's")))
    start_gateway(own, upstream.config())
    client = own.aggregator()
    assert [client.request("GET", f"{BASE}/{n}").body for n in range(3)] == [b"own"] * 3
    upstream.close()


def test_a_connection_that_the_upstream_closed_meanwhile_is_replaced(own: Backend) -> None:
    # It closes without having said so, when the second request arrives.
    def script(visitor: Visitor) -> None:
        if visitor.header():
            visitor.socket.sendall(ok())
            visitor.header()

    upstream = Upstream(script)
    start_gateway(own, upstream.config())
    client = own.aggregator()
    assert [client.request("GET", f"{BASE}/x").status for _ in range(4)] == [200] * 4
    upstream.close()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            ok(
                b"<html><head><title>Oops</title><style>b{}</style></head><body><h1>it &amp; broke</h1>",
                "Content-Type: text/html",
                status="500 X",
            ),
            "Oops: it & broke",
        ),
        (ok(b"no such\npet", "Content-Type: text/plain", status="404 X"), "no such pet"),
        (
            ok(b"\x00\x01", "Content-Type: application/octet-stream", status="418 X"),
            "the upstream URL answers 418 (I'm a Teapot)",
        ),
        (ok(b"", status="500 X"), "the upstream URL answers 500 (Internal Server Error)"),
        (ok(b"", status="599 X"), "the upstream URL answers 599 (a failure)"),
    ],
)
def test_a_failure_is_a_status_in_the_upstreams_words(asked: Callable[..., Answer], said: bytes, words: str) -> None:
    answer = asked(said)
    message = says(answer)[1]
    start, _, rest = message.partition("http://")
    assert (start + "URL " + rest.partition(" ")[2] if rest else start) == words


def test_a_failure_in_json_stays_as_it_is(asked: Callable[..., Answer]) -> None:
    answer = asked(
        ok(b'{"detail":"no"}', "Content-Type: application/problem+json", "Retry-After: 7", status="409 Conflict")
    )
    assert (answer.status, json.loads(answer.body), answer.header("Retry-After")) == (409, {"detail": "no"}, "7")


def test_a_browser_gets_the_failures_page(asked: Callable[..., Answer]) -> None:
    answer = asked(
        ok(b"<h1>x</h1>", "Content-Type: text/html", status="404 X"), path="/proxy/x", accept="text/html,*/*"
    )
    assert (answer.status, answer.body) == (404, b"<h1>x</h1>")


def moving(location: str, code: int = 302) -> Callable[[Visitor], None]:
    """Return a script that sends whoever asks for /x elsewhere, and tells others what they asked for."""

    def answer(header: bytes, _body: bytes) -> bytes:
        target = header.split(b" ")[1]
        if target == b"/x":
            return f"HTTP/1.1 {code} Moved\r\nLocation: {location}\r\nSet-Cookie: a=1\r\nContent-Length: 0\r\n\r\n".encode()
        return ok(target)

    return answering(answer)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_to_the_same_resource_is_followed(asked: Callable[..., Answer], code: int) -> None:
    answer = asked(moving("/x/?a=1", code))
    assert (answer.status, answer.body) == (200, b"/x/?a=1")


def test_a_redirect_to_what_the_caller_was_not_allowed_is_not_followed(asked: Callable[..., Answer]) -> None:
    code, message = says(asked(moving("/admin/secrets")))
    assert code == 502
    assert f"redirects to {BASE}/admin/secrets," in message


@pytest.mark.parametrize(
    "location", ["https://elsewhere.example.com/x", "//elsewhere.example.com/", "http://127.0.0.1:1/x", "gopher://x/"]
)
def test_a_redirect_to_another_server_is_not_followed(asked: Callable[..., Answer], location: str) -> None:
    code, message = says(asked(moving(location)))
    assert (code, location.rstrip("/") in message or "elsewhere" in message) == (502, True)


def test_whoever_did_something_is_told_that_it_is_done(asked: Callable[..., Answer]) -> None:
    answer = asked(moving("/y", 303), method="POST")
    assert (answer.status, answer.json()["status"], answer.header("Set-Cookie")) == (200, "Success", "a=1")
    assert answer.json()["message"].endswith(f"sends its client to {BASE}/y")


def test_a_browser_gets_a_page_that_goes_there(asked: Callable[..., Answer]) -> None:
    answer = asked(moving('/y?a="><script>'), path="/proxy/x", accept="text/html")
    assert (answer.status, answer.header("Set-Cookie")) == (200, "a=1")
    assert f'content="0; url={BASE}/proxy/y?a=&quot;&gt;&lt;script&gt;"' in answer.text


def test_redirects_without_end_are_a_bad_gateway(asked: Callable[..., Answer]) -> None:
    code, message = says(asked(b"HTTP/1.1 302 Moved\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"))
    assert (code, message.endswith("redirects more than 5 times")) == (502, True)


def test_readiness_follows_the_upstream(own: Backend) -> None:
    good = threading.Event()
    good.set()

    def answer(header: bytes, _body: bytes) -> bytes:
        assert header.startswith(b"GET /healthz HTTP/1.1")
        return ok() if good.is_set() else ok(status="500 X")

    upstream = Upstream(answering(answer))
    start_gateway(own, upstream.config(readiness_path="/healthz"))
    client = own.client(None)
    good.clear()
    own.wait_for(lambda: client.request("GET", "/readyz", user=None).status == 503)
    good.set()
    own.wait_until_ready()
    upstream.close()
    own.wait_for(lambda: client.request("GET", "/readyz", user=None).status == 503)


def test_each_look_at_an_upstream_is_over_a_connection_of_its_own(own: Backend) -> None:
    """A Service leads a kept one to the same pod for ever, also when that pod alone is ill."""
    connections = itertools.count()

    def script(visitor: Visitor) -> None:
        said = ok() if next(connections) else ok(b"", status="503 Service Unavailable")
        while visitor.header():
            visitor.socket.sendall(said)

    upstream = Upstream(script)
    start_gateway(own, upstream.config(readiness_path="/healthz"))
    own.wait_until_ready()
    upstream.close()


def test_one_caller_leaves_connections_for_others(own: Backend) -> None:
    def script(visitor: Visitor) -> None:
        while header := visitor.header():
            if b"/slow" in header:
                visitor.until(b"never")
            visitor.socket.sendall(ok())

    upstream = Upstream(script)
    start_gateway(own, upstream.config(limits=Limits(connections=4)))
    with own.aggregator().connect() as one, own.aggregator().connect() as two:
        for tls in (one, two):
            tls.sendall(f"GET {BASE}/slow HTTP/1.1\r\nHost: x\r\nX-Remote-User: jane\r\n\r\n".encode())
        own.wait_for(lambda: own.aggregator().request("GET", f"{BASE}/x", user="jane").status == 429)
        assert own.aggregator().request("GET", f"{BASE}/x", user="bob").status == 200
    upstream.close()

"""Callers and upstreams that mean harm: what they reach, what they cost, and what is left of them."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from extension_apiserver.apps.upstream.exchange import Exchange
from extension_apiserver.apps.upstream.failures import UpstreamError
from extension_apiserver.apps.upstream.origin import origin
from extension_apiserver.apps.upstream.pool import Pool
from extension_apiserver.gateway.access import Access
from extension_apiserver.gateway.config import AccessRow, Limits
from extension_apiserver.gateway.resources.openapi.collection import Origin, UpstreamDocuments
from extension_apiserver.request import Connection, Request
from unit.fake_aggregator import Answer
from unit.gateway.upstream import Upstream, Visitor, answering, ok
from unit.running import BASE, Backend, start_gateway


@pytest.fixture
def behind(own: Backend) -> Iterator[Callable[..., Upstream]]:
    """Start a gateway in front of an upstream with this script, or that answers with these bytes."""
    upstreams = []

    def begin(
        script: bytes | Callable[[Visitor], object], resources: Sequence[Mapping[str, Any]] = (), **fields: object
    ) -> Upstream:
        upstreams.append(Upstream(answering(script) if isinstance(script, bytes) else script))
        config = dataclasses.replace(upstreams[-1].config(**fields), resources=resources)
        start_gateway(own, config)
        return upstreams[-1]

    yield begin
    for upstream in upstreams:
        upstream.close()


def ask(own: Backend, path: str, user: str = "jane", *lines: str, method: str = "GET") -> ssl.SSLSocket:
    """Send a request, and return its connection."""
    tls = own.aggregator().connect()
    tls.settimeout(30)
    head = "\r\n".join([f"{method} {BASE}{path} HTTP/1.1", "Host: x", f"X-Remote-User: {user}", *lines, "", ""])
    tls.sendall(head.encode())
    return tls


def code(tls: ssl.SSLSocket) -> int:
    """Return the code of the answer."""
    received = b""
    while b"\r\n" not in received:
        data = tls.recv(65536)
        assert data, received
        received += data
    return int(received.split(b" ")[1])


def is_bad_gateway(answer: Answer, words: str) -> bool:
    """Return whether an answer is a 502 Status that says so."""
    status = answer.json()
    assert words in status["message"], status
    return bool(answer.status == status["code"] == 502)


@pytest.mark.parametrize(
    "lines", ["", "Upgrade: a\r\nConnection: Upgrade\r\n", "Content-Length: 0\r\n", "Upgrade: \r\n"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_another_protocol_for_which_nobody_asked_is_a_bad_gateway(
    own: Backend, behind: Callable[..., Upstream], lines: str, method: str
) -> None:
    behind(f"HTTP/1.1 101 X\r\n{lines}\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".encode())
    with ask(own, "/x", method=method) as tls:
        assert code(tls) == 502


def test_an_upgrade_whose_answer_names_no_protocol_is_a_bad_gateway(
    own: Backend, behind: Callable[..., Upstream]
) -> None:
    behind(b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\n\r\nraw")
    with ask(own, "/proxy/x", "jane", "Connection: Upgrade", "Upgrade: websocket") as tls:
        assert code(tls) == 502


def test_a_connection_that_became_another_protocols_is_not_used_again(
    own: Backend, behind: Callable[..., Upstream]
) -> None:
    foreign: list[bytes] = []

    def script(visitor: Visitor) -> None:
        header = visitor.header()
        if b"\r\nUpgrade: " not in header:
            if header:
                visitor.socket.sendall(ok())
            return
        visitor.socket.sendall(b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: tin/1\r\n\r\n")
        while data := visitor.socket.recv(65536):
            foreign.append(data)

    behind(script)
    with ask(own, "/proxy/x", "jane", "Connection: Upgrade", "Upgrade: tin/1") as tls:
        assert code(tls) == 101
        tls.sendall(b"hello")
        own.wait_for(lambda: foreign)
    for _ in range(5):
        assert own.aggregator().request("GET", f"{BASE}/x", user="bob").body == b"ok"
    assert foreign == [b"hello"]


@pytest.mark.parametrize(
    ("method", "header"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 41\r\n\r\n"),
        ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("HEAD", b"HTTP/1.1 200 OK\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 41\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ],
)
def test_a_body_where_none_belongs_is_not_the_next_callers_answer(
    own: Backend, behind: Callable[..., Upstream], method: str, header: bytes
) -> None:
    def script(visitor: Visitor) -> None:
        """Send the body when the next request has come, as who is slow might do."""
        if not visitor.header().startswith(method.encode() + b" /mine"):
            visitor.socket.sendall(ok(b"right", "Connection: close"))
            return
        visitor.socket.sendall(header)
        visitor.header()
        visitor.socket.sendall(ok(b"wrong"))

    behind(script)
    mine = own.aggregator()
    mine.request(method, f"{BASE}/mine", user="jane")
    assert own.aggregator().request("GET", f"{BASE}/x", user="bob").body == b"right"


def test_a_caller_who_leaves_between_two_redirects_takes_no_others_request_along(
    own: Backend, behind: Callable[..., Upstream]
) -> None:
    moved, left = threading.Event(), threading.Event()

    def script(visitor: Visitor) -> None:
        while header := visitor.header():
            if b"/moved " in header:
                moved.set()
                # Bob's request waits for this connection.
                assert left.wait(30)
                visitor.socket.sendall(b"HTTP/1.1 302 X\r\nLocation: /moved/\r\nContent-Length: 0\r\n\r\n")
            elif b"/bobs " in header:
                bobs.set()
                assert go.wait(30)
                visitor.socket.sendall(ok(b"bob's"))
            else:
                visitor.socket.sendall(ok(b"other"))

    bobs, go = threading.Event(), threading.Event()
    behind(script, limits=Limits(connections=1))
    with ask(own, "/moved") as jane:
        assert moved.wait(10)
        with ask(own, "/bobs", "bob") as bob:
            own.wait_for(lambda: own.aggregator().request("GET", f"{BASE}/x", user="bob").status == 429)
            left.set()
            assert bobs.wait(10)
            jane.close()
            # Whatever the gateway does about a caller who left, it has done when another connection's request was answered.
            assert own.aggregator().request("GET", f"{BASE}/x", user="bob").status == 429
            go.set()
            assert code(bob) == 200


def test_nobody_is_asked_for_a_caller_who_left_in_the_queue(own: Backend, behind: Callable[..., Upstream]) -> None:
    targets: list[bytes] = []
    go = threading.Event()

    def script(visitor: Visitor) -> None:
        while header := visitor.header():
            targets.append(header.split(b" ")[1])
            assert targets[-1] != b"/slow" or go.wait(30)
            visitor.socket.sendall(ok())

    behind(script, limits=Limits(connections=1))
    with ask(own, "/slow") as slow:
        own.wait_for(lambda: targets)
        with ask(own, "/left", "bob"):
            own.wait_for(lambda: own.aggregator().request("GET", f"{BASE}/x", user="bob").status == 429)
        assert own.aggregator().request("GET", f"{BASE}/x", user="jane").status == 429
        go.set()
        assert code(slow) == 200
    own.wait_for(lambda: own.aggregator().request("GET", f"{BASE}/x", user="bob").status == 200)
    assert b"/left" not in targets


@pytest.mark.parametrize(
    "location", ["http://[", "/x/../../y", "//[::1", "/%2e%2e/y", "javascript:alert(1)", "/\x9b2J", "/x" * 30000]
)
def test_a_redirect_that_leads_nowhere_is_a_bad_gateway(
    own: Backend, behind: Callable[..., Upstream], location: str
) -> None:
    behind(f"HTTP/1.1 302 X\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode("latin-1"))
    answer = own.aggregator().request("GET", f"{BASE}/x")
    assert is_bad_gateway(answer, "redirects to")
    assert answer.text.isascii()
    assert "\\u00" not in answer.text


@pytest.mark.parametrize("location", ["javascript:alert(1)", "data:text/html,x", "vbscript:x"])
def test_a_browser_is_given_no_link_to_what_it_would_run(
    own: Backend, behind: Callable[..., Upstream], location: str
) -> None:
    behind(f"HTTP/1.1 302 X\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode())
    answer = own.aggregator().request("GET", f"{BASE}/proxy/x", accept="text/html")
    assert is_bad_gateway(answer, "redirects to")


@pytest.mark.parametrize(
    "location", ["/", "/x", "/api/v1/secrets", "/apis", "/apis/other.example.com/v1/x", "/apis/cats.example.com/v2/x"]
)
def test_a_kept_prefix_is_not_left_by_a_redirect(own: Backend, behind: Callable[..., Upstream], location: str) -> None:
    behind(f"HTTP/1.1 302 X\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode(), prefix="keep")
    assert is_bad_gateway(own.aggregator().request("GET", f"{BASE}/x"), "redirects to")


@pytest.mark.parametrize("page", [f"&#{'1' * 5000};", "<" * 65536, "&" * 65536, "<title>" * 9000, "<script>" * 8000])
def test_a_page_that_is_hard_to_read_is_told_all_the_same(
    own: Backend, behind: Callable[..., Upstream], page: str
) -> None:
    behind(ok(page.encode(), "Content-Type: text/html", status="418 X"))
    assert own.aggregator().request("GET", f"{BASE}/x").json()["code"] == 418


def test_what_is_no_page_by_its_first_type_is_none_by_its_second(own: Backend, behind: Callable[..., Upstream]) -> None:
    behind(ok(b"<script>", "Content-Type: text/x; a=B", "Content-Type: text/html"))
    types = [value for name, value in own.aggregator().request("GET", f"{BASE}/x").headers if name == "Content-Type"]
    assert types == ["text/x; a=B"]


def test_trailers_without_end_are_not_kept(own: Backend, behind: Callable[..., Upstream]) -> None:
    """A body of 1 MiB would earn a trailer of 7 MiB, which the parser keeps as one value."""
    sent = []

    def script(visitor: Visitor) -> None:
        while visitor.header():
            visitor.socket.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            visitor.socket.sendall(b"100000\r\n%b\r\n0\r\nX: " % bytes(2**20))
            for _ in range(1024):
                visitor.socket.sendall(b"x" * 2048)
                sent.append(2048)
            visitor.socket.sendall(b"\r\n\r\n")

    behind(script)
    with pytest.raises(http.client.IncompleteRead):
        own.aggregator().request("GET", f"{BASE}/x")


@pytest.fixture
def silent() -> Iterator[Callable[[float], Pool]]:
    """Make a pool of one connection to a service that says nothing."""
    upstream = Upstream(lambda visitor: visitor.header())
    yield lambda seconds: Pool(origin(upstream.url), None, most=1, connect_seconds=seconds)
    upstream.close()


def test_a_connection_that_is_given_when_patience_ends_is_not_lost(silent: Callable[[float], Pool]) -> None:
    async def check() -> None:
        pool = silent(1)
        connection = await pool.take()
        waiting = asyncio.create_task(pool.take())
        await asyncio.sleep(0)
        # The next round has both: a connection, and the end of the time.
        asyncio.get_running_loop().call_soon(pool.give_back, connection)
        time.sleep(1.2)  # noqa: ASYNC251 - so that it is late
        with pytest.raises(UpstreamError):
            await waiting
        pool.drop(await pool.take())
        pool.close()
        assert pool.count == 0

    asyncio.run(check())


def test_a_connection_that_ends_as_it_is_given_is_replaced(silent: Callable[[float], Pool]) -> None:
    async def check() -> None:
        pool = silent(5)
        connection = await pool.take()
        waiting = asyncio.create_task(pool.take())
        await asyncio.sleep(0)
        pool.give_back(connection)
        connection.fail(UpstreamError("ends"))
        given = await waiting
        assert given.open
        pool.drop(given)
        assert pool.count == 0

    asyncio.run(check())


def test_nothing_is_kept_of_who_waited_in_vain(silent: Callable[[float], Pool]) -> None:
    async def check() -> None:
        pool = silent(0.05)
        connection = await pool.take()
        with pytest.raises(UpstreamError):
            await pool.take()
        assert pool.waiting == 0
        pool.drop(connection)

    asyncio.run(check())


def test_a_connection_that_takes_long_to_end_counts_until_it_has_ended() -> None:
    """Else a caller who comes and leaves fills the descriptors."""
    end = threading.Event()

    def script(visitor: Visitor) -> None:
        if visitor.header():
            visitor.socket.sendall(b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: tin/1\r\n\r\n")
            assert end.wait(30)

    async def check() -> None:
        pool = Pool(origin(upstream.url), None, most=1, connect_seconds=5)
        exchange = Exchange(pool, await pool.take(), 30)
        request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tin/1\r\n\r\n"
        await exchange.request("GET", request, None, chunked=False, upgrades=True)
        sending = asyncio.create_task(exchange.send(bytes(64 * 2**20)))
        await asyncio.sleep(0)
        exchange.end()
        assert pool.count == 1
        end.set()
        async with asyncio.timeout(30):
            await asyncio.wait([sending])
            while pool.count:  # noqa: ASYNC110 - there is none
                await asyncio.sleep(0.01)

    upstream = Upstream(script)
    asyncio.run(check())
    upstream.close()


PETS = [{"kind": "Pet", "list": {"path": "/pets", "items": "@"}, "fields": {"name": "id"}}]


def test_a_caller_of_slow_resources_leaves_threads_for_others(own: Backend, behind: Callable[..., Upstream]) -> None:
    janes: list[bytes] = []

    def answer(header: bytes, _body: bytes) -> bytes:
        if b"X-Remote-User: jane" in header:
            janes.append(header)
            assert go.wait(30)
        return ok(b"[]", "Content-Type: application/json")

    go = threading.Event()
    behind(answering(answer), resources=PETS)
    with contextlib.ExitStack() as stack:
        all_of_janes = [stack.enter_context(ask(own, "/pets")) for _ in range(20)]
        own.wait_for(lambda: len(janes) == 16)
        assert own.aggregator().request("GET", f"{BASE}/pets", user="bob").status == 200
        assert own.aggregator().request("GET", f"{BASE}/x", user="bob").status == 200
        go.set()
        assert [code(tls) for tls in all_of_janes] == [200] * 20


def test_nobody_waits_for_a_resource_whose_caller_left(own: Backend, behind: Callable[..., Upstream]) -> None:
    ended = threading.Semaphore(0)
    begun: list[bytes] = []

    def script(visitor: Visitor) -> None:
        while header := visitor.header():
            if b"X-Remote-User: jane" in header:
                begun.append(header)
                assert visitor.header() == b""
                ended.release()
                return
            visitor.socket.sendall(ok(b"[]", "Content-Type: application/json"))

    behind(script, resources=PETS)
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(ask(own, "/pets"))
        own.wait_for(lambda: len(begun) == 16)
    for _ in range(16):
        assert ended.acquire(timeout=10)
    assert own.aggregator().request("GET", f"{BASE}/pets", user="bob").status == 200
    assert len(begun) == 16


@pytest.mark.parametrize("bomb", [b"[]", b"{}", b"[[]]"])
def test_an_answer_of_a_million_objects_is_not_parsed(
    own: Backend, behind: Callable[..., Upstream], bomb: bytes
) -> None:
    behind(ok(b"[" + b",".join([bomb] * 10**6) + b"]", "Content-Type: application/json"), resources=PETS)
    assert is_bad_gateway(own.aggregator().request("GET", f"{BASE}/pets"), "objects and lists")


@pytest.mark.parametrize(
    "path",
    [
        "/a/..%20/b",
        "/a/%20../b",
        "/a/.../b",
        "/a/..%23/b",
        "/a/..%3Fx/b",
        "/a/..;x",
        "/a/%c0%ae%c0%ae/b",
        "/a%c0%afb",
        "/a/%e0%80%ae/b",
    ],
)
def test_a_path_that_some_server_would_take_for_another_is_refused(
    own: Backend, behind: Callable[..., Upstream], path: str
) -> None:
    upstream = behind(ok())
    with ask(own, path) as tls:
        assert code(tls) == 400
    assert upstream.seen == []


@pytest.mark.parametrize(
    "path", ["/a..b/", "/..a/.b", "/a;b=..", "/a%20b", "/%E2%82%AC", "/%ff", "/a%3Fb%23", "/...a/"]
)
def test_dots_spaces_and_other_letters_in_names_pass(own: Backend, behind: Callable[..., Upstream], path: str) -> None:
    behind(ok())
    with ask(own, path) as tls:
        assert code(tls) == 200


@pytest.mark.parametrize("path", ["/admin/x", "/Admin/x", "/proxy/ADMIN/x", "/admin;a/x", "/%61dmin/x"])
def test_the_case_of_a_path_does_not_go_round_the_table(path: str) -> None:
    access = Access("cats.example.com", [AccessRow(path="admin/*", resource="admins", verb="use")])
    needed = access.needed(Request("GET", f"{BASE}{path}", [], Connection(), nothing))
    assert needed is not None
    assert (needed.resource, needed.verb) == ("admins", "use")


async def nothing() -> bytes:
    """Return no body."""
    return b""


@pytest.mark.parametrize(
    ("kind", "end"), [("application/octet-stream", b""), ("text/event-stream; charset=utf-8", b"0\r\n\r\n")]
)
def test_a_download_that_a_shutdown_cuts_does_not_look_whole(
    own: Backend, behind: Callable[..., Upstream], kind: str, end: bytes
) -> None:
    def script(visitor: Visitor) -> None:
        if visitor.header():
            head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
            visitor.socket.sendall(head.encode() + b"4\r\nhalf\r\n")
            visitor.header()

    behind(script)
    with ask(own, "/proxy/x") as tls:
        received = b""
        while b"half" not in received:
            received += tls.recv(65536)
        stopping = threading.Thread(target=own.stop)
        stopping.start()
        with contextlib.suppress(OSError):
            while data := tls.recv(65536):
                received += data
        stopping.join()
    assert received.endswith(b"4\r\nhalf\r\n" + end)


def test_xml_below_no_proxy_runs_nothing(own: Backend, behind: Callable[..., Upstream]) -> None:
    behind(ok(b"<x/>", "Content-Type: image/svg+xml"))
    answer = own.aggregator().request("GET", f"{BASE}/x", accept="text/html")
    assert (answer.header("Content-Type"), answer.header("Content-Security-Policy")) == ("image/svg+xml", "sandbox")


def test_a_slow_document_is_no_reason_not_to_be_ready(own: Backend, behind: Callable[..., Upstream]) -> None:
    go = threading.Event()

    def answer(header: bytes, _body: bytes) -> bytes:
        if b"/openapi" in header:
            assert go.wait(20)
        return ok()

    behind(answering(answer), readiness_path="/healthz", openapi_path="/openapi")
    # It has become ready.
    go.set()


@pytest.mark.parametrize(
    "parts",
    [
        {"components": {"responses": {"a": None}}},
        {"components": {"responses": {"a": [], "b": 7, "c": {}}}},
        {"components": {"schemas": {"a?": {}, "a!": {}, "a__1": {}, "a#": {}, "a_": {}}}},
        {"servers": [{"url": "/" + "a/" * 100_000}], "paths": {f"/{number}": {} for number in range(100)}},
    ],
    ids=["null", "others", "names", "base"],
)
def test_a_document_with_parts_that_are_none_is_served_without_them(parts: Mapping[str, Any]) -> None:
    documents = UpstreamDocuments("cats.example.com", [])
    documents.put(Origin("", "", "strip"), json.dumps({"openapi": "3.0.3", "paths": {}, **parts}).encode())
    assert len(json.dumps(documents.extend("v1", {"paths": {}}))) < 1024


def test_what_a_document_does_to_its_reader_does_not_end_the_server(
    own: Backend, behind: Callable[..., Upstream], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = threading.Event()

    def put(*_: object) -> None:
        read.set()
        raise RecursionError

    monkeypatch.setattr(UpstreamDocuments, "put", put)
    behind(ok(b"{}"), openapi_path="/openapi")
    assert read.wait(10)
    for _ in range(3):
        assert own.aggregator().request("GET", f"{BASE}/x").status == 200


def test_a_request_that_shows_what_the_upstream_was_told_is_refused(
    own: Backend, behind: Callable[..., Upstream]
) -> None:
    behind(answering(lambda header, _: ok(header)))
    answer = own.aggregator().request("TRACE", f"{BASE}/x")
    assert answer.json()["code"] == 405

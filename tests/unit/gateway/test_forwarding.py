"""What goes through the gateway, and how it looks on either side."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from unit.gateway.upstream import Upstream, answering, ok
from unit.running import BASE, Backend, start_gateway

Seen = list[tuple[bytes, bytes]]


@pytest.fixture
def behind(own: Backend) -> Iterator[Callable[..., Seen]]:
    """Put an upstream with this answer behind a gateway; return what it will see."""
    upstreams = []

    def put(answer: bytes | Callable[[bytes, bytes], bytes], **fields: object) -> Seen:
        seen: Seen = []
        upstreams.append(Upstream(answering(answer, seen)))
        start_gateway(own, upstreams[-1].config(**fields))
        return seen

    yield put
    for upstream in upstreams:
        upstream.close()


def lines(header: bytes) -> dict[str, list[str]]:
    """Return name in lower case → values."""
    found: dict[str, list[str]] = {}
    for line in header.decode("latin-1").split("\r\n")[1:-2]:
        name, _, value = line.partition(": ")
        found.setdefault(name.lower(), []).append(value)
    return found


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"])
def test_every_method_arrives(own: Backend, behind: Callable[..., Seen], method: str) -> None:
    seen = behind(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert own.aggregator().request(method, f"{BASE}/x").status == 204
    assert seen[0][0].startswith(f"{method} /x HTTP/1.1\r\n".encode())


@pytest.mark.parametrize(
    ("asked", "target"),
    [
        ("/", "/"),
        ("/pets/tom", "/pets/tom"),
        ("/pets/", "/pets/"),
        ("/a%2520b/%E2%82%AC?x=1&y=%26", "/a%2520b/%E2%82%AC?x=1&y=%26"),
        ("/proxy/pets", "/pets"),
        ("/proxy/", "/"),
        ("/proxy/_/", "/"),
        ("/proxy/_", "/"),
        ("/proxy/_/pets", "/pets"),
        ("/proxy/_/_/pets", "/_/pets"),
        ("/_/pets", "/_/pets"),
    ],
)
def test_the_prefix_is_stripped(own: Backend, behind: Callable[..., Seen], asked: str, target: str) -> None:
    seen = behind(ok())
    own.aggregator().request("GET", BASE + asked)
    assert seen[0][0].split(b" ")[1].decode() == target


@pytest.mark.parametrize("asked", ["/pets", "/proxy/pets"])
def test_the_prefix_is_kept_if_that_is_wanted(own: Backend, behind: Callable[..., Seen], asked: str) -> None:
    seen = behind(ok(), prefix="keep")
    own.aggregator().request("GET", BASE + asked)
    assert seen[0][0].split(b" ")[1].decode() == BASE + asked


@pytest.mark.parametrize(
    "path",
    ["/pets/../admin", "/pets/./x", "/pets//x", "/pets/%2e%2e/x", "/pets/..;a=b/x", "/a%5Cb", "/a%0d%0ab", "/a%00"],
)
def test_a_path_that_servers_read_in_two_ways_is_refused(own: Backend, behind: Callable[..., Seen], path: str) -> None:
    seen = behind(ok())
    answer = own.aggregator().request("GET", BASE + path)
    assert (answer.status, answer.json()["reason"]) == (400, "BadRequest")
    assert seen == []


def test_the_upstream_is_told_who_calls_and_from_where(own: Backend, behind: Callable[..., Seen]) -> None:
    seen = behind(ok())
    own.aggregator().request("GET", f"{BASE}/x", user="jane", groups=["dev", "ops"], extra={"scope": ["a", "b"]})
    found = lines(seen[0][0])
    assert found["x-remote-user"] == ["jane"]
    assert found["x-remote-group"] == ["dev", "ops", "system:authenticated"]
    assert found["x-remote-extra-scope"] == ["a", "b"]
    assert found["x-forwarded-for"] == ["127.0.0.1, 127.0.0.1"]
    assert found["x-forwarded-proto"] == ["https"]
    assert found["x-forwarded-prefix"] == [BASE]
    assert len(found["host"]) == 1


def test_what_is_about_one_connection_does_not_pass(own: Backend, behind: Callable[..., Seen]) -> None:
    seen = behind(
        ok(b"ok", "Connection: X-Of-This-One", "X-Of-This-One: 1", "Keep-Alive: timeout=9", "Trailer: X", "X-Other: 2")
    )
    answer = own.aggregator().request(
        "GET", f"{BASE}/x", headers=[("Connection", "X-Secret"), ("X-Secret", "1"), ("TE", "trailers"), ("X-Kept", "1")]
    )
    found = lines(seen[0][0])
    assert {"connection", "x-secret", "te", "upgrade", "keep-alive"} & found.keys() == set()
    assert found["x-kept"] == ["1"]
    assert (answer.header("X-Of-This-One"), answer.header("Trailer"), answer.header("X-Other")) == ("", "", "2")


def test_a_connection_header_cannot_take_the_identity_away(own: Backend, behind: Callable[..., Seen]) -> None:
    seen = behind(ok())
    own.aggregator().request("GET", f"{BASE}/x", user="jane", headers=[("Connection", "X-Remote-User, X-Remote-Group")])
    assert lines(seen[0][0])["x-remote-user"] == ["jane"]


def test_cookies_ranges_and_compressed_answers_pass_untouched(own: Backend, behind: Callable[..., Seen]) -> None:
    body = gzip.compress(b"hello")
    seen = behind(
        ok(
            body,
            "Content-Encoding: gzip",
            "Content-Range: bytes 0-9/100",
            "Set-Cookie: a=1",
            "Set-Cookie: b=2",
            'ETag: "x"',
            status="206 Partial Content",
        )
    )
    answer = own.aggregator().request("GET", f"{BASE}/x", headers=[("Cookie", "c=3"), ("Range", "bytes=0-9")])
    found = lines(seen[0][0])
    assert (found["cookie"], found["range"], found["accept-encoding"]) == (["c=3"], ["bytes=0-9"], ["gzip"])
    assert (answer.status, answer.body) == (206, body)
    assert (answer.header("Set-Cookie"), answer.header("Content-Range")) == ("a=1, b=2", "bytes 0-9/100")
    assert (answer.header("ETag"), answer.header("Content-Encoding")) == ('"x"', "gzip")


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [0, 5, 65536, 3_000_000])
def test_bodies_arrive(own: Backend, behind: Callable[..., Seen], size: int, chunked: bool) -> None:
    seen = behind(ok())
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    assert own.aggregator().request("POST", f"{BASE}/x", body=body, chunked=chunked).status == 200
    assert seen[0][1] == body


@pytest.mark.parametrize(
    "answer",
    [
        ok(b"x" * 1_000_000),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"%x\r\n%b\r\n" % (100_000, b"x" * 100_000) * 10
        + b"0\r\nX-Trailer: 1\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 1_000_000,
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 1_000_000,
    ],
    ids=["length", "chunks", "HTTP/1.0", "to the end"],
)
def test_answers_arrive_whole(own: Backend, behind: Callable[..., Seen], answer: bytes) -> None:
    behind(answer)
    client = own.aggregator()
    for _ in range(2):
        got = client.request("GET", f"{BASE}/x")
        assert (got.status, got.body, got.header("X-Trailer")) == (200, b"x" * 1_000_000, "")


def test_head_says_how_long_get_would_be(own: Backend, behind: Callable[..., Seen]) -> None:
    behind(b"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n")
    client = own.aggregator()
    for _ in range(2):
        answer = client.request("HEAD", f"{BASE}/x")
        assert (answer.status, answer.header("Content-Length"), answer.body) == (200, "12345", b"")


def test_not_modified_passes(own: Backend, behind: Callable[..., Seen]) -> None:
    behind(b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n')
    answer = own.aggregator().request("GET", f"{BASE}/x", headers=[("If-None-Match", '"x"')])
    assert (answer.status, answer.header("ETag")) == (304, '"x"')


def test_information_before_the_answer_is_left_out(own: Backend, behind: Callable[..., Seen]) -> None:
    behind(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + ok(b"ok"))
    answer = own.aggregator().request("GET", f"{BASE}/x")
    assert (answer.status, answer.body, answer.header("Link")) == (200, b"ok", "")


def test_a_page_is_text_but_below_proxy(own: Backend, behind: Callable[..., Seen]) -> None:
    behind(ok(b"<b>x</b>", "Content-Type: text/html"))
    client = own.aggregator()
    assert client.request("GET", f"{BASE}/x", accept="text/html").header("Content-Type").startswith("text/plain")
    assert client.request("GET", f"{BASE}/proxy/x", accept="text/html").header("Content-Type") == "Text/HTML"


def test_connections_to_the_upstream_are_used_again(own: Backend, tmp_path: Path) -> None:
    seen: Seen = []
    upstream = Upstream(answering(ok(), seen))
    start_gateway(own, upstream.config())
    client = own.aggregator()
    before = upstream.accepted
    for method in ("GET", "POST", "HEAD", "GET"):
        client.request(method, f"{BASE}/x")
    upstream.close()
    assert len(seen) == 4
    assert upstream.accepted - before <= 2  # one for HEAD's answer, which has a body here


def test_a_unix_socket_is_an_upstream(own: Backend, tmp_path: Path) -> None:
    seen: Seen = []
    upstream = Upstream(answering(ok(b"hello"), seen), tmp_path / "s.sock")
    start_gateway(own, upstream.config())
    assert own.aggregator().request("GET", f"{BASE}/x").body == b"hello"
    upstream.close()
    assert lines(seen[0][0])["host"] == ["localhost"]

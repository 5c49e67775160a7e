"""go-httpbin (Go), unmodified, behind the gateway."""

import gzip
import json

import pytest

from languages.behind import MIB, demand_echo, demand_no_forgery, each_below
from languages.programs import go_httpbin


@pytest.fixture(scope="module")
def service(behind):
    """Yield it."""
    with behind("go-httpbin", go_httpbin(), authorization=True, readinessPath="/status/200") as service:
        yield service


@each_below()
def test_the_caller_arrives_and_groups_one_by_one(service, below):
    headers = service.call(f"{below}/headers").json()["headers"]
    user, groups = service.caller()
    assert (headers["X-Remote-User"], sorted(headers["X-Remote-Group"])) == ([user], sorted(groups))


def test_nobody_claims_to_be_somebody_else(service):
    headers = demand_no_forgery(service, "/headers").json()["headers"]
    user, groups = service.caller()
    assert (headers["X-Remote-User"], sorted(headers["X-Remote-Group"])) == ([user], sorted(groups))


def test_query_and_encoded_letters_arrive(service):
    """kube-apiserver writes both anew: a query in the order of its names, and %2F in a path as a slash."""
    seen = service.call("/anything/caf%C3%A9%20a%3F?q=1%202&q=%2F&e=%C3%A4%26").json()
    assert "/anything/caf%C3%A9%20a%3F?" in seen["url"]
    assert seen["args"] == {"q": ["1 2", "/"], "e": ["ä&"]}


def test_it_can_tell_where_it_is(service):
    headers = service.call("/headers?cat=tom").json()["headers"]
    told = {name: headers[f"X-Forwarded-{name}"] for name in ("Proto", "Prefix", "Uri")}
    assert told == {"Proto": ["https"], "Prefix": [service.path], "Uri": [f"{service.path}/headers"]}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_body_arrives_by_every_method(service, method):
    seen = service.call("/anything", method, json={"name": "tom"}).json()
    assert (seen["method"], seen["json"]) == (method, {"name": "tom"})


def test_five_mebibytes_arrive_and_come_back(service):
    body = json.dumps({"data": "x" * 5 * MIB})
    answer = service.call("/post", "POST", data=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, len(answer.json()["json"]["data"])) == (200, 5 * MIB)


@each_below()
def test_what_drips_arrives_while_it_drips(service, below):
    with service.session() as session:
        url = f"{service.server}{service.path}{below}/drip?numbytes=4&duration=2&delay=0"
        with session.get(url, stream=True, timeout=30) as answer:
            parts = list(answer.raw.stream(amt=1))
    assert b"".join(parts) == b"****"


def test_events_arrive_in_order(service):
    text = service.call("/proxy/sse?count=5&duration=500ms&delay=0").text
    ids = [json.loads(line.removeprefix("data: "))["id"] for line in text.splitlines() if line.startswith("data: ")]
    assert ids == [0, 1, 2, 3, 4]


def test_a_part_of_it_arrives_for_a_range(service):
    answer = service.call("/range/1024", headers={"Range": "bytes=10-19"})
    assert (answer.status_code, answer.headers["Content-Range"], answer.text) == (206, "bytes 10-19/1024", "klmnopqrst")


def test_what_has_not_changed_is_not_sent(service):
    answer = service.call("/etag/cats", headers={"If-None-Match": '"cats"'})
    assert (answer.status_code, answer.content) == (304, b"")


def test_gzip_passes_untouched(service):
    with service.session() as session:
        answer = session.get(
            f"{service.server}{service.path}/gzip", stream=True, timeout=30, headers={"Accept-Encoding": "gzip"}
        )
        packed = answer.raw.read(decode_content=False)
    assert (answer.headers["Content-Encoding"], json.loads(gzip.decompress(packed))["gzipped"]) == ("gzip", True)


def test_head_has_the_length_and_no_body(service):
    answer = service.call("/bytes/1000?seed=1", "HEAD")
    assert (answer.status_code, answer.headers["Content-Length"], answer.content) == (200, "1000", b"")


@pytest.mark.parametrize("path", ["/redirect/1", "/redirect/3", "/absolute-redirect/2", "/relative-redirect/2"])
def test_a_redirect_within_it_arrives(service, path):
    answer = service.call(path)
    assert (answer.status_code, answer.json()["url"].rpartition("/")[2]) == (200, "get")


@pytest.mark.parametrize("code", [201, 204, 400, 401, 404, 418, 429, 500, 503])
def test_a_code_arrives_as_it_is(service, code):
    assert service.call(f"/status/{code}").status_code == code


def test_cookies_pass_both_ways(service):
    answer = service.call("/cookies/set?cat=tom")
    with_cookie = service.call("/cookies", headers={"Cookie": "cat=tom"})
    assert (answer.status_code, with_cookie.json()["cookies"]["cat"]) == (200, "tom")


@each_below()
def test_a_websocket_echoes(service, below):
    demand_echo(service, f"{below}/websocket/echo")


def test_kubectl_shows_its_answers(service):
    assert json.loads(service.raw("/get?cat=tom"))["args"] == {"cat": ["tom"]}

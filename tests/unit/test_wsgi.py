"""What an application may do wrong: its caller gets a Status, and everybody else is served."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from extension_apiserver import Resource
from extension_apiserver.api.resources import Call
from extension_apiserver.apps import calls
from unit.running import BASE, Backend, start

StartResponse = Callable[..., Callable[[bytes], None]]
PLAIN = [("Content-Type", "text/plain")]


def raises_midway(_environ: object, start_response: StartResponse) -> Iterator[bytes]:
    """Raise after the first chunk of an answer that is collected."""
    start_response("200 OK", [*PLAIN, ("Content-Length", "9")])
    yield b"s3cret"
    raise RuntimeError("s3cret")


def exits(_environ: object, _start_response: StartResponse) -> Iterable[bytes]:
    """Leave the interpreter."""
    sys.exit("s3cret")


def stops(_environ: object, _start_response: StartResponse) -> Any:
    """Forget a default for `next`."""
    return next(iter(()))


def cancels(_environ: object, _start_response: StartResponse) -> Iterable[bytes]:
    """Let an event loop's exception escape."""
    raise asyncio.CancelledError


def interrupts(_environ: object, _start_response: StartResponse) -> Iterable[bytes]:
    """Raise what Ctrl-C raises in a program without a handler."""
    raise KeyboardInterrupt


class Fatal(BaseException):
    """What only the application knows."""


def ends_all(_environ: object, _start_response: StartResponse) -> Iterable[bytes]:
    """Raise what no `except Exception` catches."""
    raise Fatal("s3cret")


def never_starts(_environ: object, _start_response: StartResponse) -> Iterable[bytes]:
    """Answer without a status."""
    return [b"s3cret"]


def text(_environ: object, start_response: StartResponse) -> Iterable[Any]:
    """Return text where bytes belong."""
    start_response("200 OK", PLAIN)
    return ["s3cret"]


def none(_environ: object, start_response: StartResponse) -> Any:
    """Return nothing."""
    start_response("200 OK", PLAIN)


def no_status(_environ: object, start_response: StartResponse) -> Iterable[bytes]:
    """Use a status that is none."""
    start_response("OK", PLAIN)
    return [b"s3cret"]


def answering(status: str) -> Callable[[object, StartResponse], Iterable[bytes]]:
    """Return an application that answers with a status."""

    def application(_environ: object, start_response: StartResponse) -> Iterable[bytes]:
        start_response(status, PLAIN)
        return [b"s3cret"]

    return application


FAULTS = {
    "raises midway": raises_midway,
    "exits": exits,
    "StopIteration": stops,
    "CancelledError": cancels,
    "KeyboardInterrupt": interrupts,
    "BaseException": ends_all,
    "no start_response": never_starts,
    "text": text,
    "nothing": none,
    "no status": no_status,
    "100": answering("100 Continue"),
    "101": answering("101 Switching Protocols"),
    "0": answering("000 Zero"),
    "600": answering("600 More"),
}


@pytest.mark.parametrize("blocking", [False, True])
def test_a_faulty_application_is_a_status(own: Backend, blocking: bool) -> None:
    """Whatever it does, every caller gets a 500 without its words, on a connection that goes on."""

    def application(environ: dict[str, Any], start_response: StartResponse) -> Any:
        return FAULTS[environ["HTTP_X_FAULT"]](environ, start_response)

    start(own, app=application, blocking=blocking, LOG_LEVEL="error")
    client = own.aggregator()
    answers = {name: client.request("GET", f"{BASE}/x", headers=[("X-Fault", name)]) for name in FAULTS}

    assert {name: answer.status for name, answer in answers.items() if answer.status != 500} == {}
    assert {name: answer.json()["reason"] for name, answer in answers.items()} == dict.fromkeys(FAULTS, "InternalError")
    assert [name for name, answer in answers.items() if "s3cret" in answer.text] == []


def test_what_an_application_may_do(own: Backend) -> None:
    """`write`, a second `start_response`, a wrong length, one chunk after another: the answer is the last and whole."""

    def application(_environ: object, start_response: StartResponse) -> Iterator[bytes]:
        start_response("500 Oops", [])
        write = start_response("200 OK", [*PLAIN, ("Content-Length", "1"), ("Transfer-Encoding", "chunked")])
        write(b"a")
        yield b"b"
        yield b""
        yield b"c"

    start(own, app=application)
    client = own.aggregator()
    answers = [client.request(method, f"{BASE}/x") for method in ("GET", "HEAD", "GET")]

    assert [(answer.status, answer.body) for answer in answers] == [(200, b"abc"), (200, b""), (200, b"abc")]
    assert {answer.header("Content-Length") for answer in answers} == {"3"}
    assert {answer.header("Transfer-Encoding") for answer in answers} == {""}


@pytest.mark.parametrize("blocking", [False, True])
def test_a_verb_that_raises_while_it_yields_is_a_status(own: Backend, blocking: bool) -> None:
    """Its objects are taken where verbs run, and nothing it raises ends the process."""

    def list_cats(_call: Call) -> Iterator[dict[str, Any]]:
        yield {"metadata": {"name": threading.current_thread().name}}
        raise KeyboardInterrupt

    cats = Resource(plural="cats", singular="cat", kind="Cat", description="A cat.", verbs={"list": list_cats})
    start(own, resources=[cats], blocking=blocking, LOG_LEVEL="error")
    client = own.aggregator()

    assert client.request("GET", f"{BASE}/cats").status == 500
    assert client.request("GET", BASE).status == 200


def test_head_says_the_length_of_get(own: Backend) -> None:
    """Flask and others leave the body of HEAD away and keep its length; where nobody knows it, it is left out."""

    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        known = environ["PATH_INFO"].endswith("/known")
        start_response("200 OK", [*PLAIN, *([("Content-Length", "5")] if known else [])])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [b"hello"]

    start(own, app=application)
    client = own.aggregator()
    answers = [client.request(method, f"{BASE}/{path}") for path in ("known", "unknown") for method in ("GET", "HEAD")]
    assert [answer.body for answer in answers] == [b"hello", b"", b"hello", b""]
    assert [answer.header("Content-Length") for answer in answers] == ["5", "5", "5", ""]
    for path in (BASE, "/openapi/v2", "/readyz", "/apis", "/no-such"):
        get, head = (client.request(method, path) for method in ("GET", "HEAD"))
        assert head.header("Content-Length") == get.header("Content-Length"), path


def test_a_body_in_chunks_is_whole_for_the_application(own: Backend) -> None:
    """It has a length and no longer a transfer encoding, which frameworks would apply again."""

    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", PLAIN)
        return [f"{environ['CONTENT_LENGTH']} {environ.get('HTTP_TRANSFER_ENCODING')}".encode()]

    start(own, app=application)

    assert own.aggregator().request("POST", f"{BASE}/x", body=b"hello", chunked=True).text == "5 None"


def test_an_application_that_hangs_gathers_no_requests(own: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound 503 says to come again; what needs no application is answered all the while."""
    monkeypatch.setattr(calls, "_MOST_CALLS", 2)
    release, waiting = threading.Event(), threading.Semaphore(0)

    def application(_environ: object, start_response: StartResponse) -> Iterable[bytes]:
        waiting.release()
        release.wait(10)
        start_response("200 OK", PLAIN)
        return [b"late"]

    start(own, app=application, blocking=True)
    with ThreadPoolExecutor(2) as threads:
        late = [threads.submit(own.aggregator().request, "GET", f"{BASE}/x") for _ in range(2)]
        for _ in late:
            assert waiting.acquire(timeout=10)
        refused = own.aggregator().request("GET", f"{BASE}/x")
        document = own.aggregator().request("GET", BASE)
        release.set()
        codes = [future.result().status for future in late]

    assert (refused.status, json.loads(refused.body)["reason"], refused.header("Retry-After")) == (
        503,
        "ServiceUnavailable",
        "1",
    )
    assert (document.status, codes) == (200, [200, 200])

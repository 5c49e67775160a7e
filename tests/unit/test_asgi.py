"""ASGI applications over HTTP: what they see, what they may send, and what happens when either side does not go on."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import sys
from collections.abc import Callable
from typing import Any

import pytest

from extension_apiserver.apps.answers import guarded
from extension_apiserver.apps.asgi import tasks
from extension_apiserver.apps.asgi.caller import AppError, is_asgi
from extension_apiserver.apps.asgi.messages import AsgiFault
from extension_apiserver.request import Response
from extension_apiserver.status import StatusError
from extension_apiserver.streams import Gone, Stream
from unit.fake_peer import JANE, FakePeer, ask, make_caller, make_request, read_all, run, settle

START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}


def start(*headers: Any, status: Any = 200) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def body(data: Any = b"", *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": more}


def sending(*messages: dict[str, Any]) -> Any:
    """Return an application that sends messages."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    return app


def test_an_answer_given_at_once_is_whole() -> None:
    response = run(ask(sending(start((b"Content-Type", b"text/plain"), status=201), body(b"cat"))))

    assert (response.status, list(response.headers), response.body, response.stream) == (
        201,
        [("Content-Type", "text/plain")],
        b"cat",
        None,
    )


def test_an_answer_given_in_parts_is_a_stream() -> None:
    async def scenario() -> None:
        response = await ask(sending(START, body(b"a", more=True), body(more=True), body(b"b", more=True), body()))
        assert response.stream is not None
        assert response.stream.length is None
        assert await read_all(response) == b"ab"

    run(scenario())


def test_the_length_that_an_application_gives_is_that_of_the_stream() -> None:
    async def scenario() -> None:
        response = await ask(sending(start((b"content-length", b"2")), body(b"a", more=True), body(b"b")))
        assert response.stream is not None
        assert response.stream.length == 2
        assert await read_all(response) == b"ab"

    run(scenario())


def test_the_next_part_is_made_when_there_is_room_for_it() -> None:
    async def scenario() -> None:
        made: list[int] = []

        async def app(_scope: Any, _receive: Any, send: Any) -> None:
            await send(START)
            for number in range(3):
                made.append(number)
                await send(body(b"x", more=True))
            await send(body())

        response = await ask(app)
        assert response.stream is not None
        await settle()
        assert made == [0]
        peer = FakePeer()
        peer.room.clear()
        sending = asyncio.create_task(response.stream.run(peer))
        await settle()
        assert (made, peer.sent) == ([0], [b"x"])
        peer.room.set()
        await sending
        assert (made, peer.sent) == ([0, 1, 2], [b"x"] * 3)

    run(scenario())


@pytest.mark.parametrize("length", [3, None])
def test_a_body_arrives_in_parts_and_the_next_is_read_when_it_is_asked_for(length: int | None) -> None:
    async def scenario() -> None:
        read: list[int] = []
        parts = iter([b"ab", b"c"])

        async def read_part() -> bytes:
            read.append(len(read))
            return next(parts, b"")

        async def app(_scope: Any, receive: Any, send: Any) -> None:
            assert read == []
            got = [await receive()]
            assert read == [0]
            while got[-1]["more_body"]:
                got.append(await receive())
            await send(START)
            await send(body(b"|".join(one["body"] for one in got)))

        response = await ask(app, make_request("POST", length=length, read_part=read_part))
        assert response.body == (b"ab|c" if length else b"ab|c|")

    run(scenario())


def test_a_request_without_a_body_has_one_empty_part() -> None:
    async def app(_scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        await send(START)
        await send(body(repr(message).encode()))

    assert run(ask(app)).body == b"{'type': 'http.request', 'body': b'', 'more_body': False}"


@pytest.mark.parametrize("code", [408, 413])
def test_a_body_that_cannot_be_had_is_the_servers_status_and_a_disconnect(code: int) -> None:
    async def scenario() -> None:
        got: list[str] = []

        async def read_part() -> bytes:
            raise StatusError(code, "no body")

        async def app(_scope: Any, receive: Any, send: Any) -> None:
            got.extend([(await receive())["type"], (await receive())["type"]])
            await send(start(status=500))
            await send(body(b"the application's words"))

        with pytest.raises(StatusError, match="no body") as caught:
            await ask(app, make_request("POST", length=9, read_part=read_part))
        await settle()
        assert caught.value.code == code
        assert got == ["http.disconnect"] * 2

    run(scenario())


def test_an_application_knows_that_its_answer_is_complete_and_may_go_on() -> None:
    async def scenario() -> None:
        got: list[str] = []
        gate = asyncio.Event()

        async def app(_scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await send(START)
            await send(body(b"done"))
            got.append((await receive())["type"])
            await gate.wait()
            got.append("background")

        caller = make_caller(app, grace_seconds=0)
        assert (await caller.call(make_request(), JANE)).body == b"done"
        await settle()
        assert got == ["http.disconnect"]
        gate.set()
        await caller.stop(10)
        assert got == ["http.disconnect", "background"]

    run(scenario())


def test_what_goes_on_when_the_server_ends_is_cancelled(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        cancelled: list[bool] = []

        async def app(_scope: Any, _receive: Any, send: Any) -> None:
            await send(START)
            await send(body())
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.append(True)

        caller = make_caller(app)
        await caller.call(make_request(), JANE)
        await caller.stop(0)
        assert cancelled == [True]

    run(scenario())
    assert "1 calls of the application were cancelled at the end" in caplog.text


@pytest.mark.parametrize("how", ["leaves", "is abandoned"])
def test_who_sends_to_nobody_gets_an_oserror(how: str, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        ended: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()

        async def app(_scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await send(START)
            try:
                while True:
                    await send(body(b"x", more=True))
            except OSError as error:
                ended.set_result(error)
                assert (await receive())["type"] == "http.disconnect"
                # In their own words, as frameworks do.
                raise ValueError("disconnected")  # noqa: B904

        response = await ask(app)
        assert response.stream is not None
        if how == "leaves":
            peer = FakePeer()
            peer.room.clear()
            streaming = asyncio.create_task(response.stream.run(peer))
            await settle()
            peer.leave()
            with pytest.raises(Gone):
                await streaming
        else:
            response.stream.abandon()
        assert str(await ended) == "the client has left"
        await settle()

    run(scenario())
    assert caplog.text == ""


@pytest.mark.parametrize("before", ["header", "rest"])
def test_who_goes_on_after_its_client_left_is_cancelled(before: str) -> None:
    async def scenario() -> None:
        cancelled = asyncio.Event()

        async def app(_scope: Any, _receive: Any, send: Any) -> None:
            try:
                if before == "rest":
                    await send(START)
                    await send(body(b"x", more=True))
                await asyncio.Event().wait()
            finally:
                cancelled.set()

        asking = asyncio.create_task(ask(app, grace_seconds=0.01))
        if before == "header":
            await settle()
            asking.cancel()
        else:
            response = await asking
            assert response.stream is not None
            peer = FakePeer()
            peer.leave()
            with pytest.raises(Gone):
                await response.stream.run(peer)
        await cancelled.wait()

    run(scenario())


def test_of_those_that_go_on_alone_the_oldest_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_MOST_LEAVING", 2)

    async def scenario() -> None:
        going: list[str] = []

        async def app(scope: Any, _receive: Any, _send: Any) -> None:
            going.append(scope["path"])
            try:
                await asyncio.Event().wait()
            finally:
                going.remove(scope["path"])

        caller = make_caller(app)
        for path in ("/1", "/2", "/3"):
            asking = asyncio.create_task(caller.call(make_request(target=path), JANE))
            await settle()
            asking.cancel()
            await settle()
        assert going == ["/2", "/3"]
        await caller.stop(0)

    run(scenario())


def test_calls_that_go_on_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_MOST_CALLS", 1)

    async def scenario() -> None:
        async def app(_scope: Any, _receive: Any, send: Any) -> None:
            await send(START)
            await send(body())
            await asyncio.Event().wait()

        caller = make_caller(app)
        await caller.call(make_request(), JANE)
        with pytest.raises(StatusError) as caught:
            await caller.call(make_request(), JANE)
        assert caught.value.code == 503
        await caller.stop(0)

    run(scenario())


def test_who_sends_on_after_the_notice_is_not_hurried_while_it_is_read() -> None:
    async def scenario() -> None:
        got: list[str] = []

        async def app(_scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await send(START)
            await send(body(b"a", more=True))
            got.append((await receive())["type"])
            await send(body(b"b", more=True))
            await send(body(b"c"))

        response = await ask(app)
        assert response.stream is not None
        peer = FakePeer()
        streaming = asyncio.create_task(response.stream.run(peer))
        await settle()
        peer.ending.set()
        await streaming
        assert (got, b"".join(peer.sent)) == (["http.disconnect"], b"abc")

    run(scenario())


#: What an application does wrong before its header is sent → what its author reads.
FAULTS: dict[str, tuple[tuple[Any, ...], str]] = {
    "nothing": ((), "returns before its answer is complete"),
    "no body": ((START,), "returns before its answer is complete"),
    "no start": ((body(),), "http.response.body before http.response.start"),
    "two starts": ((START, START), "http.response.start twice"),
    "no type": (({},), "None, which has no place in an answer"),
    "unknown": (({"type": "http.response.trailers"},), "'http.response.trailers', which has no place"),
    "1xx": ((start(status=101), body()), "101, which is no final status"),
    "600": ((start(status=600), body()), "600, which is no final status"),
    "status": ((start(status="200"), body()), "a status that is no number"),
    "text header": ((start(("a", "b")), body()), "a header that is no pair of bytes"),
    "half a header": ((start((b"a",)), body()), "a header that is no pair of bytes"),
    "line break": ((start((b"a", b"b\r\nc: d")), body()), "a header that cannot be sent"),
    "line feed": ((start((b"a", b"b\nc")), body()), "a header that cannot be sent"),
    "name": ((start((b"a b", b"c")), body()), "a header that cannot be sent"),
    "empty name": ((start((b"", b"c")), body()), "a header that cannot be sent"),
    "two lengths": ((start((b"content-length", b"1"), (b"Content-Length", b"1")), body(b"a")), "2 Content-Lengths"),
    "length": ((start((b"content-length", b"-1")), body()), "a Content-Length that is no number"),
    "long length": ((start((b"content-length", b"9" * 5000)), body()), "a Content-Length that is no number"),
    "too long": ((start((b"content-length", b"1")), body(b"ab")), "more than the 1 bytes of its Content-Length"),
    "too short": ((start((b"content-length", b"3")), body(b"ab")), "2 bytes of the 3 of its Content-Length"),
    "text": ((START, body("text")), "a body of str, which must be bytes"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_rule_broken_before_the_header_is_one_sentence_for_the_author(name: str) -> None:
    messages, sentence = FAULTS[name]

    async def scenario() -> None:
        with pytest.raises(AsgiFault, match=sentence):
            await ask(sending(*messages))
        await settle()

    run(scenario())


@pytest.mark.parametrize("swallows", [False, True])
@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (start(), "http.response.start twice"),
        (body("text"), "a body of str"),
        (body(b"12345"), "more than the 4 bytes"),
        (body(b"1"), "2 bytes of the 4"),
    ],
)
def test_a_rule_broken_after_the_header_cuts_the_answer_off(
    message: dict[str, Any], sentence: str, swallows: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send(start((b"content-length", b"4")))
        await send(body(b"1", more=True))
        try:
            await send(message)
        except AsgiFault:
            if not swallows:
                raise

    async def scenario() -> None:
        response = await ask(app)
        assert response.stream is not None
        peer = FakePeer()
        with pytest.raises(AsgiFault, match=sentence):
            await response.stream.run(peer)
        await settle()
        assert peer.sent == [b"1"]

    run(scenario())
    assert caplog.text == ""


def test_an_application_that_returns_in_the_middle_cuts_the_answer_off() -> None:
    async def scenario() -> None:
        response = await ask(sending(START, body(b"1", more=True)))
        assert response.stream is not None
        with pytest.raises(AsgiFault, match="returns before its answer is complete"):
            await response.stream.run(FakePeer())

    run(scenario())


def test_a_send_that_the_application_cancels_cuts_the_answer_off() -> None:
    """A part of it may have been sent, and what follows would look whole."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send(START)
        await send(body(b"1", more=True))
        try:
            await asyncio.wait_for(send(body(b"2", more=True)), 0.01)
        except TimeoutError:
            await send(body(b"3"))

    async def scenario() -> None:
        response = await ask(app)
        assert response.stream is not None
        peer = FakePeer()
        streaming = asyncio.create_task(response.stream.run(peer))
        await peer.taken.wait()
        peer.room.clear()
        with pytest.raises(AsgiFault, match="cancels its own send"):
            await streaming

    run(scenario())


def test_a_fault_after_the_end_is_logged_and_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        response = await ask(sending(START, body(b"all"), body(b"more")))
        await settle()
        assert response.body == b"all"

    run(scenario())
    assert "http.response.body after the end of its answer" in caplog.text


class Fatal(BaseException):
    """What no `except Exception` catches."""


@pytest.mark.parametrize("after", ["nothing", "header"])
@pytest.mark.parametrize(
    "error", [ValueError("x"), Fatal("x"), KeyboardInterrupt(), SystemExit(1), asyncio.CancelledError()]
)
def test_whatever_an_application_raises_ends_its_own_request(error: BaseException, after: str) -> None:
    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        if after == "header":
            await send(START)
            await send(body(b"1", more=True))
        raise error

    async def scenario() -> None:
        expected = ValueError if isinstance(error, ValueError) else RuntimeError
        if after == "nothing":
            with pytest.raises(expected):
                await ask(app)
        else:
            response = await ask(app)
            assert response.stream is not None
            with pytest.raises(expected):
                await response.stream.run(FakePeer())

    run(scenario())


def test_a_failure_that_was_answered_keeps_its_answer(caplog: pytest.LogCaptureFixture) -> None:
    """Starlette answers 500 in its own words, then raises, so that the server logs it."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send(start(status=500))
        await send(body(b"{}"))
        raise ValueError("cats")

    async def scenario() -> None:
        assert (await ask(app)).status == 500
        await settle()

    run(scenario())
    assert "ValueError: cats" in caplog.text


def test_the_scope_says_what_was_asked_for_and_who_asks() -> None:
    async def scenario() -> None:
        scopes: list[Any] = []

        async def app(scope: Any, _receive: Any, send: Any) -> None:
            scope["state"]["mine"] = 1
            scopes.append(scope)
            await send(START)
            await send(body())

        state = {"pool": object()}
        await ask(app, make_request("PUT", "/a%2Fb/%C3%A4?c=%20&d", [(b"accept", b"*/*")]), state=state)
        scope = scopes[0]
        assert scope["state"] == {"pool": state["pool"], "identity": JANE, "mine": 1}
        assert list(state) == ["pool"]
        assert {key: scope[key] for key in scope if key != "state"} == {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "PUT",
            "scheme": "https",
            "path": "/a/b/ä",
            "raw_path": b"/a%2Fb/%C3%A4",
            "query_string": b"c=%20&d",
            "root_path": "",
            "headers": [(b"host", b"cats"), (b"accept", b"*/*")],
            "client": ("10.0.0.1", 0),
            "server": ("localhost", 443),
            "extensions": {},
        }

    run(scenario())


@pytest.mark.parametrize(
    "line",
    [
        (b"x-remote-user", b"admin"),
        (b"x-remote-extra-a", b"b"),
        (b"x_remote_user", b"admin"),
        (b"x-who", b"admin"),
        (b"authorization", b"Bearer s3cret"),
        (b"transfer-encoding", b"chunked"),
        (b"any_name", b"x"),
        (b"x-remote-" + b"long" * 50, b"x"),
        (b"sec-websocket-protocol", b"chat, base64url.bearer.authorization.k8s.io.czNjcmV0"),
    ],
    ids=lambda line: line[0].decode()[:24],
)
def test_must_19_no_claim_of_identity_and_no_credential_is_in_the_scope(line: tuple[bytes, bytes]) -> None:
    async def app(scope: Any, _receive: Any, send: Any) -> None:
        await send(START)
        await send(body(repr(scope["headers"]).encode()))

    request = make_request(headers=[line, (b"x-kept", b"y")], identity_names=frozenset({b"x-who"}))

    assert run(ask(app, request)).body == b"[(b'host', b'cats'), (b'x-kept', b'y')]"


def test_an_answer_that_the_client_does_not_get_is_abandoned_once() -> None:
    abandoned: list[int] = []

    async def nothing(_peer: Any) -> None:
        raise AssertionError

    def stream() -> Stream:
        return Stream(nothing, lambda: abandoned.append(1))

    refused = [
        Response(500, [("Content-Type", "text/html")], stream=stream()),
        Response(302, [("Location", "/x")], stream=stream()),
        Response(101, [("Upgrade", "websocket")], stream=stream()),
    ]
    for number, answer in enumerate(refused, 1):
        with pytest.raises(StatusError):
            guarded(make_request(), answer)
        assert len(abandoned) == number


def test_an_answer_that_the_client_gets_keeps_its_stream() -> None:
    async def nothing(_peer: Any) -> None:
        """Send nothing."""

    stream = Stream(nothing)
    answer = guarded(make_request(), Response(200, [("content-type", "text/html"), ("connection", "x")], stream=stream))

    assert answer.stream is stream
    assert answer.headers == [("Content-Type", "text/plain; charset=utf-8"), ("X-Content-Type-Options", "nosniff")]


class AsyncApp:
    """An instance is an application."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer."""


class SyncApp:
    """The class is an application of WSGI, and so is an instance."""

    def __init__(self, *_arguments: Any) -> None:
        """Take what is given."""

    def __call__(self, _environ: Any, _start_response: Any) -> list[bytes]:
        """Answer."""
        return []


@pytest.mark.parametrize(
    ("app", "expected"),
    [
        (sending(), True),
        (AsyncApp(), True),
        (AsyncApp().__call__, True),
        (functools.partial(sending()), True),
        (functools.partial(functools.partial(AsyncApp())), True),
        (SyncApp(), False),
        (SyncApp, False),
        (functools.partial(SyncApp()), False),
        (lambda _environ, _start_response: [], False),
    ],
)
def test_what_is_asynchronous_is_asgi(app: Callable[..., Any], expected: bool) -> None:
    assert is_asgi(app) is expected


@pytest.mark.parametrize(
    ("app", "sentence"),
    [
        (None, "NoneType cannot"),
        ("app:app", "str cannot"),
        (sys, "module cannot"),
        (AsyncApp, "an instance of AsyncApp, not the class"),
    ],
)
def test_what_is_no_application_is_said_in_a_sentence(app: Any, sentence: str) -> None:
    with pytest.raises(AppError, match=sentence):
        is_asgi(app)


def test_what_an_application_raises_late_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(START)
        with contextlib.suppress(OSError):
            await send(body(b"x", more=True))
        raise ValueError("left in the middle")

    async def scenario() -> None:
        response = await ask(app)
        assert response.stream is not None
        peer = FakePeer()
        peer.leave()
        with pytest.raises(Gone):
            await response.stream.run(peer)
        await settle()

    run(scenario())
    assert [(record.levelno, record.exc_info) for record in caplog.records] == [(logging.WARNING, None)]
    assert "ValueError('left in the middle')" in caplog.text

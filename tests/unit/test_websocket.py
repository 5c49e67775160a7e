"""WebSockets: RFC 6455 on one side, ASGI on the other."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from typing import Any

import pytest
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import CLIENT, State
from websockets.protocol import Protocol as WebSocketProtocol

from extension_apiserver.apps.asgi import websocket
from extension_apiserver.apps.asgi.handshake import SILENT
from extension_apiserver.apps.asgi.messages import AsgiFault
from extension_apiserver.request import Request, Response
from extension_apiserver.status import StatusError
from unit.fake_peer import JANE, MIB, FakePeer, make_caller, make_request, run, settle
from unit.running import BASE, Backend, start

UPGRADE = [(b"connection", b"keep-alive, Upgrade"), (b"upgrade", b"websocket")]
KEY = [(b"sec-websocket-version", b"13"), (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ==")]
ACCEPT = {"type": "websocket.accept"}


def handshake(*more: tuple[bytes, bytes], **arguments: Any) -> Request:
    """Return the request of RFC 6455, section 1.3."""
    return make_request(headers=[*UPGRADE, *KEY, *more], **arguments)


class Client:
    """A client whose WebSocket is open.

    Attributes:
        peer: what the server sees of it.

    """

    def __init__(self, response: Response) -> None:
        assert response.status == 101
        assert response.stream is not None
        self.peer = FakePeer()
        self.stream = asyncio.create_task(_run(response, self.peer))
        self._protocol = WebSocketProtocol(CLIENT, state=State.OPEN, max_size=None, logger=SILENT)
        self._read = 0

    def send(self, opcode: Opcode, data: bytes = b"", *, fin: bool = True) -> None:
        """Send a frame."""
        self.peer.feed(Frame(opcode, data, fin).serialize(mask=True))

    def text(self, text: str) -> None:
        """Send a text."""
        self.send(Opcode.TEXT, text.encode())

    def close(self, code: int | None = 1000, reason: str = "") -> None:
        """Send a close frame."""
        self.send(Opcode.CLOSE, b"" if code is None else Close(code, reason).serialize())

    async def frames(self) -> list[tuple[str, bytes]]:
        """Return the frames that came since the last time, once everybody has gone on who can."""
        await settle()
        new, self._read = self.peer.sent[self._read :], len(self.peer.sent)
        for data in new:
            self._protocol.receive_data(data)
        return [
            (event.opcode.name, bytes(event.data))
            for event in self._protocol.events_received()
            if isinstance(event, Frame)
        ]

    async def close_code(self) -> int:
        """Return the code of the close frame that comes next."""
        frames = await self.frames()
        assert [name for name, _ in frames] == ["CLOSE"]
        return int(struct.unpack("!H", frames[0][1][:2])[0])


async def _run(response: Response, peer: FakePeer) -> None:
    assert response.stream is not None
    await response.stream.run(peer)


async def connect(app: Any, request: Request | None = None, **arguments: Any) -> Client:
    """Return a client of an application that accepts."""
    return Client(await make_caller(app, **arguments).connect(request or handshake(), JANE))


class Recorder:
    """An application that accepts and keeps what it receives.

    Attributes:
        gate: clear it, and the application receives no more.

    """

    def __init__(self) -> None:
        self.got: list[Any] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, _scope: Any, receive: Any, send: Any) -> None:
        """Receive until the end."""
        assert await receive() == {"type": "websocket.connect"}
        await send(ACCEPT)
        while True:
            await self.gate.wait()
            message = await receive()
            if message["type"] == "websocket.disconnect":
                self.got.append((message["code"], message["reason"]))
                return
            self.got.append(message.get("text", message.get("bytes")))


async def echo(_scope: Any, receive: Any, send: Any) -> None:
    """Send back what comes."""
    await receive()
    await send(ACCEPT)
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})


def test_a_handshake_is_answered_as_rfc_6455_shows_it() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        assert (scope["type"], scope["scheme"], scope["state"]["identity"]) == ("websocket", "wss", JANE)
        assert scope["subprotocols"] == ["chat", "superchat"]
        await send({**ACCEPT, "subprotocol": "superchat", "headers": [(b"x-a", b"b"), (b"connection", b"close")]})

    async def scenario() -> None:
        response = await make_caller(app).connect(handshake((b"sec-websocket-protocol", b"chat, superchat")), JANE)
        assert response.status == 101
        assert sorted(response.headers) == [
            ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            ("Sec-WebSocket-Protocol", "superchat"),
            ("Upgrade", "websocket"),
            ("x-a", "b"),
        ]
        assert response.stream is not None
        response.stream.abandon()

    run(scenario())


@pytest.mark.parametrize(
    ("request_", "code", "sentence"),
    [
        (make_request(headers=[*UPGRADE, KEY[0]]), 400, "missing Sec-WebSocket-Key header"),
        (make_request(headers=[*UPGRADE, KEY[1]]), 400, "missing Sec-WebSocket-Version header"),
        (make_request(headers=[*UPGRADE, *KEY, KEY[1]]), 400, "multiple values"),
        (make_request(headers=[*UPGRADE, KEY[0], (b"sec-websocket-key", b"!")]), 400, "invalid Sec-WebSocket-Key"),
        (make_request(headers=[*UPGRADE, (b"sec-websocket-version", b"8"), KEY[1]]), 400, "Sec-WebSocket-Version"),
        (make_request(headers=[UPGRADE[0], (b"upgrade", b"h2c"), *KEY]), 426, "invalid Upgrade header"),
        (make_request(headers=[UPGRADE[1], *KEY]), 426, "missing Connection header"),
        (make_request("POST", headers=[*UPGRADE, *KEY]), 405, "must be a GET"),
        (handshake((b"sec-websocket-protocol", b"a b")), 400, "Sec-WebSocket-Protocol"),
        (handshake(length=5), 400, "no body"),
        (handshake(length=None), 400, "no body"),
    ],
)
def test_what_is_no_handshake_is_refused_in_a_sentence(request_: Request, code: int, sentence: str) -> None:
    with pytest.raises(StatusError, match=sentence) as caught:
        run(connect(echo, request_))

    assert caught.value.code == code
    assert "\n" not in caught.value.message
    assert caught.value.headers == ({426: (("Upgrade", "websocket"),), 405: (("Allow", "GET"),)}.get(code, ()))


def test_must_19_a_token_among_the_subprotocols_is_not_shown() -> None:
    """kube-apiserver takes it away only if it is what proved who calls."""
    seen: list[Any] = []

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        seen.extend([scope["subprotocols"], repr(scope["headers"])])
        await send({"type": "websocket.close"})

    request = handshake((b"sec-websocket-protocol", b"base64url.bearer.authorization.k8s.io.czNjcmV0, chat"))
    with pytest.raises(StatusError):
        run(connect(app, request))

    assert seen[0] == ["chat"]
    assert "czNjcmV0" not in seen[1]


def test_messages_come_and_go_in_order() -> None:
    async def scenario() -> None:
        client = await connect(echo)
        for number in range(100):
            client.text(f"ä{number}")
        client.send(Opcode.BINARY, b"\xff")
        client.send(Opcode.BINARY)
        assert await client.frames() == [
            *(("TEXT", f"ä{number}".encode()) for number in range(100)),
            ("BINARY", b"\xff"),
            ("BINARY", b""),
        ]
        client.close()
        await client.stream

    run(scenario())


def test_a_message_may_come_in_fragments_with_pings_between() -> None:
    async def scenario() -> None:
        client = await connect(echo)
        data = "äöü".encode()
        client.send(Opcode.TEXT, data[:1], fin=False)
        client.send(Opcode.PING, b"1")
        client.send(Opcode.CONT, b"", fin=False)
        client.send(Opcode.CONT, data[1:4], fin=False)
        client.send(Opcode.PONG, b"unasked")
        client.send(Opcode.CONT, data[4:])
        assert await client.frames() == [("PONG", b"1"), ("TEXT", data)]
        client.close()
        await client.stream

    run(scenario())


def test_frames_may_come_in_any_pieces() -> None:
    async def scenario() -> None:
        client = await connect(echo)
        for byte in Frame(Opcode.TEXT, b"a" * 300).serialize(mask=True):
            client.peer.feed(bytes([byte]))
            await asyncio.sleep(0)
        assert await client.frames() == [("TEXT", b"a" * 300)]
        client.close()
        await client.stream

    run(scenario())


@pytest.mark.parametrize("fragments", [1, 7])
def test_a_message_may_be_as_long_as_its_bound_and_no_longer(fragments: int) -> None:
    async def scenario() -> None:
        for length, expected in ((10_000, "TEXT"), (10_001, "CLOSE")):
            client = await connect(echo, max_message_bytes=10_000)
            step = -(-length // fragments)
            parts = [b"a" * min(step, length - begin) for begin in range(0, length, step)]
            for number, part in enumerate(parts):
                client.send(Opcode.CONT if number else Opcode.TEXT, part, fin=number == len(parts) - 1)
            frames = await client.frames()
            assert [name for name, _ in frames] == [expected]
            if expected == "CLOSE":
                assert frames[0][1][:2] == struct.pack("!H", 1009)
            client.peer.leave()
            await client.stream

    run(scenario())


def test_what_all_messages_on_their_way_hold_is_bounded() -> None:
    async def scenario() -> None:
        client = await connect(Recorder(), in_flight_bytes=100_000)
        client.send(Opcode.BINARY, b"a" * 300_000)
        assert await client.close_code() == 1013
        await client.stream

    run(scenario())


def masked(first: int, second: int, rest: bytes = b"") -> bytes:
    """Return a frame by its first two bytes."""
    return bytes([first, second]) + rest


#: What a client may send wrong → the code that it gets.
BAD_FRAMES = {
    "unmasked": (masked(0x81, 0x01, b"a"), 1002),
    "reserved bit": (masked(0xC1, 0x80, b"mask"), 1002),
    "reserved opcode": (masked(0x83, 0x80, b"mask"), 1002),
    "reserved control opcode": (masked(0x8B, 0x80, b"mask"), 1002),
    "long ping": (masked(0x89, 0xFE, struct.pack("!H", 126) + b"mask" + bytes(126)), 1002),
    "fragmented ping": (masked(0x09, 0x80, b"mask"), 1002),
    "lone continuation": (masked(0x80, 0x80, b"mask"), 1002),
    "text within a message": (masked(0x01, 0x80, b"mask") + masked(0x81, 0x80, b"mask"), 1002),
    "close of one byte": (masked(0x88, 0x81, b"\0\0\0\0\x03"), 1002),
    "close with 1005": (Frame(Opcode.CLOSE, struct.pack("!H", 1005)).serialize(mask=True), 1002),
    "close with bad text": (Frame(Opcode.CLOSE, struct.pack("!H", 1000) + b"\xff").serialize(mask=True), 1007),
    "huge": (masked(0x82, 0xFF, struct.pack("!Q", 1 << 40)), 1009),
    "huger than is": (masked(0x82, 0xFF, struct.pack("!Q", (1 << 64) - 1)), 1009),
    "text that is no UTF-8": (Frame(Opcode.TEXT, b"\xc3(").serialize(mask=True), 1007),
    "text that ends early": (Frame(Opcode.TEXT, "ä".encode()[:1]).serialize(mask=True), 1007),
    "text with a surrogate": (Frame(Opcode.TEXT, b"\xed\xa0\x80").serialize(mask=True), 1007),
}


@pytest.mark.parametrize("name", BAD_FRAMES)
def test_a_frame_that_breaks_a_rule_closes_with_its_code(name: str) -> None:
    data, code = BAD_FRAMES[name]

    async def scenario() -> None:
        app = Recorder()
        client = await connect(app)
        client.text("before")
        client.peer.feed(data + Frame(Opcode.TEXT, b"after").serialize(mask=True))
        assert await client.close_code() == code
        await client.stream
        await settle()
        assert app.got[0] == "before"
        assert [one if isinstance(one, str) else one[0] for one in app.got[1:]] in ([code], [1000])

    run(scenario())


@pytest.mark.parametrize(
    ("code", "reason", "told"), [(1000, "", 1000), (4321, "käse", 4321), (1001, "", 1001), (None, "", 1005)]
)
def test_the_client_closes_and_is_answered(code: int | None, reason: str, told: int) -> None:
    async def scenario() -> None:
        app = Recorder()
        client = await connect(app)
        client.text("last")
        client.close(code, reason)
        await client.stream
        sent = b"" if code is None else struct.pack("!H", code) + reason.encode()
        assert await client.frames() == [("CLOSE", sent)]
        assert app.got == ["last", (told, reason)]

    run(scenario())


@pytest.mark.parametrize("answers", [True, False])
def test_the_application_closes_and_the_client_has_a_moment(answers: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not answers:
        monkeypatch.setattr(websocket, "CLOSE_SECONDS", 0.01)

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        await send({"type": "websocket.close", "code": 4000, "reason": "enough"})
        assert (await receive())["code"] == 4000

    async def scenario() -> None:
        client = await connect(app)
        assert await client.frames() == [("CLOSE", struct.pack("!H", 4000) + b"enough")]
        if answers:
            assert not client.stream.done()
            client.text("too late")
            client.close(4000)
        await client.stream

    run(scenario())


@pytest.mark.parametrize(("error", "code"), [(None, 1000), (ValueError("s3cret"), 1011), (SystemExit(1), 1011)])
def test_an_application_that_ends_closes(
    error: BaseException | None, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        if error is not None:
            raise error

    async def scenario() -> None:
        client = await connect(app)
        assert await client.close_code() == code
        client.close(code)
        await client.stream
        assert b"s3cret" not in b"".join(client.peer.sent)

    run(scenario())
    assert ("the application failed in a WebSocket" in caplog.text) is (error is not None)


#: What an application sends after websocket.accept → what its author reads.
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "accept": (ACCEPT, "websocket.accept, which has no place"),
    "http": ({"type": "http.response.start", "status": 200}, "http.response.start, which has no place"),
    "neither": ({"type": "websocket.send"}, "either bytes or a text"),
    "both": ({"type": "websocket.send", "bytes": b"a", "text": "a"}, "either bytes or a text"),
    "a number": ({"type": "websocket.send", "text": 1}, "either bytes or a text"),
    "a surrogate": ({"type": "websocket.send", "text": "\ud800"}, "surrogate"),
    "1005": ({"type": "websocket.close", "code": 1005}, "with code 1005: invalid status code"),
    "99": ({"type": "websocket.close", "code": 99}, "with code 99: invalid status code"),
    "a code of text": ({"type": "websocket.close", "code": "1000"}, "whose code must be a number"),
    "a long reason": ({"type": "websocket.close", "reason": "a" * 124}, "control frame too long"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_rule_broken_by_the_application_closes_with_1011(name: str, caplog: pytest.LogCaptureFixture) -> None:
    message, sentence = FAULTS[name]

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        await send(message)

    async def scenario() -> None:
        client = await connect(app)
        assert await client.close_code() == 1011
        client.close(1011)
        await client.stream

    run(scenario())
    assert sentence in caplog.text
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("messages", "sentence"),
    [
        ((), "returns before its answer is complete"),
        (({"type": "websocket.send", "text": "a"},), "websocket.send before websocket.accept"),
        (({"type": "http.response.start", "status": 200},), "http.response.start before websocket.accept"),
        (({**ACCEPT, "subprotocol": "mine"},), "'mine', which is not offered"),
        (({**ACCEPT, "headers": [(b"sec-websocket-protocol", b"a")]},), "a Sec-WebSocket header"),
        (({**ACCEPT, "headers": [(b"a", b"b\r\nc: d")]},), "a header that cannot be sent"),
        (({"type": "websocket.http.response.start", "status": 99},), "99, which is no final status"),
        (({"type": "websocket.http.response.start", "status": 400}, ACCEPT), "'accept', which has no place"),
    ],
)
def test_a_rule_broken_before_the_handshake_is_answered(messages: tuple[Any, ...], sentence: str) -> None:
    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        for message in messages:
            await send(message)

    with pytest.raises(AsgiFault, match=sentence):
        run(connect(app))


def test_an_application_refuses_with_403() -> None:
    async def scenario() -> None:
        told: list[Any] = []

        async def app(_scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await send({"type": "websocket.close", "reason": "no cats"})
            told.append(await receive())

        with pytest.raises(StatusError, match="refuses the WebSocket: no cats") as caught:
            await connect(app)
        await settle()
        assert caught.value.code == 403
        assert told == [{"type": "websocket.disconnect", "code": 1006, "reason": ""}]

    run(scenario())


def test_an_application_refuses_with_an_answer_of_its_own() -> None:
    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        head = [(b"content-type", b"application/json")]
        await send({"type": "websocket.http.response.start", "status": 404, "headers": head})
        await send({"type": "websocket.http.response.body", "body": b"{}"})

    response = run(make_caller(app).connect(handshake(), JANE))

    assert (response.status, response.headers, response.body) == (404, [("content-type", "application/json")], b"{}")


def test_what_an_application_does_not_receive_is_not_read() -> None:
    async def scenario() -> None:
        app = Recorder()
        app.gate.clear()
        client = await connect(app)
        for _ in range(1000):
            client.send(Opcode.BINARY, b"a" * 1024)
        await settle()
        assert client.peer.asked < 100
        app.gate.set()
        client.close()
        await client.stream
        assert len(app.got) == 1001

    run(scenario())


def test_small_messages_that_nobody_receives_are_few() -> None:
    """They cost a hundred times their size to keep."""

    async def scenario() -> None:
        app = Recorder()
        app.gate.clear()
        client = await connect(app)
        for _ in range(2):
            client.peer.feed(Frame(Opcode.TEXT, b"").serialize(mask=True) * 10_000)
        await settle()
        assert client.peer.asked == 1
        client.close()
        app.gate.set()
        await client.stream

    run(scenario())


def test_a_client_that_does_not_read_holds_up_who_sends() -> None:
    async def scenario() -> None:
        sent: list[int] = []

        async def app(_scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await send(ACCEPT)
            for number in range(3):
                await send({"type": "websocket.send", "bytes": b"x"})
                sent.append(number)

        client = await connect(app)
        client.peer.room.clear()
        await settle()
        assert sent == []
        for _ in range(10):
            client.send(Opcode.PING, b"p")
        await settle()
        assert len(client.peer.sent) == 1
        client.peer.room.set()
        client.close()
        await client.stream
        assert sent == [0, 1, 2]

    run(scenario())


@pytest.mark.parametrize("receives", [True, False])
def test_a_client_that_left_is_1006_and_an_oserror(receives: bool, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        ends: list[Any] = []

        async def app(_scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await send(ACCEPT)
            if receives:
                ends.append((await receive())["code"])
            with contextlib.suppress(OSError):
                while True:
                    await send({"type": "websocket.send", "text": "x"})
            ends.append((await receive())["code"])

        client = await connect(app)
        await settle() if receives else client.peer.room.clear()
        await settle()
        client.peer.leave()
        await client.stream
        await settle()
        assert ends == ([1006, 1006] if receives else [1006])

    run(scenario())
    assert caplog.text == ""


def test_who_goes_on_after_its_client_left_is_cancelled() -> None:
    async def scenario() -> None:
        cancelled = asyncio.Event()

        async def app(_scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await send(ACCEPT)
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()

        client = await connect(app, grace_seconds=0.01)
        client.peer.leave()
        await client.stream
        await cancelled.wait()

    run(scenario())


def test_a_stream_that_is_abandoned_ends_the_application() -> None:
    async def scenario() -> None:
        app = Recorder()
        response = await make_caller(app).connect(handshake(), JANE)
        assert response.stream is not None
        response.stream.abandon()
        await settle()
        assert app.got == [(1006, "")]

    run(scenario())


@pytest.mark.parametrize("answers", [True, False])
def test_the_end_of_the_server_is_1001(answers: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not answers:
        monkeypatch.setattr(websocket, "CLOSE_SECONDS", 0.01)

    async def scenario() -> None:
        app = Recorder()
        client = await connect(app)
        client.peer.ending.set()
        assert await client.close_code() == 1001
        assert app.got == [(1001, "")]
        if answers:
            assert not client.stream.done()
            client.close(1001)
        await client.stream

    run(scenario())


def test_a_client_that_closes_and_leaves_at_once_is_what_it_said() -> None:
    async def scenario() -> None:
        app = Recorder()
        client = await connect(app)
        await settle()
        client.close(4001, "bye")
        client.peer.leave()
        await client.stream
        await settle()
        assert app.got == [(4001, "bye")]

    run(scenario())


def test_what_users_say_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)

    async def scenario() -> None:
        client = await connect(echo)
        client.text("s3cret")
        await client.frames()
        client.close()
        await client.stream

    run(scenario())
    assert [record.message for record in caplog.records if record.name != "asyncio"] == []


def test_a_megabyte_passes() -> None:
    async def scenario() -> None:
        client = await connect(echo)
        client.send(Opcode.BINARY, b"a" * MIB)
        await client.peer.taken.wait()
        assert await client.frames() == [("BINARY", b"a" * MIB)]
        client.close()
        await client.stream

    run(scenario())


def test_a_websocket_passes_the_port(own: Backend) -> None:
    """Handshake, message and close, over TLS as kube-apiserver carries them on."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await echo(scope, receive, send)

    start(own, app=app)  # type: ignore[arg-type]
    lines = b"".join(b"%b: %b\r\n" % line for line in [(b"host", b"x"), (b"x-remote-user", b"jane"), *UPGRADE, *KEY])
    with own.aggregator().connect() as tls, tls.makefile("rb") as received:
        tls.sendall(b"GET %b/x HTTP/1.1\r\n%b\r\n" % (BASE.encode(), lines))
        header = list(iter(received.readline, b"\r\n"))
        assert header[0].startswith(b"HTTP/1.1 101 ")
        assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in header
        tls.sendall(Frame(Opcode.TEXT, b"hello").serialize(mask=True))
        assert received.read(7) == b"\x81\x05hello"
        tls.sendall(Frame(Opcode.CLOSE, b"\x03\xe8").serialize(mask=True))
        assert received.read() == b"\x88\x02\x03\xe8"

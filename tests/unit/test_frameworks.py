"""Frameworks as they come from PyPI: whatever they are written in, they see who calls, and their answers arrive."""

from __future__ import annotations

import asyncio
import json
import sys
import types
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import django
import fastapi
import pytest
import starlette.applications
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path
from starlette.background import BackgroundTask
from starlette.requests import HTTPConnection
from starlette.requests import Request as StarletteRequest
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.frames import Opcode

from extension_apiserver import IDENTITY_KEY, Identity, StatusError
from extension_apiserver.apps.answers import guarded
from extension_apiserver.apps.asgi.lifespan import Lifespan
from extension_apiserver.apps.calls import Calls
from extension_apiserver.apps.wsgi import WsgiCaller
from extension_apiserver.request import Request
from extension_apiserver.streams import Gone
from unit.fake_peer import JANE, FakePeer, make_caller, make_request, read_all, run, settle
from unit.test_websocket import Client, handshake


def who(connection: HTTPConnection) -> Identity:
    """Return who calls: the dependency of a FastAPI application."""
    identity: Identity = connection.state.identity
    return identity


Caller = Annotated[Identity, fastapi.Depends(who)]


def starlette_app(log: list[str]) -> Any:  # noqa: C901 - one view after the other
    """Return an application of Starlette."""

    async def ticks(closed: Callable[[], None]) -> AsyncIterator[bytes]:
        try:
            for number in range(1000):
                yield b"data: %d\n\n" % number
        finally:
            closed()

    async def later() -> None:
        log.append("background")

    async def hello(request: StarletteRequest) -> Response:
        task = BackgroundTask(later)
        return JSONResponse({"user": request.state.identity.user, "pool": request.state.pool}, background=task)

    async def events(request: StarletteRequest) -> Response:
        del request
        return StreamingResponse(ticks(lambda: log.append("closed")), media_type="text/event-stream")

    async def length(request: StarletteRequest) -> Response:
        return Response(str([len(part) async for part in request.stream() if part]))

    async def fails(request: StarletteRequest) -> Response:
        raise ValueError(f"s3cret of {request.method}")

    async def chat(socket: WebSocket) -> None:
        await socket.accept(subprotocol="cats")
        async for text in socket.iter_text():
            await socket.send_text(f"{socket.state.identity.user}: {text}")
        log.append("left")

    async def refuse(socket: WebSocket) -> None:
        await socket.send_denial_response(JSONResponse({"why": "no cats"}, status_code=404))

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[dict[str, str]]:
        del app
        yield {"pool": "open"}
        log.append("stopped")

    routes = [
        Route("/hello", hello, methods=["GET"]),
        Route("/events", events),
        Route("/length", length, methods=["POST"]),
        Route("/fails", fails),
        WebSocketRoute("/chat", chat),
        WebSocketRoute("/refuse", refuse),
    ]
    return starlette.applications.Starlette(routes=routes, lifespan=lifespan)


def test_starlette_from_start_to_stop(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        log: list[str] = []
        app = starlette_app(log)
        lifespan = Lifespan(app)
        await lifespan.start(asyncio.Event())
        caller = make_caller(app, state=lifespan.state)

        answer = await caller.call(make_request(target="/hello"), JANE)
        assert json.loads(answer.body) == {"user": "jane", "pool": "open"}
        await settle()
        assert log.pop() == "background"

        head = await caller.call(make_request("HEAD", "/hello"), JANE)
        assert ("content-length", "29") in head.headers
        await settle()
        assert log.pop() == "background"

        posted = make_request("POST", "/length", parts=[b"ab", b"c"], length=None)
        assert (await caller.call(posted, JANE)).body == b"[2, 1]"

        stream = await caller.call(make_request(target="/events"), JANE)
        assert (await read_all(stream)).count(b"data: ") == 1000
        assert log.pop() == "closed"

        missing = await caller.call(make_request(target="/none"), JANE)
        assert missing.status == 404

        request = handshake((b"sec-websocket-protocol", b"cats"), target="/chat")
        client = Client(await caller.connect(request, JANE))
        client.text("hello")
        assert await client.frames() == [("TEXT", b"jane: hello")]
        client.send(Opcode.CLOSE)
        await client.stream
        assert log.pop() == "left"

        refused = await caller.connect(handshake(target="/refuse"), JANE)
        assert (refused.status, refused.body) == (404, b'{"why":"no cats"}')
        with pytest.raises(StatusError, match="refuses the WebSocket"):
            await caller.connect(handshake(target="/none"), JANE)

        await caller.stop(10)
        await lifespan.stop()
        assert log == ["stopped"]

    run(scenario())
    assert caplog.text == ""


def test_starlette_closes_its_generator_when_the_client_has_left(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        log: list[str] = []
        caller = make_caller(starlette_app(log))
        response = await caller.call(make_request(target="/events"), JANE)
        assert response.stream is not None
        peer = FakePeer()
        peer.room.clear()
        streaming = asyncio.create_task(response.stream.run(peer))
        await settle()
        assert log == []
        peer.leave()
        with pytest.raises(Gone):
            await streaming
        await caller.stop(10)
        await asyncio.get_running_loop().shutdown_asyncgens()
        assert log == ["closed"]

    run(scenario())
    assert caplog.text == ""


def test_starlette_fails_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        request = make_request(target="/fails")
        answer = await make_caller(starlette_app([])).call(request, JANE)
        with pytest.raises(StatusError, match="the application answers 500"):
            guarded(request, answer)
        await settle()

    run(scenario())
    assert "ValueError: s3cret of GET" in caplog.text


def test_fastapi_knows_who_calls_by_a_dependency() -> None:
    app = fastapi.FastAPI()

    @app.post("/hello/{name}")
    async def hello(name: str, caller: Caller, content: Annotated[dict[str, int], fastapi.Body()]) -> dict[str, Any]:
        return {"name": name, "user": caller.user, "groups": caller.groups, "content": content}

    @app.get("/blocking")
    def blocking(caller: Caller) -> str:
        return caller.user

    @app.websocket("/chat")
    async def chat(socket: fastapi.WebSocket, caller: Caller) -> None:
        await socket.accept()
        await socket.send_json({"user": caller.user})

    async def scenario() -> None:
        caller = make_caller(app)
        headers = [(b"content-type", b"application/json")]
        parts = [b'{"a"', b": 1}"]
        answer = await caller.call(make_request("POST", "/hello/x", headers, parts, 8), JANE)
        assert json.loads(answer.body) == {"name": "x", "user": "jane", "groups": ["cats"], "content": {"a": 1}}
        assert (await caller.call(make_request(target="/blocking"), JANE)).body == b'"jane"'
        assert (await caller.call(make_request("POST", "/hello/x", headers, [b"{"], 1), JANE)).status == 422

        client = Client(await caller.connect(handshake(target="/chat"), JANE))
        assert (await client.frames())[0] == ("TEXT", b'{"user":"jane"}')
        client.close()
        await client.stream

    run(scenario())


@pytest.fixture(scope="module")
def django_urls() -> Iterator[None]:
    """Django with three views; its settings can be made once in a process."""

    def identity(request: HttpRequest) -> Identity:
        found: Identity = (
            request.scope["state"]["identity"] if hasattr(request, "scope") else request.META[IDENTITY_KEY]
        )
        return found

    def hello(request: HttpRequest) -> HttpResponse:
        forged = [name for name in request.META if "X_REMOTE" in name]
        return JsonResponse(
            {"user": identity(request).user, "length": len(request.body), "forged": forged, "x": request.GET["x"]}
        )

    def large(request: HttpRequest) -> HttpResponse:
        del request
        return HttpResponse(b"a" * 200_000, content_type="text/plain")

    async def events(request: HttpRequest) -> StreamingHttpResponse:
        del request

        async def parts() -> AsyncIterator[bytes]:
            for number in range(3):
                yield b"%d" % number

        return StreamingHttpResponse(parts(), content_type="text/event-stream")

    urls = types.ModuleType("django_urls")
    urls.urlpatterns = [path("hello", hello), path("large", large), path("events", events)]  # type: ignore[attr-defined]
    sys.modules["django_urls"] = urls
    settings.configure(ROOT_URLCONF="django_urls", ALLOWED_HOSTS=["cats"], SECRET_KEY="x", LOGGING_CONFIG=None)
    django.setup()
    yield
    del sys.modules["django_urls"]


def forged(target: str) -> Request:
    """Return a request that claims to be somebody else's."""
    headers = [(b"x-remote-user", b"admin"), (b"x_remote_user", b"admin"), (b"content-length", b"3")]
    return make_request("POST", target, headers, [b"abc"], 3)


def test_django_by_asgi(django_urls: None) -> None:
    async def scenario() -> None:
        caller = make_caller(get_asgi_application())
        answer = await caller.call(forged("/hello?x=%C3%A4"), JANE)
        assert json.loads(answer.body) == {"user": "jane", "length": 3, "forged": [], "x": "ä"}
        large = await caller.call(make_request(target="/large"), JANE)
        assert await read_all(large) == b"a" * 200_000
        events = await caller.call(make_request(target="/events"), JANE)
        assert await read_all(events) == b"012"
        assert (await caller.call(make_request(target="/none"), JANE)).status == 404
        await caller.stop(10)

    run(scenario())


def test_django_by_wsgi(django_urls: None) -> None:
    async def scenario() -> None:
        caller = WsgiCaller(get_wsgi_application(), Calls(blocking=True), None)
        answer = await caller.call(forged("/hello?x=%C3%A4"), JANE)
        assert json.loads(await read_all(answer)) == {"user": "jane", "length": 3, "forged": [], "x": "ä"}
        assert await read_all(await caller.call(make_request(target="/large"), JANE)) == b"a" * 200_000

    run(scenario())

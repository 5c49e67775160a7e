"""Frameworks as they come from PyPI, over the real port: one truth for each, the same for all."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import fastapi
import flask
import pytest
import starlette.applications
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from websockets.sync.client import connect

from extension_apiserver import IDENTITY_KEY
from unit.pki import DNS_NAME
from unit.running import BASE, Backend, start
from unit.test_frameworks import Caller

BODY = b"x" * 300_000


def flask_app() -> Any:
    """Return a Flask application."""
    app = flask.Flask("served")

    @app.post(f"{BASE}/who")
    def who() -> flask.Response:
        user = flask.request.environ[IDENTITY_KEY].user
        return flask.jsonify(user=user, length=len(flask.request.get_data()))

    @app.get(f"{BASE}/numbers")
    def numbers() -> flask.Response:
        return flask.Response((b"%d," % number for number in range(1000)), mimetype="text/plain")

    return app


def starlette_app() -> Any:
    """Return a Starlette application."""

    async def who(request: Request) -> Response:
        return JSONResponse({"user": request.state.identity.user, "length": len(await request.body())})

    async def numbers(_request: Request) -> Response:
        return StreamingResponse(_numbers(), media_type="text/plain")

    routes = [Route(f"{BASE}/who", who, methods=["POST"]), Route(f"{BASE}/numbers", numbers)]
    return starlette.applications.Starlette(routes=routes)


def fastapi_app() -> Any:
    """Return a FastAPI application, with a WebSocket."""
    app = fastapi.FastAPI()

    @app.post(f"{BASE}/who")
    async def who(caller: Caller, request: fastapi.Request) -> Any:
        return {"user": caller.user, "length": len(await request.body())}

    @app.get(f"{BASE}/numbers")
    async def numbers() -> Response:
        return StreamingResponse(_numbers(), media_type="text/plain")

    @app.websocket(f"{BASE}/chat")
    async def chat(socket: fastapi.WebSocket, caller: Caller) -> None:
        await socket.accept(subprotocol="cats")
        while True:
            await socket.send_text(f"{caller.user}: {await socket.receive_text()}")

    return app


async def _numbers() -> AsyncIterator[bytes]:
    for number in range(1000):
        yield b"%d," % number


@pytest.fixture(params=[flask_app, starlette_app, fastapi_app])
def served(request: pytest.FixtureRequest, own: Backend) -> Backend:
    """A backend with each of the applications."""
    start(own, app=request.param(), blocking=True)
    return own


def test_a_framework_knows_who_calls_and_reads_the_body(served: Backend) -> None:
    """Whatever else the caller claims."""
    forged = [("X_Remote_User", "admin")]
    answer = served.aggregator().request("POST", f"{BASE}/who", headers=forged, body=BODY)

    assert json.loads(answer.body) == {"user": "alice", "length": len(BODY)}


def test_a_generator_of_a_framework_arrives_whole(served: Backend) -> None:
    """A thousand parts, in their order."""
    answer = served.aggregator().request("GET", f"{BASE}/numbers")

    assert answer.body == b"".join(b"%d," % number for number in range(1000))


@pytest.fixture
def chat(own: Backend) -> Callable[..., Any]:
    """A function that opens the WebSocket of the FastAPI application."""
    start(own, app=fastapi_app())
    headers = {"X-Remote-User": "alice", "X-Remote-Group": "dev"}

    def opened() -> Any:
        trust = own.aggregator().context
        trust.set_alpn_protocols(["http/1.1"])
        url = f"wss://127.0.0.1:{own.port}{BASE}/chat"
        return connect(url, ssl=trust, server_hostname=DNS_NAME, additional_headers=headers, subprotocols=["cats"])

    return opened


def test_a_websocket_of_fastapi_says_back_a_thousand_messages_in_order(chat: Callable[..., Any]) -> None:
    """With the verified user, and with the subprotocol that was chosen."""
    with chat() as socket:
        assert socket.subprotocol == "cats"
        for number in range(1000):
            socket.send(str(number))
        assert [socket.recv(timeout=10) for _ in range(1000)] == [f"alice: {number}" for number in range(1000)]

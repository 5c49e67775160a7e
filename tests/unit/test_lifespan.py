"""What an ASGI application does before the first request and after the last, and how a server takes either kind of application."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest

from extension_apiserver import main
from extension_apiserver.apps.asgi.caller import AppError
from extension_apiserver.apps.asgi.lifespan import Lifespan
from unit.fake_peer import run, settle
from unit.running import BASE, Backend, start


def lifespan(app: Any) -> Lifespan:
    """Return the lifespan of an application."""
    return Lifespan(app)


async def begin(app: Any, **arguments: Any) -> Lifespan:
    """Start an application."""
    life = lifespan(app)
    await life.start(asyncio.Event(), **arguments)
    return life


def test_an_application_starts_leaves_its_state_and_stops() -> None:
    async def scenario() -> None:
        done: list[str] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            assert (scope["type"], scope["asgi"]["version"]) == ("lifespan", "3.0")
            assert await receive() == {"type": "lifespan.startup"}
            scope["state"]["pool"] = "open"
            await send({"type": "lifespan.startup.complete"})
            assert await receive() == {"type": "lifespan.shutdown"}
            done.append("closed")
            await send({"type": "lifespan.shutdown.complete"})

        life = await begin(app)
        assert (life.state, done) == ({"pool": "open"}, [])
        await life.stop()
        assert done == ["closed"]

    run(scenario())


@pytest.mark.parametrize("how", ["raises", "returns", "receives and returns"])
def test_an_application_without_a_lifespan_is_served(how: str, caplog: pytest.LogCaptureFixture) -> None:
    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        if how == "raises":
            raise ValueError("Django can only handle ASGI/HTTP connections, not lifespan.")
        if how != "returns":
            await receive()

    async def scenario() -> None:
        life = await begin(app)
        await life.stop()

    run(scenario())
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_who_asks_what_to_do_and_then_raises_is_served_and_named(caplog: pytest.LogCaptureFixture) -> None:
    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        await receive()
        raise ValueError("no database")

    run(begin(app))
    assert "ValueError('no database')" in caplog.text


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ("no database", "the application does not start: no database"),
        (
            "Traceback (most recent call last):\n  x\nValueError: no\n\n",
            "the application does not start: ValueError: no",
        ),
        ("", "the application does not start: it does not say why"),
    ],
)
def test_a_start_that_fails_is_one_sentence(message: str, sentence: str) -> None:
    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": message})

    with pytest.raises(AppError) as caught:
        run(begin(app))

    assert str(caught.value) == sentence


def test_a_start_without_end_ends() -> None:
    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        while True:
            await receive()

    with pytest.raises(AppError, match=r"does not start within 0\.01 seconds"):
        run(begin(app, timeout_seconds=0.01))


def test_a_server_that_is_stopped_does_not_wait_for_the_start() -> None:
    async def scenario() -> None:
        async def app(_scope: Any, receive: Any, _send: Any) -> None:
            while True:
                await receive()

        stop = asyncio.Event()
        stop.set()
        with pytest.raises(AppError, match="does not start before the server is stopped"):
            await lifespan(app).start(stop)

    run(scenario())


@pytest.mark.parametrize("how", ["fails", "raises", "hangs", "exits"])
def test_a_stop_that_fails_is_logged_and_ends(how: str, caplog: pytest.LogCaptureFixture) -> None:
    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if how == "fails":
            await send({"type": "lifespan.shutdown.failed", "message": "cats"})
        elif how == "raises":
            raise ValueError("cats")
        elif how == "exits":
            raise SystemExit("cats")
        else:
            await asyncio.Event().wait()

    async def scenario() -> None:
        life = await begin(app)
        await life.stop(timeout_seconds=0.01 if how == "hangs" else 60)

    run(scenario())
    assert ("within 0.01 seconds" if how == "hangs" else "cats") in caplog.text


@pytest.mark.parametrize("kind", ["lifespan.shutdown.complete", "lifespan.startup.complete", "http.response.start"])
def test_a_word_at_the_wrong_time_is_the_applications_fault(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        if kind == "lifespan.startup.complete":
            await send({"type": kind})
        await send({"type": kind})

    async def scenario() -> None:
        life = await begin(app)
        await settle()
        await life.stop()

    run(scenario())
    assert f"'{kind}' at the wrong time" in caplog.text


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """Answer with what is known, after a start."""
    if scope["type"] == "lifespan":
        await receive()
        scope["state"]["cats"] = 9
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    content = {"path": scope["path"], "user": scope["state"]["identity"].user, "cats": scope["state"]["cats"]}
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(content).encode()})


def test_an_asynchronous_application_is_served_like_any_other(own: Backend) -> None:
    start(own, app=hello)  # type: ignore[arg-type]
    answer = own.aggregator().request("GET", f"{BASE}/x", user="jane")

    assert (answer.status, answer.json()) == (200, {"path": f"{BASE}/x", "user": "jane", "cats": 9})


@pytest.mark.parametrize("blocking", [False, True])
def test_where_nothing_can_be_upgraded_it_is_said_before_the_application_is_asked(own: Backend, blocking: bool) -> None:
    start(own, app=hello, blocking=blocking)  # type: ignore[arg-type]
    headers = [("Connection", "Upgrade"), ("Upgrade", "websocket")]
    answer = own.aggregator().request("GET", f"{BASE}/namespaces/a/echoes/b", headers=headers)

    assert (answer.status, answer.json()["message"]) == (400, "connections cannot be upgraded here")


@pytest.mark.parametrize(
    ("app", "sentence"),
    [
        (None, "nothing is served: give main() an application, `resources` or `metrics`"),
        (pytest, "the application must be one of WSGI or ASGI, which can be called; module cannot"),
    ],
)
def test_what_cannot_be_served_ends_the_program_with_a_sentence(
    app: Any, sentence: str, capsys: pytest.CaptureFixture[str], own: Backend
) -> None:
    assert main(app, arguments=["serve"], environ=own.environ()) == 2
    assert capsys.readouterr().err == f"{sentence}\n"


def test_an_application_that_does_not_start_opens_no_port(capsys: pytest.CaptureFixture[str], own: Backend) -> None:
    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    assert main(app, arguments=["serve"], environ=own.environ(LOG_LEVEL="error")) == 2
    assert capsys.readouterr().err.splitlines()[-1] == "the application does not start: no database"

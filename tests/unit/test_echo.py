"""The echo is what the README calls it: a small Flask app that users can copy."""

from __future__ import annotations

from http import HTTPMethod

import flask
import pytest

from header_echo.app import create_app
from unit.running import BASE, Backend, start


def test_the_echo_is_an_ordinary_route_of_flask_for_every_method() -> None:
    """Nothing stands before Flask, so that a route beside it, a hook or an extension works as Flask's documents say."""
    app = create_app()
    (rule,) = app.url_map.iter_rules()

    assert app.wsgi_app == flask.Flask.wsgi_app.__get__(app)
    assert rule.rule == "/apis/<group>/<version>/"
    assert rule.methods == set(HTTPMethod)


def test_a_hook_of_flask_sees_the_echo(own: Backend) -> None:
    """`before_request` could say no, for instance."""
    app = create_app()
    app.before_request(lambda: ("not today", 409))
    start(own, app=app)

    assert own.aggregator().request("GET", f"{BASE}/").status == 409


@pytest.mark.parametrize("method", [method for method in HTTPMethod if method not in {"CONNECT", "HEAD"}])
def test_every_method_is_echoed(shared: Backend, method: HTTPMethod) -> None:
    """CONNECT has no path to send, and HEAD no body to look at."""
    answer = shared.aggregator().request(method, f"{BASE}/", user="jane")

    assert (answer.status, "x-remote-user: jane" in answer.text) == (200, True), answer

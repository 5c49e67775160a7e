"""The application: `<any method> /apis/<group>/<version>/` answers with the request's headers; the rest is Flask's, for routes of your own.

The echo is WSGI middleware before Flask, whose own way to a function and back takes longer than all else that happens to a request:
docs/performance.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import flask

from extension_apiserver import HEADERS_KEY
from extension_apiserver.negotiation import not_acceptable, preferred
from extension_apiserver.wsgi import WsgiApp

from .header_lines import header_document, header_lines

#: '', apis, <group>, <version>, ''
_ECHO_PARTS = 5
#: The first is the answer for a client that takes anything, as `kubectl get --raw` does.
_OFFERS = ("text/plain", "application/yaml", "application/json")
#: curl's Accept. YAML would have it quoted; as text it stands as it came.
_BARE_IN_TEXT = ("*/*",)


def create_app() -> flask.Flask:
    """Return the application. Paths of other groups never reach it."""
    app = flask.Flask(__name__, static_folder=None)
    # Flask would redirect `//` to `/`, which the aggregator turns into 502.
    app.url_map.merge_slashes = False
    # https://flask.palletsprojects.com/en/stable/quickstart/#hooking-in-wsgi-middleware
    app.wsgi_app = _Echo(app.wsgi_app)  # type: ignore[method-assign]
    return app


class _Echo:
    """Answers the echo's path; the application behind it has all others."""

    def __init__(self, behind: WsgiApp) -> None:
        self._behind = behind

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        parts = environ["PATH_INFO"].split("/")
        if len(parts) != _ECHO_PARTS or parts[1] != "apis" or parts[-1]:
            return self._behind(environ, start_response)
        media_type = preferred(environ.get("HTTP_ACCEPT", ""), _OFFERS)
        if media_type is None:
            error = not_acceptable(_OFFERS)
            start_response("406 Not Acceptable", [("Content-Type", "application/json")])
            return [error.body()]
        headers = environ[HEADERS_KEY]
        if media_type == "application/json":
            text = json.dumps(header_document(headers)) + "\n"
        else:
            text = header_lines(headers, _BARE_IN_TEXT if media_type == "text/plain" else ())
            media_type += "; charset=utf-8"
        start_response("200 OK", [("Content-Type", media_type)])
        return [text.encode()]

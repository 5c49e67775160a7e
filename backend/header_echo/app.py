"""The Flask application: `<any method> /apis/<group>/<version>/` answers with the request's headers."""

from __future__ import annotations

import flask

from extension_apiserver import HEADERS_KEY, StatusError
from extension_apiserver.negotiation import not_acceptable, preferred

from .header_lines import header_document, header_lines

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
#: The first is the answer for a client that takes anything, as `kubectl get --raw` does.
_OFFERS = ("text/plain", "application/yaml", "application/json")

#: curl's Accept. YAML would have it quoted; as text it stands as it came.
_BARE_IN_TEXT = ("*/*",)


def create_app() -> flask.Flask:
    """Return the application. Paths of other groups never reach it."""
    app = flask.Flask(__name__, static_folder=None)
    # Flask would redirect `//` to `/`, which the aggregator turns into 502.
    app.url_map.merge_slashes = False
    app.add_url_rule("/apis/<group>/<version>/", view_func=echo, methods=_METHODS, provide_automatic_options=False)
    return app


def echo(group: str, version: str) -> flask.Response:
    """Answer with the headers: one `name: value` line each, or the same as JSON."""
    del group, version
    headers = flask.request.environ[HEADERS_KEY]
    media_type = preferred(flask.request.headers.get("Accept", ""), _OFFERS)
    if media_type is None:
        error: StatusError = not_acceptable(_OFFERS)
        return flask.Response(error.body(), error.code, content_type="application/json")
    if media_type == "application/json":
        return flask.jsonify(header_document(headers))
    bare = _BARE_IN_TEXT if media_type == "text/plain" else ()
    return flask.Response(header_lines(headers, bare), content_type=f"{media_type}; charset=utf-8")

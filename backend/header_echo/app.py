"""The application: `<any method> /apis/<group>/<version>/` answers with the request's headers. Routes of your own go beside it."""

from __future__ import annotations

import json
from http import HTTPMethod

import flask

from extension_apiserver import HEADERS_KEY
from extension_apiserver.api.negotiation import not_acceptable, preferred

from .header_lines import header_document, header_lines

#: The first is the answer for a client that takes anything, as `kubectl get --raw` does.
_OFFERS = ("text/plain", "application/yaml", "application/json")
#: curl's Accept. YAML would have it quoted; as text it stands as it came.
_BARE_IN_TEXT = ("*/*",)


def create_app() -> flask.Flask:
    """Return the application. Paths of other groups never reach it."""
    app = flask.Flask(__name__, static_folder=None)
    # Flask would redirect `//` to `/`, which the aggregator turns into 502.
    app.url_map.merge_slashes = False

    @app.route("/apis/<group>/<version>/", methods=list(HTTPMethod), provide_automatic_options=False)
    def echo(group: str, version: str) -> flask.Response:
        del group, version
        media_type = preferred(flask.request.headers.get("Accept", ""), _OFFERS)
        if media_type is None:
            return flask.Response(not_acceptable(_OFFERS).body(), 406, mimetype="application/json")
        headers = flask.request.environ[HEADERS_KEY]
        if media_type == "application/json":
            text = json.dumps(header_document(headers)) + "\n"
        else:
            text = header_lines(headers, _BARE_IN_TEXT if media_type == "text/plain" else ())
            media_type += "; charset=utf-8"
        return flask.Response(text, content_type=media_type)

    return app

"""The echo as one would write it with Flask and gunicorn, for comparison: no identity check, no Status, no negotiation."""

from __future__ import annotations

from typing import Any

import flask

app = flask.Flask(__name__)


@app.get("/apis/<group>/<version>")
def discovery(group: str, version: str) -> dict[str, Any]:
    """Answer what the aggregator asks before it calls the APIService Available."""
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{group}/{version}", "resources": []}


@app.route("/apis/<group>/<version>/", methods=["GET", "POST"])
def echo(group: str, version: str) -> flask.Response:
    """Answer with the headers."""
    del group, version
    flask.request.get_data()
    lines = [f"{name.lower()}: {value}\n" for name, value in flask.request.headers]
    return flask.Response("".join(lines), mimetype="text/plain")

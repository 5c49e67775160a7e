"""The resource `echoes`: objects that say how the caller looks from here. Nothing is stored."""

from __future__ import annotations

import datetime as dt
from typing import Any

from extension_apiserver import Call, Column, Object, Resource, not_found

from .header_lines import header_document

#: The only object there is without creating one.
CALLER = "caller"


def _echo(call: Call, metadata: dict[str, Any], spec: dict[str, Any]) -> Object:
    headers = header_document(call.request.headers)
    status = {
        **call.identity.user_info(),
        "headers": {name: [value] if isinstance(value, str) else value for name, value in headers.items()},
        "method": call.request.method,
        "path": call.request.path,
        "receivedTime": dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    return {"metadata": metadata, "spec": spec, "status": status}


def list_echoes(call: Call) -> list[Object]:
    """Return the caller's echo alone."""
    return [_echo(call, {"name": CALLER}, {})]


def get_echo(call: Call) -> Object:
    """Return the caller's echo; anything else does not exist."""
    if call.name != CALLER:
        raise not_found(call.api_version.partition("/")[0], "echoes", call.name)
    return _echo(call, {"name": CALLER}, {})


def create_echo(call: Call) -> Object:
    """Return what was sent, with the status filled in."""
    return _echo(call, call.body["metadata"], call.body.get("spec") or {})


_STRING = {"type": "string"}
_STRINGS = {"type": "array", "items": _STRING}
_LISTS = {"type": "object", "additionalProperties": _STRINGS}


def _described(schema: dict[str, Any], text: str) -> dict[str, Any]:
    return {**schema, "description": text}


ECHOES = Resource(
    kind="Echo",
    plural="echoes",
    description="Echo answers with the request as the backend received it. It is never stored.",
    verbs={"get": get_echo, "list": list_echoes, "create": create_echo},
    schema={
        "spec": {
            "type": "object",
            "description": "What the caller says.",
            "properties": {"message": _described(_STRING, "Any text; it comes back.")},
        },
        "status": {
            "type": "object",
            "description": "What the backend received.",
            "properties": {
                "user": _described(_STRING, "Name of the user, as kube-apiserver authenticated it."),
                "groups": _described(_STRINGS, "Groups of the user, one by one."),
                "uid": _described(_STRING, "UID of the user, if kube-apiserver sends it."),
                "extra": _described(_LISTS, "Further facts about the user, such as the id of its credential."),
                "headers": _described(_LISTS, "Every header of the request by lower-case name; secrets are redacted."),
                "method": _described(_STRING, "HTTP method."),
                "path": _described(_STRING, "Path of the request."),
                "receivedTime": _described({**_STRING, "format": "date-time"}, "When the request arrived."),
            },
        },
    },
    columns=[
        Column("User", lambda echo: echo["status"]["user"], description="Name of the user."),
        Column("Groups", lambda echo: ",".join(echo["status"].get("groups", ())), description="Groups of the user."),
        Column("UID", lambda echo: echo["status"].get("uid", ""), priority=1, description="UID of the user."),
        Column(
            "Received", lambda echo: echo["status"]["receivedTime"], priority=1, description="When the request arrived."
        ),
    ],
)

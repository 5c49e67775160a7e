"""What the verbs of a resource ask an upstream, and where the metadata of its items is."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from .expressions import Expression
from .paths import Template
from .reader import Reader

_PARAMETER, _METHOD = re.compile(r"[^\s&=#?]+"), re.compile("POST|PUT|PATCH|DELETE")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What a verb asks the upstream.

    Attributes:
        method: of HTTP.
        path: may have the placeholders that the verb knows.
        result: for `list` gives the items of the answer, else the object in it.
        query: fixed parameters; `{namespace}` may stand in a value.
        next: gives what leads to the next page of a list: its URL, or the value of `next_parameter`.
        next_parameter: '' if `next` is a URL.

    """

    method: str
    path: Template
    result: Expression
    query: Sequence[tuple[str, str]] = ()
    next: Expression | None = None
    next_parameter: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Fields:
    """Where the metadata is in one item."""

    name: Expression
    namespace: Expression | None
    labels: Expression | None
    creation_timestamp: Expression | None


def read_fields(reader: Reader, *, namespaced: bool) -> Fields | None:
    """Return where the metadata is, None if not even the name is known."""
    part = reader.part("fields")
    if part is None:
        if not reader.has("fields"):
            reader.fault("fields", "is missing: fields.name says where the name of an item is, such as id")
        return None
    name = part.expression("name", needed_for="where the name of an item is, such as id")
    namespace, labels, created = (part.expression(key) for key in ("namespace", "labels", "creationTimestamp"))
    if namespace is not None and not namespaced:
        part.fault("namespace", "is only for a resource with namespaced: true")
    part.end()
    return Fields(name, namespace, labels, created) if name is not None else None


def read_actions(reader: Reader, *, namespaced: bool, fields: Fields | None) -> dict[str, Action]:
    """Return verb → what it asks, of those without a fault."""
    found: dict[str, Action] = {}
    objects = ""
    for verb, default in (("list", "GET"), ("get", "GET"), ("create", "POST"), ("update", "PUT"), ("delete", "DELETE")):
        part = reader.part(verb)
        if part is None:
            continue
        path = part.template("path")
        result = None if verb == "delete" else part.expression("items" if verb == "list" else "object", objects or "@")
        writes = verb in {"create", "update", "delete"}
        method = part.text("method", default, _METHOD, "POST, PUT, PATCH or DELETE") if writes else default
        query = part.pairs("query")
        following = part.expression("next") if verb == "list" else None
        parameter = part.text("nextParameter", "", _PARAMETER, "the name of a parameter") if verb == "list" else ""
        if parameter and following is None:
            part.fault("nextParameter", "is only for a list with next")
        part.end()
        if verb == "get" and result is not None:
            objects = result.text
        if path is not None:
            _check_path(part, verb, path, query, namespaced=namespaced, fields=fields)
            found[verb] = Action(
                method=method, path=path, result=result or Expression.of("@"), query=query, next=following, next_parameter=parameter
            )  # fmt: skip
    if not any(reader.has(verb) for verb in ("list", "get", "create", "update", "delete")):
        reader.fault("list", "is missing: a resource has at least one of list, get, create, update, delete")
    for verb in ("update", "delete"):
        if (
            namespaced
            and verb in found
            and "namespace" not in found[verb].path.names
            and not found.keys() & {"get", "list"}
        ):
            reader.fault(
                verb, "without {namespace} in its path needs list or get, which tell whose namespace an object is in"
            )
    return found


def _check_path(
    part: Reader,
    verb: str,
    path: Template,
    query: Sequence[tuple[str, str]],
    *,
    namespaced: bool,
    fields: Fields | None,
) -> None:
    has_name = verb not in {"list", "create"}
    if has_name != ("name" in path.names):
        part.fault("path", "must have {name} in it" if has_name else "cannot have {name}: there is none yet")
    if not namespaced and ("namespace" in path.names or any("{namespace}" in value for _, value in query)):
        part.fault("path", "can have {namespace} only with namespaced: true")
    if not namespaced or fields is None or "namespace" in path.names:
        return
    # Else whoever may read one namespace could read and change all of them.
    if fields.namespace is None:
        part.fault("path", "must have {namespace} in it, or fields.namespace must say where an item has its namespace")
    elif verb == "create" and not fields.namespace.field:
        part.fault(
            "path", "must have {namespace} in it, or fields.namespace must be the name of one field, which is then sent"
        )

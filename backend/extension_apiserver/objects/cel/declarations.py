"""What a schema says to CEL: the type of a value, how long it can be, and the names of its fields.

https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/cel/common/schemas.go
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from .reading.tokens import RESERVED
from .types import BOOL, DOUBLE, INT, STRING, Type

if TYPE_CHECKING:
    from extension_apiserver.objects.schema.structural import Structural

#: Of a request, as kube-apiserver estimates with; ours may be 1 MiB.
MOST_BYTES = 3 * 1024 * 1024
_RESERVED = RESERVED | {"true", "false", "null", "in"}
_NAMEABLE = re.compile(r"[A-Za-z_./-][A-Za-z0-9_./-]*")
_ESCAPED = re.compile(r"__|[./-]")
_ESCAPES = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}
_TIMES = {"duration": ("duration", 3, 32), "date": ("timestamp", 12, 12), "date-time": ("timestamp", 21, 32)}
_META = {"name": STRING, "generateName": STRING}


def escaped(name: str) -> str | None:
    """Return what a field is called in an expression, None where it cannot be named.

    https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules
    """
    if name in _RESERVED:
        return f"__{name}__"
    if not _NAMEABLE.fullmatch(name):
        return None
    return _ESCAPED.sub(lambda match: _ESCAPES[match.group()], name)


def declared(schema: Structural, path: str = "", *, root: bool = False) -> Type | None:
    """Return the type of the values of a schema, None where CEL sees nothing of them.

    Args:
        schema: of the value.
        path: where it is, by which its type is told from others.
        root: it is a whole object, whose kind, apiVersion and metadata.name are always known.

    """
    if schema.int_or_string:
        length = schema.checks.max_length
        return Type("dyn", most=MOST_BYTES - 2 if length is None else 4 * length, nullable=schema.nullable)
    found = _declared(schema, path, root=root)
    return dataclasses.replace(found, nullable=True) if found and schema.nullable else found


def _declared(schema: Structural, path: str, *, root: bool) -> Type | None:
    if schema.type == "array":
        item = declared(schema.items, f"{path}[]", root=schema.items.embedded) if schema.items else None
        if item is None:
            return None
        most = _first(schema.checks.max_items, (MOST_BYTES - 2) // (item.least_bytes + 1))
        return Type(
            "list",
            (item,),
            most=most,
            least_bytes=2,
            list_type=schema.list_type,
            list_keys=schema.list_keys,
        )
    if schema.type == "object":
        return _object(schema, path, root=root)
    if schema.type == "string":
        return _text(schema)
    return {"boolean": dataclasses.replace(BOOL, least_bytes=4), "number": DOUBLE, "integer": INT}.get(schema.type)


def _object(schema: Structural, path: str, *, root: bool) -> Type | None:
    if schema.additional is not None:
        value = declared(schema.additional, f"{path}{{}}", root=schema.additional.embedded)
        if value is None:
            return None
        most = _first(schema.checks.max_properties, (MOST_BYTES - 2) // (value.least_bytes + 6))
        return Type("map", (dataclasses.replace(STRING, most=MOST_BYTES), value), most=most, least_bytes=2)
    fields: dict[str, Type] = {}
    names: dict[str, str] = {}
    least = 2
    for name, part in schema.properties.items():
        if root and name in {"kind", "apiVersion", "metadata"}:
            continue
        field = declared(part, f"{path}.{name}", root=part.embedded)
        known_as = escaped(name)
        if field is not None and name in schema.checks.required and not part.has_default:
            least += len(name) + field.least_bytes + 4
        if field is not None and known_as is not None:
            fields[known_as], names[known_as] = field, name
    if root:
        fields |= {"kind": _LONG, "apiVersion": _LONG, "metadata": _metadata(schema, path)}
        names |= {name: name for name in ("kind", "apiVersion", "metadata")}
    return Type(f"object {path}", fields=fields, names=names, most=1, least_bytes=least)


_LONG = dataclasses.replace(STRING, most=MOST_BYTES - 2, least_bytes=2)


def _metadata(schema: Structural, path: str) -> Type:
    own = schema.properties.get("metadata")
    fields = dict.fromkeys(_META, _LONG)
    for name, part in own.properties.items() if own else ():
        if name in _META and (field := declared(part, f"{path}.metadata.{name}")):
            fields[name] = field
    return Type(f"object {path}.metadata", fields=fields, names={name: name for name in fields}, least_bytes=2)


def _text(schema: Structural) -> Type:
    form, length = schema.checks.format, schema.checks.max_length
    if form in _TIMES:
        name, least, most = _TIMES[form]
        return Type(name, most=most, least_bytes=least)
    if form == "byte":
        return Type("bytes", most=MOST_BYTES - 2 if length is None else length, least_bytes=2)
    if length is None and schema.checks.enum:
        most = max((len(one) for one in schema.checks.enum if isinstance(one, str)), default=0)
        return Type("string", most=most, least_bytes=2)
    return Type("string", most=MOST_BYTES - 2 if length is None else 4 * length, least_bytes=2)


def _first(value: int | None, instead: int) -> int:
    return instead if value is None else max(value, 0)

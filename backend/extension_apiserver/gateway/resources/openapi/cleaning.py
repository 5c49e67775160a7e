"""The parts of an upstream's OpenAPI document, as OpenAPI 3.0 and the Go types of Kubernetes read them.

One value of another type, such as the number that 3.1 has for `exclusiveMinimum`, and kubectl reads nothing of the whole document:
https://github.com/kubernetes/kube-openapi/tree/master/pkg/spec3. So what is not known is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from .structural import text_of, types_of

Json = dict[str, Any]
#: Returns what a reference becomes for a section of the components, '' if it leads nowhere.
Rename = Callable[[object, str], str]

_TYPES = frozenset({"string", "integer", "number", "boolean", "object", "array"})
_COUNTS = ("maxLength", "minLength", "maxItems", "minItems", "maxProperties", "minProperties")
_NUMBERS, _FLAGS = (
    ("minimum", "maximum", "multipleOf"),
    ("nullable", "readOnly", "writeOnly", "uniqueItems", "deprecated"),
)
_STYLES: Mapping[str, frozenset[str]] = {
    "query": frozenset({"form", "spaceDelimited", "pipeDelimited", "deepObject"}),
    "path": frozenset({"matrix", "label", "simple"}),
    "header": frozenset({"simple"}),
    "cookie": frozenset({"form"}),
}
_CODE = re.compile(r"[1-5](\d\d|XX)|default")
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+*-]{1,100}/[\w!#$&^.+*-]{1,100}( *; *[\w=.\"-]+)*")
_MOST_COUNT = 2**31


class Cleaner:
    """Makes parts of a document that say only what is known; `rename` gives their references."""

    def __init__(self, rename: Rename) -> None:
        self._rename = rename

    def component(self, section: str, value: object) -> Json:
        """Return one of the components: of 'schemas', 'parameters', 'requestBodies' or 'responses'; {} is a schema alone."""
        if section == "schemas":
            return self.schema(value)
        # It has been referred to, whatever it is.
        return self._referable(section, value) or {"content": {}}

    def schema(self, value: object) -> Json:
        """Return a schema; {} allows anything."""
        if not isinstance(value, dict):
            return {}
        if "$ref" in value:
            reference = self._rename(value["$ref"], "schemas")
            return {"$ref": reference} if reference else {}
        found: Json = {key: text for key in ("title", "description", "format") if (text := text_of(value.get(key)))}
        types = [one for one in types_of(value) if one in _TYPES]
        if len(types) == 1:
            found["type"] = types[0]
        if isinstance(value.get("type"), list) and "null" in value["type"]:
            found["nullable"] = True
        return found | self._parts(value, found.get("type", "")) | _limits(value)

    def _parts(self, value: Json, kind: str) -> Json:
        """Return the schemas that are part of a schema."""
        found: Json = {}
        if isinstance(value.get("properties"), dict):
            found["properties"] = {name: self.schema(one) for name, one in value["properties"].items()}
        if "items" in value or kind == "array":
            found["items"] = self.schema(value.get("items"))
        others = value.get("additionalProperties")
        if isinstance(others, bool | dict):
            found["additionalProperties"] = others if isinstance(others, bool) else self.schema(others)
        for key in ("allOf", "anyOf", "oneOf"):
            if isinstance(value.get(key), list) and value[key]:
                found[key] = [self.schema(one) for one in value[key]]
        if isinstance(value.get("not"), dict):
            found["not"] = self.schema(value["not"])
        return found

    def parameters(self, value: object) -> list[Json]:
        """Return the parameters of a path or an operation, each once."""
        found: dict[Any, Json] = {}
        for one in value if isinstance(value, list) else ():
            parameter = self._referable("parameters", one)
            if parameter:
                found.setdefault(parameter.get("$ref") or (parameter["name"], parameter["in"]), parameter)
        return list(found.values())

    def operation(self, value: Json) -> Json:
        """Return an operation, without its id."""
        found: Json = {key: text for key in ("summary", "description") if (text := text_of(value.get(key)))}
        tags = value.get("tags")
        words = [text for one in tags if (text := text_of(one))] if isinstance(tags, list) else []
        found |= {"tags": words} if words else {}
        found |= {"deprecated": True} if value.get("deprecated") is True else {}
        parameters = self.parameters(value.get("parameters"))
        found |= {"parameters": parameters} if parameters else {}
        body = self._referable("requestBodies", value.get("requestBody"))
        found |= {"requestBody": body} if body else {}
        answers = value.get("responses")
        found["responses"] = {
            code: self._referable("responses", one)
            for code, one in (answers.items() if isinstance(answers, dict) else ())
            if _CODE.fullmatch(code)
        } or {"default": {"description": "Not described."}}
        return found

    def _referable(self, section: str, value: object) -> Json:
        """Return what may be a reference; a response is always one or has its description, of others {} is none."""
        empty: Json = {"description": "Not described."} if section == "responses" else {}
        if not isinstance(value, dict):
            return empty
        if "$ref" in value:
            reference = self._rename(value["$ref"], section)
            return {"$ref": reference} if reference else empty
        if section == "parameters":
            return self._parameter(value)
        found: Json = {"description": text} if (text := text_of(value.get("description"))) else dict(empty)
        content = self._content(value.get("content"))
        if section == "responses":
            return found | ({"content": content} if content else {})
        required = {"required": True} if value.get("required") is True else {}
        return {**found, **required, "content": content} if content else {}

    def _parameter(self, value: Json) -> Json:
        if not is_parameter(value):
            return {}
        where = value["in"]
        found: Json = {"name": text_of(value["name"]), "in": where}
        found |= {"description": text} if (text := text_of(value.get("description"))) else {}
        found |= {"required": True} if where == "path" or value.get("required") is True else {}
        found |= {"deprecated": True} if value.get("deprecated") is True else {}
        content = self._content(value.get("content"))
        if len(content) == 1 and "schema" not in value:
            return found | {"content": content}
        style = value.get("style")
        found |= {"style": style} if isinstance(style, str) and style in _STYLES[where] else {}
        found |= {"explode": value["explode"]} if isinstance(value.get("explode"), bool) else {}
        return found | {"schema": self.schema(value.get("schema"))}

    def _content(self, value: object) -> Json:
        return {
            kind: {"schema": self.schema(one.get("schema"))} if isinstance(one, dict) and "schema" in one else {}
            for kind, one in (value.items() if isinstance(value, dict) else ())
            if _MEDIA_TYPE.fullmatch(kind)
        }


def is_parameter(value: object) -> bool:
    """Return whether something describes a parameter itself."""
    where = value.get("in") if isinstance(value, dict) and "$ref" not in value and text_of(value.get("name")) else None
    return isinstance(where, str) and where in _STYLES


def _limits(value: Json) -> Json:
    """Return what a schema says beside its parts, in the words of 3.0."""
    # An object there could have a `$ref` of its own, which is none.
    found: Json = {"default": value["default"]} if _is_plain(value.get("default")) else {}
    found |= {"pattern": value["pattern"]} if isinstance(value.get("pattern"), str) else {}
    values = [value["const"]] if "const" in value else value.get("enum")
    found |= {"enum": values} if isinstance(values, list) and values and all(map(_is_plain, values)) else {}
    required = value.get("required")
    names = list(dict.fromkeys(one for one in required if isinstance(one, str))) if isinstance(required, list) else []
    found |= {"required": names} if names else {}
    found |= {
        key: value[key] for key in _NUMBERS if _is_number(value.get(key)) and (key != "multipleOf" or value[key] > 0)
    }
    found |= {key: value[key] for key in _COUNTS if type(value.get(key)) is int and 0 <= value[key] < _MOST_COUNT}
    found |= {key: value[key] for key in _FLAGS if isinstance(value.get(key), bool)}
    for key, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if value.get(key) is True and bound in found:
            found[key] = True
        elif _is_number(value.get(key)):
            found |= {bound: value[key], key: True}
    return found


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

"""Unions, as far as a structural schema can say them: one type for each field, and no defaults where it is one of several.

https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Node = dict[str, Any]
_SHAPE = {"type", "description", "default", "nullable"}
_PRESERVE = "x-kubernetes-preserve-unknown-fields"
_OF_A_MEMBER = {"type", "properties", "required", "description", "nullable", _PRESERVE}


def plain_union(members: Sequence[Node]) -> Node:
    """Return the schema of a value that is one of several, which nothing tells apart.

    Raises:
        ValueError: there is none.

    """
    types = {member.get("type", "") for member in members}
    if types == {"integer", "string"} or (any("x-kubernetes-int-or-string" in one for one in members) and types <= {"", "integer", "string"}):  # fmt: skip
        return {"x-kubernetes-int-or-string": True}
    if types == {"integer", "number"}:
        return {"type": "number"}
    if types == {"object"}:
        raise ValueError("a union of models needs a discriminator: Annotated[A | B, Field(discriminator='kind')]")
    (kind, *others) = sorted(types)
    if others or kind not in {"string", "integer", "number", "boolean"}:
        names = " and ".join(sorted(name or "anything" for name in types))
        raise ValueError(f"a union of {names} has no structural schema: use one type, or Any with a validator")
    checks = [{name: value for name, value in member.items() if name not in _SHAPE} for member in members]
    if not all(checks):
        return {"type": kind}
    if all(check.keys() == {"enum"} for check in checks):
        return {"type": kind, "enum": list(dict.fromkeys(value for check in checks for value in check["enum"]))}
    return {"type": kind, "anyOf": checks}


def tagged_union(members: Sequence[Node], tag: str) -> Node:
    """Return the schema of an object that is one of several, which a field tells.

    It has the fields of all: `oneOf` could say which belong together, and of a missing field it would tell that the tag is wrong. The model
    says it. A field that not all have in the same way has no default: it would be filled in whatever the tag is.

    Raises:
        ValueError: there is none.

    """
    for member in members:
        if "enum" not in member.get("properties", {}).get(tag, {}) or not member.keys() <= _OF_A_MEMBER:
            raise ValueError(
                f"each model of the union must have the field `{tag}` as a Literal, and no rules of its own"
            )
    tags = [one for member in members for one in member["properties"][tag]["enum"]]
    properties: Node = {tag: {"type": members[0]["properties"][tag]["type"], "enum": tags}}
    for name in dict.fromkeys(name for member in members for name in member["properties"] if name != tag):
        found = [member["properties"][name] for member in members if name in member["properties"]]
        cores = [_core(one) for one in found]
        if any(one != cores[0] for one in cores):
            raise ValueError(f"`{name}` differs between the models of the union: call it differently in one of them")
        everywhere = len(found) == len(members) and all(one == found[0] for one in found)
        properties[name] = found[0] if everywhere else cores[0]
    required = set.intersection(*({tag, *member.get("required", ())} for member in members))
    made: Node = {"type": "object", "properties": properties, "required": sorted(required)}
    return made | ({_PRESERVE: True} if any(member.get(_PRESERVE) for member in members) else {})


def _core(node: Mapping[str, Any]) -> Node:
    return {name: value for name, value in node.items() if name not in {"default", "description"}}

"""The numbers and the selector of a scale, where an object has them, and what they must be.

https://github.com/kubernetes/apiextensions-apiserver/blob/v0.37.2/pkg/registry/customresource/validator.go (ValidateScaleSpec)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from extension_apiserver.api.stored import Scale
from extension_apiserver.objects.causes import Cause, invalid
from extension_apiserver.objects.go_words import value_words
from extension_apiserver.objects.values import Object, Value

MOST_REPLICAS = 2**31 - 1
_GO_TYPES = {bool: "bool", float: "float64", int: "int64", str: "string", type(None): "<nil>"}


class PathError(Exception):
    """Another type is there than the one that is wanted; says so in upstream's words."""


def number_at(item: Object, path: str) -> int | None:
    """Return the number at a path such as '.spec.replicas', None if there is none.

    Raises:
        PathError: it is no whole number.

    """
    found, value = _at(item, path)
    if found and (isinstance(value, bool) or not isinstance(value, int)):
        raise _wrong(path, value, "int64")
    return value if found else None


def text_at(item: Object, path: str) -> str:
    """Return the text at a path, "" if there is none, or no path.

    Raises:
        PathError: it is no text.

    """
    found, value = _at(item, path) if path else (False, "")
    if not found:
        return ""
    if not isinstance(value, str):
        raise _wrong(path, value, "string")
    return value


def put_number(item: Object, path: str, value: int) -> Object:
    """Return a copy of the object with a number at a path; what is not changed is shared.

    Raises:
        PathError: something before the end of the path is no object.

    """
    names = _names(path)

    def changed(node: Value, depth: int) -> Value:
        if not isinstance(node, dict):
            raise _wrong("." + ".".join(names[:depth]), node, "map[string]interface{}")
        rest = value if depth + 1 == len(names) else changed(node.get(names[depth], {}), depth + 1)
        return node | {names[depth]: rest}

    made: Object = changed(item, 0)
    return made


def scale_rules(scale: Scale | None) -> Callable[[Object, str], Iterator[Cause]]:
    """Return what says, as Kind.also, what is wrong with an object's numbers and selector."""

    def causes(item: Object, subresource: str) -> Iterator[Cause]:
        if scale is None:
            return
        if subresource != "status":
            yield from _number_causes(item, scale.spec_replicas)
        yield from _number_causes(item, scale.status_replicas)
        try:
            text_at(item, scale.selector)
        except PathError as error:
            yield invalid(scale.selector, "", str(error))

    return causes


def _number_causes(item: Object, path: str) -> Iterator[Cause]:
    try:
        value = number_at(item, path) or 0
    except PathError as error:
        yield invalid(path, 0, str(error))
        return
    if value < 0:
        yield invalid(path, value, "should be a non-negative integer")
    elif value > MOST_REPLICAS:
        yield invalid(path, value, f"should be less than or equal to {MOST_REPLICAS}")


def _names(path: str) -> list[str]:
    return path.removeprefix(".").split(".")


def _at(item: Object, path: str) -> tuple[bool, Value]:
    value: Value = item
    for name in _names(path):
        if value is None:
            return False, None
        if not isinstance(value, dict):
            raise _wrong(path, value, "map[string]interface{}")
        if name not in value:
            return False, None
        value = value[name]
    return True, value


def _wrong(path: str, value: Value, wanted: str) -> PathError:
    there = _GO_TYPES.get(type(value)) or ("[]interface {}" if isinstance(value, list) else "map[string]interface {}")
    shown = value if isinstance(value, str) else value_words(value)
    return PathError(f"{path} accessor error: {shown[:256]} is of the type {there}, expected {wanted}")

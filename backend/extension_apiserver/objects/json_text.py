"""Reads JSON as kube-apiserver does: whole numbers stay whole, and fields that came twice are known by their paths.

https://github.com/kubernetes-sigs/json
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from extension_apiserver.status import StatusError

from .causes import MOST_CAUSES
from .go_words import shortened
from .paths import ROOT, Path, field, item, told
from .values import MOST_LEVELS, Object, Value, too_deep

_SMALLEST, _LARGEST = -(2**63), 2**63 - 1
_LONGEST_INTEGER = 20
_TOO_DEEP = f"the object is nested deeper than {MOST_LEVELS} levels"


class _Twice(dict[str, Any]):
    """A dict that was read from an object with fields that came twice."""

    names: tuple[str, ...] = ()


def parse(text: bytes, *, subject: str = "the body of the request") -> tuple[Value, list[str]]:
    """Return the value, and the paths of fields that came twice, such as `spec.items[0].name`.

    Args:
        text: UTF-8.
        subject: what to call it when it is no JSON.

    Raises:
        StatusError: 400, it is no JSON or deeper than MOST_LEVELS.

    """
    found = False

    def build(pairs: list[tuple[str, Any]]) -> Object:
        nonlocal found
        result = dict(pairs)
        if len(result) == len(pairs):
            return result
        found = True
        seen: set[str] = set()
        marked = _Twice(result)
        # As upstream: each further one is told, in the order of the text.
        marked.names = tuple(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        return marked

    try:
        # Go, too, puts U+FFFD in the place of what is no UTF-8, and of half a pair of surrogates, which nothing could encode.
        value = json.loads(
            text.decode(errors="replace"),
            object_pairs_hook=build,
            parse_constant=_refuse,
            parse_float=_float,
            parse_int=_integer,
        )
    except RecursionError:
        raise StatusError(400, _TOO_DEEP) from None
    except ValueError as error:
        raise StatusError(400, f"{subject} is no JSON: {shortened(str(error))}") from None
    if too_deep(value):
        raise StatusError(400, _TOO_DEEP)
    if b"\\ud" in text.lower():
        value = _without_surrogates(value)
    if not found:
        return value, []
    told_once: dict[str, None] = {}
    for path in _twice(value, ROOT):
        told_once[path] = None
        if len(told_once) == MOST_CAUSES:
            break
    return _plain(value), list(told_once)


def refuse_depth(value: Value, code: int) -> None:
    """Refuse what a patch made too deep.

    Raises:
        StatusError: it is deeper than MOST_LEVELS.

    """
    if too_deep(value):
        raise StatusError(code, _TOO_DEEP)


def _twice(value: Value, path: Path) -> Iterator[str]:
    if isinstance(value, list):
        for index, one in enumerate(value):
            yield from _twice(one, item(path, index))
    elif isinstance(value, dict):
        if isinstance(value, _Twice):
            yield from (told(field(path, name)) for name in value.names)
        for name, one in value.items():
            if isinstance(one, dict | list):
                yield from _twice(one, field(path, name))


def _plain(value: Value) -> Value:
    """Return a value without _Twice, which is no `dict` to those who look at types."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return {name: _plain(item) for name, item in value.items()} if isinstance(value, dict) else value


def _without_surrogates(value: Value) -> Value:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        clean = {_without_surrogates(name): _without_surrogates(item) for name, item in value.items()}
        if not isinstance(value, _Twice):
            return clean
        marked = _Twice(clean)
        marked.names = tuple(map(_without_surrogates, value.names))
        return marked
    return value


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _integer(text: str) -> float:
    # A longer one never fits, and to read a million digits takes seconds.
    if len(text) <= _LONGEST_INTEGER and _SMALLEST <= (value := int(text)) <= _LARGEST:
        return value
    return _float(text)


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{shortened(text)} is too large")
    return int(value) if value.is_integer() and _SMALLEST <= value <= _LARGEST else value

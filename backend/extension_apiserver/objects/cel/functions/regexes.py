"""`matches`, `find` and `findAll`: their patterns are compiled at start, by RE2, as those of schemas."""

from __future__ import annotations

import math
from collections.abc import Callable

from extension_apiserver.objects.cel.types import BOOL, INT, STRING, Type, list_of
from extension_apiserver.objects.cel.values import ListValue
from extension_apiserver.objects.values import Value

from .overloads import LETTER, Overload, Sizes

#: What a letter of a pattern costs, for each letter of the text.
_PATTERN_LETTER = 0.25
_ARGUMENTS: dict[str, tuple[tuple[Type, ...], ...]] = {
    "matches": ((STRING, STRING),),
    "find": ((STRING, STRING),),
    "findAll": ((STRING, STRING), (STRING, STRING, INT)),
}
NAMES = frozenset(_ARGUMENTS)


def overloads(name: str, pattern: str) -> list[Overload]:
    """Return the function ``name`` with its pattern compiled.

    Raises:
        ValueError: the pattern is none, or google-re2 is not installed.

    """
    compiled = _compiled(pattern)

    def found_all(text: str, most: int = -1) -> ListValue:
        whole: list[str] = []
        for match in compiled.finditer(text):
            if 0 <= most <= len(whole):
                break
            whole.append(match.group())
        return ListValue(whole)

    def found(text: str) -> str:
        match = compiled.search(text)
        return str(match.group()) if match else ""

    runs: dict[str, tuple[Type, Callable[..., Value]]] = {
        "matches": (BOOL, lambda text, _pattern: compiled.search(text) is not None),
        "find": (STRING, lambda text, _pattern: found(text)),
        "findAll": (list_of(STRING), lambda text, _pattern, *most: found_all(text, *most)),
    }
    result, run = runs[name]

    def cost(sizes: Sizes) -> int:
        return math.ceil((1 + sizes[0]) * LETTER) * math.ceil(sizes[1] * _PATTERN_LETTER)

    return [
        Overload(of, result, run, member=member, cost=cost, most=lambda sizes: sizes[0])
        for of in _ARGUMENTS[name]
        for member in ((True, False) if name == "matches" else (True,))
    ]


def _compiled(pattern: str) -> Value:
    try:
        import re2
    except ImportError:
        raise ValueError("a rule with a pattern needs RE2: install extension-apiserver[patterns]") from None
    options = re2.Options()
    options.log_errors = False  # else RE2 writes to standard error by itself
    try:
        return re2.compile(pattern, options=options)
    except re2.error as error:
        raise ValueError(f"'{pattern}' is no pattern of RE2: {error}") from None

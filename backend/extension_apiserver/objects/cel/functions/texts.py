"""Functions of texts; https://kubernetes.io/docs/reference/using-api/cel/#cel-options-language-features-and-libraries."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from extension_apiserver.objects.cel.types import BOOL, DYN, INT, STRING, list_of
from extension_apiserver.objects.cel.values import ListValue, MapValue, Optional, TypeValue
from extension_apiserver.objects.cel.words import CelError

from .conversions import as_text
from .overloads import LETTER, Functions, Overload, Sizes, letters

_TEXTS = list_of(STRING)
_CLAUSE = re.compile(r"%(?:\.(\d+))?(.?)", re.DOTALL)
_SPACES = " \t\n\v\f\r\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
_MOST_DIGITS = 100


def _checked(index: int, most: int) -> int:
    if not 0 <= index <= most:
        raise CelError(f"index out of range: {index}")
    return index


def _char_at(text: str, index: int) -> str:
    return text[_checked(index, len(text)) :][:1]


def _index_of(text: str, part: str, start: int = 0) -> int:
    if start < 0:
        raise CelError(f"index out of range: {start}")
    return min(start, len(text)) if not part else text.find(part, start)


def _last_index_of(text: str, part: str, start: int | None = None) -> int:
    if start is None:
        return text.rfind(part)
    if start < 0:
        raise CelError(f"index out of range: {start}")
    if not part:
        return min(start, len(text))
    return -1 if start >= len(text) else text.rfind(part, 0, start + len(part))


def _substring(text: str, start: int, end: int | None = None) -> str:
    if end is not None and start > end:
        raise CelError(f"invalid substring range. start: {start}, end: {end}")
    return text[_checked(start, len(text)) : len(text) if end is None else _checked(end, len(text))]


def _replace(text: str, old: str, new: str, count: int = -1) -> str:
    return text.replace(old, new, count)


def _split(text: str, separator: str, count: int = -1) -> ListValue:
    if count == 0:
        return ListValue([])
    if not separator:
        whole = list(text) if count < 0 else [*text[: count - 1], text[count - 1 :]]
        return ListValue([part for part in whole if part])
    return ListValue(text.split(separator, count - 1 if count > 0 else -1))


def _join(found: ListValue, separator: str = "") -> str:
    return separator.join(found)


def _only_ascii(change: Callable[[str], str]) -> Callable[[str], str]:
    def changed(text: str) -> str:
        if text.isascii():
            return change(text)
        return "".join(change(letter) if letter.isascii() else letter for letter in text)

    return changed


def _quote(text: str) -> str:
    letters_of = {"\a": "a", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t", "\v": "v", "\\": "\\", '"': '"'}
    return '"' + "".join(f"\\{letters_of[letter]}" if letter in letters_of else letter for letter in text) + '"'


def _formatted(text: str, found: ListValue) -> str:
    """Fill in the clauses %s, %d, %f, %e, %b, %o, %x and %X; https://github.com/google/cel-go/tree/v0.29.2/ext#format."""
    values = iter(found)
    parts, last = [], 0
    for match in _CLAUSE.finditer(text):
        parts.append(text[last : match.start()])
        last = match.end()
        precision, letter = match[1], match[2]
        if letter == "%" and precision is None:
            parts.append("%")
            continue
        if not letter or letter not in "sdfebxXo":
            raise CelError(f'could not parse formatting clause: unrecognized formatting clause "{letter}"')
        try:
            value = next(values)
        except StopIteration:
            raise CelError("index out of range") from None
        if precision is not None and int(precision[:9]) > _MOST_DIGITS:
            raise CelError(f"a formatting clause may have at most {_MOST_DIGITS} digits")
        parts.append(_clause(letter, 6 if precision is None else int(precision), value))
    return "".join([*parts, text[last:]])


def _clause(letter: str, precision: int, value: Any) -> str:  # noqa: ANN401 - a value of CEL
    if letter == "s":
        return _shown(value)
    if letter in "fe" and isinstance(value, int | float) and not isinstance(value, bool):
        if math.isinf(value) or math.isnan(value):
            return as_text(float(value)).replace("Inf", "Infinity").replace("+", "")
        return f"{float(value):.{precision}{letter}}"
    if letter == "b" and isinstance(value, bool):
        return str(int(value))
    if isinstance(value, int) and not isinstance(value, bool) and letter in "dbxXo":
        return f"{int(value):{letter}}"
    if letter in "xX" and isinstance(value, str | bytes):
        digits = (value.encode() if isinstance(value, str) else value).hex()
        return digits if letter == "x" else digits.upper()
    raise CelError(f"error during formatting: %{letter} cannot be used on such a value")


def _shown(value: Any) -> str:  # noqa: ANN401 - a value of CEL
    if value is None:
        return "null"
    if isinstance(value, TypeValue):
        return value.name
    if isinstance(value, ListValue):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, MapValue):
        return "{" + ", ".join(sorted(f"{_shown(key)}: {_shown(value.at(key))}" for key in value.keys())) + "}"
    if isinstance(value, Optional):
        raise CelError(
            "error during formatting: string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps"
        )
    return as_text(value)


def _text_of(sizes: Sizes) -> int:
    return sizes[0]


def _replaced(sizes: Sizes) -> int:
    # The most that can come of it: each letter, and the end, is one more place.
    return sizes[0] + (sizes[0] + 1) * sizes[2]


def _joined(sizes: Sizes) -> int:
    return sizes[0] * (1 + (sizes[1] if len(sizes) > 1 else 0))


def _ends(sizes: Sizes) -> int:
    return math.ceil(sizes[1] * LETTER)


def _contains(sizes: Sizes) -> int:
    return math.ceil(sizes[0] * LETTER) * math.ceil(sizes[1] * LETTER)


def functions() -> Functions:
    """Return them by name."""

    def member(*of: Any, result: Any, run: Callable[..., Any], **more: Any) -> Overload:  # noqa: ANN401 - passed on
        return Overload((STRING, *of), result, run, member=True, **more)

    def same(run: Callable[..., Any], *of: Any, times: float = 1) -> Overload:  # noqa: ANN401 - types
        return member(*of, result=STRING, run=run, cost=letters(0, times=times), most=_text_of)

    both = letters(0, 1)
    return {
        "contains": [member(STRING, result=BOOL, run=lambda text, part: part in text, cost=_contains)],
        "startsWith": [member(STRING, result=BOOL, run=str.startswith, cost=_ends)],
        "endsWith": [member(STRING, result=BOOL, run=str.endswith, cost=_ends)],
        "charAt": [member(INT, result=STRING, run=_char_at, cost=letters(0))],
        "indexOf": [
            member(STRING, result=INT, run=_index_of, cost=_contains),
            member(STRING, INT, result=INT, run=_index_of, cost=_contains),
        ],
        "lastIndexOf": [
            member(STRING, result=INT, run=_last_index_of, cost=_contains),
            member(STRING, INT, result=INT, run=_last_index_of, cost=_contains),
        ],
        "lowerAscii": [same(_only_ascii(str.lower))],
        "upperAscii": [same(_only_ascii(str.upper))],
        "trim": [same(lambda text: text.strip(_SPACES))],
        "substring": [same(_substring, INT), same(_substring, INT, INT)],
        "replace": [
            member(STRING, STRING, *more, result=STRING, run=_replace, cost=letters(0, 2, times=2), most=_replaced)
            for more in ((), (INT,))
        ],
        "split": [
            member(STRING, *more, result=_TEXTS, run=_split, cost=letters(0, times=2), most=_text_of)
            for more in ((), (INT,))
        ],
        "join": [
            Overload((_TEXTS, *more), STRING, _join, member=True, cost=lambda sizes: sizes[0], most=_joined)
            for more in ((), (STRING,))
        ],
        "strings.quote": [Overload((STRING,), STRING, _quote, cost=letters(0), most=lambda sizes: 2 * sizes[0] + 2)],
        "format": [
            member(
                list_of(DYN), result=STRING, run=_formatted, cost=both, most=lambda sizes: 64 * (sizes[0] + sizes[1])
            )
        ],
    }

"""Functions of texts; https://kubernetes.io/docs/reference/using-api/cel/#cel-options-language-features-and-libraries."""

from __future__ import annotations

import math
from collections.abc import Callable

from extension_apiserver.objects.cel.types import BOOL, DYN, INT, STRING, list_of
from extension_apiserver.objects.cel.values import ListValue
from extension_apiserver.objects.cel.words import CelError
from extension_apiserver.objects.values import Value

from .formatting import formatted
from .operators import Meter
from .overloads import LETTER, Functions, Overload, Sizes, letters

_TEXTS = list_of(STRING)
_SPACES = " \t\n\v\f\r\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"


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


def _replace(meter: Meter, text: str, old: str, new: str, count: int = -1) -> str:
    found = text.count(old)
    meter(math.ceil(LETTER * len(new) * (found if count < 0 else min(found, count))))
    return text.replace(old, new, count)


def _split(text: str, separator: str, count: int = -1) -> ListValue:
    if count == 0:
        return ListValue([])
    if not separator:
        whole = list(text) if count < 0 else [*text[: count - 1], text[count - 1 :]]
        return ListValue([part for part in whole if part])
    return ListValue(text.split(separator, count - 1 if count > 0 else -1))


def _join(meter: Meter, found: ListValue, separator: str = "") -> str:
    texts = list(found)
    meter(math.ceil(2 * LETTER * (sum(map(len, texts)) + len(separator) * len(texts))))
    return separator.join(texts)


def _only_ascii(change: Callable[[str], str]) -> Callable[[str], str]:
    def changed(text: str) -> str:
        if text.isascii():
            return change(text)
        return "".join(change(letter) if letter.isascii() else letter for letter in text)

    return changed


def _quote(text: str) -> str:
    letters_of = {"\a": "a", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t", "\v": "v", "\\": "\\", '"': '"'}
    return '"' + "".join(f"\\{letters_of[letter]}" if letter in letters_of else letter for letter in text) + '"'


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

    def member(*of: Value, result: Value, run: Callable[..., Value], **more: Value) -> Overload:
        return Overload((STRING, *of), result, run, member=True, **more)

    def same(run: Callable[..., Value], *of: Value, times: float = 1) -> Overload:
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
            member(
                STRING,
                STRING,
                *more,
                result=STRING,
                run=_replace,
                cost=letters(0, times=2),
                most=_replaced,
                metered=True,
            )
            for more in ((), (INT,))
        ],
        "split": [
            member(STRING, *more, result=_TEXTS, run=_split, cost=letters(0, times=2), most=_text_of)
            for more in ((), (INT,))
        ],
        "join": [
            Overload(
                (_TEXTS, *more), STRING, _join, member=True, cost=lambda sizes: sizes[0], most=_joined, metered=True
            )
            for more in ((), (STRING,))
        ],
        "strings.quote": [Overload((STRING,), STRING, _quote, cost=letters(0), most=lambda sizes: 2 * sizes[0] + 2)],
        "format": [
            member(
                list_of(DYN),
                result=STRING,
                run=formatted,
                cost=both,
                metered=True,
                most=lambda sizes: 64 * (sizes[0] + sizes[1]),
            )
        ],
    }

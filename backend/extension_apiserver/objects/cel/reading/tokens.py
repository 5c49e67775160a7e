"""Splits an expression into tokens, and reads its literals.

https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax
"""

from __future__ import annotations

import dataclasses
import re
from re import Match
from typing import NoReturn

from extension_apiserver.objects.cel.words import UInt
from extension_apiserver.objects.values import Value

#: Rules that people write have some hundred; the time to read one grows with its length.
LONGEST_EXPRESSION = 16 * 1024
RESERVED = frozenset(
    [
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
    ]
)
_TOKEN = re.compile(
    r"""
    (?P<space>[\t\n\f\r ]+|//[^\n]*)
  | (?P<text>(?:[rR][bB]?|[bB][rR]?)?(?:\"\"\"|'''|"|'))
  | (?P<float>\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)
  | (?P<integer>(?:0[xX][0-9a-fA-F]+|\d+)[uU]?)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<quoted>`[A-Za-z0-9_.\-/ ]+`)
  | (?P<sign>&&|\|\||[=!<>]=|[-+*/%<>!?:.,()\[\]{}])
    """,
    re.VERBOSE,
)
_ESCAPE = re.compile(
    r"\\(?:(?P<octal>[0-3][0-7]{2})|[xX](?P<byte>[0-9a-fA-F]{2})|u(?P<short>[0-9a-fA-F]{4})"
    r"|U(?P<long>[0-9a-fA-F]{8})|(?P<letter>[abfnrtv\\?\"'`])|(?P<wrong>.?))",
    re.DOTALL,
)
_LETTERS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_INT64 = 1 << 63


class CompileError(ValueError):
    """An expression is none, or may not be used here; in one sentence for its author."""


@dataclasses.dataclass(frozen=True, slots=True)
class Token:
    """A word of an expression.

    Attributes:
        kind: `sign`, `name`, `quoted` (a field's name between backquotes), `literal` or `end`.
        word: as written.
        at: offset of its first letter.
        value: of a literal.

    """

    kind: str
    word: str
    at: int
    value: Value = None


def refuse(at: int, words: str) -> NoReturn:
    """Raise CompileError; ``at`` is an offset, told as people count."""
    raise CompileError(f"{words} (at letter {at + 1})")


def tokens(text: str) -> list[Token]:
    """Return the tokens of an expression, the last of which is of kind `end`.

    Raises:
        CompileError: it has a letter or a literal that CEL does not know, or is too long.

    """
    if len(text) > LONGEST_EXPRESSION:
        raise CompileError(f"an expression may have at most {LONGEST_EXPRESSION} letters")
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            refuse(at, f"syntax error: unexpected {text[at]!r}")
        kind, word, start, at = match.lastgroup or "", match.group(), at, match.end()
        if kind == "text":
            value, at = _text(text, word, start, at)
            found.append(Token("literal", text[start:at], start, value))
        elif kind in {"float", "integer"}:
            found.append(Token("literal", word, start, _number(word, kind, start)))
        elif kind == "quoted":
            found.append(Token("quoted", word[1:-1], start))
        elif kind != "space":
            found.append(Token(kind, word, start))
    found.append(Token("end", "the end", len(text)))
    return found


def _number(word: str, kind: str, at: int) -> float:
    if kind == "float":
        return float(word)
    unsigned = word[-1] in "uU"
    digits = word[:-1] if unsigned else word
    value = int(digits, 16) if digits[:2].lower() == "0x" else int(digits)
    # The sign of the smallest integer is an operator of its own; the parser puts it back.
    if value >= 2 * _INT64 or (not unsigned and value > _INT64):
        refuse(at, "a number that does not fit into 64 bits")
    return UInt(value) if unsigned else value


def _text(text: str, opening: str, start: int, at: int) -> tuple[str | bytes, int]:
    """Read a string or bytes literal whose prefix and quotes end at ``at``."""
    prefix = opening.rstrip("\"'").lower()
    quotes = opening[len(prefix) :]
    end = at
    while True:
        if end >= len(text) or (len(quotes) == 1 and text[end] in "\r\n"):
            refuse(start, "syntax error: a string that does not end")
        if text.startswith(quotes, end):
            break
        end += 2 if text[end] == "\\" and "r" not in prefix else 1
    body, is_bytes = text[at:end], "b" in prefix
    if "r" in prefix:
        return (body.encode() if is_bytes else body), end + len(quotes)
    parts: list[str | bytes] = []
    last = 0
    for match in _ESCAPE.finditer(body):
        parts += [body[last : match.start()], _escaped(match, is_bytes=is_bytes, start=start)]
        last = match.end()
    parts.append(body[last:])
    if is_bytes:
        return b"".join(part.encode() if isinstance(part, str) else part for part in parts), end + len(quotes)
    return "".join(map(str, parts)), end + len(quotes)


def _escaped(match: Match[str], *, is_bytes: bool, start: int) -> str | bytes:
    if letter := match["letter"]:
        return _LETTERS.get(letter, letter)
    digits = match["octal"] or match["byte"] or match["short"] or match["long"]
    if digits is None or (is_bytes and (match["short"] or match["long"])):
        refuse(start, f"syntax error: the escape sequence {match.group()!r} is none")
    code = int(digits, 8 if match["octal"] else 16)
    if is_bytes:
        return bytes([code])
    if code > 0x10FFFF or 0xD800 <= code < 0xE000:  # noqa: PLR2004 - the code points of Unicode, without surrogates
        refuse(start, f"syntax error: {match.group()} is no character")
    return chr(code)

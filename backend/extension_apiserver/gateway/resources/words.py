"""What others wrote, in our sentences: short, in one line, and nothing that a terminal obeys."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping

from extension_apiserver.gateway.passing.words import unescaped

_LONGEST, _LONGEST_QUOTE = 512, 100
#: What is looked at of an error's body.
_MOST_BYTES = 65536
_NO_TEXT = re.compile(r"<(script|style|head)\b.*?(</\1\s*>|$)|<!--.*?(-->|$)|<[^<>]*>", re.DOTALL | re.IGNORECASE)
#: Where errors have their sentence; `detail` and `title` are https://www.rfc-editor.org/rfc/rfc9457.
_SENTENCES = ("message", "detail", "error_description", "title", "error", "errors", "msg")
_DEEPEST = 4


def plain(text: str, longest: int = _LONGEST) -> str:
    """Return a text in one line without what cannot be printed, at most so many characters and an ellipsis."""
    text = text[: 8 * longest]
    line = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return line if len(line) <= longest else f"{line[:longest]}…"


def quoted(text: str) -> str:
    """Return a text between single quotes, at most 100 characters of it."""
    return f"'{plain(text, _LONGEST_QUOTE)}'"


def shown(value: object) -> str:
    """Return a value of JSON as a message shows it: what it is if it is large, else itself."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return quoted(value) if isinstance(value, str) else json.dumps(value)[:_LONGEST_QUOTE]


def words_of(body: bytes, content_type: str) -> str:
    """Return what the body of an error says, '' if it has no words.

    Args:
        body: any bytes.
        content_type: of the answer; HTML gives its visible text, JSON its sentence.

    """
    text = body[:_MOST_BYTES].decode(errors="replace")
    if "json" in content_type.lower() or text.lstrip()[:1] in {"{", "["}:
        with contextlib.suppress(ValueError, RecursionError):
            return plain(_sentence(json.loads(text)))
    if "html" in content_type.lower() or text.lstrip()[:1] == "<":
        text = unescaped(_NO_TEXT.sub(" ", text))
    return plain(text)


def _sentence(document: object, depth: int = 0) -> str:
    if isinstance(document, str):
        return document
    if depth < _DEEPEST:
        if isinstance(document, Mapping):
            for name in _SENTENCES:
                found = _sentence(document.get(name), depth + 1) if document.get(name) else ""
                if found:
                    return found
        if isinstance(document, list) and document:
            return "; ".join(filter(None, (_sentence(one, depth + 1) for one in document[:5])))
    return "" if document is None or depth else json.dumps(document)

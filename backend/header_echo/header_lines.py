"""Headers as text that people read and YAML parsers too."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Collection, Sequence

_SECRET = frozenset({"authorization", "cookie", "proxy-authorization"})
_REDACTED = "REDACTED"

# A plain scalar of YAML: it begins with no indicator, and holds neither ': ' nor ' #'.
# https://yaml.org/spec/1.2.2/#733-plain-style
_PLAIN = re.compile(r"(?=[!-~])([^-?:,\[\]{}#&*!|>'\"%@` ]|[-?:](?=[^ ]))[ -~]*(?<! )")
_NOT_PLAIN = re.compile(r": | #|:$")
# What YAML 1.1 or 1.2 takes for a number, a time, a boolean, null, a merge key or a value key.
# https://yaml.org/type/
_NOT_A_STRING = re.compile(
    r"[-+]?[0-9_]*(\.[0-9_]*)?(e[-+]?[0-9]+)?"
    r"|[-+]?0(b[01_]+|o[0-7_]+|x[0-9a-f_]+)"
    r"|[-+]?[0-9_]+(:[0-5]?[0-9])+(\.[0-9_]*)?"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([t ].*)?"
    r"|[-+]?\.(inf|nan)|true|false|yes|no|on|off|null|y|n|~|<<|=",
    re.IGNORECASE,
)
#: A parser need not look further for the colon of a key: https://yaml.org/spec/1.2.2/#742-flow-mappings
_LONGEST_KEY = 1000
#: A bound on the memory of the cache of scalars.
_LONGEST_CACHED = 128


def header_document(headers: Sequence[tuple[bytes, bytes]]) -> dict[str, str | list[str]]:
    """Return name → value, or name → values for a header that came more than once; both in arrival order."""
    values: dict[str, list[str]] = {}
    for name, value in headers:
        key = name.decode("latin-1")
        values.setdefault(key, []).append(_REDACTED if key in _SECRET else value.decode("utf-8", "backslashreplace"))
    return {name: several[0] if len(several) == 1 else several for name, several in values.items()}


def header_lines(headers: Sequence[tuple[bytes, bytes]], bare: Collection[str] = ()) -> str:
    """Return the document as YAML, values plain where YAML allows, and those in ``bare`` even where it does not."""

    def shown(value: str) -> str:
        return value if value in bare else scalar(value)

    lines: list[str] = []
    for name, value in header_document(headers).items():
        key = _short_key(name) if len(name) <= _LONGEST_CACHED else _key(name)
        if isinstance(value, str):
            lines.append(f"{key} {shown(value)}")
        else:
            lines.append(key)
            lines.extend(f"- {shown(item)}" for item in value)
    return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    text = scalar(name)
    return f"{text}:" if len(text) <= _LONGEST_KEY else f"? {text}\n:"


def scalar(text: str) -> str:
    """Return a string as a YAML scalar that every parser reads as that string."""
    return _short_scalar(text) if len(text) <= _LONGEST_CACHED else _scalar(text)


def _scalar(text: str) -> str:
    if _PLAIN.fullmatch(text) and not _NOT_PLAIN.search(text) and not _NOT_A_STRING.fullmatch(text):
        return text
    if text.isascii() and text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return "".join(_escaped(character) for character in json.dumps(text, ensure_ascii=False))


# Most names and values are the same in every request.
_short_key = functools.lru_cache(maxsize=256)(_key)
_short_scalar = functools.lru_cache(maxsize=1024)(_scalar)


def _escaped(character: str) -> str:
    """JSON leaves these as they are; YAML does not allow or would fold them."""
    if character.isprintable():
        return character
    return f"\\U{ord(character):08x}"

"""Paths of an upstream in which a name stands, and which names may stand there."""

from __future__ import annotations

import dataclasses
import re
from urllib.parse import quote

from extension_apiserver.gateway.resources.words import quoted

PLACEHOLDERS = ("name", "namespace")

_LONGEST_NAME = 253
#: As https://github.com/kubernetes/apimachinery/blob/v0.34.0/pkg/api/validation/path/name.go, and neither a backslash nor dots before
#: a parameter (`..;x`): servers were seen to take the one for a slash, and the other for `..`.
_NAME = re.compile(r"(?!\.{1,2}(?:[;\s]|\Z))[^/%\\]+")
_PART = re.compile(r"\{([^{}]*)\}")
_LITERAL = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*")
_LEAVES = re.compile(r"(?:^|/)(?:\.|%2[eE]){1,2}(?:;[^/]*)?(?:/|\Z)")
_ENCODED_SLASH = re.compile(r"%(2[fF]|5[cC])")


def is_name(text: str) -> bool:
    """Return whether an object can have such a name: one that stays within its segment of a path, on every way it takes."""
    return 0 < len(text) <= _LONGEST_NAME and text.isprintable() and _NAME.fullmatch(text) is not None


@dataclasses.dataclass(frozen=True, slots=True)
class Template:
    """A path with `{name}` or `{namespace}` in it.

    Attributes:
        text: as it was written, percent-encoded.
        names: which of the two it has.

    """

    text: str
    names: frozenset[str]

    @classmethod
    def of(cls, text: str) -> Template:
        """Read a template.

        Raises:
            ValueError: if it is none; the message goes on from its name.

        """
        names = _PART.findall(text)
        unknown = sorted(set(names) - set(PLACEHOLDERS))
        if unknown:
            raise ValueError(
                f"has the unknown placeholder {quoted('{' + unknown[0] + '}')}; known are {{name}} and {{namespace}}"
            )
        literal = _PART.sub("x", text)
        if not _LITERAL.fullmatch(literal):
            raise ValueError(
                f"must be a path as the upstream has it, percent-encoded, that begins with '/', such as /pets/{{name}}, not {quoted(text)}"
            )
        if _LEAVES.search(literal) or _ENCODED_SLASH.search(literal):
            raise ValueError(f"must have no segment '.' or '..' and no encoded slash: {quoted(text)}")
        return cls(text, frozenset(names))

    def filled(self, **values: str) -> str:
        """Return the path for such values, each of which is a name: see `is_name`."""
        return _PART.sub(lambda match: quote(values[match[1]], safe=""), self.text)

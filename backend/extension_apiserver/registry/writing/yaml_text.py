"""YAML as kube-apiserver reads it, turned into JSON; only this module needs PyYAML.

https://github.com/kubernetes-sigs/yaml/blob/v1.6.0/goyaml.v2/resolve.go
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from extension_apiserver.objects.go_words import shortened
from extension_apiserver.objects.values import MOST_LEVELS
from extension_apiserver.status import StatusError

#: kubectl and controllers send JSON; what people write by hand is smaller. Reading 1 MiB would hold a core for seconds.
MOST_YAML_BYTES = 256 * 2**10
_WORDS: dict[str, Any] = {
    word: value
    for value, words in (
        (True, "y Y yes Yes YES true True TRUE on On ON"),
        (False, "n N no No NO false False FALSE off Off OFF"),
        (None, "~ null Null NULL"),
    )
    for word in words.split()
} | {"": None}
_NO_NUMBERS = {f"{sign}.{word}" for sign in ("", "+", "-") for word in ("inf", "Inf", "INF")} | {".nan", ".NaN", ".NAN"}
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INTEGER = re.compile(r"([-+]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)")
_LONGEST_NUMBER = 70  # 64 binary digits and what is before them
_STRING_TAGS = {"!", "tag:yaml.org,2002:str"}


class _YamlError(Exception):
    """Says why it is none."""


def json_of_yaml(text: bytes) -> bytes:
    """Return the first document of a YAML text as JSON; fields that come twice do so there as well.

    Raises:
        StatusError: 400, it is no YAML, or has what JSON has not: aliases, tags, keys that are no text; 413, it has more than MOST_YAML_BYTES.

    """
    if len(text) > MOST_YAML_BYTES:
        raise StatusError(
            413, f"Request entity too large: YAML has at most {MOST_YAML_BYTES} bytes here: send the same as JSON"
        )
    try:
        import yaml  # an optional dependency, and large
    except ImportError:
        words = "YAML cannot be read here, where PyYAML is not installed: send the same as JSON"
        raise StatusError(400, f"error decoding YAML: {words}") from None
    loader = getattr(yaml, "CLoader", yaml.Loader)
    try:
        made = "".join(_pieces(yaml, yaml.parse(text, Loader=loader)))
        return made.encode(errors="replace") or b"null"
    except _YamlError as error:
        raise StatusError(400, f"error converting YAML to JSON: yaml: {error}") from None
    except yaml.YAMLError as error:
        words = shortened(" ".join(str(error).split()))
        raise StatusError(400, f"error converting YAML to JSON: yaml: {words}") from None


def _pieces(yaml: Any, events: Any) -> Iterator[str]:  # noqa: ANN401 - PyYAML has no types
    """Yield the parts of the JSON text."""
    within: list[_Collection] = []
    for event in events:
        if isinstance(event, yaml.DocumentEndEvent | yaml.StreamEndEvent):
            return
        if isinstance(event, yaml.CollectionEndEvent):
            yield "}" if within.pop().is_mapping else "]"
        elif isinstance(event, yaml.NodeEvent):
            outer = within[-1] if within else _Collection(is_mapping=False)
            is_key, separator = outer.add()
            line = f"line {event.start_mark.line + 1}"
            if isinstance(event, yaml.ScalarEvent):
                yield separator + _scalar(event, line, is_key=is_key)
                continue
            within.append(_Collection(is_mapping=isinstance(event, yaml.MappingStartEvent)))
            _refuse(event, line, is_alias=isinstance(event, yaml.AliasEvent), is_key=is_key, levels=len(within))
            yield separator + ("{" if within[-1].is_mapping else "[")


class _Collection:
    """A mapping or a sequence, and how many nodes it has yet."""

    def __init__(self, *, is_mapping: bool) -> None:
        self.is_mapping = is_mapping
        self._nodes = 0

    def add(self) -> tuple[bool, str]:
        """Return whether the next node is a key, and what separates it from the one before."""
        is_key = self.is_mapping and self._nodes % 2 == 0
        separator = ":" if self.is_mapping and not is_key else "," if self._nodes else ""
        self._nodes += 1
        return is_key, separator


def _refuse(event: Any, line: str, *, is_alias: bool, is_key: bool, levels: int) -> None:  # noqa: ANN401
    if is_alias:
        raise _YamlError(f"{line}: an alias is refused: write what it stands for")
    if is_key:
        raise _YamlError(f"{line}: a key is no text")
    if levels > MOST_LEVELS:
        raise _YamlError(f"{line}: it is nested deeper than {MOST_LEVELS} levels")
    _refuse_tag(event.tag, line, {"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"})


def _scalar(event: Any, line: str, *, is_key: bool) -> str:  # noqa: ANN401
    _refuse_tag(event.tag, line, _STRING_TAGS)
    text: str = event.value
    if event.tag or event.style in {"'", '"', "|", ">"}:
        return json.dumps(text, ensure_ascii=False)
    if is_key and text == "<<":
        raise _YamlError(f"{line}: the key << is refused: write what it merges")
    try:
        value = _resolved(text)
    except ValueError:
        raise _YamlError(f"{line}: {shortened(text)} is no number that JSON has") from None
    said = value if isinstance(value, str) else json.dumps(value)
    if not is_key:
        return json.dumps(said, ensure_ascii=False) if isinstance(value, str) else said
    if value is None:
        raise _YamlError(f"{line}: a key is null")
    return json.dumps(said, ensure_ascii=False)


def _refuse_tag(tag: str | None, line: str, known: set[str]) -> None:
    if tag and tag not in known:
        raise _YamlError(f"{line}: the tag {shortened(tag)} is refused: write a plain value")


def _resolved(text: str) -> Any:  # noqa: ANN401
    """Return what a plain scalar stands for; a day or a time is a text, as for upstream.

    Raises:
        ValueError: it is infinite or no number.

    """
    if text in _WORDS:
        return _WORDS[text]
    if text in _NO_NUMBERS:
        raise ValueError
    if text[0] not in "+-.0123456789":
        return text
    plain = text.replace("_", "")
    whole = _INTEGER.fullmatch(plain)
    if whole and len(plain) <= _LONGEST_NUMBER:
        digits = whole[2]
        base = 0 if digits[1:2].lower() in {"x", "b", "o"} else 8 if digits.startswith("0") and len(digits) > 1 else 10
        value = int(whole[1] + digits, base)
        if -(2**63) <= value < 2**64:
            return value
    if _FLOAT.fullmatch(plain):
        number = float(plain)
        if number in {float("inf"), float("-inf")}:
            raise ValueError
        return number
    return text

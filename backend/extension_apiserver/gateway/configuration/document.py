"""The text of a configuration file, JSON or YAML, as the objects of JSON.

Of YAML that is a part: no aliases (few lines of them can be gigabytes), no tags, no dates, no key twice.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from .section import shown

MOST_BYTES = 2**20
_INSTALL = "pip install 'extension-apiserver[gateway]'"


class DocumentError(ValueError):
    """The file is no document; the message says why, and not where."""


def read_document(path: Path) -> Any:  # noqa: ANN401
    """Return what is in a file: JSON if its name ends in `.json`, else YAML, of which JSON is a part; JSON alone without PyYAML.

    Raises:
        DocumentError: if it can't be read or is neither.

    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise DocumentError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(content) > MOST_BYTES:
        raise DocumentError(f"has more than {MOST_BYTES} bytes")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentError(f"is not UTF-8: byte {error.start + 1} is none of it") from None
    try:
        return _json(text) if path.suffix == ".json" else _yaml(text)
    except RecursionError:
        raise DocumentError("is nested too deeply") from None


def _json(text: str) -> Any:  # noqa: ANN401
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise DocumentError(f"is not JSON: line {error.lineno}, column {error.colno}: {error.msg}") from None
    except DocumentError:
        raise
    except ValueError as error:  # a number of thousands of digits
        raise DocumentError(f"is not JSON: {error}") from None


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise DocumentError(f"has the key {shown(key)} twice in one object; which of them counts is not said")
        found[key] = value
    return found


def _no_number(text: str) -> NoReturn:
    raise DocumentError(f"is not JSON: {text} is no number of it")


def _yaml(text: str) -> Any:  # noqa: ANN401
    try:
        from .yaml_document import load
    except ModuleNotFoundError:
        try:
            return _json(text)
        except DocumentError as error:
            raise DocumentError(f"{error}; if it is YAML: PyYAML is not installed, {_INSTALL}") from None
    try:
        return load(text)
    except ValueError as error:
        raise DocumentError(str(error)) from None

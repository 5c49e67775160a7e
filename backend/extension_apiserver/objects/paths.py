"""Where in an object a value is, as `spec.items[0].name`.

The way is a chain that is put together only when it is told: a key may be as long as the body, and every field below it has it in its path.
"""

from __future__ import annotations

from typing import Any

from .go_words import LONGEST_QUOTE, shortened

#: The chain of a value: that of the value around it, and the step from there; () is the object itself.
Path = tuple[Any, ...]
ROOT: Path = ()


def field(path: Path, name: str) -> Path:
    """Return the path of a field."""
    return (path, f".{name}")


def item(path: Path, index: int | str) -> Path:
    """Return the path of an item of a list, or of the value of a key."""
    return (path, f"[{index}]")


def told(path: Path) -> str:
    """Return the path as a sentence tells it, shortened."""
    steps = []
    while path:
        path, step = path
        steps.append(step)
    text = ""
    # A step may have half a million letters, and half a million fields below it.
    while steps and len(text) <= LONGEST_QUOTE + 1:
        text += steps.pop()[: LONGEST_QUOTE + 2]
    return shortened(text.removeprefix("."))

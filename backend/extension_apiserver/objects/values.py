"""JSON values as Python has them: equality, copies, depth.

A number without a fraction that fits into 64 bits is an int, whatever its spelling; every other is a float. `json_text.parse` makes it so,
and it is what Go has once an object was written and read again.
"""

from __future__ import annotations

import json
from typing import Any

#: None, bool, int, float, str, a list of them or a dict from str to them.
Value = Any
Object = dict[str, Any]

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)
_HTML = ("<", ">", "&", "\u2028", "\u2029")
#: Go reads 10,000 levels. Each costs us several Python frames, of which an interpreter has 1,000; what people write has about 20.
MOST_LEVELS = 100
#: Of an object without its metadata: its managedFields tell of each level too, some levels further down, and can be sent back.
MOST_OWN_LEVELS = 90


def same(one: Value, other: Value) -> bool:
    """Return whether both are the same JSON value: True is not 1, and 1.0 is."""
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and len(one) == len(other)
            and all(name in other and same(item, other[name]) for name, item in one.items())
        )
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return type(other) not in (dict, list) and bool(one == other)


def copied(value: Value) -> Value:
    """Return a copy that shares no dict and no list with the value."""
    if isinstance(value, dict):
        return {name: copied(item) for name, item in value.items()}
    if isinstance(value, list):
        return [copied(item) for item in value]
    return value


def too_deep(value: Value, most: int = MOST_LEVELS) -> bool:
    """Return whether more than so many dicts and lists are within each other; needs no recursion."""
    level = [value]
    for _ in range(most):
        if not level:
            return False
        inner: list[Value] = []
        for item in level:
            if isinstance(item, dict):
                inner.extend(one for one in item.values() if isinstance(one, dict | list))
            elif isinstance(item, list):
                inner.extend(one for one in item if isinstance(one, dict | list))
        level = inner
    return bool(level)


def canonical(value: Value) -> str:
    """Return the value as Go's encoding/json has it: sorted, without spaces, and safe within HTML.

    https://pkg.go.dev/encoding/json#Marshal
    """
    text = _ENCODER.encode(value)
    for letter in _HTML:
        if letter in text:
            text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text

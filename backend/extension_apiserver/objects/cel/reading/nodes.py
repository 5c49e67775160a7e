"""The tree of an expression."""

from __future__ import annotations

import dataclasses

from extension_apiserver.objects.values import Value

from .tokens import CompileError

#: Of the tree, in which also each operator and field of a row is a level.
MOST_DEPTH = 64


@dataclasses.dataclass(frozen=True, slots=True)
class Node:
    """A part of an expression.

    Attributes:
        kind: `literal`, `name`, `select`, `has`, `index`, `call`, `list`, `map`, `all` (&&) or `any` (||).
        at: offset in the text.
        name: of a variable, field or function.
        value: of a literal.
        target: what a function or field belongs to.
        inner: arguments, items, or keys and values in turn.
        optional: `?.` and `[?]`; of a list or map: which items were written with `?`.

    """

    kind: str
    at: int
    name: str = ""
    value: Value = None
    target: Node | None = None
    inner: tuple[Node, ...] = ()
    optional: tuple[bool, ...] = ()
    depth: int = dataclasses.field(init=False, default=0)

    def __post_init__(self) -> None:
        depth = 1 + max((one.depth for one in (self.target, *self.inner) if one), default=0)
        if depth > MOST_DEPTH:
            raise CompileError(
                f"an expression may have at most {MOST_DEPTH} operators, fields and calls upon each other"
            )
        object.__setattr__(self, "depth", depth)

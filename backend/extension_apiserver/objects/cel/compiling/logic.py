"""`&&`, `||` and `?:`, which may leave a part out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

from extension_apiserver.objects.cel import types
from extension_apiserver.objects.cel.frames import Code, Frame, Scope
from extension_apiserver.objects.cel.reading.nodes import Node
from extension_apiserver.objects.cel.reading.tokens import refuse
from extension_apiserver.objects.cel.types import BOOL, joined
from extension_apiserver.objects.cel.words import CelError
from extension_apiserver.objects.values import Value

from .literals import Compile


def condition(node: Node, scope: Scope, compiled: Compile) -> Code:
    """Return `a ? b : c`."""
    asked, yes, no = (compiled(one, scope) for one in node.inner)
    kind = joined(yes.type, no.type)
    if not types.fits(asked.type, BOOL) or kind is None:
        told = f"{asked.type}, {yes.type}, {no.type}"
        refuse(node.at, f"found no matching overload for '_?_:_' applied to '({told})'")

    def run(frame: Frame) -> Value:
        value = asked.run(frame)
        if value is True:
            return yes.run(frame)
        if value is False:
            return no.run(frame)
        raise CelError("no such overload")

    most = max(yes.type.most, no.type.most)
    return Code(dataclasses.replace(kind, most=most), run, asked.cost + max(yes.cost, no.cost))


def logic(node: Node, scope: Scope, compiled: Compile) -> Code:
    """Return && or ||: an error counts only where no other part decides."""
    parts = [compiled(one, scope) for one in node.inner]
    decides = node.kind == "any"
    sign = "_||_" if decides else "_&&_"
    for part in parts:
        if not types.fits(part.type, BOOL):
            refuse(
                node.at,
                f"found no matching overload for '{sign}' applied to '({', '.join(str(one.type) for one in parts)})'",
            )
    runs = [one.run for one in parts]
    return Code(BOOL, lambda frame: decided(runs, frame, decides), sum(one.cost for one in parts))


def decided(runs: Iterable[Callable[[Frame], Value]], frame: Frame, decides: bool) -> bool:
    """Return `decides` as soon as one of them has that value, else the opposite; an error counts only where none decides."""
    error: CelError | None = None
    for run in runs:
        try:
            value = run(frame)
        except CelError as caught:
            error = error or caught
            continue
        if value is decides:
            return bool(decides)
        if not isinstance(value, bool):
            error = error or CelError("no such overload")
    if error:
        raise error
    return not decides

"""`optMap` and `optFlatMap`: what is done with a value that may be missing."""

from __future__ import annotations

import dataclasses

from extension_apiserver.objects.cel.frames import Code, Frame, Scope
from extension_apiserver.objects.cel.reading.nodes import Node
from extension_apiserver.objects.cel.reading.tokens import refuse
from extension_apiserver.objects.cel.types import DYN, optional
from extension_apiserver.objects.cel.values import Optional
from extension_apiserver.objects.cel.words import CelError

from .literals import Compile


def compile_optional(node: Node, scope: Scope, compiled: Compile, over: Code) -> Code:
    """Return the macro; ``over`` is the value that may be missing."""
    if over.type.name not in {"optional", "dyn"}:
        refuse(node.at, f"{node.name} belongs to what may be missing, not to a '{over.type}'")
    kind = over.type.of[0] if over.type.of else DYN
    part = compiled(node.inner[1], scope.within((node.inner[0].name, dataclasses.replace(kind, most=over.type.most))))
    flat, first = node.name == "optFlatMap", len(scope.variables)
    if flat and part.type.name not in {"optional", "dyn"}:
        refuse(node.at, f"optFlatMap must give what may be missing, not a '{part.type}'")

    def run(frame: Frame) -> Optional:
        value = over.run(frame)
        if not isinstance(value, Optional):
            raise CelError("no such overload")
        if not value.value:
            return value
        frame.values.extend([None] * (first + 1 - len(frame.values)))
        frame.values[first] = value.value[0]
        result = part.run(frame)
        if flat and not isinstance(result, Optional):
            raise CelError("no such overload")
        return result if flat else Optional((result,))

    result = part.type if flat else dataclasses.replace(optional(part.type), most=part.type.most)
    return Code(result, run, over.cost + part.cost + 1)

"""A rule of a schema, once it is compiled."""

from __future__ import annotations

import dataclasses

from .frames import Code
from .types import Type


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """One of `x-kubernetes-validations`.

    Attributes:
        name: what sentences call it: its message, else the rule as written.
        detail: what is said when it is broken.
        code: whether it is kept.
        type: of the value that it is about.
        message: what is said instead of ``detail``, None if there is no messageExpression.
        reason: of the cause, `FieldValueInvalid` and others.
        field: path of the field it is about, from the value of the rule; "" for that value itself.
        transition: it names oldSelf, so it is about changes only.
        optional_old: with oldSelf as something that may be missing, it is about new objects too.

    """

    name: str
    detail: str
    code: Code
    type: Type
    message: Code | None = None
    reason: str = "FieldValueInvalid"
    field: str = ""
    transition: bool = False
    optional_old: bool = False

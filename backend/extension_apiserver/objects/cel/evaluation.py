"""Whether an object keeps the rules of its schema.

https://github.com/kubernetes/apiextensions-apiserver/blob/v0.37.2/pkg/apiserver/schema/cel/validation.go
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from extension_apiserver.objects import causes
from extension_apiserver.objects.causes import MOST_CAUSES, NO_FIELD, Cause
from extension_apiserver.objects.paths import ROOT, Path, field, item, told
from extension_apiserver.objects.schema.structural import ABSENT, RULES, Structural
from extension_apiserver.objects.values import Object, Value, canonical, same

from .declarations import declared
from .frames import Code, Exhausted, Frame
from .rule import Rule
from .types import Type
from .values import Optional, seen
from .words import CelError

#: What one run may spend, as kube-apiserver: an expression of a hundred letters for 10,000 items.
MOST_PER_CALL = 1_000_000
#: What all runs for one object may spend together; kube-apiserver allows ten times as much, being ten times as fast.
MOST_PER_OBJECT = 2_000_000
_LONGEST_MESSAGE = 5 * 1024
_BLOCKING = {
    "FieldValueNotSupported",
    "FieldValueRequired",
    "FieldValueTooLong",
    "FieldValueTooMany",
    "FieldValueTypeInvalid",
}
_NOT_CHECKED = (
    "some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation"
)


class _Stop(Exception):
    """No further rules are run."""


@dataclasses.dataclass(slots=True)
class _Pair:
    """A value and what it was, () if nothing can be said of that; what stays as it is may stay, though it breaks a rule."""

    value: Value
    old: tuple[Value, ...]
    around: _Pair | None
    known: bool | None = None

    def stays(self) -> bool:
        if self.known is None:
            self.known = same(self.value, self.old[0]) if self.old else bool(self.around and self.around.stays())
        return self.known


@dataclasses.dataclass(slots=True)
class _Walk:
    found: list[Cause] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)
    left: int = MOST_PER_OBJECT


def rule_causes(new: Object, schema: Structural, old: Value, before: list[Cause]) -> tuple[list[Cause], list[str]]:
    """Return the causes of broken rules, and warnings about those that were broken already.

    Args:
        new: as it is to be stored.
        schema: of the whole object.
        old: as it is stored, ABSENT of a new object.
        before: what the schema itself found: after a fault of type, length or the like, no rules are run.

    """
    if RULES not in schema.holds:
        return [], []
    if any(cause.reason in _BLOCKING for cause in before):
        return [causes.invalid(NO_FIELD, None, _NOT_CHECKED)], []
    walk = _Walk()
    pair = _Pair(new, () if old is ABSENT else (old,), None)
    try:
        _check(walk, pair, schema, ROOT, root=True)
    except _Stop:
        pass
    return walk.found[:MOST_CAUSES], walk.warnings[:MOST_CAUSES]


def _check(walk: _Walk, pair: _Pair, schema: Structural | None, path: Path, *, root: bool = False) -> None:
    if schema is None or RULES not in schema.holds or pair.value is None:
        return
    if schema.rules:
        _run_all(walk, pair, schema, path, root=root)
    if isinstance(pair.value, list):
        _check_items(walk, pair, schema, path)
    elif isinstance(pair.value, dict):
        old = pair.old[0] if pair.old and isinstance(pair.old[0], dict) else {}
        for name, value in pair.value.items():
            part = schema.of(name)
            if part is not None and RULES in part.holds:
                inner = field(path, name) if name in schema.properties else item(path, name)
                hidden = path is ROOT and name in {"apiVersion", "kind"}
                was = (old[name],) if name in old and not hidden else ()
                _check(walk, _Pair(value, was, None if hidden else pair), part, inner, root=part.embedded)


def _check_items(walk: _Walk, pair: _Pair, schema: Structural, path: Path) -> None:
    if schema.items is None or RULES not in schema.items.holds:
        return
    old: Mapping[str, Value] = {}
    if schema.list_type == "map" and pair.old and isinstance(pair.old[0], list):
        old = {_key(one, schema.list_keys): one for one in reversed(pair.old[0])}
    for index, one in enumerate(pair.value):
        key = _key(one, schema.list_keys) if old else ""
        was = (old[key],) if key in old else ()
        _check(walk, _Pair(one, was, pair), schema.items, item(path, index), root=schema.items.embedded)


def _key(one: Value, keys: tuple[str, ...]) -> str:
    return canonical([one.get(key) for key in keys]) if isinstance(one, dict) else ""


def _run_all(walk: _Walk, pair: _Pair, schema: Structural, path: Path, *, root: bool) -> None:
    kind = declared(schema, told(path), root=root)
    if kind is None:
        return
    old = None if not pair.old else pair.old[0]
    for rule in schema.rules:
        if rule.transition and old is None and not rule.optional_old:
            continue
        if len(walk.found) >= MOST_CAUSES:
            raise _Stop
        try:
            values = _variables(pair.value, old, kind, rule)
            kept = _spend(walk, rule.code, values)
        except CelError as error:
            walk.found.append(_failed(path, schema, _error_words(str(error), rule)))
            continue
        except Exhausted:
            _stop(walk, path, schema, rule)
        if kept is not True:
            _report(walk, pair, schema, path, rule, values)


def _variables(value: Value, old: Value, kind: Type, rule: Rule) -> list[Any]:
    was = None if old is None or not rule.transition else seen(old, kind)
    if rule.optional_old:
        was = Optional() if old is None else Optional((was,))
    return [seen(value, kind), was]


def _spend(walk: _Walk, code: Code, values: list[Any]) -> Any:  # noqa: ANN401 - a value of CEL
    most = min(walk.left, MOST_PER_CALL)
    frame = Frame(list(values), most)
    try:
        return code.run(frame)
    finally:
        walk.left -= most - frame.left


def _error_words(error: str, rule: Rule) -> str:
    if error.startswith("no such overload"):
        return f"'{error}': call arguments did not match a supported operator, function or macro signature for rule: {rule.name}"
    return f"{error} evaluating rule: {rule.name}"


def _failed(path: Path, schema: Structural, words: str) -> Cause:
    return causes.invalid(told(path) or NO_FIELD, schema.type, words)


def _stop(walk: _Walk, path: Path, schema: Structural, rule: Rule) -> None:
    if walk.left <= 0:
        words = "validation failed due to running out of cost budget, no further validation rules will be run"
    else:
        words = (
            "'operation cancelled: actual cost limit exceeded': no further validation rules will be run due to call "
            f"cost exceeds limit for rule: {rule.name}"
        )
    walk.found.append(_failed(path, schema, words))
    raise _Stop


def _report(walk: _Walk, pair: _Pair, schema: Structural, path: Path, rule: Rule, values: list[Any]) -> None:
    detail, over = _detail(walk, rule, values)
    place = told(path)
    if rule.field:
        place = f"{place}{'' if not place or rule.field.startswith('[') else '.'}{rule.field}"
    place = place or NO_FIELD
    if over:
        walk.found.append(causes.invalid(place, schema.type, detail))
        raise _Stop
    shown = () if schema.type in {"object", "array"} else (pair.value,)
    makers = {
        "FieldValueForbidden": lambda: causes.forbidden(place, detail),
        "FieldValueRequired": lambda: causes.required(place, detail),
        "FieldValueDuplicate": lambda: causes.duplicate(place, *shown),
    }
    cause = makers.get(rule.reason, lambda: causes.invalid_of(place, detail, *shown))()
    if not rule.transition and pair.stays():
        walk.warnings.append(f"{cause.field}: {cause.message}")
    else:
        walk.found.append(cause)


def _detail(walk: _Walk, rule: Rule, values: list[Any]) -> tuple[str, bool]:
    """Return what is said of a broken rule, and whether saying it has spent too much."""
    if rule.message is None:
        return rule.detail, False
    try:
        words = str(_spend(walk, rule.message, values)).strip()
    except CelError:
        return rule.detail, False
    except Exhausted:
        return (
            "messageExpression evaluation failed due to running out of cost budget, no further validation rules will be run",
            True,
        )
    fits = words and "\n" not in words and len(words.encode()) <= _LONGEST_MESSAGE
    return words if fits else rule.detail, False

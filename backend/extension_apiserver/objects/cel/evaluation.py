"""Whether an object keeps the rules of its schema.

https://github.com/kubernetes/apiextensions-apiserver/blob/v0.37.2/pkg/apiserver/schema/cel/validation.go
"""

from __future__ import annotations

from collections.abc import Mapping

from extension_apiserver.objects import causes
from extension_apiserver.objects.causes import MOST_CAUSES, NO_FIELD, Cause
from extension_apiserver.objects.paths import ROOT, Path, field, item
from extension_apiserver.objects.schema.structural import ABSENT, RULES, Structural
from extension_apiserver.objects.values import Object, Value, canonical

from .frames import Exhausted
from .rule import Rule
from .runs import Pair, Stop, Walk, error_words, failed, report, spend, stop
from .values import Optional, seen
from .words import CelError

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
    walk = Walk()
    pair = Pair(new, () if old is ABSENT else (old,), None)
    try:
        _check(walk, pair, schema, ROOT)
    except Stop:
        pass
    return walk.found[:MOST_CAUSES], walk.warnings


def _check(walk: Walk, pair: Pair, schema: Structural | None, path: Path) -> None:
    if schema is None or RULES not in schema.holds or pair.value is None:
        return
    if schema.rules:
        _run_all(walk, pair, schema, path)
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
                _check(walk, Pair(value, was, None if hidden else pair), part, inner)


def _check_items(walk: Walk, pair: Pair, schema: Structural, path: Path) -> None:
    if schema.items is None or RULES not in schema.items.holds:
        return
    old: Mapping[str, Value] = {}
    if schema.list_type == "map" and pair.old and isinstance(pair.old[0], list):
        old = {_key(one, schema.list_keys): one for one in reversed(pair.old[0])}
    for index, one in enumerate(pair.value):
        key = _key(one, schema.list_keys) if old else ""
        was = (old[key],) if key in old else ()
        _check(walk, Pair(one, was, pair), schema.items, item(path, index))


def _key(one: Value, keys: tuple[str, ...]) -> str:
    return canonical([one.get(key) for key in keys]) if isinstance(one, dict) else ""


def _run_all(walk: Walk, pair: Pair, schema: Structural, path: Path) -> None:
    old = None if not pair.old else pair.old[0]
    for rule in schema.rules:
        if rule.transition and old is None and not rule.optional_old:
            continue
        if len(walk.found) >= MOST_CAUSES:
            raise Stop
        try:
            values = _variables(pair.value, old, rule)
            kept = spend(walk, rule.code, values)
        except CelError as error:
            walk.found.append(failed(path, schema, error_words(str(error), rule)))
            continue
        except Exhausted:
            stop(walk, path, schema, rule)
        if kept is not True:
            report(walk, pair, schema, path, rule, values)


def _variables(value: Value, old: Value, rule: Rule) -> list[Value]:
    was = None if old is None or not rule.transition else seen(old, rule.type)
    if rule.optional_old:
        was = Optional() if old is None else Optional((was,))
    return [seen(value, rule.type), was]

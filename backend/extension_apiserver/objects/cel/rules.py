"""Reads `x-kubernetes-validations` of a schema, and refuses what cannot be kept or could cost too much.

https://github.com/kubernetes/apiextensions-apiserver/blob/v0.37.2/pkg/apis/apiextensions/validation/validation.go
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from extension_apiserver.objects.schema.structural import Structural
from extension_apiserver.objects.values import Value

from .compiling.compiler import compiled
from .declarations import MOST_BYTES, declared
from .frames import Code, Scope
from .reading.syntax import parse
from .reading.tokens import CompileError
from .rule import Rule
from .types import BOOL, STRING, Type, optional

#: As kube-apiserver: of a rule for all values it is for, and of all rules of a schema.
MOST_COST, MOST_TOTAL_COST = 10_000_000, 100_000_000
MOST_RULES = 100
_REASONS = ("FieldValueRequired", "FieldValueForbidden", "FieldValueInvalid", "FieldValueDuplicate")
_KNOWN = {
    "rule": str,
    "message": str,
    "messageExpression": str,
    "reason": str,
    "fieldPath": str,
    "optionalOldSelf": bool,
}
_STEP = re.compile(r"\.([^.\[\]']+)|\['((?:[^'\\]|\\.)*)'\]")
_BREAK = re.compile(r"[\n\r]")
_QUOTED = re.compile(r"\\(.)")
_ADVICE = "simplify the rule, or set maxItems, maxProperties and maxLength where arrays, maps and strings are declared"


def read_rules(sources: object, schema: Structural, where: str, *, root: bool) -> tuple[Rule, ...]:
    """Return the rules of one node.

    Args:
        sources: the value of `x-kubernetes-validations`.
        schema: the node.
        where: its path, for sentences.
        root: its values are whole objects.

    Raises:
        ValueError: a rule is none, or names what is not there.

    """
    if not isinstance(sources, list) or len(sources) > MOST_RULES:
        raise ValueError(f"{where}: x-kubernetes-validations must be a list of at most {MOST_RULES} rules")
    kind = declared(schema, where, root=root)
    if kind is None:
        raise ValueError(f"{where}: a rule needs a value whose type the schema says, down to its items")
    return tuple(
        _rule(source, schema, kind, f"{where}.x-kubernetes-validations[{n}]") for n, source in enumerate(sources)
    )


def _rule(source: object, schema: Structural, kind: Type, where: str) -> Rule:
    if not isinstance(source, Mapping):
        raise ValueError(f"{where} must be an object")  # noqa: TRY004 - one kind of error for the author
    for name, value in source.items():
        if name not in _KNOWN or not isinstance(value, _KNOWN[name]):
            raise ValueError(f"{where}: '{name}' is no part of a rule, or of another type")
    text, message, words = (str(source.get(name, "")).strip() for name in ("rule", "message", "messageExpression"))
    reason, field = source.get("reason", "FieldValueInvalid"), source.get("fieldPath", "")
    _check_words(source, text, message, words, where)
    if reason not in _REASONS:
        raise ValueError(f"{where}.reason must be one of {', '.join(_REASONS)}")
    try:
        path = field_path(field, schema) if field else ""
    except ValueError as error:
        raise ValueError(f"{where}.fieldPath: {error}") from None
    may_miss = bool(source.get("optionalOldSelf"))
    scope = Scope((("self", kind), ("oldSelf", optional(kind) if may_miss else kind)))
    code = _compiled(source["rule"], scope, BOOL, f"{where}.rule")
    transition = "oldSelf" in scope.used
    if "optionalOldSelf" in source and not transition:
        raise ValueError(f"{where}.optionalOldSelf may not be set if oldSelf is not used in rule")
    expression = _compiled(words, scope, STRING, f"{where}.messageExpression") if words else None
    name = message or text
    return Rule(name, message or f"failed rule: {text}", code, kind, expression, reason, path, transition, may_miss)


def _check_words(source: Mapping[str, Value], text: str, message: str, words: str, where: str) -> None:
    if not text:
        raise ValueError(f"{where}.rule is not specified")
    if "message" in source and not message and source["message"]:
        raise ValueError(f"{where}.message must be non-empty if specified")
    if _BREAK.search(message):
        raise ValueError(f"{where}.message must not contain line breaks")
    if _BREAK.search(text) and not message:
        raise ValueError(f"{where}.message must be specified if rule contains line breaks")
    if source.get("messageExpression") and not words:
        raise ValueError(f"{where}.messageExpression must be non-empty if specified")


def _compiled(text: str, scope: Scope, wanted: Type, where: str) -> Code:
    try:
        code = compiled(parse(text), scope)
    except CompileError as error:
        raise ValueError(f"{where}: {error}") from None
    if code.type != wanted:
        raise ValueError(f"{where} must evaluate to a {wanted}, not to a {code.type}")
    if code.cost > MOST_COST:
        raise ValueError(f"{where} can cost {_times(code.cost, MOST_COST)} what one may: {_ADVICE}")
    return code


def _times(cost: int, most: int) -> str:
    factor = cost / most
    return "more than 100 times" if factor > 100 else f"{factor:.1f} times"  # noqa: PLR2004 - beyond, the number says nothing


def field_path(text: str, schema: Structural) -> str:
    """Return `fieldPath` as causes tell it: `.spec['a.b']` is `spec[a.b]` of a map, `spec.a.b` of an object.

    Raises:
        ValueError: there is no such field in the schema.

    """
    told, at = "", 0
    for match in _STEP.finditer(text):
        name = match[1] if match[1] is not None else _QUOTED.sub(r"\1", match[2])
        inner = schema.of(name)
        if match.start() != at or inner is None:
            break
        told += f".{name}" if name in schema.properties else f"[{name}]"
        schema, at = inner, match.end()
    if at != len(text):
        raise ValueError(f"'{text}' is no path of the schema, such as .field or ['key']")
    return told.removeprefix(".")


def check_costs(root: Structural) -> None:
    """Check what the rules of a schema can cost for all values of an object together.

    Raises:
        ValueError: too much, or oldSelf is named where no value can be told from another.

    """
    total = 0
    for where, cost in _costs(root, "the schema", 1, ""):
        total += cost
        if cost > MOST_COST:
            raise ValueError(
                f"{where} can cost {_times(cost, MOST_COST)} what one may, for all values of an object: {_ADVICE}"
            )
    if total > MOST_TOTAL_COST:
        raise ValueError(f"all rules of the schema can cost {_times(total, MOST_TOTAL_COST)} what they may: {_ADVICE}")


def _costs(schema: Structural, where: str, count: int | None, blind: str) -> Iterator[tuple[str, int]]:
    """Yield what each rule can cost; ``count`` is how many such values there can be, ``blind`` the list that hides them."""
    for n, rule in enumerate(schema.rules):
        if rule.transition and blind:
            raise ValueError(
                f"{where}.x-kubernetes-validations[{n}].rule: oldSelf cannot be used on the uncorrelatable portion of the schema within {blind}"
            )
        often = MOST_BYTES // (rule.type.least_bytes + 1) if count is None else count
        yield f"{where}.x-kubernetes-validations[{n}].rule", rule.code.cost * often
        if rule.message:
            yield f"{where}.x-kubernetes-validations[{n}].messageExpression", rule.message.cost
    for name, part in schema.properties.items():
        yield from _costs(part, f"{where}.properties.{name}", count, blind)
    if schema.items:
        hidden = blind or ("" if schema.list_type == "map" else where)
        yield from _costs(schema.items, f"{where}.items", _times_most(count, schema.checks.max_items), hidden)
    if schema.additional:
        most = schema.checks.max_properties
        yield from _costs(schema.additional, f"{where}.additionalProperties", _times_most(count, most), blind)


def _times_most(count: int | None, most: int | None) -> int | None:
    return None if count is None or most is None else count * most

"""Whether an object keeps its schema: types, required fields, limits, enumerations, allOf and the like.

The walk, its sentences and its oddities are those of k8s.io/kube-openapi, since clients and people know them:
https://github.com/kubernetes/kube-openapi/tree/master/pkg/validation/validate
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from extension_apiserver.objects.causes import MOST_CAUSES, NO_FIELD, Cause, invalid
from extension_apiserver.objects.paths import ROOT, Path, field, item, told
from extension_apiserver.objects.values import Value, canonical, same

from .faults import Fault, Result, fault, plain
from .scalars import check_number, check_string, check_type, enum_fault, type_name
from .structural import ABSENT, Structural

_SCALARS = {"string", "integer", "boolean"}
#: A scalar of which only the type is checked; never changed.
_PASSED = Result(matches=6)


def schema_causes(value: Value, schema: Structural, *, old: Value = ABSENT, path: Path = ROOT) -> list[Cause]:
    """Return what is wrong with a value by its schema, the first MOST_CAUSES.

    Args:
        value: as it is to be stored.
        schema: its schema.
        old: what is stored now. A fault that was there before and whose value stays as it is, is none (ratcheting):
            https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-ratcheting
        path: where the value is.

    """
    return [one() for one in _check(value, schema, path, old).faults[:MOST_CAUSES]]


def _check(value: Value, schema: Structural, path: Path, old: Value) -> Result:
    if schema.unchecked and type_name(value) in _SCALARS and type_name(value) in schema.types:
        return _PASSED
    result = _check_strictly(value, schema, path, old)
    if result.faults and old is not ABSENT and same(value, old):
        return Result()
    return result


def _check_strictly(value: Value, schema: Structural, path: Path, old: Value) -> Result:
    result = Result()
    result.add(check_type(value, schema, path))
    if value is None:
        result.add(enum_fault(value, schema.checks.enum, path))
        return result
    result.merge(_check_combinations(value, schema, path, old))
    # How many checks a value passed tells which of several alternatives is told about, as upstream.
    result.matches += 4 if schema.types or schema.checks.format else 3
    if isinstance(value, str):
        result.merge(check_string(value, schema, path))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        result.merge(check_number(value, schema, path))
    elif isinstance(value, list):
        result.merge(_check_items(value, schema, path, old))
    result.add(enum_fault(value, schema.checks.enum, path))
    if isinstance(value, dict):
        result.merge(_check_fields(value, schema, path, old))
    return result


def _check_items(value: list[Value], schema: Structural, path: Path, old: Value) -> Result:
    result, checks, size = Result(matches=2), schema.checks, len(value)
    if schema.items:
        before = _by_key(schema, old)
        for index, one in enumerate(value):
            was = before.get(_key(one, schema.list_keys), ABSENT) if before else ABSENT
            result.merge(_check(one, schema.items, item(path, index), was))
            if len(result.faults) == MOST_CAUSES:
                return result
    if checks.min_items is not None and size < checks.min_items:
        result.add(plain(path, size, f"should have at least {checks.min_items} items"))
    if checks.max_items is not None and size > checks.max_items:
        result.add(fault("too_many", path, size, checks.max_items))
    return result


def _by_key(schema: Structural, old: Value) -> Mapping[str, Value]:
    """Return the old items that can be told apart: only those of a list that is a map."""
    if schema.list_type != "map" or not isinstance(old, list):
        return {}
    return {_key(one, schema.list_keys): one for one in reversed(old)}


def _key(one: Value, keys: Iterable[str]) -> str:
    return canonical([one.get(key) for key in keys]) if isinstance(one, dict) else ""


def _check_fields(value: dict[str, Value], schema: Structural, path: Path, old: Value) -> Result:
    result, checks, size = Result(matches=1), schema.checks, len(value)
    if checks.min_properties is not None and size < checks.min_properties:
        result.add(plain(path, size, f"should have at least {checks.min_properties} properties"))
    if checks.max_properties is not None and size > checks.max_properties:
        result.add(fault("too_many", path, size, checks.max_properties))
    before: Mapping[str, Value] = old if isinstance(old, dict) else {}
    for name, one in value.items():
        inner = schema.of(name)
        if inner:
            result.merge(_check(one, inner, field(path, name), before.get(name, ABSENT)))
            if len(result.faults) == MOST_CAUSES:
                return result
    for name in checks.required:
        if name not in value:
            result.add(fault("required", field(path, name)))
    return result


def _check_combinations(value: Value, schema: Structural, path: Path, old: Value) -> Result:
    result, checks = Result(matches=1), schema.checks
    if checks.any_of:
        _check_any(value, checks.any_of, path, old, result)
    if checks.one_of:
        _check_one(value, checks.one_of, path, old, result)
    if checks.all_of:
        found = [_check(value, part, path, old) for part in checks.all_of]
        for one in found:
            result.merge(one)
        broken = [one for one in found if one.faults]
        if broken:
            end = ". None validated" if len(broken) == len(found) else ""
            result.add(_combination(path, f"must validate all the schemas (allOf){end}"))
    if checks.not_ and not _check(value, checks.not_, path, old).faults:
        result.add(_combination(path, "must not validate the schema (not)"))
    return result


def _check_any(value: Value, parts: Iterable[Structural], path: Path, old: Value, result: Result) -> None:
    best: Result | None = None
    for part in parts:
        found = _check(value, part, path, old)
        if not found.faults:
            result.merge(found)
            return
        if best is None or found.matches > best.matches:
            best = found
    result.add(_combination(path, "must validate at least one schema (anyOf)"))
    result.merge(best or Result())


def _check_one(value: Value, parts: Iterable[Structural], path: Path, old: Value, result: Result) -> None:
    found = [_check(value, part, path, old) for part in parts]
    valid = [one for one in found if not one.faults]
    if len(valid) == 1:
        result.merge(valid[0])
        return
    how = f"Found {len(valid)} valid alternatives" if valid else "Found none valid"
    result.add(_combination(path, f"must validate one and only one schema (oneOf). {how}"))
    if not valid:
        result.merge(max(found, key=lambda one: one.matches))


def _combination(path: Path, words: str) -> Fault:
    return lambda: invalid(NO_FIELD, "", f'"{told(path)}" {words}')

"""A structural schema prunes, fills in and checks as that of a CustomResourceDefinition does."""

import json
import time
import tracemalloc

import pytest

from extension_apiserver.objects.admission import check_create, check_update
from extension_apiserver.objects.decoding import decode
from extension_apiserver.objects.json_text import parse
from extension_apiserver.objects.kind import Kind
from extension_apiserver.objects.schema.reading import structural
from extension_apiserver.status import StatusError

KEEPS = {"x-kubernetes-preserve-unknown-fields": True}
ROWS = {
    "type": "array",
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["name"],
    "items": {"type": "object", "properties": {"name": {"type": "string"}, "n": {"type": "integer", "maximum": 5}}},
}


def kind(**properties):
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": properties}}}
    return Kind("cats.example.com", "v1", "Cat", "cats", structural(schema))


def body(spec, **more):
    typed = {"apiVersion": "cats.example.com/v1", "kind": "Cat"}
    return json.dumps(typed | {"metadata": {"name": "tom", "namespace": "n"}, "spec": spec, **more}).encode()


def decoded(spec, directive="", **properties):
    value, warnings = decode(body(spec), kind(**properties), directive)
    return value["spec"], warnings


def causes(spec, **properties):
    """Return the causes of an object that is refused; () if it is not."""
    try:
        check_create(decode(body(spec), kind(**properties), "")[0], kind(**properties))
    except StatusError as error:
        return [(one["reason"], one["field"], one["message"]) for one in error.details["causes"]]
    return []


TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
DECODED = {
    "unknown fields go": ({"a": 1, "b": 2}, {"a": NUMBER}, {"a": 1}, ['unknown field "spec.b"']),
    "they stay where they may": (
        {"f": {"x": {"y": 1}, "k": {"a": "b", "z": 1}}},
        {"f": {"type": "object", **KEEPS, "properties": {"k": {"type": "object", "properties": {"a": TEXT}}}}},
        {"f": {"x": {"y": 1}, "k": {"a": "b"}}},
        ['unknown field "spec.f.k.z"'],
    ),
    "a map takes all keys": ({"m": {"x": "1"}}, {"m": {"type": "object", "additionalProperties": TEXT}}, {"m": {"x": "1"}}, []),
    "defaults are filled in": ({}, {"a": {"type": "string", "default": "x"}}, {"a": "x"}, []),
    "defaults within defaults": (
        {},
        {"o": {"type": "object", "default": {}, "properties": {"a": {"type": "integer", "default": 3}}}},
        {"o": {"a": 3}},
        [],
    ),
    "null becomes the default": ({"a": None}, {"a": {"type": "string", "default": "x"}}, {"a": "x"}, []),
    "null goes": ({"a": None}, {"a": TEXT}, {}, []),
    "null stays where it may": ({"a": None}, {"a": {"type": "string", "nullable": True, "default": "x"}}, {"a": None}, []),
    "whole floats are integers": ({"a": 3.0}, {"a": NUMBER}, {"a": 3}, []),
    "an item of a list": ({"l": [{"a": 1, "z": 1}]}, {"l": {"type": "array", "items": {"type": "object", "properties": {"a": NUMBER}}}}, {"l": [{"a": 1}]}, ['unknown field "spec.l[0].z"']),
}  # fmt: skip


@pytest.mark.parametrize("name", DECODED)
def test_an_object_gets_its_shape(name):
    spec, properties, expected, warnings = DECODED[name]
    assert decoded(spec, **properties) == (expected, warnings)


def test_strict_validation_refuses_what_the_others_tell_or_ignore():
    text = (
        b'{"apiVersion":"cats.example.com/v1","kind":"Cat","metadata":{"name":"a","odd":1},"spec":{"a":1,"a":2,"b":1}}'
    )
    told = ['duplicate field "spec.a"', 'unknown field "metadata.odd"', 'unknown field "spec.b"']

    assert [decode(text, kind(a=NUMBER), how)[1] for how in ("Ignore", "Warn", "")] == [[], told, told]
    with pytest.raises(StatusError) as caught:
        decode(text, kind(a=NUMBER), "Strict")
    beginning = 'Cat in version "v1" cannot be handled as a Cat: strict decoding error: '
    assert (caught.value.code, caught.value.message) == (400, beginning + ", ".join(told))


INVALID, TYPE = "FieldValueInvalid", "FieldValueTypeInvalid"
WRONG = {
    "type": ({"a": 1}, {"a": TEXT}, [(TYPE, "spec.a", 'Invalid value: "integer": spec.a in body must be of type string: "integer"')]),
    "boolean is no number": ({"a": True}, {"a": NUMBER}, [(TYPE, "spec.a", 'Invalid value: "boolean": spec.a in body must be of type integer: "boolean"')]),
    "port": ({"p": True}, {"p": {"x-kubernetes-int-or-string": True}}, [(TYPE, "spec.p", 'Invalid value: "boolean": spec.p in body must be of type integer,string: "boolean"')]),
    "maximum": ({"a": 9}, {"a": {"type": "integer", "maximum": 5}}, [(INVALID, "spec.a", "Invalid value: 9: spec.a in body should be less than or equal to 5")]),
    "exclusive": ({"a": 0}, {"a": {"type": "number", "minimum": 0, "exclusiveMinimum": True}}, [(INVALID, "spec.a", "Invalid value: 0: spec.a in body should be greater than 0")]),
    "multiple": ({"a": 3}, {"a": {"type": "integer", "multipleOf": 2}}, [(INVALID, "spec.a", "Invalid value: 3: spec.a in body should be a multiple of 2")]),
    "short": ({"a": ""}, {"a": {"type": "string", "minLength": 1}}, [(INVALID, "spec.a", 'Invalid value: "": spec.a in body should be at least 1 chars long')]),
    "long": ({"a": "xy"}, {"a": {"type": "string", "maxLength": 1}}, [("FieldValueTooLong", "spec.a", "Too long: may not be more than 1 byte")]),
    "enum": ({"a": "x"}, {"a": {"type": "string", "enum": ["y", "z"]}}, [("FieldValueNotSupported", "spec.a", 'Unsupported value: "x": supported values: "y", "z"')]),
    "many": ({"l": [1, 2]}, {"l": {"type": "array", "maxItems": 1, "items": NUMBER}}, [("FieldValueTooMany", "spec.l", "Too many: 2: must have at most 1 item")]),
    "set": ({"l": [1, 2, 1, 1]}, {"l": {"type": "array", "x-kubernetes-list-type": "set", "items": NUMBER}}, [("FieldValueDuplicate", "spec.l[2]", "Duplicate value: 1")]),
    "map": ({"l": [{"name": "a"}, {"name": "a"}]}, {"l": ROWS}, [("FieldValueDuplicate", "spec.l[1]", 'Duplicate value: {"name":"a"}')]),
    "any of": ({"a": 3}, {"a": {"type": "integer", "anyOf": [{"minimum": 5}]}}, [(INVALID, "<nil>", 'Invalid value: "": "spec.a" must validate at least one schema (anyOf)'), (INVALID, "spec.a", "Invalid value: 3: spec.a in body should be greater than or equal to 5")]),
    "not": ({"a": 9}, {"a": {"type": "integer", "not": {"minimum": 5}}}, [(INVALID, "<nil>", 'Invalid value: "": "spec.a" must not validate the schema (not)')]),
    "format": ({"a": "x"}, {"a": {"type": "string", "format": "date"}}, [(TYPE, "spec.a", 'Invalid value: "x": spec.a in body must be of type date: "x"')]),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_as_upstream_tells_it(name):
    spec, properties, expected = WRONG[name]
    assert causes(spec, **properties) == expected


def test_a_required_field_that_is_missing_is_told():
    schema = structural({"type": "object", "required": ["spec"], "properties": {"spec": {"type": "object"}}})
    cat = Kind("", "v1", "Cat", "cats", schema)
    with pytest.raises(StatusError) as caught:
        check_create(
            decode(b'{"apiVersion":"v1","kind":"Cat","metadata":{"name":"a","namespace":"n"}}', cat, "")[0],
            cat,
        )
    assert caught.value.message == 'Cat "a" is invalid: spec: Required value'


def test_a_pattern_is_one_of_go():
    pytest.importorskip("re2")
    text = {"type": "string", "pattern": r"^\pL+$"}
    assert causes({"a": "äb"}, a=text) == []
    assert causes({"a": "a1"}, a=text) == [
        (INVALID, "spec.a", r"""Invalid value: "a1": spec.a in body should match '^\pL+$'""")
    ]


@pytest.mark.unmeasured
def test_no_value_makes_a_pattern_slow():
    """With Python's own expressions this one takes longer than the universe has been there."""
    pytest.importorskip("re2")
    spent = time.process_time()
    assert causes({"a": "a" * 1_000_000 + "!"}, a={"type": "string", "pattern": "^(a+)+$"})
    assert time.process_time() - spent < 5


def stored(spec):
    metadata = {"name": "tom", "namespace": "n", "uid": "u", "resourceVersion": "1"}
    return {"apiVersion": "cats.example.com/v1", "kind": "Cat", "metadata": metadata, "spec": spec}


def test_what_was_wrong_before_may_stay_as_it_is():
    cat = kind(rows=ROWS, a={"type": "integer", "maximum": 5})
    old = stored({"a": 9, "rows": [{"name": "x", "n": 9}, {"name": "y"}]})

    check_update(stored({"a": 9, "rows": [{"name": "y"}, {"name": "x", "n": 9}]}), old, cat)
    with pytest.raises(StatusError) as caught:
        check_update(stored({"a": 8, "rows": [{"name": "y", "n": 9}, {"name": "x", "n": 9}]}), old, cat)
    assert sorted(one["field"] for one in caught.value.details["causes"]) == ["spec.a", "spec.rows[0].n"]


def test_only_the_first_hundred_faults_are_told():
    found = causes({"l": ["x"] * 100_000}, l={"type": "array", "items": NUMBER})
    assert len(found) == 100


def test_long_values_are_not_repeated():
    (_, field, message), *_ = causes({"m": {"k" * 100_000: 1}}, m={"type": "object", "additionalProperties": TEXT})
    assert len(field) < 1100
    assert len(message) < 2500


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b'{"kind":"Cat","apiVersion":"cats.example.com/v1","spec":' + b"[" * 101 + b"]" * 101 + b"}",
    ],
    ids=len,
)
def test_a_body_too_deep_is_refused(text):
    with pytest.raises(StatusError, match=r"deeper than (100|90) levels") as caught:
        decode(text, kind(), "")
    assert caught.value.code == 400


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "spec",
    [
        {"rows": [{"name": str(n)} for n in range(50_000)]},
        {"set": list(range(150_000))},
        {"map": {"k" * 300_000: {f"f{n}": 1 for n in range(40_000)}}},
        {"free": {"k" * 300_000: {f"f{n}": 1 for n in range(40_000)}}},
        {f"unknown{n}": 1 for n in range(60_000)},
        {"rows": ["x"] * 200_000},
    ],
    ids=["items", "set", "long key", "long free key", "unknown", "wrong"],
)
def test_a_body_of_a_mebibyte_takes_no_longer_than_its_length(spec):
    cat = kind(
        rows=ROWS,
        set={"type": "array", "x-kubernetes-list-type": "set", "items": NUMBER},
        map={"type": "object", "additionalProperties": {"type": "object", "additionalProperties": TEXT}},
        free={"type": "object", **KEEPS},
    )
    spent = time.process_time()
    value, _ = decode(body(spec), cat, "")
    told = b""
    try:
        check_create(value, cat)
    except StatusError as error:
        told = error.body()
    assert len(told) < 500_000
    assert time.process_time() - spent < 5, "half a second, on a machine that does nothing else"


AUTHORS = {
    "the schema of a kind must be of type object": {"type": "string"},
    "properties.a: type is missing": {"type": "object", "properties": {"a": {}}},
    "properties.a: items is missing": {"type": "object", "properties": {"a": {"type": "array"}}},
    "properties.a: '$ref' is no part of a structural schema": {"type": "object", "properties": {"a": {"$ref": "#/x"}}},
    "properties.a: uniqueItems needs quadratic time": {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}}},
    "properties.a: additionalProperties is a schema or true": {"type": "object", "properties": {"a": {"type": "object", "additionalProperties": False}}},
    "properties.a: x-kubernetes-list-map-keys belongs to": {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "object"}, "x-kubernetes-list-type": "map"}}},
    "properties.a: 'k' of x-kubernetes-list-map-keys must be a scalar": {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "object"}, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"]}}},
    "properties.a: the format 'isbn' is not supported: use a pattern": {"type": "object", "properties": {"a": {"type": "string", "format": "isbn"}}},
    "properties.a: maximum must be a number": {"type": "object", "properties": {"a": {"type": "integer", "maximum": "9"}}},
}  # fmt: skip


@pytest.mark.parametrize("sentence", AUTHORS)
def test_an_author_learns_what_is_wrong_with_the_schema(sentence):
    with pytest.raises(ValueError, match=sentence.replace("$", r"\$")):
        structural(AUTHORS[sentence])


def test_a_long_key_above_many_fields_that_came_twice_costs_little():
    many = ",".join(f'"{index}":0' for index in range(2000))
    twice_each = ",".join(['{"b":1,"b":2}'] * 2000)
    text = f'{{"a":1,"a":2,"{"k" * 100_000}":{{{many}}},"{"l" * 100_000}":[{twice_each}]}}'
    tracemalloc.start()
    try:
        _, twice = parse(text.encode())
        most_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (twice[0], len(twice)) == ("a", 2)
    assert most_bytes < 20 * 2**20

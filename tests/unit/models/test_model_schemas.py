"""Which structural schema a model has, which columns, and what is refused because there is none."""

from __future__ import annotations

import datetime as dt
import enum
import importlib
import ipaddress
import re
import sys
import uuid
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import AnyUrl, Base64Bytes, BaseModel, Field, SecretStr, create_model

import extension_apiserver
from extension_apiserver import Column, Resource
from extension_apiserver.models import ListMap, Shown, resource
from extension_apiserver.objects.schema.reading import structural
from unit.models.cats import CATS_RESOURCE, Bird, Cat, CatStatus, Dog

LIBRARY = Path(extension_apiserver.__file__).parent


class Colour(enum.StrEnum):
    """An enumeration."""

    BLACK = "black"
    TABBY = "tabby"


class Port(BaseModel):
    """An item of a list."""

    port: int
    name: str = "http"


class Tree(BaseModel):
    """Has no end."""

    branches: list[Tree] = []


class Other(BaseModel):
    """Has a field of Dog's that is something else."""

    kind: Literal["other"]
    tricks: str


class Free(BaseModel, extra="allow"):
    """Has fields that it does not know."""

    a: int = 0


class Closed(BaseModel, extra="forbid"):
    """Has no others."""

    a: Annotated[int, Field(alias="theA", title="A", examples=[1], description="An a.", deprecated=True)]


class Twice(BaseModel):
    """Shows two fields under one name."""

    a: Annotated[int, Shown("X")] = 0
    b: Annotated[int, Shown("X")] = 0


class Keyless(BaseModel):
    """Has no key."""

    a: int | None = None


INT, TEXT = {"type": "integer"}, {"type": "string"}
ANY = {"x-kubernetes-preserve-unknown-fields": True, "nullable": True}
FREE = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
COLOURS = ["black", "tabby"]
PORTS = {
    "type": "object",
    "description": "An item of a list.",
    "properties": {"port": INT, "name": TEXT | {"default": "http"}},
    "required": ["port"],
}

FIELDS: dict[str, tuple[Any, Any]] = {
    "text": (str, TEXT),
    "a number": (float, {"type": "number"}),
    "a boolean": (bool, {"type": "boolean"}),
    "ge and lt": (Annotated[int, Field(ge=1, lt=9, multiple_of=2)],
                  {**INT, "minimum": 1, "maximum": 9, "exclusiveMaximum": True, "multipleOf": 2}),
    "gt before ge": (Annotated[int, Field(ge=1, gt=1)], {**INT, "minimum": 1, "exclusiveMinimum": True}),
    "lengths and a pattern": (Annotated[str, Field(min_length=1, max_length=3, pattern="^a+$")],
                              {**TEXT, "minLength": 1, "maxLength": 3, "pattern": "^a+$"}),
    "Optional": (int | None, {**INT, "nullable": True}),
    "Literal": (Literal["a", "b"], {**TEXT, "enum": ["a", "b"]}),
    "one Literal": (Literal[1], {**INT, "enum": [1]}),
    "Literal with None": (Literal["a"] | None, {**TEXT, "nullable": True, "enum": ["a", None]}),
    "Enum": (Colour, {**TEXT, "enum": COLOURS}),
    "Optional Enum": (Colour | None, {**TEXT, "nullable": True, "enum": [*COLOURS, None]}),
    "datetime": (dt.datetime, {**TEXT, "format": "date-time"}),
    "date": (dt.date, {**TEXT, "format": "date"}),
    "time": (dt.time, TEXT),
    "timedelta, which is no duration of Go's": (dt.timedelta, TEXT),
    "UUID": (uuid.UUID, {**TEXT, "format": "uuid"}),
    "Base64Bytes": (Base64Bytes, {**TEXT, "format": "byte"}),
    "Decimal, whose digits a number loses": (Decimal, TEXT),
    "AnyUrl": (AnyUrl, {**TEXT, "minLength": 1, "format": "uri"}),
    "IPv4Address": (ipaddress.IPv4Address, {**TEXT, "format": "ipv4"}),
    "IPv6Address": (ipaddress.IPv6Address, {**TEXT, "format": "ipv6"}),
    "IPv4Network": (ipaddress.IPv4Network, TEXT),
    "list": (Annotated[list[int], Field(min_length=1, max_length=2)],
             {"type": "array", "items": INT, "minItems": 1, "maxItems": 2}),
    "tuple of any length": (tuple[int, ...], {"type": "array", "items": INT}),
    "tuple of one type": (tuple[int, int], {"type": "array", "items": INT, "minItems": 2, "maxItems": 2}),
    "set": (set[int], {"type": "array", "items": INT, "x-kubernetes-list-type": "set"}),
    "ListMap": (Annotated[list[Port], ListMap("port", "name")],
                {"type": "array", "items": PORTS, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["port", "name"]}),
    "dict": (dict[str, int], {"type": "object", "additionalProperties": INT}),
    "dict of models": (dict[str, Port], {"type": "object", "additionalProperties": PORTS}),
    "dict with a pattern for keys": (dict[Annotated[str, Field(pattern="^a")], int], {"type": "object", "additionalProperties": INT}),
    "dict with an Enum for keys": (dict[Colour, int], {"type": "object", "additionalProperties": INT}),
    "dict of anything": (dict[str, Any], FREE),
    "Any": (Any, ANY),
    "list of anything": (list[Any], {"type": "array", "items": ANY}),
    "int or text": (int | str, {"x-kubernetes-int-or-string": True}),
    "int, text or None": (int | str | None, {"x-kubernetes-int-or-string": True, "nullable": True}),
    "int or float": (int | float, {"type": "number"}),
    "texts in two ways": (Literal["auto"] | Annotated[str, Field(max_length=2)],
                          {**TEXT, "anyOf": [{"enum": ["auto"]}, {"maxLength": 2}]}),
    "two enumerations": (Literal["auto"] | Colour, {**TEXT, "enum": ["auto", *COLOURS]}),
    "a model": (Port, PORTS),
    "extra=allow": (Free, {**FREE, "description": "Has fields that it does not know.", "properties": {"a": INT | {"default": 0}}}),
    "extra=forbid, alias and words": (Closed, {
        "type": "object", "description": "Has no others.", "required": ["theA"], "properties": {"theA": INT | {"description": "An a."}}}),
    "a rule in CEL": (Annotated[int, Field(json_schema_extra={"x-kubernetes-validations": [{"rule": "self > 1"}]})],
                      {**INT, "x-kubernetes-validations": [{"rule": "self > 1"}]}),
    "a discriminated union": (Annotated[Dog | Bird, Field(discriminator="kind")], {
        "type": "object",
        "properties": {
            "kind": {**TEXT, "enum": ["dog", "bird", "parrot"]}, "name": {**TEXT, "default": ""}, "tricks": INT, "wings": INT,
        },
        "required": ["kind"],
    }),
}  # fmt: skip

DEFAULTS: dict[str, tuple[Any, Any, Any]] = {
    "an Enum": (Colour, Colour.BLACK, "black"),
    "a model, by alias and without None": (Closed | None, Closed.model_validate({"theA": 1}), {"theA": 1}),
    "a moment": (dt.datetime, dt.datetime(2026, 1, 2, tzinfo=dt.UTC), "2026-01-02T00:00:00Z"),
    "a Decimal": (Decimal, Decimal("1.50"), "1.50"),
    "a set, in order": (set[str], {"b", "a", "c"}, ["a", "b", "c"]),
    "of a factory": (list[int], Field(default_factory=list), []),
}

REFUSED: dict[str, tuple[Any, str]] = {
    "bytes": (bytes, "Cat.spec: bytes that are no UTF-8 are no JSON: use pydantic.Base64Bytes"),
    "SecretStr": (SecretStr, "Cat.spec: whoever may get the object could read it: keep it in a Secret and its name here"),
    "a recursive model": (Tree, "Cat.spec.branches[*]: Tree contains itself, which no structural schema can say: use Any with a validator"),
    "a Literal of two types": (Literal["a", 1], "Cat.spec: the values of a Literal or an Enum must be of one type, all texts or all numbers"),
    "a tuple of two types": (tuple[int, str], "Cat.spec: the items of a tuple must be of one type: use a model"),
    "a set of lists": (set[tuple[int, ...]], "Cat.spec: the items of a set must be texts, numbers or booleans: use a list"),
    "None": (None, "Cat.spec: nothing but null can be in it"),
    "a union of types": (list[int | Port], "Cat.spec[*]: a union of integer and object has no structural schema: use one type, or Any with a validator"),
    "a union of models": (Port | Dog, "Cat.spec: a union of models needs a discriminator: Annotated[A | B, Field(discriminator='kind')]"),
    "a union with two meanings of a field": (
        Annotated[Dog | Other, Field(discriminator="kind")],
        "Cat.spec: `tricks` differs between the models of the union: call it differently in one of them",
    ),
    "a function": (Callable[[], int], "Cat.spec: pydantic has no JSON schema for it (core_schema.CallableSchema)"),
    "two names": (create_model("M", a=(int, Field(validation_alias="b"))), "Cat.spec: `a` is read under another name than it is written: give it `alias` alone"),
    "a factory of changing values": (
        Annotated[str, Field(default_factory=lambda: str(uuid.uuid4()))],
        "Cat.spec: its default_factory makes something else each time, which a schema cannot say: let the function that creates objects do it",
    ),
    "a default that breaks the schema": (
        Annotated[int, Field(ge=0, default=-1)],
        "Cat.spec: its default breaks its schema: Invalid value: -1: default in body should be greater than or equal to 0",
    ),
    "a default of bytes": (Annotated[Base64Bytes, Field(default=b"abcd")], "Cat.spec: its default is no JSON"),
    "a default that is no JSON": (Annotated[Any, Field(default=object)], "Cat.spec: its default is no JSON"),
    "a column of a list": (Annotated[list[int], Shown("X")], "Cat.spec: a column shows a text, a number or a boolean"),
    "a column in a list": (list[Annotated[int, Shown("X")]], "Cat.spec[*]: a column needs one value for each object, and this is in a list, a map or a union"),
    "two columns of one name": (
        Twice,
        "Cat: two columns are called 'X'",
    ),
    "a ListMap by a field that there is not": (Annotated[list[Port], ListMap("x")], "Cat.spec: 'x' of ListMap must be a field of the items with a text, a number or a boolean"),
    "a ListMap by what may be missing": (
        Annotated[list[Keyless], ListMap("a")],
        "Cat.spec: 'a' of ListMap must be required, or have a default",
    ),
}  # fmt: skip


def of_field(type_: Any, default: Any = ...) -> Resource:
    """Return a resource whose `spec` is of a type."""
    if getattr(type_, "__metadata__", None) and default is ...:
        model = create_model("Cat", __doc__="A cat.", spec=type_)
    else:
        model = create_model("Cat", __doc__="A cat.", spec=(type_, default))
    return resource(model, plural="cats", store=True)


@pytest.mark.parametrize("name", FIELDS)
def test_a_type_has_its_structural_schema(name: str) -> None:
    """A CustomResourceDefinition would take it."""
    type_, schema = FIELDS[name]
    made = of_field(type_)

    assert made.fields == {"spec": schema}
    assert structural(made.schema).checks.required == ("spec",)


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_default_is_json(name: str) -> None:
    """It is what the store has."""
    type_, default, value = DEFAULTS[name]
    made = of_field(type_, default)

    assert made.fields["spec"]["default"] == value
    assert structural(made.schema).properties["spec"].default == value


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_schema_can_say_is_refused_with_the_field(name: str) -> None:
    """At the start, not at a request."""
    type_, words = REFUSED[name]
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        of_field(type_)

    assert str(caught.value) == words


def test_the_models_words_are_those_of_the_resource() -> None:
    """Kind, docstring and the subresource of a field `status`."""
    made = CATS_RESOURCE

    assert (made.kind, made.singular, made.description, made.status) == ("Cat", "cat", "A cat.", True)
    assert made.fields["status"]["description"] == "What a controller saw."
    assert "metadata" not in made.fields
    assert resource(Cat, plural="cats", store=True, status=False, kind="Lion", description="B.").kind == "Lion"


def test_fields_that_are_shown_are_columns_before_the_others() -> None:
    """Each has the cell of its field, None where the field is not there."""
    more = Column("More", lambda _: 1)
    made = resource(Cat, plural="cats", store=True, columns=[more])

    assert [(one.name, one.type, one.priority) for one in made.columns] == [
        ("Colour", "string", 0), ("Kittens", "integer", 1), ("Age", "date", 0), ("More", "string", 0),
    ]  # fmt: skip
    assert [one.value({"spec": {"colour": "red"}}) for one in made.columns] == ["red", None, None, 1]
    assert [one.value({}) for one in made.columns] == [None, None, None, 1]


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        (create_model("Cat", spec=(int, 0)), {}, "Cat has no docstring, which `kubectl explain` shows: write one, or give `description`"),
        (create_model("Cat", __doc__="A cat.", status=(CatStatus, ...)), {"store": True},
         "Cat.status must have a default, such as None: a new object has no status"),
        (create_model("Cat", __doc__="A cat.", spec=(int, 0)), {"verbs": {"list": list}},
         "Cat needs the field `metadata: ObjectMeta`, where functions say the names of objects"),
        (create_model("Cat", __doc__="A cat.", spec=(int, 0)), {"verbs": {"delete": list, "watch": list}},
         "Cat needs the field `metadata: ObjectMeta`, where functions say the names of objects"),
        (Cat, {"verbs": {"list": list}, "store": True}, "resource 'cats' has a store, which answers all verbs: leave out `verbs`"),
    ],
)  # fmt: skip
def test_a_model_that_is_no_resource_is_refused(model: type[BaseModel], options: Any, words: str) -> None:
    """In one sentence."""
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        resource(model, plural="cats", **options)

    assert str(caught.value) == words


def test_the_library_does_not_import_pydantic() -> None:
    """Only who uses a model needs it."""
    found = [
        str(path.relative_to(LIBRARY))
        for path in LIBRARY.rglob("*.py")
        if "pydantic" in path.read_text() or "extension_apiserver.models" in path.read_text()
    ]
    assert {name.partition("/")[0] for name in found} == {"models"}


def test_without_pydantic_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not which module was not found."""
    for name in [name for name in sys.modules if name.startswith("extension_apiserver.models")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pydantic", None)
    words = "extension_apiserver.models needs pydantic: install extension-apiserver[pydantic]"
    with pytest.raises(ImportError, match=re.escape(words)):
        importlib.import_module("extension_apiserver.models")

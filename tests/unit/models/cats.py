"""A cat as a model, and its resource."""

from __future__ import annotations

import dataclasses
import datetime as dt
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, field_validator, model_validator

from extension_apiserver import Resource
from extension_apiserver.models import ListMap, ObjectMeta, Shown, resource
from unit.registry.client import Answer


class Dog(BaseModel):
    """Has a field that a bird has not."""

    kind: Literal["dog"]
    name: str = ""
    tricks: int = 3


class Bird(BaseModel):
    """Has two tags."""

    kind: Literal["bird", "parrot"] = "bird"
    name: str = ""
    wings: int


class CatStatus(BaseModel):
    """What a controller saw."""

    fed: bool = False
    meals: int = 0

    @field_validator("meals")
    @classmethod
    def few(cls, meals: int) -> int:
        """At most three."""
        assert meals <= 3, "must be few"
        return meals


class Toy(BaseModel):
    """What a cat plays with."""

    name: str
    price: Decimal = Decimal(0)

    @field_validator("name")
    @classmethod
    def lower(cls, name: str) -> str:
        """No capitals."""
        if name != name.lower():
            raise ValueError("must be in lower case")
        return name


class CatSpec(BaseModel, strict=True):
    """What is wanted."""

    colour: Annotated[Literal["black", "tabby", "white"], Shown("Colour")] = "tabby"
    kittens: Annotated[int, Field(ge=0), Shown("Kittens", priority=1)] = 0
    born: Annotated[dt.datetime | None, Shown("Age", type="date")] = None
    toys: Annotated[list[Toy], ListMap("name")] = []
    pet: Annotated[Dog | Bird | None, Field(discriminator="kind")] = None

    @model_validator(mode="after")
    def fits(self) -> CatSpec:
        """White cats have no kittens."""
        if self.colour == "white" and self.kittens:
            raise ValueError("a white cat has no kittens")
        return self


class Cat(BaseModel):
    """A cat."""

    metadata: ObjectMeta
    spec: CatSpec
    status: CatStatus | None = None

    @model_validator(mode="after")
    def named(self) -> Cat:
        """The name has to do with the colour."""
        if self.metadata.name == "blackie" and self.spec.colour != "black":
            raise ValueError("`blackie` must be black")
        return self


def fields_of(made: Resource) -> dict[str, Any]:
    """Return what the client's resource has of this one; its store is its own."""
    found = {one.name: getattr(made, one.name) for one in dataclasses.fields(made)}
    return {name: value for name, value in found.items() if name not in {"store", "versions"}}


CATS_RESOURCE = resource(Cat, plural="cats", store=True, namespaced=True)


def causes(answer: Answer) -> list[tuple[str, str]]:
    """Return the causes of a 422."""
    assert answer.code == 422, answer.text
    return [(one["field"], one["message"]) for one in answer.json["details"]["causes"]]


#: What the validator of the whole spec says.
WHITE = ("spec", "Invalid value: a white cat has no kittens")

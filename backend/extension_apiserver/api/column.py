"""A column of `kubectl get`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from .call import Object


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """One column of `kubectl get`.

    Attributes:
        name: heading.
        value: returns the cell for an object.
        type: OpenAPI type of the cell: string, integer, number, boolean or date.
        format: 'name' marks the column that holds the name.
        priority: above 0 it shows only with `-o wide`.
        description: for people.

    """

    name: str
    value: Callable[[Object], Any]
    type: str = "string"
    format: str = ""
    priority: int = 0
    description: str = ""


#: As upstream, of every kind.
_NAME = (
    "Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the "
    "generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be "
    "updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names"
)
NAME_COLUMN = Column("Name", lambda item: item["metadata"]["name"], format="name", description=_NAME)

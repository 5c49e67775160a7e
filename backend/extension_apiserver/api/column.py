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


NAME_COLUMN = Column("Name", lambda item: item["metadata"]["name"], format="name", description="Name of the object.")

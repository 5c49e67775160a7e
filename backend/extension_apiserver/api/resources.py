"""The table of resources. Routing, discovery and OpenAPI are all generated from it, so they cannot differ."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from extension_apiserver.verbs import SERVED, VERBS, Place

from .call import Call, Object, Subresource

# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


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


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One resource.

    Attributes:
        kind: CamelCase, such as 'Echo'.
        plural: the name in the path, such as 'echoes'.
        verbs: verb → function. `get`, `create` and `update` return an object, `list` returns a sequence of objects, `delete`
            returns nothing. They raise StatusError; kind, apiVersion and the metadata that every object has are filled in.
        description: one sentence for `kubectl explain`.
        schema: OpenAPI v3 schemas of the fields beside `metadata`, such as {"spec": {"type": "object", …}}.
        columns: what `kubectl get` shows after the name.
        namespaced: objects live in namespaces.
        singular: by default the kind in lower case.
        short_names: aliases for kubectl.
        categories: groups of resources, such as 'all'.
        subresources: name → what each object has at `…/<plural>/<its name>/<name>`.

    Raises:
        ValueError: if there is a verb that resources cannot have, or a subresource whose name is none.

    """

    kind: str
    plural: str
    verbs: Mapping[str, Callable[[Call], Any]]
    description: str
    schema: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    columns: Sequence[Column] = ()
    namespaced: bool = False
    singular: str = ""
    short_names: Sequence[str] = ()
    categories: Sequence[str] = ()
    subresources: Mapping[str, Subresource] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = sorted(set(self.verbs) - set(SERVED))
        if unknown:
            raise ValueError(
                f"resource '{self.plural}' has the unknown verb '{unknown[0]}'; known are {', '.join(SERVED)}"
            )
        for name in self.subresources:
            if not _LABEL.fullmatch(name):
                raise ValueError(f"resource '{self.plural}' has the subresource '{name}', which must be a DNS label")
        object.__setattr__(self, "singular", self.singular or self.kind.lower())

    def takes(self, verb: str, place: Place, *, in_namespace: bool) -> bool:
        """Return whether a path takes a verb.

        Args:
            verb: its name, any.
            place: what the path ends in.
            in_namespace: it names a namespace. Without one, a namespaced resource can only be asked about all of them.

        """
        if verb not in self.verbs:
            return False
        row = VERBS[verb]
        return row.on == place and (in_namespace or not self.namespaced or row.across_namespaces)

    def verbs_on(self, place: Place, *, in_namespace: bool) -> list[str]:
        """Return the names of the verbs that a path takes, sorted; `place` and `in_namespace` as for `takes`."""
        return [verb for verb in sorted(self.verbs) if self.takes(verb, place, in_namespace=in_namespace)]


@dataclasses.dataclass(frozen=True, slots=True)
class Api:
    """An API group: its versions, preferred one first, each with the same resources."""

    group: str
    versions: Sequence[str]
    resources: Sequence[Resource] = ()

    def resource(self, plural: str) -> Resource | None:
        """Return the resource of that plural, None if there is none."""
        return next((resource for resource in self.resources if resource.plural == plural), None)

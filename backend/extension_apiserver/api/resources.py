"""The table of resources. Routing, discovery and OpenAPI are all generated from it, so they cannot differ."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from extension_apiserver.store.protocol import Store
from extension_apiserver.verbs import FUNCTIONS, SERVED, VERBS, Place

from .call import Call, Subresource
from .column import Column
from .stored import Check, Scale, Version

# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One resource.

    Attributes:
        kind: CamelCase, such as 'Echo'.
        plural: the name in the path, such as 'echoes'.
        verbs: verb → function. `get`, `create` and `update` return an object, `list` returns a sequence of objects, `delete`
            returns nothing. They raise StatusError; kind, apiVersion and the metadata that every object has are filled in.
            With a store there are none.
        description: one sentence for `kubectl explain`.
        schema: OpenAPI v3 schemas of the fields beside `metadata`, such as {"spec": {"type": "object", …}}; or of the whole object, such as
            {"type": "object", "required": ["spec"], "properties": {"spec": …}}. With a store it is a structural one, as that of a
            CustomResourceDefinition: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
        columns: what `kubectl get` shows after the name.
        namespaced: objects live in namespaces.
        singular: by default the kind in lower case.
        short_names: aliases for kubectl.
        categories: groups of resources, such as 'all'.
        subresources: name → what each object has at `…/<plural>/<its name>/<name>`.
        store: keeps the objects, and answers all verbs; True for the one that the setting STORE_URL names.
        status: there is the subresource `status`: controllers write that field there, and whoever writes the object does not.
        scale: there is the subresource `scale`.
        versions: version → the resource in a version that is not stored. Those of the group that are not here are as the stored one.
        stored_version: the version in which objects are stored, by default the group's preferred one.
        selectable_fields: paths that field selectors know besides those of metadata, such as 'spec.color'.
        poll_seconds: how often what `list` returns is compared for those who watch; 0 for no watch. The server calls it then for all
            callers and namespaces alike, as the user system:apiserver, so it must not depend on who asks.
        check: returns what else is wrong with an object that its schema takes.

    Raises:
        ValueError: if there is a verb that resources cannot have, or a subresource whose name is none, or what needs a store and has none.

    """

    kind: str
    plural: str
    verbs: Mapping[str, Callable[[Call], Any]] = dataclasses.field(default_factory=dict)
    description: str
    schema: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    columns: Sequence[Column] = ()
    namespaced: bool = False
    singular: str = ""
    short_names: Sequence[str] = ()
    categories: Sequence[str] = ()
    subresources: Mapping[str, Subresource] = dataclasses.field(default_factory=dict)
    store: Store | bool = False
    status: bool = False
    scale: Scale | None = None
    versions: Mapping[str, Version] = dataclasses.field(default_factory=dict)
    stored_version: str = ""
    selectable_fields: Sequence[str] = ()
    poll_seconds: float = 0
    check: Check | None = None

    def __post_init__(self) -> None:
        unknown = sorted(set(self.verbs) - set(FUNCTIONS))
        if unknown:
            raise ValueError(
                f"resource '{self.plural}' has the unknown verb '{unknown[0]}'; known are {', '.join(FUNCTIONS)}"
            )
        if self.stored and self.verbs:
            raise ValueError(f"resource '{self.plural}' has a store, which answers all verbs: leave out `verbs`")
        needs = {
            name: getattr(self, name)
            for name in ("status", "scale", "versions", "stored_version", "selectable_fields", "check")
        }
        if not self.stored and any(needs.values()):
            name = next(name for name, value in needs.items() if value)
            raise ValueError(f"resource '{self.plural}' has `{name}`, which needs a store: say `store=True`")
        if self.poll_seconds and (self.stored or "list" not in self.verbs or self.poll_seconds < 0):
            raise ValueError(
                f"resource '{self.plural}' has `poll_seconds`, which must be above 0 and belongs to a function `list`"
            )
        for name in self.subresources:
            if not _LABEL.fullmatch(name):
                raise ValueError(f"resource '{self.plural}' has the subresource '{name}', which must be a DNS label")
            if name in self.own_subresources:
                raise ValueError(f"resource '{self.plural}' has two subresources '{name}': the store answers that one")
        object.__setattr__(self, "singular", self.singular or self.kind.lower())

    @property
    def stored(self) -> bool:
        """Whether a store keeps the objects."""
        return self.store is not False

    @property
    def own_subresources(self) -> Sequence[str]:
        """The names of the subresources that the store answers, sorted."""
        return [name for name, there in (("scale", self.scale is not None), ("status", self.status)) if there]

    @property
    def verb_names(self) -> Sequence[str]:
        """The names of its verbs, sorted."""
        return SERVED if self.stored else sorted({*self.verbs, *(["watch"] if self.poll_seconds else [])})

    @property
    def fields(self) -> Mapping[str, Any]:
        """The schemas of the fields beside `metadata`."""
        fields: Mapping[str, Any] = whole_schema(self.schema).get("properties", {})
        return fields

    def takes(self, verb: str, place: Place, *, in_namespace: bool) -> bool:
        """Return whether a path takes a verb.

        Args:
            verb: its name, any.
            place: what the path ends in.
            in_namespace: it names a namespace. Without one, a namespaced resource can only be asked about all of them.

        """
        if verb not in self.verb_names:
            return False
        row = VERBS[verb]
        return row.on == place and (in_namespace or not self.namespaced or row.across_namespaces)

    def verbs_on(self, place: Place, *, in_namespace: bool) -> list[str]:
        """Return the names of the verbs that a path takes, sorted; `place` and `in_namespace` as for `takes`."""
        return [verb for verb in self.verb_names if self.takes(verb, place, in_namespace=in_namespace)]


def whole_schema(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema of an object, of what `Resource.schema` may be: a field's is never a text, which its `type` is."""
    return schema if isinstance(schema.get("type"), str) else {"type": "object", "properties": schema}


@dataclasses.dataclass(frozen=True, slots=True)
class Api:
    """An API group: its versions, preferred one first, each with the same resources."""

    group: str
    versions: Sequence[str]
    resources: Sequence[Resource] = ()

    def resource(self, plural: str) -> Resource | None:
        """Return the resource of that plural, None if there is none."""
        return next((resource for resource in self.resources if resource.plural == plural), None)

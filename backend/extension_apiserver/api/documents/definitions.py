"""The schemas of an OpenAPI document: those of each resource, and those that every API has.

https://github.com/kubernetes/kube-openapi
"""

from __future__ import annotations

import dataclasses
from typing import Any

from extension_apiserver.api.resources import Api, Resource, whole_schema
from extension_apiserver.api.schema import METADATA

Json = dict[str, Any]

#: The extension by which kubectl finds a kind: a list on schemas, an object on operations.
GVK = "x-kubernetes-group-version-kind"

_TYPE_META: Json = {
    "apiVersion": {"type": "string", "description": "Group and version of this object."},
    "kind": {"type": "string", "description": "Kind of this object."},
}
_LIST_META: Json = {
    "type": "object",
    "description": "Metadata of a list.",
    "properties": {"resourceVersion": {"type": "string"}, "continue": {"type": "string"}},
}
_STATUS: Json = {
    "type": "object",
    "description": "The outcome of a request that returns no object.",
    "properties": {
        **_TYPE_META,
        "metadata": {"type": "object"},
        "status": {"type": "string", "description": "Success or Failure."},
        "message": {"type": "string", "description": "For people."},
        "reason": {"type": "string", "description": "For programs, in one word."},
        "details": {"type": "object", "description": "What it is about."},
        "code": {"type": "integer", "description": "The HTTP code."},
    },
}
#: As upstream says it: io.k8s.apimachinery.pkg.apis.meta.v1.Patch.
_PATCH: Json = {"type": "object", "description": "What is changed: a JSON Patch, a merge patch, or what is applied."}
_SCALE: Json = {
    "type": "object",
    "description": "How many of something there are, and shall be.",
    "properties": {
        **_TYPE_META,
        "metadata": {"type": "object"},
        "spec": {"type": "object", "properties": {"replicas": {"type": "integer", "format": "int32"}}},
        "status": {
            "type": "object",
            "properties": {"replicas": {"type": "integer", "format": "int32"}, "selector": {"type": "string"}},
        },
    },
}


@dataclasses.dataclass(frozen=True, slots=True)
class Definitions:
    """The schemas of one version.

    Attributes:
        root: where the document keeps them, such as '#/definitions/'.

    """

    api: Api
    version: str
    root: str

    def schemas(self) -> Json:
        """Return name → schema: Status, both metas, what stores need, and for each resource the object and its list."""
        schemas: Json = {
            self._name("ObjectMeta"): METADATA,
            self._name("Status"): _STATUS,
            self._name("ListMeta"): _LIST_META,
        }
        if any(resource.stored for resource in self.api.resources):
            schemas[self._name("Patch")] = _PATCH
        if any("scale" in resource.own_subresources for resource in self.api.resources):
            schemas[self._name("Scale")] = _SCALE
        for resource in self.api.resources:
            schemas[self._name(resource.kind)] = self._object(resource)
            schemas[self._name(f"{resource.kind}List")] = self._list(resource)
        return schemas

    def gvk(self, kind: str) -> Json:
        """Return what GVK says of a kind: {group, version, kind}."""
        return {"group": self.api.group, "version": self.version, "kind": kind}

    def ref(self, kind: str) -> Json:
        """Return {$ref: …}, which leads to the schema of a kind."""
        return {"$ref": self.root + self._name(kind)}

    def _name(self, kind: str) -> str:
        # It must not meet those of other groups: com.example.cats.v1.Echo.
        return ".".join([*reversed(self.api.group.split(".")), self.version, kind])

    def _object(self, resource: Resource) -> Json:
        other = resource.versions.get(self.version)
        whole = whole_schema(resource.schema if other is None else other.schema)
        return {
            "type": "object",
            "description": resource.description,
            **whole,
            "properties": {**_TYPE_META, **whole.get("properties", {}), "metadata": self.ref("ObjectMeta")},
            GVK: [self.gvk(resource.kind)],
        }

    def _list(self, resource: Resource) -> Json:
        return {
            "type": "object",
            "description": f"A list of {resource.kind}.",
            "required": ["items"],
            "properties": {
                **_TYPE_META,
                "metadata": self.ref("ListMeta"),
                "items": {"type": "array", "items": self.ref(resource.kind)},
            },
            GVK: [self.gvk(f"{resource.kind}List")],
        }

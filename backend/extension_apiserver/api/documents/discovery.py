"""Discovery documents, generated from the table of resources and served from memory.

https://github.com/kubernetes/apiserver/tree/v0.34.0/pkg/endpoints/discovery
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from extension_apiserver.api.negotiation import as_kind
from extension_apiserver.api.resources import Resource
from extension_apiserver.request import JSON

from .document import Document

_AGGREGATED_GROUP = "apidiscovery.k8s.io"
_PLAIN = ("", "", "")
#: What `scale` of any resource has: https://kubernetes.io/docs/reference/kubernetes-api/autoscaling/scale-v1/
SCALE = {"group": "autoscaling", "version": "v1", "kind": "Scale"}


def aggregated_kind(version: str) -> tuple[str, str, str]:
    """Return (as, group, version) of an aggregated discovery document."""
    return ("APIGroupDiscoveryList", _AGGREGATED_GROUP, version)


@dataclasses.dataclass(frozen=True, slots=True)
class Listed:
    """What discovery says of one group at one moment.

    Attributes:
        name: of the group.
        versions: version → its entries of the APIResourceList, preferred version first.

    """

    name: str
    versions: Mapping[str, Sequence[Mapping[str, Any]]]


class Discovery:
    """The documents at `/apis`, `/apis/<group>` and `/apis/<group>/<version>`, of one moment.

    Attributes:
        paths: path → document, but for `/apis`.

    """

    def __init__(self, groups: Sequence[Listed]) -> None:
        #: v2beta1 serves kube-apiserver before 1.30 and comes only to who does not ask for v2.
        self._lists = {
            aggregated_kind("v2"): _aggregated(groups, "v2"),
            aggregated_kind("v2beta1"): _aggregated(groups, "v2beta1"),
            _PLAIN: Document(
                JSON, {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(group) for group in groups]}
            ),
        }
        self.paths = {
            f"/apis/{group.name}": Document(JSON, {"kind": "APIGroup", "apiVersion": "v1", **_group(group)})
            for group in groups
        } | {
            f"/apis/{group.name}/{version}": Document(JSON, _resource_list(group, version))
            for group in groups
            for version in group.versions
        }

    def groups(self, accept: str) -> Document:
        """Return the document at `/apis` in the form the client wants.

        Raises:
            StatusError: 406 if it wants none of ours.

        """
        return self._lists[as_kind(accept, tuple(self._lists))]


def entries(resources: Sequence[Resource]) -> tuple[Mapping[str, Any], ...]:
    """Return the entries of the APIResourceList for a table of resources."""
    return tuple(one for resource in resources for one in (_resource(resource), *_subresources(resource)))


def _group(group: Listed) -> dict[str, Any]:
    versions = [{"groupVersion": f"{group.name}/{version}", "version": version} for version in group.versions]
    return {"name": group.name, "versions": versions, "preferredVersion": versions[0]}


def _resource_list(group: Listed, version: str) -> dict[str, Any]:
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{group.name}/{version}",
        "resources": list(group.versions[version]),
    }


def _subresources(resource: Resource) -> Iterator[dict[str, Any]]:
    for name in resource.own_subresources:
        yield {
            "name": f"{resource.plural}/{name}",
            "singularName": "",
            "namespaced": resource.namespaced,
            **(SCALE if name == "scale" else {"kind": resource.kind}),
            "verbs": ["get", "patch", "update"],
        }
    for name, subresource in sorted(resource.subresources.items()):
        yield {
            "name": f"{resource.plural}/{name}",
            "singularName": "",
            "namespaced": resource.namespaced,
            "kind": resource.kind,
            "verbs": list(subresource.verbs),
        }


def _resource(resource: Resource) -> dict[str, Any]:
    return {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verb_names),
        **_names(resource),
    }


def _aggregated(groups: Sequence[Listed], version_of_discovery: str) -> Document:
    kind, of_discovery, _ = aggregated_kind(version_of_discovery)
    items = [
        {
            "metadata": {"name": group.name, "creationTimestamp": None},
            "versions": [
                {"version": version, "resources": _aggregated_resources(group, version), "freshness": "Current"}
                for version in group.versions
            ],
        }
        for group in groups
    ]
    return Document(
        f"{JSON};g={of_discovery};v={version_of_discovery};as={kind}",
        {"kind": kind, "apiVersion": f"{of_discovery}/{version_of_discovery}", "metadata": {}, "items": items},
    )


def _aggregated_resources(group: Listed, version: str) -> list[dict[str, Any]]:
    """Return the entries in the other form, as kube-apiserver makes it of the plain one.

    https://github.com/kubernetes/apiserver/blob/v0.34.0/pkg/endpoints/installer.go (ConvertGroupVersionIntoToDiscovery)
    """
    found: dict[str, dict[str, Any]] = {}
    for entry in sorted(group.versions[version], key=lambda entry: "/" in entry["name"]):
        name, _, below = entry["name"].partition("/")
        kind = {
            "group": entry.get("group") or group.name,
            "version": entry.get("version") or version,
            "kind": entry["kind"],
        }
        scope = "Namespaced" if entry["namespaced"] else "Cluster"
        if not below:
            found[name] = {
                "resource": name,
                "responseKind": kind,
                "scope": scope,
                "singularResource": entry["singularName"],
                "verbs": entry["verbs"],
                **{key: entry[key] for key in ("shortNames", "categories") if key in entry},
            }
            continue
        # A client passes over those without a kind: https://github.com/kubernetes/client-go/blob/v0.34.0/discovery/aggregated_discovery.go
        nothing = {"resource": name, "responseKind": {"group": "", "version": "", "kind": ""}, "scope": scope}
        parent = found.setdefault(name, {**nothing, "singularResource": "", "verbs": []})
        one = {"subresource": below, "responseKind": kind, "verbs": entry["verbs"]}
        parent.setdefault("subresources", []).append(one)
    return list(found.values())


def _names(resource: Resource) -> dict[str, list[str]]:
    names = {"shortNames": list(resource.short_names), "categories": list(resource.categories)}
    return {key: value for key, value in names.items() if value}

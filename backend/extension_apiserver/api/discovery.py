"""Discovery documents, generated from the table of resources and served from memory.

https://github.com/kubernetes/apiserver/tree/v0.34.0/pkg/endpoints/discovery
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from extension_apiserver.request import JSON

from .documents import Document
from .negotiation import as_kind
from .resources import Api, Resource

_AGGREGATED_GROUP = "apidiscovery.k8s.io"
_PLAIN = ("", "", "")


def aggregated_kind(version: str) -> tuple[str, str, str]:
    """Return (as, group, version) of an aggregated discovery document."""
    return ("APIGroupDiscoveryList", _AGGREGATED_GROUP, version)


class Discovery:
    """The documents at `/apis`, `/apis/<group>` and `/apis/<group>/<version>`."""

    def __init__(self, api: Api) -> None:
        #: v2beta1 serves kube-apiserver before 1.30 and comes only to who does not ask for v2.
        self._lists = {
            aggregated_kind("v2"): _aggregated(api, "v2"),
            aggregated_kind("v2beta1"): _aggregated(api, "v2beta1"),
            _PLAIN: Document(JSON, {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(api)]}),
        }
        self.group = Document(JSON, {"kind": "APIGroup", "apiVersion": "v1", **_group(api)})
        self.versions = {version: Document(JSON, _resource_list(api, version)) for version in api.versions}

    def groups(self, accept: str) -> Document:
        """Return the document at `/apis` in the form the client wants.

        Raises:
            StatusError: 406 if it wants none of ours.

        """
        return self._lists[as_kind(accept, tuple(self._lists))]


def _group(api: Api) -> dict[str, Any]:
    versions = [{"groupVersion": f"{api.group}/{version}", "version": version} for version in api.versions]
    return {"name": api.group, "versions": versions, "preferredVersion": versions[0]}


def _resource_list(api: Api, version: str) -> dict[str, Any]:
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{api.group}/{version}",
        "resources": [one for resource in api.resources for one in (_resource(resource), *_subresources(resource))],
    }


def _subresources(resource: Resource) -> Iterator[dict[str, Any]]:
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
        "verbs": sorted(resource.verbs),
        **_names(resource),
    }


def _aggregated(api: Api, version_of_discovery: str) -> Document:
    kind, group, _ = aggregated_kind(version_of_discovery)
    versions = [
        {
            "version": version,
            "resources": [_aggregated_resource(api.group, version, resource) for resource in api.resources],
            "freshness": "Current",
        }
        for version in api.versions
    ]
    return Document(
        f"{JSON};g={group};v={version_of_discovery};as={kind}",
        {
            "kind": kind,
            "apiVersion": f"{group}/{version_of_discovery}",
            "metadata": {},
            "items": [{"metadata": {"name": api.group, "creationTimestamp": None}, "versions": versions}],
        },
    )


def _aggregated_resource(group: str, version: str, resource: Resource) -> dict[str, Any]:
    kind = {"group": group, "version": version, "kind": resource.kind}
    # A client passes over those without a kind: https://github.com/kubernetes/client-go/blob/v0.34.0/discovery/aggregated_discovery.go
    subresources = [
        {"subresource": name, "responseKind": kind, "verbs": list(subresource.verbs)}
        for name, subresource in sorted(resource.subresources.items())
    ]
    return {
        "resource": resource.plural,
        "responseKind": kind,
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": sorted(resource.verbs),
        **_names(resource),
        **({"subresources": subresources} if subresources else {}),
    }


def _names(resource: Resource) -> dict[str, list[str]]:
    names = {"shortNames": list(resource.short_names), "categories": list(resource.categories)}
    return {key: value for key, value in names.items() if value}

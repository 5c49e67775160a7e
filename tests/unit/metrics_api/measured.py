"""Metrics of each sort, and the objects of the cluster that they are about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from extension_apiserver.metrics_api import Query, Value, custom_metric, external_metric, node_and_pod_usage
from unit.fake_apiserver import FakeApiServer

CORE = [("pods", "Pod", True), ("nodes", "Node", False), ("namespaces", "Namespace", False)]


def put(apiserver: FakeApiServer, path: str, **labels_of: Mapping[str, str]) -> None:
    """Let the fake kube-apiserver list objects: name, with '_' for '-', → labels."""
    items = [
        {"metadata": {"name": name.replace("_", "-"), "namespace": "ns", "labels": labels}}
        for name, labels in labels_of.items()
    ]
    apiserver.objects[path] = {"kind": "PartialObjectMetadataList", "metadata": {}, "items": items}


def cluster(apiserver: FakeApiServer) -> None:
    """Fill it: 16 pods and 4 nodes, half of them with foo=bar, as upstream's tests have them."""
    apiserver.objects["/api/v1"] = {
        "resources": [{"name": plural, "kind": kind, "namespaced": namespaced} for plural, kind, namespaced in CORE]
    }
    apiserver.objects["/apis/networking.k8s.io"] = {"preferredVersion": {"groupVersion": "networking.k8s.io/v1"}}
    apiserver.objects["/apis/networking.k8s.io/v1"] = {
        "resources": [{"name": "ingresses", "kind": "Ingress", "namespaced": True}]
    }
    pods = {f"web_{n}": {"foo": "bar"} if n < 8 else {} for n in range(16)}
    put(apiserver, "/api/v1/namespaces/ns/pods", **pods)
    put(apiserver, "/api/v1/pods", **pods)
    put(apiserver, "/api/v1/nodes", **{f"node_{n}": {"foo": "bar"} if n < 2 else {} for n in range(4)})
    put(apiserver, "/api/v1/namespaces", ns={})
    put(apiserver, "/apis/networking.k8s.io/v1/namespaces/ns/ingresses", main={})


@external_metric("my-external-metric")
def my_external_metric(_query: Query) -> list[Value]:
    """As upstream's test-adapter has it."""
    return [Value(42, labels={"foo": "bar"}), Value(43, labels={"foo": "baz"})]


@external_metric("rate")
def rate(query: Query) -> list[Any]:
    """A number, and a value with everything."""
    return [1.5, Value("1500m", {"queue": query.namespace}, timestamp=1_700_000_000, window_seconds=60)]


@external_metric("said", by_selector=True)
def said(query: Query) -> int:
    """How long the selector is."""
    return len(query.selector)


@custom_metric("pods", "some-metric")
def of_pods(query: Query) -> dict[str, Any]:
    """A value of each, and of one that there is not."""
    return {**dict.fromkeys(query.names, 1), "gone": 2}


@custom_metric("pods", "by-verb")
def by_verb(query: Query) -> dict[str, Any]:
    """Two values of each."""
    values = [Value(2, labels={"verb": "GET"}), Value(1, labels={"verb": "PUT"}, window_seconds=5)]
    return dict.fromkeys(query.names, values)


@custom_metric("nodes", "some-metric")
def of_nodes(query: Query) -> dict[str, Any]:
    """A value of each but one."""
    return dict.fromkeys(query.names[:-1], "250m")


@custom_metric("namespaces", "some-metric")
def of_namespaces(_query: Query) -> dict[str, Any]:
    """Of one."""
    return {"ns": 7}


@custom_metric("ingresses.networking.k8s.io", "hits")
def of_ingresses(_query: Query) -> dict[str, Any]:
    """Of another group."""
    return {"main": 10}


@node_and_pod_usage
def usage(query: Query) -> dict[str, Any]:
    """Of each node, and of two containers of each pod."""
    if query.resource == "nodes":
        return {name: {"cpu": 0.25, "memory": "1Gi"} for name in query.names}
    return {
        name: {"app": {"cpu": 0.1, "memory": "64Mi"}, "proxy": {"cpu": "5m", "memory": "64Mi"}} for name in query.names
    }


METRICS = (my_external_metric, rate, said, of_pods, by_verb, of_nodes, of_namespaces, of_ingresses, usage)
REGISTERED = {"METRICS_APIS": "external,custom,resource"}

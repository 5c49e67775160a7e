"""metrics.k8s.io, which `kubectl top` reads."""

from __future__ import annotations

from typing import Any

import pytest

from unit.fake_aggregator import Aggregator

BASE = "/apis/metrics.k8s.io/v1beta1"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
#: What client-go sends for a type that it knows in protobuf.
CLIENT_GO = "application/vnd.kubernetes.protobuf,application/json"


@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("/nodes", 4),
        ("/nodes?labelSelector=foo%3Dbar", 2),
        ("/nodes?fieldSelector=metadata.name%3Dnode-1", 1),
        ("/pods", 16),
        ("/namespaces/ns/pods", 16),
        ("/namespaces/ns/pods?labelSelector=foo%3Dbar", 8),
        ("/namespaces/ns/pods?fieldSelector=metadata.name%3Dweb-1", 1),
        ("/pods?fieldSelector=metadata.namespace%3Dother", 0),
    ],
)
def test_lists_are_selected_by_labels_and_fields(hpa: Aggregator, path: str, count: int) -> None:
    """The labels are those of the objects in kube-apiserver."""
    answer = hpa.request("GET", f"{BASE}{path}", accept=CLIENT_GO)

    assert answer.status == 200, answer.text
    assert len(answer.json()["items"]) == count


def _without_times(item: dict[str, Any]) -> dict[str, Any]:
    assert item.pop("timestamp") == item["metadata"].pop("creationTimestamp")
    return item


def test_a_node_is_written_as_metrics_server_writes_it(hpa: Aggregator) -> None:
    """With the labels of the node."""
    item = hpa.request("GET", f"{BASE}/nodes/node-1").json()

    assert _without_times(item) == {
        "kind": "NodeMetrics", "apiVersion": "metrics.k8s.io/v1beta1", "metadata": {"name": "node-1", "labels": {"foo": "bar"}},
        "window": "15s", "usage": {"cpu": "250m", "memory": "1Gi"},
    }  # fmt: skip


@pytest.mark.parametrize("where", ["/namespaces/ns/pods", "/pods"])
def test_a_pod_is_written_as_metrics_server_writes_it(hpa: Aggregator, where: str) -> None:
    """In its namespace, and among those of all."""
    items = hpa.request("GET", f"{BASE}{where}").json()["items"]
    [item] = [item for item in items if item["metadata"]["name"] == "web-9"]

    assert _without_times(item) == {
        "kind": "PodMetrics", "apiVersion": "metrics.k8s.io/v1beta1", "metadata": {"name": "web-9", "namespace": "ns"},
        "window": "15s",
        "containers": [
            {"name": "app", "usage": {"cpu": "100m", "memory": "64Mi"}},
            {"name": "proxy", "usage": {"cpu": "5m", "memory": "64Mi"}},
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "cells"),
    [
        ("/nodes/node-1", ["node-1", "250m", "1Gi", "15s"]),
        ("/namespaces/ns/pods/web-9", ["web-9", "105m", "128Mi", "15s"]),
        ("/pods?fieldSelector=metadata.name%3Dweb-9", ["web-9", "105m", "128Mi", "15s"]),
    ],
)
def test_a_table_has_metrics_servers_columns(hpa: Aggregator, path: str, cells: list[str]) -> None:
    """Sums over the containers of a pod."""
    table = hpa.request("GET", f"{BASE}{path}", accept=TABLE).json()

    assert table["kind"] == "Table"
    assert [(column["name"], column["format"]) for column in table["columnDefinitions"]] == [
        ("Name", "name"), ("cpu", "quantity"), ("memory", "quantity"), ("Window", "duration")
    ]  # fmt: skip
    assert [row["cells"] for row in table["rows"]] == [cells]


@pytest.mark.parametrize(
    ("path", "code", "words"),
    [
        ("/nodes/gone", 404, 'nodemetrics.metrics.k8s.io "gone" not found'),
        ("/namespaces/ns/pods/gone", 404, 'podmetrics.metrics.k8s.io "ns/gone" not found'),
        ("/pods/web-1", 404, "the server could not find the requested resource"),
        ("/namespaces/ns/nodes", 404, "the server could not find the requested resource"),
        ("/namespaces/ns/pods/web-1/log", 404, "the server could not find the requested resource"),
        ("/other", 404, "the server could not find the requested resource"),
        (
            "/nodes?labelSelector=a+b",
            400,
            "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt",
        ),
        ("/nodes?watch=true", 405, "the server does not allow this method on the requested resource: watch nodes"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_words(hpa: Aggregator, path: str, code: int, words: str) -> None:
    """With a Status."""
    answer = hpa.request("GET", f"{BASE}{path}")

    assert (answer.status, answer.json()["message"]) == (code, words)

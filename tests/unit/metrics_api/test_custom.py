"""custom.metrics.k8s.io."""

from __future__ import annotations

from typing import Any

import pytest

from unit.fake_aggregator import Aggregator

GROUP = "/apis/custom.metrics.k8s.io"


@pytest.mark.parametrize("version", ["v1beta1", "v1beta2"])
@pytest.mark.parametrize(
    ("path", "code", "count"),
    [
        ("/blah", 404, 0),
        ("/nodes/foo", 404, 0),
        ("/namespaces/ns/pods/bar", 404, 0),
        ("/nodes/*/some-metric", 200, 3),
        ("/namespaces/ns/pods/*/some-metric", 200, 16),
        ("/namespaces/ns/metrics/some-metric", 200, 1),
        ("/nodes/*/some-metric?labelSelector=foo%3Dbar", 200, 2),
        ("/namespaces/ns/pods/*/some-metric?labelSelector=foo%3Dbar", 200, 8),
        ("/nodes/node-1/some-metric", 200, 1),
        ("/namespaces/ns/pods/web-1/some-metric", 200, 1),
    ],
)
def test_upstreams_table_of_urls(hpa: Aggregator, version: str, path: str, code: int, count: int) -> None:
    """https://github.com/kubernetes-sigs/custom-metrics-apiserver/blob/v1.37.0/pkg/apiserver/installer/apiserver_test.go."""
    answer = hpa.request("GET", f"{GROUP}/{version}{path}")

    assert answer.status == code, answer.text
    assert len(answer.json().get("items", ())) == count


FORMS: dict[str, dict[str, Any]] = {
    "v1beta1": {"metricName": "by-verb", "window": 5, "selector": {"matchLabels": {"verb": "PUT"}}},
    "v1beta2": {"metric": {"name": "by-verb", "selector": {"matchLabels": {"verb": "PUT"}}}, "windowSeconds": 5},
}


@pytest.mark.parametrize("version", FORMS)
def test_a_value_is_written_as_its_version_has_it(hpa: Aggregator, version: str) -> None:
    """The fields of v1beta1 and v1beta2 have other names."""
    path = f"{GROUP}/{version}/namespaces/ns/pods/web-1/by-verb?metricLabelSelector=verb%3DPUT"
    answer = hpa.request("GET", path).json()
    [item] = answer.pop("items")

    assert answer == {"kind": "MetricValueList", "apiVersion": f"custom.metrics.k8s.io/{version}", "metadata": {}}
    assert item.pop("timestamp").endswith("Z")
    assert item == {
        "describedObject": {"kind": "Pod", "namespace": "ns", "name": "web-1", "apiVersion": "v1"}, "value": "1", **FORMS[version]
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "described"),
    [
        ("nodes/node-0/some-metric", {"kind": "Node", "name": "node-0", "apiVersion": "v1"}),
        ("namespaces/ns/metrics/some-metric", {"kind": "Namespace", "name": "ns", "apiVersion": "v1"}),
        (
            "namespaces/ns/ingresses.networking.k8s.io/main/hits",
            {"kind": "Ingress", "namespace": "ns", "name": "main", "apiVersion": "networking.k8s.io/v1"},
        ),
    ],
)
def test_the_described_object_is_what_kube_apiserver_calls_it(
    hpa: Aggregator, path: str, described: dict[str, str]
) -> None:
    """In a namespace or not, of core or of another group."""
    [item] = hpa.request("GET", f"{GROUP}/v1beta1/{path}").json()["items"]

    assert item["describedObject"] == described
    assert item["selector"] is None


def test_values_of_objects_that_are_not_there_are_dropped(hpa: Aggregator) -> None:
    """The function knows a pod `gone`."""
    items = hpa.request("GET", f"{GROUP}/v1beta1/namespaces/ns/pods/*/some-metric").json()["items"]

    assert "gone" not in {item["describedObject"]["name"] for item in items}


POD = "namespaces/ns/pods"
REFUSED = [
    (f"{POD}/gone/some-metric", 404, "the server could not find the metric some-metric for pods gone"),
    (f"{POD}/web-1/other", 404, "the server could not find the metric other for pods"),
    (
        f"{POD}/web-1/by-verb?metricLabelSelector=verb%3DX",
        404,
        "the server could not find the metric by-verb for pods web-1 with selector verb=X",
    ),
    (f"{POD}/web-1/by-verb", 400, "web-1 has 2 values of this metric; metricLabelSelector must choose one"),
    (f"{POD}/*/some-metric?labelSelector=a+b", 400, "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
    (f"{POD}/*/some-metric?metricLabelSelector=a+b", 400, "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
    (f"{POD}/web-1/some-metric?fieldSelector=metadata.name%3Dx", 400, "fieldSelector metadata.name doesn't match requested name"),
    ("namespaces/ns/some-metric", 400, "invalid request path"),
    ("namespaces/ns/status", 400, "invalid request path"),
    ("proxy/nodes/node-1/some-metric", 404, "the server could not find the requested resource"),
    ("watch/nodes/node-1/some-metric", 404, "the server could not find the requested resource"),
    ("nodes/node-1/some-metric/more", 404, "the server could not find the requested resource"),
    ("nodes//some-metric", 404, "the server could not find the requested resource"),
    ("pods/web-1/some-metric", 404, "the server could not find the metric some-metric for pods"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "code", "words"), REFUSED)
def test_what_cannot_be_answered_is_refused_in_upstreams_words(
    hpa: Aggregator, path: str, code: int, words: str
) -> None:
    """With a Status."""
    answer = hpa.request("GET", f"{GROUP}/v1beta1/{path}")

    assert (answer.status, answer.json()["message"]) == (code, words)


def test_no_method_but_get_is_allowed(hpa: Aggregator) -> None:
    """A metric is measured, not written."""
    codes = {
        method: hpa.request(method, f"{GROUP}/v1beta1/{POD}/web-1/some-metric").status
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
    }

    assert codes == {"GET": 200, "HEAD": 200, "POST": 405, "PUT": 405, "PATCH": 405, "DELETE": 405}

"""external.metrics.k8s.io."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from unit.fake_aggregator import Aggregator

BASE = "/apis/external.metrics.k8s.io/v1beta1"


@pytest.mark.parametrize(
    ("path", "code", "count"),
    [
        ("/nonexistent-metric", 404, 0),
        ("/namespaces/foo", 404, 0),
        ("/namespaces/foo/group/metric", 404, 0),
        ("/namespaces/default/my-external-metric", 200, 2),
        ("/namespaces/default/my-external-metric?labelSelector=foo%3Dbar", 200, 1),
        # Upstream's test-adapter answers 200 and an empty list, prometheus-adapter 404; an autoscaler fails with either, and only
        # says why with this one.
        ("/namespaces/foo/nonexistent-metric", 404, 0),
    ],
)
def test_upstreams_table_of_urls(hpa: Aggregator, path: str, code: int, count: int) -> None:
    """https://github.com/kubernetes-sigs/custom-metrics-apiserver/blob/v1.37.0/pkg/apiserver/installer/apiserver_test.go."""
    answer = hpa.request("GET", f"{BASE}{path}")

    assert answer.status == code, answer.text
    assert len(answer.json().get("items", ())) == count


def test_a_value_is_written_as_upstream_writes_it(hpa: Aggregator) -> None:
    """`window` is not there where there is none."""
    answer = hpa.request("GET", f"{BASE}/namespaces/default/rate").json()
    plain, full = answer["items"]

    assert {key: value for key, value in answer.items() if key != "items"} == {
        "kind": "ExternalMetricValueList", "apiVersion": "external.metrics.k8s.io/v1beta1", "metadata": {}
    }  # fmt: skip
    measured = dt.datetime.fromisoformat(plain.pop("timestamp"))
    assert abs((dt.datetime.now(dt.UTC) - measured).total_seconds()) < 60
    assert plain == {"metricName": "rate", "metricLabels": {}, "value": "1500m"}
    assert full == {
        "metricName": "rate", "metricLabels": {"queue": "default"}, "timestamp": "2023-11-14T22:13:20Z", "window": 60,
        "value": "1500m",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("selector", "values"),
    [
        ("foo=bar", ["42"]), ("foo==bar", ["42"]), ("foo!=bar", ["43"]), ("foo in (bar,baz)", ["42", "43"]),
        ("foo notin (bar)", ["43"]), ("foo", ["42", "43"]), ("!foo", []), ("other!=x", ["42", "43"]), ("foo=bar,other", []),
    ],
)  # fmt: skip
def test_a_label_selector_chooses_values_by_their_labels(hpa: Aggregator, selector: str, values: list[str]) -> None:
    """None left is an empty list, for which the autoscaler has words of its own."""
    answer = hpa.request("GET", f"{BASE}/namespaces/default/my-external-metric?labelSelector={selector}")

    assert answer.status == 200, answer.text
    assert [item["value"] for item in answer.json()["items"]] == values


@pytest.mark.parametrize(("selector", "seen"), [("b=2,a in (y,x)", "a in (x,y),b=2"), ("", "")])
def test_a_function_may_select_itself(hpa: Aggregator, selector: str, seen: str) -> None:
    """It is given the selector in one form, and its values are all taken."""
    answer = hpa.request("GET", f"{BASE}/namespaces/default/said?labelSelector={selector}")

    assert [item["value"] for item in answer.json()["items"]] == [str(len(seen))]


REFUSED: list[tuple[str, str, dict[str, Any], int, str]] = [
    ("GET", "my-external-metric?labelSelector=a+b", {}, 400, "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
    ("GET", "my-external-metric?fieldSelector=metadata.name=x", {}, 400, "external metrics cannot be selected by fields"),
    ("GET", "my-external-metric?watch=1", {}, 405, "the server does not allow this method on the requested resource: watch my-"),
    ("POST", "my-external-metric", {"body": {}}, 405, "the server does not allow this method on the requested resource: POST my-"),
    ("DELETE", "my-external-metric", {}, 405, "the server does not allow this method on the requested resource: DELETE my-"),
    ("GET", "my-external-metric", {"accept": "application/vnd.kubernetes.protobuf"}, 406, "only the following media types"),
    ("GET", "other", {}, 404, "the server could not find the external metric other"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "what", "how", "code", "words"), REFUSED)
def test_what_cannot_be_answered_is_refused_in_words(
    hpa: Aggregator, method: str, what: str, how: dict[str, Any], code: int, words: str
) -> None:
    """With a Status."""
    answer = hpa.request(method, f"{BASE}/namespaces/default/{what}", **how)

    assert answer.status == code
    status = answer.json()
    assert (status["kind"], status["code"]) == ("Status", code)
    assert status["message"].startswith(words)


def test_a_namespace_that_cannot_be_is_refused_before_any_function_is_called(hpa: Aggregator) -> None:
    """Whoever may read metrics of the whole cluster chooses it."""
    answer = hpa.request("GET", f"{BASE}/namespaces/{'a' * 64}/rate")

    assert (answer.status, answer.json()["message"]) == (400, "the namespace of the path must be a DNS label")

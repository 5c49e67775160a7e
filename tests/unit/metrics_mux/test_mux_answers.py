"""What a provider answers is passed on only if it is what it claims to be, and about what was asked for."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from extension_apiserver.metrics_mux.answers import MOST_LISTED, resource_list, value_list
from unit.metrics_mux.asked import CUSTOM, EXTERNAL, of

QUEUE = of(f"{EXTERNAL}/namespaces/default/queue_depth")
PODS = of(f"{CUSTOM}/namespaces/default/pods/*/requests")
OLDER = of("/apis/custom.metrics.k8s.io/v1beta1/namespaces/default/pods/web/requests")
NAMESPACE = of(f"{CUSTOM}/namespaces/default/metrics/requests")
NODES = of(f"{CUSTOM}/nodes/*/temperature")
EVERYWHERE = of(f"{CUSTOM}/namespaces/*/pods/*/requests")
WEB = {"kind": "Pod", "namespace": "default", "name": "web", "apiVersion": "/v1"}
TIME = "2026-11-28T12:00:00Z"

EXTERNAL_ITEM = {"metricName": "queue_depth", "metricLabels": {"queue": "a"}, "timestamp": TIME, "window": 60, "value": "42"}  # fmt: skip
ITEM = {"describedObject": WEB, "metric": {"name": "requests", "selector": {"matchLabels": {"a": "b"}}}, "timestamp": TIME, "windowSeconds": 60, "value": "1500m"}  # fmt: skip
OLDER_ITEM = {"describedObject": WEB, "metricName": "requests", "timestamp": TIME, "window": 60, "value": "0", "selector": {}}  # fmt: skip


def a_list(question: Any, *items: Any) -> dict[str, Any]:
    """Return a list as the question wants it."""
    kind = "ExternalMetricValueList" if question.api == "external" else "MetricValueList"
    return {"kind": kind, "apiVersion": question.group_version, "metadata": {}, "items": list(items)}


@pytest.mark.parametrize(("question", "item"), [(QUEUE, EXTERNAL_ITEM), (PODS, ITEM), (OLDER, OLDER_ITEM)])
def test_values_are_passed_on_with_all_their_fields(question: Any, item: dict[str, Any]) -> None:
    """And without any that the type does not have."""
    assert value_list(question, a_list(question, {**item, "secret": "x"})) == [item]


@pytest.mark.parametrize("missing", ["metricLabels", "timestamp", "window"])
def test_what_a_provider_may_leave_out_it_leaves_out(missing: str) -> None:
    """Go writes null for some of it."""
    item = {key: value for key, value in EXTERNAL_ITEM.items() if key != missing}
    for one in (item, {**item, missing: None}):
        (found,) = value_list(QUEUE, a_list(QUEUE, one))
        assert {key: found[key] for key in item} == item


@pytest.mark.parametrize(
    ("value", "written"),
    [("0", "0"), ("-1", "-1"), ("1500m", "1500m"), ("1.5", "1500m"), ("3Ki", "3Ki"), ("12e3", "12e3"), (42, "42"), (0.25, "250m")],
)  # fmt: skip
def test_a_quantity_is_written_as_kubernetes_writes_it(value: object, written: str) -> None:
    """A number is one, too: providers that are not in Go may write it."""
    assert value_list(QUEUE, a_list(QUEUE, {**EXTERNAL_ITEM, "value": value}))[0]["value"] == written


@pytest.mark.parametrize(
    ("question", "reference"),
    [
        (NAMESPACE, {"kind": "Namespace", "name": "default"}),
        (NAMESPACE, {"kind": "Namespace", "namespace": "default", "name": "default"}),
        (NODES, {"kind": "Node", "name": "one"}),
        (EVERYWHERE, {"kind": "Pod", "namespace": "other", "name": "web"}),
        (PODS, {"kind": "Pod", "name": "web"}),
    ],
)
def test_objects_that_were_asked_for_are_described(question: Any, reference: dict[str, str]) -> None:
    """As providers write them, with a namespace or without."""
    (found,) = value_list(question, a_list(question, {**ITEM, "describedObject": reference}))
    assert found["describedObject"] == reference


@pytest.mark.parametrize(
    ("question", "reference", "where"),
    [
        (PODS, {**WEB, "namespace": "kube-system"}, "kube-system/web"),
        (OLDER, {**WEB, "name": "other"}, "default/other"),
        (NODES, WEB, "default/web"),
        (NAMESPACE, {"kind": "Namespace", "name": "other"}, "other"),
    ],
)
def test_values_of_other_objects_are_refused(question: Any, reference: dict[str, str], where: str) -> None:
    """The caller was allowed those it asked for."""
    item = {**(OLDER_ITEM if question is OLDER else ITEM), "describedObject": reference}
    with pytest.raises(ValueError, match=rf"^answers with items\[0\] about '{where}', which was not asked for$"):
        value_list(question, a_list(question, item))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"kind": "PodList"}, "answers with 'external.metrics.k8s.io/v1beta1' 'PodList' instead of external.metrics.k8s.io/v1beta1 ExternalMetricValueList"),
        ({"apiVersion": None}, "answers with nothing 'ExternalMetricValueList' instead of external.metrics.k8s.io/v1beta1 ExternalMetricValueList"),
        ({"items": {}}, "answers with `items` that are no list"),
        ({"items": [None]}, "answers with items[0], whose metricName is missing or malformed"),
        ({"items.0.value": "many"}, "answers with items[0], whose value must be a quantity, such as '1500m' or '64Mi'"),
        ({"items.0.value": True}, "answers with items[0], whose value must be a number or the text of a quantity, not bool"),
        ({"items.0.value": float("inf")}, "answers with items[0], whose value must be finite"),
        ({"items.0.value": 10**50}, "answers with items[0], whose value must be at most 2^63-1 in magnitude"),
        ({"items.0.timestamp": "yesterday"}, "answers with items[0], whose timestamp is missing or malformed"),
        ({"items.0.metricName": "a" * 1025}, "answers with items[0], whose metricName is missing or malformed"),
        ({"items.0.metricLabels": {"a": 1}}, "answers with items[0].metricLabels that are no texts"),
        ({"items.0.window": 1.5}, "answers with items[0], whose window is no whole number"),
        ({"items.0.window": True}, "answers with items[0], whose window is no whole number"),
    ],
)  # fmt: skip
def test_what_is_no_list_of_values_is_refused(change: dict[str, Any], sentence: str) -> None:
    """With the place of what is wrong, and not with what stands there."""
    document: Any = a_list(QUEUE, copy.deepcopy(EXTERNAL_ITEM))
    for place, value in change.items():
        *way, last = [int(one) if one.isdigit() else one for one in place.split(".")]
        at = document
        for step in way:
            at = at[step]
        at[last] = value
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the whole sentence is compared
        value_list(QUEUE, document)
    assert str(raised.value) == sentence


@pytest.mark.parametrize("document", [None, [], "x", 3, {}])
def test_any_document_may_come(document: Any) -> None:
    """Such as that of a web server that was mistaken for a provider."""
    for read in (lambda: value_list(QUEUE, document), lambda: resource_list("g/v1", "external", document)):
        with pytest.raises(ValueError, match=r"^answers with "):
            read()


def test_an_empty_list_may_be_null() -> None:
    """As Go writes one that was never made."""
    assert value_list(QUEUE, {**a_list(QUEUE), "items": None}) == []


def listed(*names: Any, group_version: str = "custom.metrics.k8s.io/v1beta2") -> dict[str, Any]:
    """Return what discovery says."""
    resources = [{"name": name, "namespaced": True, "verbs": ["delete", "list"], "kind": "X"} for name in names]
    return {"kind": "APIResourceList", "groupVersion": group_version, "resources": resources}


def test_names_of_discovery_are_those_that_metrics_can_have() -> None:
    """Others are left out, as one odd metric hides no other."""
    names = ["pods/requests", "jobs.batch/age", "/custommetrics", "pods", "a/b/c", "pods/..\u202f%", "pods/a b", ""]
    assert resource_list("custom.metrics.k8s.io/v1beta2", "custom", listed(*names)) == dict.fromkeys(names[:3], True)


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (listed(group_version="other/v1"), "answers with something else than the APIResourceList of g/v1"),
        (listed(3, group_version="g/v1"), r"answers with resources\[0\], which has no name"),
        (listed(*["a"] * (MOST_LISTED + 1), group_version="g/v1"), f"lists {MOST_LISTED + 1} metrics, of at most {MOST_LISTED}"),
    ],
)  # fmt: skip
def test_a_list_that_is_none_is_refused(document: Any, sentence: str) -> None:
    """So that the last one stays."""
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        resource_list("g/v1", "external", document)

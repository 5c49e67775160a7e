"""Every object says what it belongs to."""

import re

import pytest

from chart.rendered import of_kind, pod_specs, render, title

STANDARD = {
    "helm.sh/chart",
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/version",
    "app.kubernetes.io/managed-by",
}
LABEL = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")


def test_every_template_sets_the_standard_labels():
    """Only extraObjects, which are the user's, may lack them."""
    bare = [
        title(one)
        for one in render({"extraObjects": []}, configuration="locked-down")
        if not set(one["metadata"].get("labels", {})) >= STANDARD
    ]

    assert bare == []


def test_label_values_are_legal(objects):
    """At most 63 characters of the alphabet that Kubernetes allows."""
    wrong = [
        (title(one), label)
        for one in objects
        for label in one["metadata"].get("labels", {}).items()
        if not LABEL.fullmatch(label[1])
    ]

    assert wrong == []


def test_pods_do_not_carry_the_chart_version(objects):
    """Else each new version of the chart would restart them."""
    carrying = [
        name
        for name, labels, _ in pod_specs(of_kind(objects, "Deployment"))
        if "helm.sh/chart" in labels or "app.kubernetes.io/version" in labels
    ]

    assert carrying == []


def test_common_labels_and_annotations_reach_every_object():
    """Also the pods."""
    values = {"commonLabels": {"team": "cats"}, "commonAnnotations": {"note": "meow"}}
    objects = render(values, configuration="monitoring")
    missing = [
        title(one)
        for one in objects
        if one["metadata"]["labels"].get("team") != "cats" or one["metadata"]["annotations"].get("note") != "meow"
    ]
    unlabelled = [name for name, labels, _ in pod_specs(objects) if labels.get("team") != "cats"]

    assert (missing, unlabelled) == ([], [])


@pytest.mark.parametrize("key", ["commonLabels", "podLabels"])
def test_own_labels_win_over_common_ones(key):
    """A user's label never turns up twice, and never replaces one of ours by accident."""
    objects = render({key: {"team": "cats"}, "podLabels": {"team": "dogs"}})

    assert all(labels["team"] == "dogs" for _, labels, _ in pod_specs(objects))

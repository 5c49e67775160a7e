"""The paths of the tests of sigs.k8s.io/custom-metrics-apiserver: its test-adapter, the same metrics by this library, and the multiplexer.

https://github.com/kubernetes-sigs/custom-metrics-apiserver/blob/v1.37.0/pkg/apiserver/installer/apiserver_test.go
"""

import json
import re
import shlex
from pathlib import Path

import pytest

from metrics_peers.peers import GROUPS, MUX, NAMESPACE, running
from pytest_apiservice.client.api import Api
from pytest_apiservice.client.namespaces import fresh_namespace

pytestmark = pytest.mark.only_on("embedded", reason="the servers are processes of this machine")
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "metrics-mux.md"
EXTERNAL, CUSTOM = f"/apis/{GROUPS[0]}/v1beta1", f"/apis/{GROUPS[1]}"

# Name of the case upstream → path, code, how many values; without a number there is none.
OF_EXTERNAL = {
    "GET at root scope": ("/nonexistent-metric", 404, None),
    "GET without metric name": ("/namespaces/foo", 404, None),
    "GET for metric with slashes": ("/namespaces/foo/group/metric", 404, None),
    "GET for external metric": ("/namespaces/default/my-external-metric", 200, 2),
    "GET for external metric with selector": ("/namespaces/default/my-external-metric?labelSelector=foo%3Dbar", 200, 1),
    "GET for another one": ("/namespaces/default/other-external-metric", 200, 1),
    "GET with a set of values": ("/namespaces/default/my-external-metric?labelSelector=foo+in+(bar,baz),foo!%3Dbar", 200, 1),
    "GET with a selector of nothing": ("/namespaces/default/my-external-metric?labelSelector=foo%3Dno", 200, 0),
    "GET with a malformed selector": ("/namespaces/default/my-external-metric?labelSelector=a%3D%3D%3Db", 400, None),
}  # fmt: skip
NONEXISTENT = "/namespaces/foo/nonexistent-metric"
OF_CUSTOM = {
    "root GET missing storage": ("/blah", 404, None),
    "GET at root resource leaf": ("/nodes/foo", 404, None),
    "GET at namespaced resource leaf": (f"/namespaces/{NAMESPACE}/pods/bar", 404, None),
    "GET for all nodes (root)": ("/nodes/*/temperature", 200, 1),
    "GET for all pods (namespaced)": (f"/namespaces/{NAMESPACE}/pods/*/requests", 200, 2),
    "GET for label selected nodes (root)": ("/nodes/*/temperature?labelSelector=foo%3Dbar", 200, 0),
    "GET for label selected pods (namespaced)": (f"/namespaces/{NAMESPACE}/pods/*/requests?labelSelector=app%3Dweb", 200, 1),
    "GET for single node (root)": ("/nodes/one/temperature", 200, 1),
    "GET for single pod (namespaced)": (f"/namespaces/{NAMESPACE}/pods/web-1/requests", 200, 1),
    "GET for a pod that isn't there": (f"/namespaces/{NAMESPACE}/pods/gone/requests", 404, None),
    "GET for a metric that isn't there": (f"/namespaces/{NAMESPACE}/pods/web-1/nothing", 404, None),
    "GET with a malformed selector": (f"/namespaces/{NAMESPACE}/pods/*/requests?labelSelector=a%3D%3D%3Db", 400, None),
}  # fmt: skip


@pytest.fixture(scope="module")
def peers(cluster, tmp_path_factory):
    """Yield them all."""
    with running(cluster, tmp_path_factory.mktemp("peers")) as found:
        yield found


def said(answer):
    """Return code, and kind, version and values of an answer without what differs from moment to moment."""
    if answer.status_code != 200:
        return answer.status_code, None
    document = answer.json()
    items = [without_nothing(item) for item in document["items"] or []]
    return 200, (
        document["kind"],
        document["apiVersion"],
        sorted(items, key=lambda item: json.dumps(item, sort_keys=True)),
    )


def without_nothing(value):
    """Return a value without times, without what Go writes as null or {} and others leave out, and "v1" for upstream's "/v1".

    Upstream joins group and version by a slash where there is no group, too:
    https://github.com/kubernetes-sigs/custom-metrics-apiserver/blob/v1.37.0/pkg/provider/helpers/helpers.go
    """
    if not isinstance(value, dict):
        return "v1" if value == "/v1" else value
    return {key: without_nothing(one) for key, one in value.items() if key != "timestamp" and one}


@pytest.mark.parametrize("case", OF_EXTERNAL)
def test_external_metrics_are_answered_alike(peers, case):
    path, code, count = OF_EXTERNAL[case]
    theirs, ours = said(peers.adapter.get(EXTERNAL + path)), said(peers.ours.get(EXTERNAL + path))
    assert (theirs[0], theirs[1] and len(theirs[1][2])) == (code, count), f"test-adapter: {theirs}"
    assert theirs == ours, case


@pytest.mark.parametrize("version", ["v1beta1", "v1beta2"])
@pytest.mark.parametrize("case", OF_CUSTOM)
def test_custom_metrics_are_answered_alike(peers, case, version):
    path, code, count = OF_CUSTOM[case]
    where = f"{CUSTOM}/{version}{path}"
    theirs, ours = said(peers.adapter.get(where)), said(peers.ours.get(where))
    assert (theirs[0], theirs[1] and len(theirs[1][2])) == (code, count), f"test-adapter: {theirs}"
    assert theirs == ours, case


def test_the_metric_of_a_namespace_is_answered_as_the_table_says(peers):
    """test-adapter keeps it as one of an object in a namespace, looks for one of an object in none, and finds nothing."""
    answer = peers.ours.get(f"{CUSTOM}/v1beta2/namespaces/{NAMESPACE}/metrics/requests")
    assert [item["value"] for item in answer.json()["items"]] == ["7"], answer.text


@pytest.mark.parametrize("case", OF_EXTERNAL)
def test_the_multiplexer_answers_as_the_provider_does(peers, case):
    """Through the API server, as a user who may read everything."""
    path, *_ = OF_EXTERNAL[case]
    assert said(peers.api.get(EXTERNAL + path)) == said(peers.adapter.get(EXTERNAL + path)), case


def test_the_answer_says_which_provider_it_is_from(peers):
    """A route decides; else ours has the metric in its discovery, where test-adapter names none."""
    for metric, provider in (("other-external-metric", "adapter"), ("my-external-metric", "ours")):
        answer = peers.api.get(f"{EXTERNAL}/namespaces/default/{metric}")
        assert answer.headers["X-Metrics-Provider"] == provider, metric


def test_the_documents_commands_show_a_metric(peers):
    """They are typed as they stand there."""
    commands = re.findall(r"^    kubectl (.*)$", DOCUMENT.read_text(), re.MULTILINE)
    for command in commands:
        answer = json.loads(peers.api.kubectl(*shlex.split(command)).stdout)
        assert [item["value"] for item in answer["items"]] == ["5"], command
    assert commands


def test_a_metric_that_nobody_knows_is_an_empty_list_or_not_found(peers):
    """test-adapter knows no names, so it says of each that it has no value; ours knows its own."""
    assert said(peers.adapter.get(EXTERNAL + NONEXISTENT))[0] == 200
    assert said(peers.ours.get(EXTERNAL + NONEXISTENT))[0] == 404
    assert peers.api.get(EXTERNAL + NONEXISTENT).json()["items"] == []


def test_a_caller_may_read_what_its_role_says_and_no_more(peers):
    """The multiplexer may read everything; kube-apiserver asks about the caller before it."""
    token = peers.api.kubectl("create", "token", "default", "--namespace=default").stdout.strip()
    answer = peers.api.get(f"{EXTERNAL}/namespaces/default/my-external-metric", token)
    assert (answer.status_code, "cannot list" in answer.json()["message"]) == (403, True), answer.text


def test_one_provider_killed_leaves_the_other_the_group_and_namespaces_as_they_were(cluster, peers, run_id):
    """A group that isn't Available stops the deletion of every namespace."""
    peers.adapter.stop()
    try:
        lost = peers.api.get(f"{EXTERNAL}/namespaces/default/my-external-metric?labelSelector=foo%3Dno")
        assert (lost.status_code, "adapter " in lost.json()["message"]) == (503, True), lost.text
        kept = peers.api.get(f"{EXTERNAL}/namespaces/default/my-external-metric")
        assert (kept.status_code, kept.headers["X-Metrics-Provider"]) == (200, "ours"), kept.text
        assert Api(cluster, GROUPS[0], "v1beta1").available()["status"] == "True"
        with fresh_namespace(cluster, f"{MUX}-{run_id}") as namespace:
            peers.api.kubectl("delete", "namespace", namespace, "--timeout=60s")
    finally:
        peers.adapter.start()

"""Several groups in one server, and what keeps it from starting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from extension_apiserver import Resource, Settings, main, serve
from extension_apiserver.api.resources import Api
from extension_apiserver.metrics_api import custom_metric, external_metric, node_and_pod_usage
from unit.metrics_api.measured import METRICS, cluster
from unit.running import Backend, _run

V2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
CATS = Resource(
    kind="Cat", plural="cats", description="A cat.", verbs={"list": lambda _: [{"metadata": {"name": "tom"}}]}
)
GROUPS = ["cats.example.com", "external.metrics.k8s.io", "custom.metrics.k8s.io", "metrics.k8s.io"]


@pytest.fixture
def several(own: Backend) -> Backend:
    """A table of resources, and metrics of all sorts."""
    cluster(own.apiserver)
    settings = Settings.from_environ(own.environ(METRICS_APIS="external,custom,resource"))
    api = Api(settings.group, settings.versions, [CATS])
    _run(own, lambda **how: serve(None, api, settings, blocking=True, metrics=METRICS, **how))
    own.wait_until_ready()
    return own


def test_discovery_is_the_union_of_all_groups(several: Backend) -> None:
    """Plain and aggregated, and each answers for itself."""
    client = several.aggregator()
    plain = client.request("GET", "/apis").json()["groups"]
    aggregated = client.request("GET", "/apis", accept=V2).json()["items"]

    assert [group["name"] for group in plain] == GROUPS == [item["metadata"]["name"] for item in aggregated]
    assert [group["preferredVersion"]["version"] for group in plain] == ["v1", "v1beta1", "v1beta1", "v1beta1"]
    lists = {
        f"{group['name']}/{version['version']}": client.request("GET", f"/apis/{version['groupVersion']}").json()
        for group in plain
        for version in group["versions"]
    }
    names = {path: [one["name"] for one in found["resources"]] for path, found in lists.items()}
    custom = [
        "ingresses.networking.k8s.io/hits", "namespaces/some-metric", "nodes/some-metric", "pods/by-verb", "pods/some-metric"
    ]  # fmt: skip
    assert names == {
        "cats.example.com/v1": ["cats"],
        "external.metrics.k8s.io/v1beta1": ["my-external-metric", "rate", "said"],
        "custom.metrics.k8s.io/v1beta1": custom,
        "custom.metrics.k8s.io/v1beta2": custom,
        "metrics.k8s.io/v1beta1": ["nodes", "pods"],
    }
    assert {path: found["groupVersion"] for path, found in lists.items()} == {path: path for path in lists}
    assert client.request("GET", "/apis/cats.example.com/v1/cats").json()["items"][0]["metadata"]["name"] == "tom"
    for path in ("/apis/other.example.com", "/apis/external.metrics.k8s.io/v1", "/apis/external.metrics.k8s.io/v1/x"):
        assert client.request("GET", path).status == 404


def test_metrics_are_listed_as_upstream_lists_them(several: Backend) -> None:
    """No verb but get: what has `list` and `delete` is deleted with a namespace."""
    client = several.aggregator()
    external = client.request("GET", "/apis/external.metrics.k8s.io/v1beta1").json()["resources"][0]
    custom = client.request("GET", "/apis/custom.metrics.k8s.io/v1beta1").json()["resources"]

    assert external == {
        "name": "my-external-metric", "singularName": "", "namespaced": True, "kind": "ExternalMetricValueList", "verbs": ["get"]
    }  # fmt: skip
    assert {one["name"]: one["namespaced"] for one in custom if one["name"].endswith("/some-metric")} == {
        "namespaces/some-metric": False, "nodes/some-metric": False, "pods/some-metric": True
    }  # fmt: skip
    assert {(one["kind"], *one["verbs"]) for one in custom} == {("MetricValueList", "get")}


def test_a_subresource_without_its_resource_is_discovered_as_kube_apiserver_has_it(several: Backend) -> None:
    """A parent is made for it, of no kind."""
    items = several.aggregator().request("GET", "/apis", accept=V2).json()["items"]
    [custom] = [item for item in items if item["metadata"]["name"] == "custom.metrics.k8s.io"]
    [pods] = [one for one in custom["versions"][0]["resources"] if one["resource"] == "pods"]

    kind = {"group": "custom.metrics.k8s.io", "version": "v1beta1", "kind": "MetricValueList"}
    assert pods == {
        "resource": "pods",
        "responseKind": {"group": "", "version": "", "kind": ""},
        "scope": "Namespaced",
        "singularResource": "",
        "verbs": [],
        "subresources": [
            {"subresource": name, "responseKind": kind, "verbs": ["get"]} for name in ("by-verb", "some-metric")
        ],
    }


def test_openapi_is_the_union_of_the_groups_that_have_one(several: Backend) -> None:
    """kube-apiserver merges it into the cluster's."""
    client = several.aggregator()
    v2 = client.request("GET", "/openapi/v2").json()
    v3 = client.request("GET", "/openapi/v3").json()["paths"]

    assert {"/apis/cats.example.com/v1/cats", "/apis/metrics.k8s.io/v1beta1/nodes/{name}"} <= set(v2["paths"])
    assert {"com.example.cats.v1.Cat", "io.k8s.metrics.v1beta1.PodMetrics"} <= set(v2["definitions"])
    assert set(v3) == {"apis/cats.example.com/v1", "apis/metrics.k8s.io/v1beta1"}
    for one in v3.values():
        answer = client.request("GET", one["serverRelativeURL"])
        assert answer.header("Cache-Control") == "public, immutable"
        assert answer.json()["openapi"] == "3.0.0"


def test_documents_keep_their_etags_as_long_as_nothing_changes(several: Backend) -> None:
    """They are made once."""
    client = several.aggregator()
    for path in ("/apis", "/openapi/v2", "/openapi/v3", "/apis/external.metrics.k8s.io/v1beta1"):
        first = client.request("GET", path)
        again = client.request("GET", path, headers=[("If-None-Match", first.header("ETag"))])
        assert (first.status, again.status) == (200, 304), path


def test_openapi_of_metrics_alone_is_empty_and_valid(own: Backend) -> None:
    """404 would make kube-apiserver think that there is no OpenAPI."""
    settings = Settings.from_environ(own.environ())
    depth = external_metric("depth")(lambda _: 1)
    _run(own, lambda **how: serve(None, None, settings, blocking=True, metrics=[depth], **how))
    own.wait_until_ready()
    client = own.aggregator()

    v2 = client.request("GET", "/openapi/v2").json()
    assert (v2["swagger"], v2["paths"], v2["definitions"]) == ("2.0", {}, {})
    assert client.request("GET", "/openapi/v3").json() == {"paths": {}}


DEPTH = external_metric("depth")(lambda _: 1)
RATE = custom_metric("pods", "rate")(lambda _: {})


@pytest.mark.parametrize(
    ("metrics", "registered", "words"),
    [
        ([], "", "nothing is served: give main() an application, `resources` or `metrics`"),
        ([DEPTH], "custom", "custom.metrics.k8s.io is registered (EXTENSION_APISERVER_METRICS_APIS has 'custom') and no function"),
        ([RATE], "external,custom", "external.metrics.k8s.io is registered"),
        ([DEPTH], "resource", "metrics.k8s.io is registered"),
        ([DEPTH, DEPTH], "", "`metrics` has the external metric 'depth' twice"),
        ([RATE, RATE], "", "`metrics` has the custom metric 'pods/rate' twice"),
        ([print], "", "`metrics` must be functions below @external_metric, @custom_metric or @node_and_pod_usage, not <built-in"),
        ([DEPTH], "other", "EXTENSION_APISERVER_METRICS_APIS must be a comma-separated list of different ones of external, custom"),
        ([DEPTH], "external,external", "EXTENSION_APISERVER_METRICS_APIS must be a comma-separated list of different ones"),
    ],
)  # fmt: skip
def test_what_cannot_be_served_is_one_line(
    own: Backend, capsys: pytest.CaptureFixture[str], metrics: list[Any], registered: str, words: str
) -> None:
    """And the exit code of a program that was called wrongly."""
    environ: Mapping[str, str] = own.environ(METRICS_APIS=registered)

    assert main(metrics=metrics, arguments=[], environ=environ) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(words)


async def _asynchronous(_query: object) -> int:
    return 1


@pytest.mark.parametrize(
    ("declare", "words"),
    [
        (lambda: external_metric("a/b")(len), "'a/b' cannot be the name of an external metric"),
        (lambda: external_metric("status")(len), "'status' cannot be the name of an external metric"),
        (lambda: custom_metric("pods", "..")(len), "'..' cannot be the name of a custom metric"),
        (lambda: custom_metric("Pod", "x")(len), "'Pod' is no resource"),
        (lambda: external_metric("x", cache_seconds=0)(len), "`cache_seconds` of the external metric 'x' must be more than 0"),
        (lambda: node_and_pod_usage(timeout_seconds=3601)(len), "`timeout_seconds` of usage must be more than 0 and at most 3600"),
        (lambda: external_metric("x")(_asynchronous), "the external metric 'x' must be measured by a function that is not async"),
        (lambda: external_metric("x")(3), "the external metric 'x' must be measured by a function"),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_a_declaration_that_cannot_be_is_a_sentence(declare: Any, words: str) -> None:
    """Where it is written."""
    with pytest.raises(ValueError, match=f"^{words}"):
        declare()


@pytest.mark.parametrize("command", ["doctor", "selftest"])
def test_what_is_examined_is_what_is_registered(own: Backend, capsys: pytest.CaptureFixture[str], command: str) -> None:
    """One's own group only if there is one."""
    environ = own.environ(METRICS_APIS="external,custom")
    names = ["v1beta1.external.metrics.k8s.io", "v1beta1.custom.metrics.k8s.io", "v1beta2.custom.metrics.k8s.io"]

    main(metrics=[DEPTH, RATE], arguments=[command], environ=environ)
    alone = capsys.readouterr().out
    main(resources=[CATS], metrics=[DEPTH, RATE], arguments=[command], environ=environ)
    both = capsys.readouterr().out

    assert [name for name in names if name not in alone or name not in both] == []
    assert ("v1.cats.example.com" in alone, "v1.cats.example.com" in both) == (False, True)

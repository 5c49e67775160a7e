"""What a provider is asked is what kube-apiserver asked RBAC about, and nothing else of the request."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extension_apiserver.request import Connection, Request
from extension_apiserver.request_info import request_info
from extension_apiserver.status import StatusError
from unit.metrics_mux.asked import CUSTOM, EXTERNAL, of


@pytest.mark.parametrize(
    "path",
    [
        f"{EXTERNAL}/namespaces/default/queue_depth",
        f"{EXTERNAL}/namespaces/default/pubsub.googleapis.com%7Csubscription%7Cage",
        f"{EXTERNAL}/namespaces/default/queue_depth?labelSelector=queue%3Da%2Cb%20in%20%28c%29",
        f"{CUSTOM}/namespaces/default/pods/%2A/requests",
        f"{CUSTOM}/namespaces/%2A/pods/%2A/requests",
        f"{CUSTOM}/namespaces/default/deployments.apps/web/requests?metricLabelSelector=verb%3DGET",
        f"{CUSTOM}/namespaces/default/pods/%2A/requests?labelSelector=app%3Dweb&metricLabelSelector=verb%3DGET",
        f"{CUSTOM}/namespaces/default/metrics/requests",
        f"{CUSTOM}/nodes/%2A/temperature",
        f"{CUSTOM}/nodes/system:one/temperature",
        "/apis/custom.metrics.k8s.io/v1beta1/nodes/one/temperature",
    ],
)
def test_a_metric_is_asked_for_by_its_own_path(path: str) -> None:
    """Encoded anew, with the selectors alone."""
    assert of(path).target == path.replace("%2A", "*").replace(":one", "%3Aone")


@pytest.mark.parametrize(
    "path",
    [
        f"{EXTERNAL}/queue_depth",
        f"{EXTERNAL}/namespaces/default",
        f"{EXTERNAL}/namespaces/default/group/queue_depth",
        f"{EXTERNAL}/namespaces/default/status",
        f"{EXTERNAL}/namespaces/default/a/",
        f"{EXTERNAL}/namespaces/default//a",
        f"{EXTERNAL}/namespaces/default/a///b",
        f"{EXTERNAL}/namespaces/default/..",
        f"{EXTERNAL}/namespaces/default/..%2F..%2Fkube-system%2Fa",
        f"{EXTERNAL}/namespaces/default/a%252Fb",
        f"{EXTERNAL}/namespaces/default/a%5Cb",
        f"{EXTERNAL}/namespaces/default/a%0D%0AX-Remote-User:%20admin",
        f"{EXTERNAL}/namespaces/default/a%00",
        f"{EXTERNAL}/namespaces/default/%FF",
        f"{EXTERNAL}/namespaces/default/*",
        f"{EXTERNAL}/namespaces/*/a",
        f"{EXTERNAL}/namespaces/Default/a",
        f"{EXTERNAL}/namespaces/de.fault/a",
        f"{EXTERNAL}/namespaces/default/{'a' * 254}",
        f"{EXTERNAL}/proxy/namespaces/default/a",
        f"{CUSTOM}/blah",
        f"{CUSTOM}/nodes/foo",
        f"{CUSTOM}/namespaces/default/pods/foo",
        f"{CUSTOM}/namespaces/default/status",
        f"{CUSTOM}/namespaces/default/metrics/a/b",
        f"{CUSTOM}/namespaces/default/pods/foo/requests/more",
        f"{CUSTOM}/namespaces/default/pods/../requests",
        f"{CUSTOM}/namespaces/default/pods/foo/*",
    ],
)
def test_a_path_that_could_mean_something_else_is_not_found(path: str) -> None:
    """The multiplexer may read every metric, its callers may not."""
    with pytest.raises(StatusError) as raised:
        of(path)
    assert (raised.value.code, raised.value.reason) == (404, "NotFound")


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("fieldSelector=metadata.name%3Da", "fieldSelector metadata.name doesn't match requested name"),
        ("labelSelector=a&labelSelector=b", "labelSelector stands 2 times in the query; which of them counts is not said"),
        ("labelSelector=a%3D%3D%3Db", "unable to parse requirement: found '=', expected: identifier"),
        (f"labelSelector={'a' * 4097}", "labelSelector is longer than 4096 characters"),
    ],
)  # fmt: skip
def test_a_parameter_that_cannot_be_served_is_refused(query: str, sentence: str) -> None:
    """Passed over, it would change the answer."""
    with pytest.raises(StatusError) as raised:
        of(f"{EXTERNAL}/namespaces/default/a?{query}")
    assert (raised.value.code, raised.value.message) == (400, sentence)


def test_other_parameters_stay_here() -> None:
    """Providers of other makes may take them for something."""
    asked = of(f"{EXTERNAL}/namespaces/default/a?limit=500&pretty=true&metricLabelSelector=a&as=admin&labelSelector=")
    assert asked.target == f"{EXTERNAL}/namespaces/default/a"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_metrics_are_read_and_never_written(method: str) -> None:
    """Whatever role a caller has."""
    with pytest.raises(StatusError, match=f"{method} is not supported") as raised:
        of(f"{EXTERNAL}/namespaces/default/a", method)
    assert (raised.value.code, raised.value.headers) == (405, (("Allow", "GET, HEAD"),))


def test_a_watch_is_refused() -> None:
    """Nobody would send an event."""
    with pytest.raises(StatusError, match="watch is not supported") as raised:
        of(f"{EXTERNAL}/namespaces/default/a?watch=true")
    assert raised.value.code == 405


def test_labels_are_those_that_the_selector_demands() -> None:
    """By which routes choose."""
    asked = of(f"{EXTERNAL}/namespaces/default/a?labelSelector=a%3Db,c%3D%3Dd,e%20in%20(f),g%20in%20(h,i),j!%3Dk,l,!m")
    assert asked.labels == (("a", "b"), ("c", "d"), ("e", "f"))
    assert of(f"{CUSTOM}/nodes/one/a?labelSelector=a%3Db&metricLabelSelector=c%3Dd").labels == (("c", "d"),)


@pytest.mark.unmeasured
@given(st.text(alphabet="/%.*~ab2FfE5c\\;?#", max_size=40), st.sampled_from([EXTERNAL, CUSTOM]))
def test_what_is_asked_is_what_rbac_was_asked_about(tail: str, base: str) -> None:
    """However a path is written, kube-apiserver's reading of the request to the provider is that of the request to us."""
    target = f"{base}/namespaces/a/{tail}"
    try:
        asked = of(target)
    except StatusError:
        return

    async def body() -> bytes:
        return b""

    before, after = (
        request_info(Request("GET", one, (), Connection(), body)).attributes() for one in (target, asked.target)
    )
    assert before == after

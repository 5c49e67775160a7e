"""What functions of metrics do wrong, and what kube-apiserver does not say."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from extension_apiserver import StatusError
from extension_apiserver.metrics_api import Query, Value, custom_metric, external_metric, node_and_pod_usage
from extension_apiserver.metrics_api import objects as lookup
from unit.fake_aggregator import Aggregator
from unit.metrics_api.measured import put
from unit.running import Backend

Alone = Callable[..., Aggregator]
EXTERNAL = "/apis/external.metrics.k8s.io/v1beta1/namespaces/ns/depth"
CUSTOM = "/apis/custom.metrics.k8s.io/v1beta1/namespaces/ns/pods"


FAILED = "Internal error occurred: the function of the external metric 'depth' failed; its log says why"


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (RuntimeError("the password is x"), 500, FAILED),
        (SystemExit(3), 500, FAILED),
        (StopIteration(), 500, FAILED),
        (StatusError(503, "the queue is away"), 503, "the queue is away"),
    ],
)
def test_a_function_that_fails_is_one_sentence(
    alone: Alone, caplog: pytest.LogCaptureFixture, error: BaseException, code: int, message: str
) -> None:
    """What it raised is in the log alone; and it is not called again at once."""
    calls: list[Query] = []

    @external_metric("depth")
    def depth(query: Query) -> None:
        calls.append(query)
        raise error

    client = alone(depth)
    answers = [client.request("GET", EXTERNAL) for _ in range(2)]

    assert [(answer.status, answer.json()["message"]) for answer in answers] == [(code, message)] * 2
    assert len(calls) == 1
    assert ("Traceback" in caplog.text) is (message == FAILED)


WRONG = [
    ({}, "a value must be a number or the text of a quantity, not dict"),
    ("many", "a value must be a quantity, such as '1500m' or '64Mi'"),
    (True, "a value must be a number or the text of a quantity, not bool"),
    ([1, float("nan")], "a value must be finite"),
    ([0] * 20_001, "there are 20001 values, and 20000 at most may be returned"),
    (2**64, "a value must be at most 2^63-1 in magnitude"),
]


@pytest.mark.parametrize(("result", "words"), WRONG)
def test_a_result_that_is_none_is_told_in_words(alone: Alone, result: object, words: str) -> None:
    """To whoever asks, and in the log, without what was returned."""
    answer = alone(external_metric("depth")(lambda _: result)).request("GET", EXTERNAL)

    assert answer.status == 500
    assert answer.json()["message"] == f"Internal error occurred: the function of the external metric 'depth': {words}"


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (3, "name → value must be returned, a mapping, not int"),
        ({"web-1": {}}, "a value must be a number or the text of a quantity, not dict"),
    ],
)
def test_a_custom_metric_must_return_names(alone: Alone, result: object, words: str) -> None:
    """Otherwise nobody knows of what it is."""
    answer = alone(custom_metric("pods", "x")(lambda _: result)).request("GET", f"{CUSTOM}/*/x")

    message = answer.json()["message"]
    assert message == f"Internal error occurred: the function of the custom metric 'pods/x': {words}"


@pytest.mark.parametrize(
    ("result", "path", "words"),
    [
        ([], "nodes", "name of the node → usage must be returned, not list"),
        ({"node-1": 3}, "nodes", "{'cpu': …, 'memory': …}, for node-1, must be returned, not int"),
        ({"node-1": {"cpu": "x"}}, "nodes", "'cpu' of node-1 must be a quantity, such as '1500m' or '64Mi'"),
        ({"web-1": 3}, "namespaces/ns/pods", "container → usage, for web-1, must be returned, not int"),
        (
            {"web-1": {"app": {"cpu": None}}},
            "namespaces/ns/pods",
            "'cpu' of web-1, container app must be a number or the text of a quantity, not NoneType",
        ),
    ],
)
def test_usage_that_is_none_is_told_in_words(alone: Alone, result: object, path: str, words: str) -> None:
    """With the name of the object and of the container."""
    answer = alone(node_and_pod_usage(lambda _: result)).request("GET", f"/apis/metrics.k8s.io/v1beta1/{path}")

    assert answer.json()["message"] == f"Internal error occurred: the function of usage: {words}"


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"labels": 3}, "`labels` of a value must be a mapping"),
        ({"labels": {"a": 1}}, "`labels` of a value must be texts"),
        ({"labels": {str(n): "" for n in range(65)}}, "`labels` of a value must be a mapping with at most 64 labels"),
        ({"timestamp": "now"}, "`timestamp` of a value must be"),
        ({"timestamp": 1e300}, "`timestamp` of a value must be"),
        ({"window_seconds": 1.5}, "`window_seconds` of a value must be"),
        ({"window_seconds": -1}, "`window_seconds` of a value must be"),
    ],
)
def test_a_value_says_what_is_wrong_where_it_is_made(how: dict[str, Any], words: str) -> None:
    """In the function, whose traceback then shows the line."""
    with pytest.raises(ValueError, match=f"^{words}"):
        Value(1, **how)


def test_many_autoscalers_are_one_call(own: Backend, alone: Alone) -> None:
    """All that ask within `cache_seconds`, for whatever labels or objects."""
    calls: list[Query] = []

    @custom_metric("pods", "x")
    def function(query: Query) -> dict[str, int]:
        calls.append(query)
        return dict.fromkeys(query.names, 1)

    alone(function)
    paths = [f"{CUSTOM}/{name}/x" for name in ("*", "web-1", "web-2", "gone")] + [
        f"{CUSTOM}/*/x?labelSelector=foo%3Dbar"
    ]

    def ask(path: str) -> int:
        return own.aggregator().request("GET", path).status

    with ThreadPoolExecutor(10) as pool:
        codes = set(pool.map(ask, paths * 4))

    assert codes == {200, 404}
    assert [(query.namespace, query.resource, query.name, len(query.names)) for query in calls] == [
        ("ns", "pods", "x", 16)
    ]
    metrics = own.aggregator().request("GET", "/metrics").text
    assert 'extension_apiserver_metric_calls_total{metric="the custom metric \'pods/x\'",result="success"} 1' in metrics


def test_a_function_that_hangs_holds_nobody_else(own: Backend, alone: Alone) -> None:
    """Nor another metric, nor what is kept of others."""
    gate = threading.Event()

    @external_metric("depth", timeout_seconds=0.05)
    def hanging(_query: Query) -> int:
        gate.wait()
        return 1

    client = alone(hanging, external_metric("other")(lambda _: 1))
    try:
        answer = client.request("GET", EXTERNAL)
        assert answer.status == 504
        assert (
            answer.json()["message"] == "the function of the external metric 'depth' has not answered for 0.05 seconds"
        )
        assert client.request("GET", EXTERNAL.replace("depth", "other")).status == 200
    finally:
        gate.set()


def test_objects_come_in_pages(own: Backend, alone: Alone, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as kube-apiserver says that there are more; more than fit are an error, not a part of them."""
    client = alone(custom_metric("pods", "x", cache_seconds=0.001)(lambda query: dict.fromkeys(query.names, 1)))
    listed = own.apiserver.objects["/api/v1/namespaces/ns/pods"]
    listed["metadata"] = {"continue": "more"}
    own.apiserver.on_read = lambda: listed.update(metadata={})
    assert len(client.request("GET", f"{CUSTOM}/*/x").json()["items"]) == 16
    monkeypatch.setattr(lookup, "_MOST_OBJECTS", 15)

    answer = client.request("GET", f"{CUSTOM}/*/x")

    assert (answer.status, answer.json()["message"]) == (503, "there are more than 15 pods in the namespace ns")


@pytest.mark.parametrize(
    ("path", "found", "words"),
    [
        ("/api/v1/namespaces/ns/pods", 403, "; allow this ServiceAccount to list pods (the chart: `metrics.objects`)"),
        ("/api/v1/namespaces/ns/pods", 500, "pods cannot be listed: kube-apiserver answers 500"),
        ("/api/v1/namespaces/ns/pods", {"items": 3}, "the list of pods is none"),
        ("/api/v1/namespaces/ns/pods", {"items": [{}]}, "the list of pods is none"),
        ("/api/v1", {}, "the discovery of pods is none"),
        ("/api/v1", 503, "the discovery of pods fails: kube-apiserver answers 503"),
    ],
)
def test_kube_apiserver_that_does_not_say_is_503_in_words(
    own: Backend, alone: Alone, path: str, found: object, words: str
) -> None:
    """With what must be allowed, if that is why."""
    client = alone(custom_metric("pods", "x")(lambda _: {}))
    own.apiserver.objects[path] = found

    answer = client.request("GET", f"{CUSTOM}/*/x")

    assert answer.status == 503
    assert words in answer.json()["message"]


def test_a_resource_that_there_is_not_is_404(alone: Alone) -> None:
    """A metric may be about a resource that is not installed yet."""
    client = alone(custom_metric("cats.example.com", "x")(lambda _: {}))
    answer = client.request("GET", "/apis/custom.metrics.k8s.io/v1beta1/namespaces/ns/cats.example.com/*/x")

    assert (answer.status, answer.json()["message"]) == (
        404,
        "the server doesn't have a resource type 'cats.example.com'",
    )


def test_metadata_of_a_megabyte_costs_no_more_memory_than_a_page(
    own: Backend, alone: Alone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever may make objects gives them annotations; pages become smaller until they fit."""
    monkeypatch.setattr(lookup, "_MOST_BYTES", 1000)
    client = alone(custom_metric("pods", "x")(lambda query: dict.fromkeys(query.names, 1)))
    own.apiserver.on_read = lambda: put(own.apiserver, "/api/v1/namespaces/ns/pods", web={})

    assert len(client.request("GET", f"{CUSTOM}/*/x").json()["items"]) == 1
    asked = [query for query in own.apiserver.queries if "limit" in query]
    assert asked == ["limit=250", "limit=25"]


@pytest.mark.parametrize("parameter", ["labelSelector", "metricLabelSelector"])
@pytest.mark.parametrize(
    ("selector", "words"),
    [("a" * 4097, "must be at most 4096 characters"), (",".join(["a"] * 65), "must have at most 64 requirements")],
)
def test_a_selector_no_autoscaler_sends_is_refused(alone: Alone, parameter: str, selector: str, words: str) -> None:
    """Each requirement is held against each object."""
    client = alone(custom_metric("pods", "x")(lambda _: {}))
    answer = client.request("GET", f"{CUSTOM}/*/x?{parameter}={selector}")

    assert (answer.status, answer.json()["message"]) == (400, f"{parameter} {words}")


def test_a_large_answer_is_made_beside_the_event_loop(alone: Alone) -> None:
    """And is whole."""
    client = alone(external_metric("depth")(lambda _: [Value(n, {"n": str(n)}) for n in range(20_000)]))
    answer = client.request("GET", EXTERNAL)

    assert len(json.loads(answer.body)["items"]) == 20_000


def test_a_function_that_hangs_for_one_caller_answers_another(own: Backend, alone: Alone) -> None:
    """Eight calls of one caller run at once, and there are threads for the others."""
    gate = threading.Event()
    arrived = threading.Semaphore(0)

    @external_metric("depth", timeout_seconds=60)
    def slow(query: Query) -> int:
        arrived.release()
        if query.namespace != "ns":
            gate.wait()
        return 1

    client = alone(slow)

    def ask(n: int) -> int:
        return own.aggregator().request("GET", EXTERNAL.replace("/ns/", f"/ns-{n}/"), user="mallory").status

    with ThreadPoolExecutor(16) as pool:
        try:
            waiting = [pool.submit(ask, n) for n in range(16)]
            for _ in range(8):
                assert arrived.acquire(timeout=60)
            assert client.request("GET", EXTERNAL, user="alice").status == 200
        finally:
            gate.set()
        assert {one.result() for one in waiting} == {200}


def test_function_without_registration_is_a_warning(alone: Alone, caplog: pytest.LogCaptureFixture) -> None:
    """It is served, and nobody comes."""
    with caplog.at_level(logging.WARNING):
        alone(external_metric("depth")(lambda _: 1))

    assert "external.metrics.k8s.io is served and nobody asks for it" in caplog.text

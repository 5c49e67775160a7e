"""Several providers behind one API: who answers, what each is asked, and what becomes of one that is away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from extension_apiserver.metrics_mux import line
from extension_apiserver.metrics_mux.config import MuxConfig, RouteConfig
from unit.fake_aggregator import Aggregator, Answer
from unit.fake_apiserver import TOKEN
from unit.gateway.upstream import Visitor, answering, ok
from unit.metrics_mux.conftest import Making, Serving
from unit.metrics_mux.fake_provider import CUSTOM, EXTERNAL, TIME, FakeProvider, Served, a_list, as_json, failure
from unit.pki import Authority
from unit.running import Backend, Pki, prepare, start_mux

A, B = "namespaces/default/a", "namespaces/default/b"


def values(answer: Answer) -> tuple[str, list[str]]:
    """Return who answered, and the values."""
    document = answer.json()
    assert (answer.status, document["kind"]) == (200, "ExternalMetricValueList"), document
    return answer.header("X-Metrics-Provider"), [item["value"] for item in document["items"]]


def ask(aggregator: Aggregator, path: str) -> Answer:
    """Ask for a metric as the controller of HorizontalPodAutoscalers does."""
    accept = "application/vnd.kubernetes.protobuf,application/json"
    return aggregator.request("GET", f"{EXTERNAL}/{path}", accept=accept, extra={"scopes": ["all"]}, uid="1")


def test_each_metric_is_answered_by_who_knows_it(provider: Making, serve: Serving) -> None:
    """404 and an empty list both mean that somebody else may know it."""
    one = provider("one", Served({A: ["1"]}).script)
    two = provider("two", Served({A: [], B: ["2", "3"]}).script)
    aggregator = serve(one, two)
    assert values(ask(aggregator, A)) == ("one", ["1"])
    assert values(ask(aggregator, B)) == ("two", ["2", "3"])
    assert ask(aggregator, "namespaces/default/c").status == 404


def test_an_unknown_metric_is_an_empty_list_if_somebody_says_so(provider: Making, serve: Serving) -> None:
    """As upstream's library has it for external metrics."""
    aggregator = serve(provider("one", Served().script), provider("two", Served({A: []}).script))
    assert values(ask(aggregator, A)) == ("two", [])


def test_a_metric_that_nobody_knows_is_not_found_in_a_providers_words(provider: Making, serve: Serving) -> None:
    """The controller's event has them."""
    status = ask(serve(provider("one", Served().script)), A).json()
    assert (status["code"], status["reason"]) == (404, "NotFound")
    assert status["message"] == "the server could not find the metric"


def test_a_provider_is_asked_as_ourselves_and_by_nobody_elses_word(provider: Making, serve: Serving) -> None:
    """Byte for byte: what a caller sends beside the path and the selectors reaches no provider."""
    served = Served({A: ["1"]})
    one = provider("one", served.script)
    aggregator = serve(one)
    headers = [("Cookie", "a=b"), ("X-Custom", "c"), ("Impersonate-User", "admin"), ("Traceparent", "0")]
    answer = aggregator.request("GET", f"{EXTERNAL}/{A}?labelSelector=q%3Da&pretty=1", headers=headers)
    assert values(answer) == ("one", ["1"])
    request = (
        f"GET {EXTERNAL}/{A}?labelSelector=q%3Da HTTP/1.1\r\nHost: 127.0.0.1:{one.port}\r\nAccept: application/json\r\n"
        "Accept-Encoding: identity\r\nUser-Agent: extension-apiserver-metrics-mux\r\n"
        f"Authorization: Bearer {TOKEN}\r\n\r\n"
    )
    assert served.asked == [request]


def test_a_rotated_token_is_sent_from_then_on(provider: Making, serve: Serving, own: Backend) -> None:
    """The kubelet replaces it every hour, and what is there for a moment may be empty."""
    served = Served({A: ["1"]})
    aggregator = serve(provider("one", served.script))
    file = own.directory / "serviceaccount" / "token"
    for written, sent in (("second", "second"), ("", "second"), ("two words", "second"), ("third\n", "third")):
        file.write_text(written)
        assert values(ask(aggregator, A)) == ("one", ["1"])
        assert f"Bearer {sent}\r\n" in served.asked[-1], written


def silent(visitor: Visitor) -> None:
    """Read the request and say nothing."""
    while visitor.socket.recv(65536):
        pass


def cut_off(visitor: Visitor) -> None:
    """Announce more than is sent."""
    visitor.header()
    visitor.socket.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")


def dribbling(visitor: Visitor) -> None:
    """Send a body without end, a little at a time, so that it is never silent."""
    visitor.header()
    visitor.socket.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        visitor.socket.sendall(b" ")
        visitor.socket.settimeout(0.05)
        try:
            if not visitor.socket.recv(1):
                return
        except TimeoutError:
            pass


DEEP = b"[" * 100_000
AWAY: dict[str, tuple[Any, str]] = {
    "silent": (silent, "does not answer within 0.5 seconds"),
    "dribbling": (dribbling, "does not answer within 0.5 seconds"),
    "cut off": (cut_off, "closed the connection before its answer was complete"),
    "closed": (lambda _: None, "closed the connection before its answer was complete"),
    "no http": (answering(b"hello\r\n\r\n"), "answers with malformed HTTP"),
    "a page": (answering(ok(b"<html>", "Content-Type: text/html")), "answers with nothing nothing instead of"),
    "deep": (answering(ok(DEEP)), "answers with nothing nothing instead of"),
    "compressed": (answering(ok(b"\x1f\x8b", "Content-Encoding: gzip")), "answers with nothing nothing instead of"),
    "other kind": (answering(as_json({"kind": "PodList", "apiVersion": "v1"})), "answers with 'v1' 'PodList' instead of"),
    "no quantity": (answering(as_json(a_list("many"))), "answers with items[0], whose value must be a quantity"),
    "a redirect": (answering(ok(b"", "Location: https://kubernetes.default.svc/", status="302 Found")), "answers 302, and no Status of Kubernetes"),
    "no content": (answering(b"HTTP/1.1 204 No Content\r\n\r\n"), "answers 204, and no Status of Kubernetes"),
    "401": (answering(failure(401, "Unauthorized")), "does not let the multiplexer read: 401: Unauthorized"),
    "403": (answering(failure(403, "no\r\nway")), "does not let the multiplexer read: 403: no  way"),
    "503": (answering(ok(b"no endpoints", status="503 Service Unavailable")), "answers 503, and no Status of Kubernetes"),
    "999": (answering(failure(999, "odd")), "answers 999, and no Status of Kubernetes"),
}  # fmt: skip


@pytest.fixture(scope="module")
def away(pki: Pki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """A multiplexer of which each provider but one is away, each with a route for what is its own."""
    made = [
        FakeProvider(f"p{number}", script, tmp_path_factory.mktemp("provider"))
        for number, (script, _) in enumerate(AWAY.values())
    ]
    good = FakeProvider("good", Served({B: ["2"]}).script, tmp_path_factory.mktemp("provider"))
    providers = [one.provider(timeout_seconds=0.5, failures=1000) for one in made]
    routes = [RouteConfig(namespace=one.name, provider=one.name) for one in made]
    backend = prepare(pki, tmp_path_factory.mktemp("backend"))
    first, *others = providers
    start_mux(
        backend,
        MuxConfig(apis=("external",), providers=[first, good.provider(timeout_seconds=10), *others], routes=routes),
    )
    yield backend
    backend.close()
    for one in (*made, good):
        one.close()


@pytest.mark.parametrize("how", AWAY)
def test_a_provider_that_is_away_is_named(away: Backend, how: str) -> None:
    """Whatever it does instead of answering."""
    number, words = list(AWAY).index(how), AWAY[how][1]
    answer = ask(away.aggregator(), f"namespaces/p{number}/a")
    status = answer.json()
    assert (answer.status, status["reason"]) == (503, "ServiceUnavailable")
    assert status["message"].startswith(f"the metric a cannot be read: p{number} {words}"), status["message"]


def test_the_others_are_served_and_the_server_is_ready(away: Backend) -> None:
    """A group that is not Available would keep every namespace from being deleted."""
    assert values(ask(away.aggregator(), B)) == ("good", ["2"])
    ready = away.client(None).request("GET", "/readyz?verbose", user=None)
    assert (ready.status, "[+]providers ok, but see the log" in ready.text) == (200, True), ready.text


def test_who_might_have_known_a_metric_is_named_if_nobody_else_knows_it(away: Backend) -> None:
    """All that were asked in vain, in their order."""
    message = ask(away.aggregator(), A).json()["message"]
    assert message.startswith("the metric a cannot be read: p0 does not answer within 0.5 seconds; p1 "), message
    assert "good" not in message


def test_an_answer_that_is_too_large_is_not_read_to_its_end(
    provider: Making, serve: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor held: the connection is closed."""
    monkeypatch.setattr(line, "MOST_BYTES", 100_000)

    def endless(visitor: Visitor) -> None:
        visitor.header()
        visitor.socket.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:  # until the connection is closed
            visitor.socket.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")

    status = ask(serve(provider("one", endless)), A).json()
    assert status["message"] == "the metric a cannot be read: one answers with more than 100000 bytes"


def test_nobody_listens(provider: Making, serve: Serving) -> None:
    """As while a provider's pod is replaced."""
    one = provider("one", silent)
    one.close()
    status = ask(serve(one), A).json()
    assert status["message"] == "the metric a cannot be read: one takes no connection: Connection refused"


@pytest.mark.parametrize(
    ("pair", "why"),
    [
        (Authority("others").server("one.default.svc"), "certificate verify failed"),
        (None, "certificate verify failed"),
    ],
    ids=["another authority", "another name"],
)
def test_who_cannot_prove_to_be_the_provider_gets_no_token(
    provider: Making, serve: Serving, pair: Any, why: str
) -> None:
    """Neither by another authority nor by another name."""
    served = Served({A: ["1"]})
    one = provider("one", served.script, pair=pair)
    config = one.provider() if pair else one.provider(server_name="other.default.svc")
    status = ask(serve(config), A).json()
    assert (status["code"], why in status["message"].lower().replace("_", " "), served.asked) == (503, True, [])


def test_what_a_provider_says_of_a_metric_is_passed_on_if_nobody_knows_it(provider: Making, serve: Serving) -> None:
    """Upstream's library answers 500 for whatever goes wrong with one metric; KEDA also for those that are not its own."""
    one = provider("one", Served({A: failure(500, "no such queue"), B: failure(500, "not mine")}).script)
    aggregator = serve(one, provider("two", Served({B: ["2"]}).script))
    answer = ask(aggregator, A)
    assert (answer.status, answer.json()["message"]) == (500, "the provider one answers: no such queue")
    assert values(ask(aggregator, B)) == ("two", ["2"])


def test_a_route_asks_one_provider_alone(provider: Making, serve: Serving) -> None:
    """So that a metric that two know is always one's."""
    first, second = Served({A: ["1"]}), Served({A: ["2"]})
    routes = [RouteConfig(metric="a", provider="two")]
    aggregator = serve(provider("one", first.script), provider("two", second.script), routes=routes)
    assert (values(ask(aggregator, A)), first.asked) == (("two", ["2"]), [])


def test_who_answered_is_asked_first_the_next_time(provider: Making, serve: Serving) -> None:
    """A hundred HorizontalPodAutoscalers of the second provider do not ask the first one each time."""
    first = Served()
    aggregator = serve(provider("one", first.script), provider("two", Served({A: ["2"]}).script))
    for _ in range(5):
        assert values(ask(aggregator, A)) == ("two", ["2"])
    assert len(first.asked) == 1


def test_who_answers_in_the_place_of_one_that_is_away_does_not_keep_the_metric(
    provider: Making, serve: Serving
) -> None:
    """As soon as the first is back, the metric is its own again."""
    first = Served({A: ["1"]})
    one = provider("one", first.script)
    one.close()
    aggregator = serve(one.provider(failures=1000), provider("two", Served({A: ["2"]}).script))
    assert values(ask(aggregator, A)) == ("two", ["2"])
    one.reopen()
    assert values(ask(aggregator, A)) == ("one", ["1"])


def test_values_of_custom_metrics_are_served_in_the_version_that_was_asked_for(
    provider: Making, serve: Serving
) -> None:
    """The HPA asks for the one that discovery prefers."""
    described = {"kind": "Pod", "namespace": "default", "name": "web", "apiVersion": "/v1"}
    item = {"describedObject": described, "metric": {"name": "requests"}, "timestamp": TIME, "value": "1500m"}
    document = {"kind": "MetricValueList", "apiVersion": CUSTOM[6:], "items": [item]}
    one = provider("one", Served({"namespaces/default/pods/*/requests": as_json(document)}, "pods/requests").script)
    aggregator = serve(one.provider(apis=("custom",)), apis=("custom",))
    answer = aggregator.request("GET", f"{CUSTOM}/namespaces/default/pods/*/requests").json()
    assert answer == {**document, "metadata": {}}
    older = aggregator.request("GET", f"{CUSTOM[:-1]}1/namespaces/default/pods/*/requests")
    assert older.status == 503, "it answers with the other version"


@pytest.mark.parametrize("accept", ["application/vnd.kubernetes.protobuf", "application/json;as=Table;v=v1;g=meta.k8s.io"])  # fmt: skip
def test_who_wants_another_form_is_told_which_there_is(provider: Making, serve: Serving, accept: str) -> None:
    """And no provider is asked."""
    served = Served({A: ["1"]})
    answer = serve(provider("one", served.script)).request("GET", f"{EXTERNAL}/{A}", accept=accept)
    assert (answer.status, answer.json()["reason"], served.asked) == (406, "NotAcceptable", [])


def test_a_caller_who_goes_around_kube_apiserver_is_nobody(provider: Making, serve: Serving, own: Backend) -> None:
    """Whatever headers it sends: what the multiplexer may read is not for everybody who reaches its port."""
    served = Served({A: ["1"]})
    serve(provider("one", served.script))
    answer = own.client(None).request("GET", f"{EXTERNAL}/{A}", user="admin")
    assert (answer.status, served.asked) == (401, [])


def test_a_request_for_another_group_is_not_found(provider: Making, serve: Serving) -> None:
    """Only what is served is asked for."""
    served = Served({A: ["1"]})
    aggregator = serve(provider("one", served.script))
    for path in (f"{CUSTOM}/nodes/one/a", "/apis/external.metrics.k8s.io/v1/namespaces/default/a", "/apis/x/v1/y"):
        assert aggregator.request("GET", path).status == 404
    assert served.asked == []

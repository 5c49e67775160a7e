"""A provider that answers nobody is left alone for a while; one that answers somebody is not."""

from __future__ import annotations

import threading

import pytest

from extension_apiserver.metrics_mux.breaker import Breaker
from unit.fake_aggregator import Aggregator
from unit.gateway.upstream import Visitor
from unit.metrics_mux.conftest import Making, Serving
from unit.metrics_mux.fake_provider import EXTERNAL, Served, failure
from unit.running import Backend


@pytest.fixture
def breaker(monkeypatch: pytest.MonkeyPatch) -> Breaker:
    """Three failures in a row open it for ten seconds; the clock is `clock`."""
    made = Breaker(3, 10)
    monkeypatch.setattr(made, "_now", lambda: clock[0])
    clock[0] = 100.0
    return made


clock = [100.0]


def fail(breaker: Breaker, times: int) -> None:
    """Let requests fail, one after the other."""
    for _ in range(times):
        assert breaker.admits()
        clock[0] += 1
        breaker.failed(clock[0] - 1, "is silent")


def test_failures_in_a_row_open_it_for_a_while(breaker: Breaker) -> None:
    """Then one request is let through, until it is known how that ends."""
    fail(breaker, 2)
    assert not breaker.is_open
    fail(breaker, 1)
    assert (breaker.is_open, breaker.admits(), breaker.why) == (True, False, "is silent")
    clock[0] += 10
    assert (breaker.admits(), breaker.admits()) == (True, False)


def test_an_answer_to_the_trial_closes_it(breaker: Breaker) -> None:
    """And the count begins anew."""
    fail(breaker, 3)
    clock[0] += 10
    assert breaker.admits()
    breaker.answered()
    fail(breaker, 2)
    assert not breaker.is_open


def test_a_failure_of_the_trial_opens_it_for_as_long_again(breaker: Breaker) -> None:
    """Not for three failures more."""
    fail(breaker, 3)
    clock[0] += 10
    fail(breaker, 1)
    assert not breaker.admits()
    clock[0] += 10
    assert breaker.admits()


def test_a_trial_whose_caller_leaves_says_nothing(breaker: Breaker) -> None:
    """The next one tries."""
    fail(breaker, 3)
    clock[0] += 10
    assert breaker.admits()
    breaker.left()
    assert breaker.admits()


def test_a_slow_metric_does_not_open_it_while_others_are_answered(breaker: Breaker) -> None:
    """Whoever may ask for a slow one would else take all the others away."""
    for _ in range(20):
        began = clock[0]
        clock[0] += 1
        breaker.answered()
        clock[0] += 4
        breaker.failed(began, "is silent")
    assert not breaker.is_open


def ask(aggregator: Aggregator, metric: str) -> str:
    """Return what is said of a metric, or who answers."""
    answer = aggregator.request("GET", f"{EXTERNAL}/namespaces/default/{metric}")
    return answer.header("X-Metrics-Provider") or str(answer.json()["message"])


def test_a_provider_that_is_silent_is_asked_no_more_and_no_less(provider: Making, serve: Serving, own: Backend) -> None:
    """Others answer at once meanwhile, metrics say so, and it is asked again."""
    speaks = threading.Event()
    served = Served({"namespaces/default/a": ["1"]})

    def script(visitor: Visitor) -> None:
        if speaks.is_set():
            served.script(visitor)
        elif b"namespaces" in visitor.header():
            visitor.socket.settimeout(30)
            visitor.socket.recv(1)

    one = provider("one", script)
    two = provider("two", Served({"namespaces/default/b": ["2"]}).script)
    aggregator = serve(one.provider(timeout_seconds=0.2, failures=2, open_seconds=0.5), two)
    own.wait_for(lambda: "is not asked again for some seconds" in ask(aggregator, "a"))
    assert ask(aggregator, "b") == "two"
    exposed = aggregator.request("GET", "/metrics").text
    assert 'extension_apiserver_metrics_provider_breaker_open{provider="one"} 1\n' in exposed
    assert 'extension_apiserver_metrics_provider_breaker_open{provider="two"} 0\n' in exposed
    assert 'extension_apiserver_metrics_provider_requests_total{provider="two",result="answered"} 1\n' in exposed
    speaks.set()
    own.wait_for(lambda: ask(aggregator, "a") == "one")


def test_answers_of_whatever_kind_do_not_open_it(provider: Making, serve: Serving) -> None:
    """A broken metric is no broken provider: KEDA answers 500 for each whose source is away."""
    metrics = {"namespaces/default/a": failure(500, "broken"), "namespaces/default/b": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"}  # fmt: skip
    one = provider("one", Served({**metrics, "namespaces/default/c": ["1"]}).script)
    aggregator = serve(one.provider(failures=1, open_seconds=1000))
    for _ in range(3):
        assert ask(aggregator, "a") == "the provider one answers: broken"
        assert "answers with nothing nothing" in ask(aggregator, "b")
        assert ask(aggregator, "c") == "one"

"""What callers and providers can do to the multiplexer, which is little."""

from __future__ import annotations

import json
import threading
import time
import tracemalloc
from typing import Any

import pytest

from extension_apiserver.metrics_mux import line
from extension_apiserver.metrics_mux import provider as module
from extension_apiserver.metrics_mux.answers import value_list
from unit.fake_aggregator import Answer
from unit.gateway.upstream import Visitor
from unit.metrics_mux.asked import CUSTOM, of
from unit.metrics_mux.conftest import Making, Serving
from unit.metrics_mux.fake_provider import EXTERNAL, Served
from unit.running import Backend

SLOW, QUICK = "namespaces/default/slow", "namespaces/default/quick"


class Slow:
    """A provider that answers for one metric, and is silent about another until it may speak."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.waiting = 0
        self.left = 0
        self._served = Served({QUICK: ["1"], SLOW: ["2"]})

    def script(self, visitor: Visitor) -> None:
        """Answer, or wait."""
        while header := visitor.header():
            if b"/slow" in header:
                self.waiting += 1
                self._wait(visitor)
            visitor.socket.sendall(self._served._answer(header, b""))

    def _wait(self, visitor: Visitor) -> None:
        visitor.socket.settimeout(0.05)
        while not self.released.is_set():
            try:
                if not visitor.socket.recv(1):
                    self.left += 1
                    raise OSError
            except TimeoutError:
                continue


def test_a_caller_of_what_is_slow_keeps_nobody_else_out(
    provider: Making, serve: Serving, own: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the connections to a provider, one caller has half."""
    monkeypatch.setattr("extension_apiserver.metrics_mux.provider._MOST_OF_ONE", 3)
    slow = Slow()
    serve(provider("one", slow.script).provider(timeout_seconds=30))
    answers: list[Answer] = []

    def flood() -> None:
        answers.append(own.aggregator().request("GET", f"{EXTERNAL}/{SLOW}", user="mallory"))

    threads = [threading.Thread(target=flood) for _ in range(6)]
    for thread in threads:
        thread.start()
    own.wait_for(lambda: slow.waiting == 3 and len(answers) == 3)
    assert {answer.status for answer in answers} == {429}
    message = "3 requests of yours wait for the provider one; wait for one of them"
    assert answers[0].json()["message"] == message
    assert own.aggregator().request("GET", f"{EXTERNAL}/{QUICK}", user="alice").status == 200
    slow.released.set()
    for thread in threads:
        thread.join(20)
    assert sorted(answer.status for answer in answers) == [200] * 3 + [429] * 3
    assert own.aggregator().request("GET", f"{EXTERNAL}/{SLOW}", user="mallory").status == 200


def test_nothing_is_left_of_a_caller_who_leaves(provider: Making, serve: Serving, own: Backend) -> None:
    """Its connection to the provider is closed, and the provider is taken for neither dead nor alive."""
    slow = Slow()
    aggregator = serve(provider("one", slow.script).provider(timeout_seconds=60, failures=1))
    with aggregator.connect() as leaving:
        leaving.sendall(f"GET {EXTERNAL}/{SLOW} HTTP/1.1\r\nHost: a\r\nX-Remote-User: alice\r\n\r\n".encode())
        own.wait_for(lambda: slow.waiting == 1)
    own.wait_for(lambda: slow.left == 1)
    assert aggregator.request("GET", f"{EXTERNAL}/{QUICK}").status == 200


def test_a_large_answer_is_passed_on_as_a_small_one_is(provider: Making, serve: Serving) -> None:
    """It is read in a thread; also one that is none is refused in its words."""
    many = ["1"] * 3000
    aggregator = serve(provider("one", Served({QUICK: many, SLOW: [*many, "x"]}).script))
    assert len(aggregator.request("GET", f"{EXTERNAL}/{QUICK}").json()["items"]) == 3000
    message = aggregator.request("GET", f"{EXTERNAL}/{SLOW}").json()["message"]
    assert "one answers with items[3000], whose value must be a quantity" in message


@pytest.mark.unmeasured
def test_the_largest_answer_costs_little() -> None:
    """Values of thousands of pods are read in a moment; the memory is some times their text, and is given back."""
    described = {"kind": "Pod", "namespace": "default", "apiVersion": "/v1"}
    items: list[Any] = [
        {"describedObject": {**described, "name": f"web-{number}"}, "metric": {"name": "a"}, "value": "1500m"}
        for number in range(2000)
    ]
    body = json.dumps({"kind": "MetricValueList", "apiVersion": CUSTOM[6:], "items": items}).encode()
    asked = of(f"{CUSTOM}/namespaces/default/pods/*/a")
    began = time.process_time()
    assert len(value_list(asked, module._document(body))) == 2000
    seconds = time.process_time() - began
    tracemalloc.start()
    value_list(asked, module._document(body))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds < 2, f"{len(body)} bytes took {seconds:.2f} s"
    assert most < 30 * len(body), f"{len(body)} bytes took {most} bytes of memory"


def test_answers_of_all_providers_together_are_bounded(
    provider: Making, serve: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each may be within its own bound, and all together would be too much."""
    monkeypatch.setattr(line, "MOST_BYTES_TOGETHER", 1000)
    one = provider("one", Served({QUICK: ["1"] * 100}).script)
    status = serve(one).request("GET", f"{EXTERNAL}/{QUICK}").json()
    words = "the metric quick cannot be read: one answers while 1000 bytes of other answers are on their way"
    assert (status["code"], status["message"]) == (503, words)

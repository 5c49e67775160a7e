"""Discovery is what all providers list, bounded and harmless; one that is away keeps what it listed."""

from __future__ import annotations

from typing import Any

import pytest

from extension_apiserver.metrics_mux import catalog
from unit.fake_aggregator import Aggregator
from unit.metrics_mux.conftest import Making, Serving
from unit.metrics_mux.fake_provider import CUSTOM, EXTERNAL, Served, failure
from unit.running import Backend


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Providers are asked ten times a second."""
    monkeypatch.setattr(catalog, "_PERIOD_SECONDS", 0.1)
    monkeypatch.setattr(catalog, "_RETRY_SECONDS", 0.1)


def names(aggregator: Aggregator, path: str = EXTERNAL) -> list[str]:
    """Return what is listed."""
    return [one["name"] for one in aggregator.request("GET", path).json()["resources"]]


def test_it_is_the_union_of_what_providers_list(provider: Making, serve: Serving, own: Backend) -> None:
    """By name, each once, with the verb that there is: of what can be deleted, namespaces would be emptied."""
    aggregator = serve(provider("one", Served({}, "b", "a").script), provider("two", Served({}, "c", "a").script))
    own.wait_for(lambda: names(aggregator) == ["a", "b", "c"])
    assert aggregator.request("GET", EXTERNAL).json()["resources"][0] == {
        "name": "a", "singularName": "", "namespaced": True, "kind": "ExternalMetricValueList", "verbs": ["get"],
    }  # fmt: skip


def test_a_metric_that_is_new_is_listed_and_one_that_is_gone_is_not(
    provider: Making, serve: Serving, own: Backend
) -> None:
    """Without a restart."""
    served = Served({}, "a")
    aggregator = serve(provider("one", served.script))
    own.wait_for(lambda: names(aggregator) == ["a"])
    served.listed = ("b",)
    own.wait_for(lambda: names(aggregator) == ["b"])


def test_what_a_provider_listed_stays_while_it_is_away(provider: Making, serve: Serving, own: Backend) -> None:
    """Discovery that shrinks for a moment is taken for the truth by controllers."""
    one = provider("one", Served({}, "a").script)
    two = Served({}, "b")
    aggregator = serve(one, provider("two", two.script))
    own.wait_for(lambda: names(aggregator) == ["a", "b"])
    one.close()
    two.listed = ("c",)
    own.wait_for(lambda: "c" in names(aggregator))
    assert names(aggregator) == ["a", "c"]


def test_there_is_always_something_in_a_list(provider: Making, serve: Serving, own: Backend) -> None:
    """Older clients of Kubernetes fail on an empty one; what upstream's library has there means nothing."""
    away = provider("one", Served().script)
    away.close()
    aggregator = serve(away.provider(apis=("external", "custom")), apis=("external", "custom"))
    assert names(aggregator) == ["externalmetrics"]
    assert names(aggregator, CUSTOM) == names(aggregator, f"{CUSTOM[:-1]}1") == ["/custommetrics"]
    groups: list[Any] = aggregator.request("GET", "/apis").json()["groups"]
    assert [one["preferredVersion"]["version"] for one in groups] == ["v1beta1", "v1beta1"]


def test_who_lists_a_metric_is_asked_before_others(provider: Making, serve: Serving, own: Backend) -> None:
    """The first provider is not troubled with it."""
    first = Served()
    two = provider("two", Served({"namespaces/default/a": ["2"]}, "a").script)
    aggregator = serve(provider("one", first.script), two)
    own.wait_for(lambda: names(aggregator) == ["a"])
    answer = aggregator.request("GET", f"{EXTERNAL}/namespaces/default/a")
    assert (answer.header("X-Metrics-Provider"), first.asked) == ("two", [])


def test_a_provider_of_one_version_is_whole(provider: Making, serve: Serving, own: Backend) -> None:
    """v1beta2 of custom metrics came later than v1beta1."""
    older = f"{CUSTOM[:-1]}1"

    def script(visitor: Any) -> None:
        while header := visitor.header():
            said = failure(404, "not found")
            if header.startswith(f"GET {older} ".encode()):
                body = b'{"kind":"APIResourceList","groupVersion":"%b","resources":[{"name":"pods/a","namespaced":true}]}' % older[6:].encode()  # fmt: skip
                said = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
            visitor.socket.sendall(said)

    one = provider("one", script).provider(apis=("custom",))
    aggregator = serve(one, apis=("custom",))
    own.wait_for(lambda: names(aggregator, older) == ["pods/a"])
    assert names(aggregator, CUSTOM) == ["/custommetrics"]
    assert "[+]providers ok\n" in own.client(None).request("GET", "/readyz?verbose", user=None).text

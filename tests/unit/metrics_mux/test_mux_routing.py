"""Who is asked for a metric: routes, then who answered a moment ago, who lists it, and the order of the file."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extension_apiserver.apps.upstream.origin import origin
from extension_apiserver.metrics_mux import routing as module
from extension_apiserver.metrics_mux.config import ProviderConfig, RouteConfig
from extension_apiserver.metrics_mux.provider import Provider
from extension_apiserver.metrics_mux.routing import Routing, fits
from unit.metrics_mux.asked import CUSTOM, EXTERNAL, of


class Named:
    """A provider that is never asked here."""

    def __init__(self, name: str, *apis: str) -> None:
        self.name = name
        self.config = ProviderConfig(
            name=name, origin=origin("https://one.example"), apis=apis or ("external", "custom")
        )


FIRST, SECOND, THIRD = (cast("Provider", Named(name)) for name in ("first", "second", "third"))
QUEUE = f"{EXTERNAL}/namespaces/prod-1/queue_depth"


def routing(*routes: RouteConfig, listed: Sequence[tuple[Provider, str]] = ()) -> Routing:
    """Return a routing between three providers, some of which list metrics."""
    return Routing([FIRST, SECOND, THIRD], routes, lambda provider, asked: (provider, asked.listed_as) in listed)


def order(found: Routing, target: str) -> list[str]:
    """Return who is asked for a path."""

    async def chosen() -> list[str]:
        return [one.name for one in found.chosen(of(target))]

    return asyncio.run(chosen())


@pytest.mark.parametrize(
    ("route", "target", "fitting"),
    [
        (RouteConfig(metric="queue_*"), QUEUE, True),
        (RouteConfig(metric="queue"), QUEUE, False),
        (RouteConfig(namespace="prod-*"), QUEUE, True),
        (RouteConfig(namespace="prod-*"), f"{EXTERNAL}/namespaces/test/queue_depth", False),
        (RouteConfig(namespace="prod-*"), f"{CUSTOM}/namespaces/prod-1/metrics/requests", True),
        (RouteConfig(namespace="prod-*"), f"{CUSTOM}/nodes/prod-1/requests", False),
        (RouteConfig(labels="queue in (a,b)"), f"{QUEUE}?labelSelector=queue%3Da", True),
        (RouteConfig(labels="queue in (a,b)"), f"{QUEUE}?labelSelector=queue%3Dc", False),
        (RouteConfig(labels="queue in (a,b)"), QUEUE, False),
        (RouteConfig(labels="scaledobject.keda.sh/name"), f"{QUEUE}?labelSelector=scaledobject.keda.sh%2Fname%3Dweb", True),
        (RouteConfig(metric="requests"), f"{CUSTOM}/namespaces/a/pods/%2A/requests", True),
        (RouteConfig(metric="queue_*", namespace="test"), QUEUE, False),
    ],
)  # fmt: skip
def test_a_route_sends_what_fits_to_its_provider_alone(route: RouteConfig, target: str, fitting: bool) -> None:
    """All that it says must fit."""
    chosen = order(routing(RouteConfig(metric=route.metric, namespace=route.namespace, labels=route.labels, provider="third")), target)  # fmt: skip
    assert chosen == (["third"] if fitting else ["first", "second", "third"])


def test_the_first_route_that_fits_counts() -> None:
    """As they stand in the file."""
    routes = [RouteConfig(metric="queue_*", provider="second"), RouteConfig(metric="*", provider="third")]
    assert order(routing(*routes), QUEUE) == ["second"]


def test_a_route_to_a_provider_of_another_api_does_not_fit() -> None:
    """It could not answer."""
    external = cast("Provider", Named("keda", "external"))
    found = Routing([external, FIRST], [RouteConfig(metric="*", provider="keda")], lambda *_: False)
    assert (order(found, QUEUE), order(found, f"{CUSTOM}/nodes/one/requests")) == (["keda"], ["first"])


def test_who_lists_a_metric_is_asked_before_those_who_do_not() -> None:
    """Some list no names, and may know it all the same."""
    found = routing(listed=[(SECOND, "queue_depth"), (THIRD, "queue_depth"), (THIRD, "pods/requests")])
    assert order(found, QUEUE) == ["second", "third", "first"]
    assert order(found, f"{CUSTOM}/namespaces/a/pods/%2A/requests") == ["third", "first", "second"]


def test_who_answered_is_asked_first_for_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for longer because it goes on answering: one before it may have come to know the metric."""

    async def both() -> None:
        now = [1000.0]
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now[0])
        found, asked = routing(), of(QUEUE)
        for passed in (0, 30, 59):
            now[0] = 1000 + passed
            found.answered(asked, THIRD)
            assert found.chosen(asked) == [THIRD, FIRST, SECOND], f"after {passed} s"
        now[0] = 1060
        assert found.chosen(asked) == [FIRST, SECOND, THIRD]
        assert found.chosen(of(f"{QUEUE}?labelSelector=a")) == [FIRST, SECOND, THIRD], "another selector"

    asyncio.run(both())


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A selector can be written in endless ways."""

    async def fill() -> dict[Any, Any]:
        monkeypatch.setattr(module, "_MOST_REMEMBERED", 3)
        found = routing()
        for number in range(10):
            found.answered(of(f"{QUEUE}?labelSelector=a!%3D{number}"), FIRST)
        found.answered(of(f"{QUEUE}?labelSelector=a{'%2Ca' * 1000}"), FIRST)
        return dict(found._owners)

    assert [key[-1] for key in asyncio.run(fill())] == [(("labelSelector", f"a!={number}"),) for number in (7, 8, 9)]


@pytest.mark.unmeasured
@given(st.text(alphabet="ab*", max_size=8), st.text(alphabet="ab", max_size=10))
def test_a_star_is_any_text(pattern: str, text: str) -> None:
    """Compared with what says the same in another way."""

    def slowly(pattern: str, text: str) -> bool:
        if not pattern:
            return not text
        if pattern[0] == "*":
            return any(slowly(pattern[1:], text[start:]) for start in range(len(text) + 1))
        return text[:1] == pattern[0] and slowly(pattern[1:], text[1:])

    assert fits(pattern, text) == slowly(pattern, text)

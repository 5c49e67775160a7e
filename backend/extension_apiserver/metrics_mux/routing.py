"""Who is asked for a metric, and in which order."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from extension_apiserver.selectors.asked import Selector, selectors

from .config import RouteConfig
from .provider import Provider
from .question import Question

#: Who answered is remembered, so that those before it need not be asked each time; for so long, as one of them may know the metric by then.
_REMEMBERED_SECONDS = 60.0
_MOST_REMEMBERED = 4096
_LONGEST_REMEMBERED = 1024


def fits(pattern: str, text: str) -> bool:
    """Tell whether a text is what a pattern says, in which `*` is any text. Takes time as both are long."""
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == text
    *middle, last = rest
    if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
        return False
    position, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True


class Routing:
    """The routes of the configuration; then who answered a moment ago, who lists the metric, and the order."""

    def __init__(
        self, providers: Sequence[Provider], routes: Sequence[RouteConfig], lists: Callable[[Provider, Question], bool]
    ) -> None:
        """Take the parts.

        Args:
            providers: in their order.
            routes: the first that fits counts.
            lists: whether a provider has a metric in its discovery.

        """
        self._providers = providers
        by_name = {one.name: one for one in providers}
        self._routes = [(one, _labels(one), by_name[one.provider]) for one in routes]
        self._lists = lists
        self._owners: OrderedDict[tuple[Any, ...], tuple[Provider, float]] = OrderedDict()

    def chosen(self, question: Question) -> list[Provider]:
        """Return who is asked, one after the other, until one knows the metric."""
        item = {"metadata": {"labels": dict(question.labels)}}
        # Of a namespace itself it is the name.
        namespace = question.namespace or (question.name if question.resource == "namespaces" else "")
        for route, wanted, provider in self._routes:
            if (
                question.api in provider.config.apis
                and fits(route.metric, question.metric)
                and fits(route.namespace, namespace)
                and all(one(item) for one in wanted)
            ):
                return [provider]
        able = [one for one in self._providers if question.api in one.config.apis]
        owner = self._owner(question)
        # Sorted is stable: within each kind the order of the file stays.
        return sorted(able, key=lambda one: (one is not owner, not self._lists(one, question)))

    def answered(self, question: Question, provider: Provider) -> None:
        """Remember who knows a metric."""
        key = _key(question)
        # Not for longer because it goes on answering, or one before it that came to know the metric would never be asked.
        if key is None or self._owner(question) is provider:
            return
        self._owners[key] = provider, asyncio.get_running_loop().time() + _REMEMBERED_SECONDS
        self._owners.move_to_end(key)
        if len(self._owners) > _MOST_REMEMBERED:
            self._owners.popitem(last=False)

    def _owner(self, question: Question) -> Provider | None:
        key = _key(question)
        owner, until = self._owners.get(key, (None, 0.0)) if key is not None else (None, 0.0)
        return owner if until > asyncio.get_running_loop().time() else None


def _labels(route: RouteConfig) -> list[Selector]:
    query: Mapping[str, Sequence[str]] = {"labelSelector": [route.labels]} if route.labels else {}
    return selectors(query)


def _key(question: Question) -> tuple[Any, ...] | None:
    """Return what tells metrics apart, None if it is too long to be kept."""
    # Whose a metric is may hang on the labels, and not on the object's name, of which there are many.
    names = (question.api, question.namespace, question.resource, question.metric)
    length = sum(map(len, names)) + sum(len(text) for _, text in question.selectors)
    return (*names, question.selectors) if length <= _LONGEST_REMEMBERED else None

"""What providers list in discovery, as it was known last: a provider that is away keeps its list."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from functools import partial
from typing import Any

from extension_apiserver.status import StatusError

from .answers import KINDS, resource_list
from .config import GROUPS
from .provider import Away, Provider
from .question import Question

_PERIOD_SECONDS, _RETRY_SECONDS = 30.0, 5.0
#: What upstream's library lists whose provider knows no names; older clients complain of an empty list.
#: https://github.com/kubernetes-sigs/custom-metrics-apiserver/blob/v1.37.0/pkg/provider/defaults/default_metric_providers.go
_NAMELESS = {"external": {"externalmetrics": True}, "custom": {"/custommetrics": False}}


class Catalog:
    """Asks all providers again and again."""

    def __init__(self, providers: Sequence[Provider]) -> None:
        """Know nothing yet."""
        self._providers = providers
        #: (provider, API, version) → name → whether it has a namespace.
        self._lists: dict[tuple[str, str, str], dict[str, bool]] = {}
        self._unions: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self._complaints: dict[str, str] = {}

    async def run(self) -> None:
        """Go on for ever; one provider waits for no other."""
        await asyncio.gather(*(self._follow(one) for one in self._providers))

    async def _follow(self, provider: Provider) -> None:
        while True:
            complaint = await self.refresh(provider)
            self._complaints[provider.name] = complaint
            # All replicas would ask at the same moment for ever.
            await asyncio.sleep((_RETRY_SECONDS if complaint else _PERIOD_SECONDS) * random.uniform(1, 1.2))  # noqa: S311

    async def refresh(self, provider: Provider) -> str:
        """Ask a provider for its lists, and return what is wrong with it, in words that begin after its name, or ''."""
        for api in provider.config.apis:
            group, versions = GROUPS[api]
            refusal: StatusError | None = None
            served = False
            for version in versions:
                try:
                    check = partial(resource_list, f"{group}/{version}", api)
                    found = await provider.ask(f"/apis/{group}/{version}", check)
                except Away as error:
                    return str(error)
                except StatusError as error:
                    refusal, found = error, {}
                else:
                    served = True
                self._put((provider.name, api, version), found)
            if not served:
                return f"does not serve {group}: {refusal}"
        return ""

    def complaint(self, provider: Provider) -> str:
        """Return what was wrong with a provider when it was asked last, in words that begin after its name, or ''."""
        return self._complaints.get(provider.name, "")

    def lists(self, provider: Provider, question: Question) -> bool:
        """Tell whether a provider lists a metric."""
        return question.listed_as in self._lists.get((provider.name, question.api, question.version), ())

    def resources(self, api: str, version: str) -> list[dict[str, Any]]:
        """Return what all providers list, as an APIResourceList has it, by name; the same object until a list changes.

        Verbs are ours: of a resource that says it can be listed and deleted, controllers delete the objects of a namespace with it.
        """
        known = self._unions.get((api, version))
        if known is None:
            union: dict[str, bool] = {}
            for provider in reversed(self._providers):
                union |= self._lists.get((provider.name, api, version), {})
            known = self._unions[api, version] = [
                {"name": name, "singularName": "", "namespaced": namespaced, "kind": KINDS[api], "verbs": ["get"]}
                for name, namespaced in sorted((union or _NAMELESS[api]).items())
            ]
        return known

    def _put(self, key: tuple[str, str, str], found: dict[str, bool]) -> None:
        if self._lists.get(key) != found:
            self._lists[key] = found
            self._unions.pop(key[1:], None)

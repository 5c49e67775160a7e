"""Whether providers answer, for `doctor`."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Sequence
from functools import partial

from extension_apiserver.diagnose.findings import Finding
from extension_apiserver.status import StatusError

from .answers import resource_list
from .config import GROUPS
from .provider import Away, Provider

_HOP = "this is the hop from the multiplexer to the provider: look at its Service, its certificate and its log"
_RIGHTS = "bind a ClusterRole with get and list on this group to the ServiceAccount of this pod, and see that the provider reviews tokens"
_APIS = "take the API out of its `apis`, or correct its `url`"


async def findings(providers: Sequence[Provider]) -> AsyncIterator[Finding]:
    """Yield what each provider answers for each version that it may serve; of an API one is enough."""
    for provider in providers:
        for api in provider.config.apis:
            group, versions = GROUPS[api]
            found = [await _finding(provider, api, f"{group}/{version}") for version in versions]
            served = any(one.good for one in found)
            for one in found:
                yield dataclasses.replace(one, good=None, remedy="") if served and one.remedy == _APIS else one
        provider.close()


async def _finding(provider: Provider, api: str, group_version: str) -> Finding:
    what = f"the provider {provider.name}"
    try:
        listed = await provider.ask(f"/apis/{group_version}", partial(resource_list, group_version, api))
    except Away as error:
        return Finding(False, f"{what} {error}", _RIGHTS if error.refuses else _HOP)
    except StatusError as error:
        return Finding(False, f"{what} does not serve {group_version}: {error}", _APIS)
    return Finding(True, f"{what} serves {group_version} and lists {len(listed)} metrics")

"""Puts the parts of a multiplexer together, as the groups that a server serves."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Mapping, Sequence

from extension_apiserver.api.documents.openapi import OpenApiDocuments
from extension_apiserver.api.group import ApiResource
from extension_apiserver.api.negotiation import as_kind
from extension_apiserver.apps.application import Host, Hosted
from extension_apiserver.observe.metrics import Rows
from extension_apiserver.observe.readiness import Check
from extension_apiserver.request import Request, Response, json_response
from extension_apiserver.request_info import RequestInfo
from extension_apiserver.settings import Settings
from extension_apiserver.trust.authentication import Caller

from .answers import KINDS
from .asking import ask
from .catalog import Catalog
from .config import GROUPS, MuxConfig
from .line import BytesTogether
from .provider import Provider
from .question import question
from .routing import Routing

#: Says in an answer which provider it is from.
PROVIDER_HEADER = "X-Metrics-Provider"
_PLAIN = (("", "", ""),)

_log = logging.getLogger(__name__)


class Mux:
    """What a configuration comes to.

    Attributes:
        providers: all there are, in their order.
        catalog: what they list.

    """

    def __init__(self, config: MuxConfig, settings: Settings) -> None:
        """Read the files that the configuration names.

        Raises:
            ValueError: if one cannot be used, or an API is registered that is not served, with a sentence.

        """
        missing = [api for api in settings.metrics_apis if api not in config.apis]
        if missing:
            raise ValueError(
                f"{missing[0]} metrics are registered (EXTENSION_APISERVER_METRICS_APIS has '{missing[0]}') and not among `apis` "
                "of the configuration"
            )
        self._unregistered = [api for api in config.apis if api not in settings.metrics_apis]
        together = BytesTogether()
        token = settings.service_account_directory / "token"
        self.providers = [Provider(one, token, together) for one in config.providers]
        self.catalog = Catalog(self.providers)
        routing = Routing(self.providers, config.routes, self.catalog.lists)
        self._groups = [MuxGroup(api, self.catalog, routing) for api in config.apis]

    def host(self, host: Host) -> Hosted:
        """Return what the server is to do for it; as `host.host` wants it."""
        for api in self._unregistered:
            _log.warning(
                "%s metrics are served and nobody asks for them: register them with the chart (`metrics.apis`)", api
            )
        host.metrics.others += [
            Rows(
                "extension_apiserver_metrics_provider_requests_total",
                "Questions for metrics, by provider and by what became of them.",
                self._results,
                kind="counter",
            ),
            Rows(
                "extension_apiserver_metrics_provider_breaker_open",
                "1 while a provider is not asked, since it did not answer.",
                lambda: [({"provider": one.name}, one.breaker.is_open) for one in self.providers],
                kind="gauge",
            ),
        ]
        # Remarks alone: whichever provider is away, the others are served, and so is the group, without which no namespace could be
        # deleted. https://github.com/kubernetes/kubernetes/issues/60807
        return Hosted(groups=self._groups, checks=[Check("providers", lambda: None, self._remark)], run=self._run)

    async def _run(self) -> None:
        try:
            await self.catalog.run()
        finally:
            for one in self.providers:
                one.close()

    def _results(self) -> Iterator[tuple[Mapping[str, str], float]]:
        for one in self.providers:
            for result, count in one.results.items():
                yield {"provider": one.name, "result": result}, count

    def _remark(self) -> str | None:
        said = {one.name: one.complaint or self.catalog.complaint(one) for one in self.providers}
        return "; ".join(f"the provider {name} {words}" for name, words in said.items() if words) or None


@dataclasses.dataclass(frozen=True, slots=True)
class MuxGroup:
    """One API, as `api.group.Group`."""

    api: str
    catalog: Catalog
    routing: Routing

    @property
    def name(self) -> str:
        """See `Group`."""
        return GROUPS[self.api][0]

    @property
    def versions(self) -> Sequence[str]:
        """See `Group`."""
        return GROUPS[self.api][1]

    def resources(self, version: str) -> Sequence[ApiResource]:
        """See `Group`."""
        return self.catalog.resources(self.api, version)

    def openapi(self) -> OpenApiDocuments | None:
        """See `Group`."""
        return None

    async def answer(self, request: Request, info: RequestInfo, caller: Caller) -> Response:
        """See `Group`."""
        as_kind(request.header(b"accept"), _PLAIN)
        asked = question(request, info)
        provider, items = await ask(self.routing, asked, caller.identity.user, request.connection)
        document = {"kind": KINDS[self.api], "apiVersion": asked.group_version, "metadata": {}, "items": items}
        return json_response(document, headers=[(PROVIDER_HEADER, provider.name)])

"""Puts the parts of a gateway together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any

from extension_apiserver.api.documents.openapi import OpenApi
from extension_apiserver.api.resources import Api, Resource
from extension_apiserver.apps.application import Host, Hosted
from extension_apiserver.apps.table_group import TableGroup
from extension_apiserver.request import Request
from extension_apiserver.request_info import RequestInfo, request_info
from extension_apiserver.settings import Settings
from extension_apiserver.trust.authentication import Caller
from extension_apiserver.trust.identity import Identity

from .access import Access
from .audit import Audit
from .config import GatewayConfig
from .fair_calls import FairCalls
from .fetching import DocumentWatch, Fetcher
from .health import Health
from .identity import IdentityHeaders
from .passing.forward import Forwarder
from .passing.served import Served
from .resources.fetch import Fetched
from .resources.openapi.collection import UpstreamDocuments
from .token import Signer

#: Where upstreams find the keys of the tokens that they are sent.
JWKS_PATH = "/.well-known/jwks.json"


#: Of callers whose lines are remembered: how many, and how many lines each.
_MOST_KNOWN, _FEW_LINES = 256, 32


class _Teller:
    """Tells upstreams who calls: in headers, and in a token if there is one."""

    def __init__(self, config: GatewayConfig, signer: Signer | None) -> None:
        self._headers = IdentityHeaders(config.identity, [config.token.header] if signer else [])
        self._signer = signer
        self.passes = self._headers.passes
        self._known: dict[int, tuple[Identity, list[tuple[bytes, bytes]]]] = {}

    def lines(self, identity: Identity) -> list[tuple[bytes, bytes]]:
        """Return the header lines that say it."""
        # The authenticator gives the same object for the same caller, as long as it remembers it.
        known = self._known.get(id(identity))
        if known is not None and known[0] is identity:
            lines = known[1]
        else:
            lines = self._headers.lines(identity)
            if len(lines) <= _FEW_LINES:
                if len(self._known) >= _MOST_KNOWN:
                    self._known.clear()
                self._known[id(identity)] = identity, lines
        return lines if self._signer is None else [*lines, self._signer.header(identity)]


class Gateway:
    """What a configuration comes to.

    Attributes:
        upstreams: all there are.
        api: group, versions and resources.

    """

    def __init__(self, config: GatewayConfig, settings: Settings) -> None:
        """Read the files that the configuration names.

        Raises:
            ValueError: if one cannot be used, with a sentence.

        """
        self.upstreams = [Served(one) for one in config.upstreams]
        self._signer = Signer(config.token) if config.token.key_file else None
        self._teller = _Teller(config, self._signer)
        asked = [(str(one.get("upstream") or ""), str(one.get("schema") or "")) for one in config.resources]
        documents = UpstreamDocuments(settings.group, [pair for pair in asked if pair[1]])
        fetcher = Fetcher(self.upstreams, self._teller)
        segments = {one.segment for one in self.upstreams}
        for number, (segment, _) in enumerate(asked):
            if segment and segment not in segments:
                raise ValueError(
                    f"resources[{number}].upstream must be the segment of an upstream, and '{segment}' is none"
                )
        resources: list[Resource] = []
        if config.resources:
            # Not before it is needed: what it is built on is an extra of the distribution.
            try:
                from .resources.mapping import mapped
            except ModuleNotFoundError as error:
                raise ValueError(
                    f"`resources` needs {error.name}, which is not installed: pip install 'extension-apiserver[gateway]'"
                ) from None
            resources = mapped(config.resources, fetcher.fetch, self._wait, documents.schema)
        self.api = Api(settings.group, settings.versions, resources)
        self._openapi = OpenApi(self.api)
        self._most_body_bytes = settings.most_body_bytes
        if config.access and not settings.delegated_authorization:
            raise ValueError("`access` asks kube-apiserver: set EXTENSION_APISERVER_DELEGATED_AUTHORIZATION to 'true'")
        self._access = Access(settings.group, config.access)
        self._audit = Audit(settings.group, config.audit_bodies)
        self._health = Health(self.upstreams)
        self._watch = DocumentWatch(self.upstreams, documents, self._openapi)
        self._loop: asyncio.AbstractEventLoop | None = None

    def host(self, host: Host) -> Hosted:
        """Return what the server is to do for it; as `serve.host` wants it."""
        self._loop = asyncio.get_running_loop()

        async def may(caller: Caller, request: Request, before: RequestInfo) -> bool:
            info = request_info(request)
            asked = before.is_resource and before.attributes() == info.attributes()
            needed = [one for one in (None if asked else info, self._access.needed(request)) if one is not None]
            authorizer = host.authorizer
            for one in needed:
                if authorizer is None or not await authorizer.allows(caller.identity, one, caller.payer):
                    return False
            return True

        return Hosted(
            groups=[
                TableGroup(
                    api=self.api,
                    app=Forwarder(self.upstreams, self._teller, may),
                    calls=FairCalls(),
                    streams=host.streams,
                    most_body_bytes=self._most_body_bytes,
                    openapi_source=self._openapi,
                    below_objects=True,
                )
            ],
            checks=[self._health.check()],
            run=self._run,
            access=self._access.needed,
            public=self._public(),
            audit=self._audit.begin,
        )

    def _public(self) -> Mapping[str, Any]:
        return {} if self._signer is None else {JWKS_PATH: self._signer.jwks}

    async def _run(self) -> None:
        await asyncio.gather(self._health.run(), self._watch.run())

    def _wait(self, asking: Awaitable[Fetched]) -> Fetched:
        """Wait, in the thread of a verb, for what the event loop does."""

        async def ask() -> Fetched:
            return await asking

        if self._loop is None:
            raise RuntimeError("nothing is served yet")
        return asyncio.run_coroutine_threadsafe(ask(), self._loop).result()

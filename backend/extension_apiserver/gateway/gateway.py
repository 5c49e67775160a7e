"""Puts the parts of a gateway together."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from extension_apiserver.api.resources import Api, Resource
from extension_apiserver.apps.application import Hosted
from extension_apiserver.apps.calls import Calls
from extension_apiserver.request_info import RequestInfo
from extension_apiserver.settings import Settings
from extension_apiserver.trust.authentication import Caller
from extension_apiserver.trust.delegation import Authorizer
from extension_apiserver.trust.identity import Identity

from .config import GatewayConfig
from .health import Health
from .identity import IdentityHeaders
from .passing.forward import Forwarder
from .passing.served import Served
from .token import Signer

#: Where upstreams find the keys of the tokens that they are sent.
JWKS_PATH = "/.well-known/jwks.json"


class _Teller:
    """Tells upstreams who calls: in headers, and in a token if there is one."""

    def __init__(self, config: GatewayConfig, signer: Signer | None) -> None:
        self._headers = IdentityHeaders(config.identity)
        self._signer = signer
        self._token_name = config.token.header.lower().encode() if signer else b""
        self.passes = self._headers.passes if signer is None else self._passes

    def lines(self, identity: Identity) -> list[tuple[bytes, bytes]]:
        """Return the header lines that say it."""
        lines = self._headers.lines(identity)
        return lines if self._signer is None else [*lines, self._signer.header(identity)]

    def _passes(self, name: bytes) -> bool:
        return name != self._token_name and self._headers.passes(name)


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
        resources: list[Resource] = []
        self.api = Api(settings.group, settings.versions, resources)
        self._signer = Signer(config.token) if config.token.key_file else None
        self._teller = _Teller(config, self._signer)
        self._health = Health(self.upstreams)

    def host(self, authorizer: Authorizer | None) -> Hosted:
        """Return what the server is to do for it; as `serve.host` wants it."""

        async def may(caller: Caller, info: RequestInfo) -> bool:
            return authorizer is not None and await authorizer.allows(caller.identity, info, caller.payer)

        return Hosted(
            app=Forwarder(self.upstreams, self._teller, may),
            calls=Calls(blocking=True),
            checks=[self._health.check()],
            run=self._run,
            public=self._public(),
            below_objects=True,
        )

    def _public(self) -> Mapping[str, Any]:
        return {} if self._signer is None else {JWKS_PATH: self._signer.jwks}

    async def _run(self) -> None:
        await asyncio.gather(self._health.run())

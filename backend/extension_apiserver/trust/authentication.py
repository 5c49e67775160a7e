"""Who sent this request, and how that was proven.

The order is that of k8s.io/apiserver: front proxy, own client certificate, bearer token, anonymous. Who claims an identity and
cannot prove any gets 401; who claims none is system:anonymous.

https://github.com/kubernetes/apiserver/blob/v0.34.0/pkg/authentication/authenticatorfactory/delegating.go
"""

from __future__ import annotations

import dataclasses

from extension_apiserver.observe.metrics import Metrics
from extension_apiserver.request import Connection, Request
from extension_apiserver.status import StatusError

from .budget import Payer
from .delegation import TokenReviewer
from .identity import (
    ANONYMOUS,
    HeaderLines,
    Identity,
    IdentityError,
    IdentityHeaders,
    identity_from_headers,
    with_authenticated_group,
)
from .requestheader_watch import RequestHeaderWatch
from .verdicts import Verdict, Verdicts

#: A bound on the memory that identities of the last requests take. A usual user's lines have 300 bytes, and each takes some beside.
_CACHE_BYTES = 2**20
_LINE_BYTES = 256


@dataclasses.dataclass(frozen=True, slots=True)
class Caller:
    """An identity and its proof.

    Attributes:
        identity: who.
        by_front_proxy: a proven front proxy vouches for it, so kube-apiserver has authorized the request already.
        payer: on whose account kube-apiserver is asked about it; None for the front proxy's.

    """

    identity: Identity
    by_front_proxy: bool = False
    payer: Payer | None = None


class Authenticator:
    """Finds the caller of each request."""

    def __init__(self, watch: RequestHeaderWatch, metrics: Metrics, tokens: TokenReviewer | None) -> None:
        """Take the parts.

        Args:
            watch: whom to trust as front proxy.
            metrics: where refusals are counted.
            tokens: reviews bearer tokens; None if direct callers are not served, neither by token nor by certificate.

        """
        self._watch = watch
        self._metrics = metrics
        self._tokens = tokens
        self._verdicts = Verdicts(watch, users=tokens is not None)
        self._begin_anew()

    def _begin_anew(self) -> None:
        """Read the names of the newest configuration, and forget what was read by those before."""
        self._generation = self._watch.generation
        self._names = IdentityHeaders(self._watch.config)
        self._identities: dict[HeaderLines, Identity | None] = {}
        self._identities_bytes = 0

    def is_front_proxy(self, connection: Connection) -> bool:
        """Return whether a connection is proven, by the configuration of now, to be the front proxy's."""
        return self._verdicts.of(connection).front_proxy is not None

    async def authenticate(self, request: Request) -> Caller:
        """Return the caller, and take out of the request's headers what is nobody else's business.

        Credentials, and header names that an application could take for a proven identity, go; the lines of a proven front proxy stay.

        Raises:
            StatusError: 401 if an identity was claimed and not proven; 429 if kube-apiserver was asked too often for this caller.

        """
        if self._generation != self._watch.generation:
            self._begin_anew()
        verdict = self._verdicts.of(request.connection)
        claims = self._names.claims(request.headers)
        caller = self._by_front_proxy(claims) if verdict.front_proxy is not None else None
        if caller is None:
            if verdict.front_proxy is not None:
                verdict = dataclasses.replace(verdict, refusal="the front proxy names no user", reason="no_user")
            caller = await self._directly(request, verdict, claims)
        request.identity_names = frozenset(name for name, _ in claims)
        request.headers = self._names.without_pretence(request.headers)
        return caller

    async def _directly(self, request: Request, verdict: Verdict, claims: HeaderLines) -> Caller:
        """Return the caller of a request that the front proxy did not send."""
        if claims:
            # Also beside a certificate or token that is good: who is somebody has no reason to claim to be somebody else.
            raise self._refused_certificate(verdict) or self._refused(
                "forged_headers", "identity headers count only from the front proxy of the cluster"
            )
        address = request.connection.client_address
        if verdict.user is not None:
            identity = Identity(verdict.user.common_name, verdict.user.organizations)
            return Caller(with_authenticated_group(identity), payer=Payer(f"user:{identity.user}", known=True))
        token = _bearer_token(request)
        if token and self._tokens is not None:
            reviewed = await self._tokens.review(token, address)
            if reviewed is not None:
                return Caller(with_authenticated_group(reviewed), payer=Payer(f"user:{reviewed.user}", known=True))
        refused = self._refused_certificate(verdict)
        if refused is not None:
            raise refused
        if token is not None:
            if self._tokens is None:
                raise self._refused(
                    "token", "bearer tokens of direct callers are not accepted; call through kube-apiserver"
                )
            raise self._refused("token", "the bearer token is not valid")
        return Caller(ANONYMOUS, payer=Payer(address, known=False))

    def _refused_certificate(self, verdict: Verdict) -> StatusError | None:
        if not verdict.refusal:
            return None
        return self._refused(verdict.reason, f"the client certificate is refused: {verdict.refusal}")

    def _refused(self, reason: str, message: str) -> StatusError:
        self._metrics.refused_identities.add(reason=reason)
        return StatusError(401, f"Unauthorized: {message}")

    def _by_front_proxy(self, claims: HeaderLines) -> Caller | None:
        if self._identities_bytes > _CACHE_BYTES:
            self._identities.clear()
            self._identities_bytes = 0
        try:
            identity = self._identities[claims]
        except KeyError:
            try:
                identity = self._identities[claims] = identity_from_headers(claims, self._watch.config)
                self._identities_bytes += sum(len(name) + len(value) + _LINE_BYTES for name, value in claims)
            except IdentityError as error:
                raise self._refused("malformed_headers", str(error)) from None
        return None if identity is None else Caller(identity, by_front_proxy=True)


def _bearer_token(request: Request) -> str | None:
    """Return the bearer token, '' for any other Authorization header, None for none."""
    value = request.header(b"authorization")
    if not value:
        return None
    scheme, _, token = value.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""

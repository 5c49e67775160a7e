"""Who sent this request, and how that was proven.

The order is that of k8s.io/apiserver: front proxy, own client certificate, bearer token, anonymous. Who claims an identity and
cannot prove any gets 401; who claims none is system:anonymous.

https://github.com/kubernetes/apiserver/blob/v0.34.0/pkg/authentication/authenticatorfactory/delegating.go
"""

from __future__ import annotations

import dataclasses
import logging
import time

from .certificates import CertificateRefusedError, ClientCertificate, verify_client
from .delegation import TokenReviewer
from .identity import ANONYMOUS, Identity, IdentityError, identity_from_headers, with_authenticated_group
from .messages import Connection, Request
from .metrics import Metrics
from .requestheader import RequestHeaderConfig, RequestHeaderWatch
from .status import StatusError

#: A bound on the memory that identities of the last requests take: header bytes, of which a usual user has 300.
_CACHE_BYTES = 2**20
#: Claims of identity even before the ConfigMap says which headers count.
_IDENTITY_PREFIX = b"x-remote-"

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Caller:
    """An identity and its proof.

    Attributes:
        identity: who.
        by_front_proxy: a proven front proxy vouches for it, so kube-apiserver has authorized the request already.

    """

    identity: Identity
    by_front_proxy: bool = False


_ANONYMOUS_CALLER = Caller(ANONYMOUS)


@dataclasses.dataclass(frozen=True, slots=True)
class _Verdict:
    """What the certificates of a connection prove, as long as neither the configuration nor the clock says otherwise."""

    generation: int
    valid_until: float
    front_proxy: ClientCertificate | None = None
    user: ClientCertificate | None = None
    refusal: str = ""
    reason: str = ""


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
        self._identities: dict[tuple[tuple[bytes, bytes], ...], Identity | None] = {}
        self._identities_generation = 0
        self._identities_bytes = 0

    def is_front_proxy(self, connection: Connection) -> bool:
        """Return whether a connection is proven, by the configuration of now, to be the front proxy's."""
        return self._verdict(connection, self._watch.config).front_proxy is not None

    async def authenticate(self, request: Request) -> Caller:
        """Return the caller.

        Raises:
            StatusError: 401 if an identity was claimed and not proven.

        """
        config = self._watch.config
        verdict = self._verdict(request.connection, config)
        if verdict.front_proxy is not None:
            caller = self._by_front_proxy(request, config)
            if caller is not None:
                return caller
            verdict = dataclasses.replace(verdict, refusal="the front proxy names no user", reason="no_user")
        if verdict.user is not None:
            identity = Identity(verdict.user.common_name, verdict.user.organizations)
            return Caller(with_authenticated_group(identity))
        token = _bearer_token(request)
        if token and self._tokens is not None:
            reviewed = await self._tokens.review(token)
            if reviewed is not None:
                return Caller(with_authenticated_group(reviewed))
        self._refuse_unproven_claims(request, config, verdict, token)
        return _ANONYMOUS_CALLER

    def _refuse_unproven_claims(
        self, request: Request, config: RequestHeaderConfig, verdict: _Verdict, token: str | None
    ) -> None:
        if verdict.refusal:
            raise self._refused(verdict.reason, f"the client certificate is refused: {verdict.refusal}")
        if token is not None:
            if self._tokens is None:
                raise self._refused(
                    "token", "bearer tokens of direct callers are not accepted; call through kube-apiserver"
                )
            raise self._refused("token", "the bearer token is not valid")
        if _claims(request, config):
            raise self._refused("forged_headers", "identity headers count only from the front proxy of the cluster")

    def _refused(self, reason: str, message: str) -> StatusError:
        self._metrics.refused_identities.add(reason=reason)
        return StatusError(401, f"Unauthorized: {message}")

    def _by_front_proxy(self, request: Request, config: RequestHeaderConfig) -> Caller | None:
        if self._identities_generation != self._watch.generation or self._identities_bytes > _CACHE_BYTES:
            self._identities.clear()
            self._identities_generation, self._identities_bytes = self._watch.generation, 0
        claims = _claims(request, config)
        try:
            identity = self._identities[claims]
        except KeyError:
            try:
                identity = self._identities[claims] = identity_from_headers(claims, config)
                self._identities_bytes += sum(len(name) + len(value) for name, value in claims)
            except IdentityError as error:
                raise self._refused("malformed_headers", str(error)) from None
        return None if identity is None else Caller(identity, by_front_proxy=True)

    def _verdict(self, connection: Connection, config: RequestHeaderConfig) -> _Verdict:
        verdict: _Verdict | None = connection.verdict
        now = time.time()
        if verdict is None or verdict.generation != self._watch.generation or now > verdict.valid_until:
            verdict = connection.verdict = self._judge(connection, config, now)
        return verdict

    def _judge(self, connection: Connection, config: RequestHeaderConfig, now: float) -> _Verdict:
        generation = self._watch.generation
        forever = now + 3600
        if not connection.certificates:
            return _Verdict(generation, forever)
        refusal, reason = "", ""
        try:
            proxy = verify_client(connection.certificates, config.authorities)
            if not config.allowed_names or proxy.common_name in config.allowed_names:
                return _Verdict(generation, proxy.not_after, front_proxy=proxy)
            refusal, reason = f"'{proxy.common_name}' is not an allowed front proxy name", "name_not_allowed"
        except CertificateRefusedError as error:
            refusal, reason = str(error), "untrusted_certificate"
        if self._tokens is not None:
            try:
                user = verify_client(connection.certificates, config.client_authorities)
                if user.common_name:
                    return _Verdict(generation, user.not_after, user=user)
            except CertificateRefusedError:
                # The refusal as front proxy says more.
                pass
        _log.info("client certificate refused: %s", refusal)
        return _Verdict(generation, forever, refusal=refusal, reason=reason)


def _claims(request: Request, config: RequestHeaderConfig) -> tuple[tuple[bytes, bytes], ...]:
    """Return the header lines that say who calls; also the cache key of the identity."""
    prefixes = (_IDENTITY_PREFIX, *config.extra_prefixes)
    names = frozenset(config.username_headers + config.group_headers + config.uid_headers)
    return tuple(line for line in request.headers if line[0].startswith(prefixes) or line[0] in names)


def _bearer_token(request: Request) -> str | None:
    """Return the bearer token, '' for any other Authorization header, None for none."""
    value = request.header(b"authorization")
    if not value:
        return None
    scheme, _, token = value.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""

"""Who sent this request, and how that was proven.

The order is that of k8s.io/apiserver: front proxy, own client certificate, bearer token, anonymous. Who claims an identity and
cannot prove any gets 401; who claims none is system:anonymous.

https://github.com/kubernetes/apiserver/blob/v0.34.0/pkg/authentication/authenticatorfactory/delegating.go
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Sequence

from extension_apiserver.observe.metrics import Metrics
from extension_apiserver.request import Connection, Request
from extension_apiserver.status import StatusError

from .budget import Payer
from .certificates import CertificateRefusedError, ClientCertificate, verify_client
from .delegation import TokenReviewer
from .identity import ANONYMOUS, Identity, IdentityError, identity_from_headers, with_authenticated_group
from .requestheader import RequestHeaderConfig, RequestHeaderWatch

#: A bound on the memory that identities of the last requests take. A usual user's lines have 300 bytes, and each takes some beside.
_CACHE_BYTES = 2**20
_LINE_BYTES = 256
#: Claims of identity even before the ConfigMap says which headers count.
_IDENTITY_PREFIX = b"x-remote-"

_Lines = tuple[tuple[bytes, bytes], ...]

_log = logging.getLogger(__name__)


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
        self._begin_anew()

    def _begin_anew(self) -> None:
        """Read the names of the newest configuration, and forget what was read by those before."""
        self._generation = self._watch.generation
        self._names = _Names(self._watch.config)
        self._identities: dict[_Lines, Identity | None] = {}
        self._identities_bytes = 0

    def is_front_proxy(self, connection: Connection) -> bool:
        """Return whether a connection is proven, by the configuration of now, to be the front proxy's."""
        return self._verdict(connection, self._watch.config).front_proxy is not None

    async def authenticate(self, request: Request) -> Caller:
        """Return the caller, and take out of the request's headers what is nobody else's business.

        Credentials, and header names that an application could take for a proven identity, go; the lines of a proven front proxy stay.

        Raises:
            StatusError: 401 if an identity was claimed and not proven; 429 if kube-apiserver was asked too often for this caller.

        """
        if self._generation != self._watch.generation:
            self._begin_anew()
        verdict = self._verdict(request.connection, self._watch.config)
        claims = self._names.claims(request.headers)
        caller = self._by_front_proxy(claims) if verdict.front_proxy is not None else None
        if caller is None:
            if verdict.front_proxy is not None:
                verdict = dataclasses.replace(verdict, refusal="the front proxy names no user", reason="no_user")
            caller = await self._directly(request, verdict, claims)
        request.identity_names = frozenset(name for name, _ in claims)
        request.headers = self._names.without_pretence(request.headers)
        return caller

    async def _directly(self, request: Request, verdict: _Verdict, claims: _Lines) -> Caller:
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

    def _refused_certificate(self, verdict: _Verdict) -> StatusError | None:
        if not verdict.refusal:
            return None
        return self._refused(verdict.reason, f"the client certificate is refused: {verdict.refusal}")

    def _refused(self, reason: str, message: str) -> StatusError:
        self._metrics.refused_identities.add(reason=reason)
        return StatusError(401, f"Unauthorized: {message}")

    def _by_front_proxy(self, claims: _Lines) -> Caller | None:
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


class _Names:
    """The header names that say who calls: those of the ConfigMap, and X-Remote-* in any case."""

    def __init__(self, config: RequestHeaderConfig) -> None:
        self._prefixes = (_IDENTITY_PREFIX, *config.extra_prefixes)
        self._exact = frozenset(config.username_headers + config.group_headers + config.uid_headers)

    def claims(self, headers: Sequence[tuple[bytes, bytes]]) -> _Lines:
        """Return the lines that say who calls; also the cache key of the identity."""
        return tuple(line for line in headers if line[0].startswith(self._prefixes) or line[0] in self._exact)

    def without_pretence(self, headers: Sequence[tuple[bytes, bytes]]) -> Sequence[tuple[bytes, bytes]]:
        """Return the lines without credentials and without look-alikes of those names, such as X_Remote_User."""
        return [line for line in headers if not (line[0] == b"authorization" or self._looks_alike(line[0]))]

    def _looks_alike(self, name: bytes) -> bool:
        if b"_" not in name:
            return False
        folded = name.replace(b"_", b"-")
        # A key of extras may have an underscore; its prefix may not, unless the ConfigMap says so.
        return not name.startswith(self._prefixes) and name not in self._exact and bool(self.claims([(folded, b"")]))


def _bearer_token(request: Request) -> str | None:
    """Return the bearer token, '' for any other Authorization header, None for none."""
    value = request.header(b"authorization")
    if not value:
        return None
    scheme, _, token = value.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""

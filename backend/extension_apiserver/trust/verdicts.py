"""Whether the client certificate of a connection proves the front proxy, a user, or nothing."""

from __future__ import annotations

import dataclasses
import logging
import time

from extension_apiserver.request import Connection

from .certificates import CertificateRefusedError, ClientCertificate, verify_client
from .requestheader import RequestHeaderConfig
from .requestheader_watch import RequestHeaderWatch

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """What the certificates of a connection prove, as long as neither the configuration nor the clock says otherwise."""

    generation: int
    valid_until: float
    front_proxy: ClientCertificate | None = None
    user: ClientCertificate | None = None
    refusal: str = ""
    reason: str = ""


class Verdicts:
    """Judges connections by the configuration of now."""

    def __init__(self, watch: RequestHeaderWatch, *, users: bool) -> None:
        """Remember whom to trust.

        Args:
            watch: says which authorities and names count.
            users: whether a certificate may prove a user as well, who calls directly.

        """
        self._watch = watch
        self._users = users

    def of(self, connection: Connection) -> Verdict:
        """Return what a connection's certificates prove now; the connection remembers it."""
        verdict: Verdict | None = connection.verdict
        now = time.time()
        if verdict is None or verdict.generation != self._watch.generation or now > verdict.valid_until:
            verdict = connection.verdict = self._judge(connection, self._watch.config, now)
        return verdict

    def _judge(self, connection: Connection, config: RequestHeaderConfig, now: float) -> Verdict:
        generation = self._watch.generation
        forever = now + 3600
        if not connection.certificates:
            return Verdict(generation, forever)
        try:
            proxy = verify_client(connection.certificates, config.authorities)
            if not config.allowed_names or proxy.common_name in config.allowed_names:
                return Verdict(generation, proxy.not_after, front_proxy=proxy)
            refusal, reason = f"'{proxy.common_name}' is not an allowed front proxy name", "name_not_allowed"
        except CertificateRefusedError as error:
            refusal, reason = str(error), "untrusted_certificate"
        if self._users:
            try:
                user = verify_client(connection.certificates, config.client_authorities)
                if user.common_name:
                    return Verdict(generation, user.not_after, user=user)
            except CertificateRefusedError:
                # The refusal as front proxy says more.
                pass
        _log.info("client certificate refused: %s", refusal)
        return Verdict(generation, forever, refusal=refusal, reason=reason)

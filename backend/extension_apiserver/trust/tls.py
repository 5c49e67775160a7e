"""The TLS side of the server: one certificate pair, client certificates asked for but not required, all of it replaceable at any time.

Each new connection gets the context of that moment; a context is never changed, only replaced by one that loaded without a fault.
So a new certificate or authority needs no restart, drops no connection, and a broken pair on disk changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import time
from pathlib import Path

from extension_apiserver.observe.metrics import Metrics

from .certificates import ServingCertificate, read_serving_certificate
from .files import as_file, no_password, stamp

#: How often the files are looked at. The kubelet itself needs up to a minute to update a mounted Secret.
POLL_SECONDS = 2.0
#: Sessions of TLS 1.2 that one context keeps.
_MOST_SESSIONS = 64

_log = logging.getLogger(__name__)


class TlsError(Exception):
    """The pair on disk cannot be used; the message says why."""


class Tls:
    """Builds and keeps the context for new connections.

    Attributes:
        certificate: facts about the pair in use.
        complaint: why the pair on disk is not the pair in use, in words; None if it is.

    """

    def __init__(self, directory: Path, dns_name: str, metrics: Metrics) -> None:
        """Load the pair.

        Args:
            directory: holds `tls.crt` and `tls.key`.
            dns_name: the name the aggregator asks for, '' for no check.
            metrics: where reloads are counted.

        Raises:
            TlsError: if the pair cannot be used at all.

        """
        self._certificate_file = directory / "tls.crt"
        self._key_file = directory / "tls.key"
        self._files = self._certificate_file, self._key_file
        self._dns_name = dns_name
        self._metrics = metrics
        self._authorities_pem = ""
        self.complaint: str | None = None
        self._seen = stamp(self._files)
        self._pair = self._read()
        self._context, self.certificate = self._build(self._pair, "")
        metrics.certificate_not_after.read = lambda: self.certificate.not_after

    @property
    def context(self) -> ssl.SSLContext:
        """What a new connection uses."""
        # OpenSSL keeps 20480 TLS 1.2 sessions for two hours, and Python cannot tell it not to; a new context has none.
        # https://docs.openssl.org/3.0/man3/SSL_CTX_sess_set_cache_size/
        if self._context.session_stats()["number"] >= _MOST_SESSIONS:
            with contextlib.suppress(TlsError):
                self._context, _ = self._build(self._pair, self._authorities_pem)
        return self._context

    def name_complaint(self) -> str | None:
        """Return why the aggregator will refuse the certificate in use, or None."""
        return self.certificate.complaint(self._dns_name, time.time())

    def remark(self) -> str | None:
        """Return what is wrong with the pair on disk, or that the certificate in use ends soon, or None."""
        return self.complaint or self.certificate.remark(self._dns_name, time.time())

    def trust(self, authorities_pem: str) -> None:
        """Accept client certificates of these authorities (PEM) in new handshakes, whatever is on disk.

        Raises:
            TlsError: if OpenSSL does not take the bundle.

        """
        self._context, _ = self._build(self._pair, authorities_pem)
        # Only now: what does not load must not keep a later pair from loading.
        self._authorities_pem = authorities_pem

    def poll(self) -> None:
        """Take over the pair on disk if it changed and is good."""
        now = stamp(self._files)
        if now == self._seen:
            return
        try:
            pair = self._read()
            if stamp(self._files) != now:
                # Half of it may be old and half new; next time all of it is new.
                return
            context, certificate = self._build(pair, self._authorities_pem)
            complaint = certificate.complaint(self._dns_name, time.time())
            if complaint and not self.name_complaint():
                raise TlsError(complaint)  # noqa: TRY301 (as bad as a pair that does not load)
        except TlsError as error:
            self._refuse(str(error))
            return
        self._seen, self._pair = now, pair
        self._context, self.certificate, self.complaint = context, certificate, None
        self._metrics.tls_reloads.add(result="success")

    async def run(self) -> None:
        """Look at the files for ever."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            self.poll()

    def _refuse(self, complaint: str) -> None:
        self._metrics.tls_reloads.add(result="failure")
        if complaint != self.complaint:
            _log.error("%s; the last good pair stays in use", complaint)
        self.complaint = complaint

    def _read(self) -> tuple[bytes, bytes]:
        try:
            return self._certificate_file.read_bytes(), self._key_file.read_bytes()
        except OSError as error:
            raise TlsError(f"{error.filename} cannot be read: {error.strerror}") from None

    def _build(self, pair: tuple[bytes, bytes], authorities_pem: str) -> tuple[ssl.SSLContext, ServingCertificate]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        # A resumed session proves nothing about the authorities of now.
        context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
        context.num_tickets = 0
        # kubelet probes come without a certificate.
        context.verify_mode = ssl.CERT_OPTIONAL
        # Go trusts every certificate of the bundle, not only self-signed ones.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        try:
            with as_file(pair[0]) as certificate_file, as_file(pair[1]) as key_file:
                context.load_cert_chain(certificate_file, key_file, password=no_password)
            certificate = read_serving_certificate(pair[0])
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or str(error)
            raise TlsError(
                f"{self._certificate_file} and {self._key_file.name} are not a usable pair: {reason}"
            ) from None
        if authorities_pem:
            try:
                context.load_verify_locations(cadata=authorities_pem)
            except ssl.SSLError as error:
                raise TlsError(f"the authorities of client certificates cannot be used: {error.reason}") from None
        return context, certificate


def shown_certificates(tls: ssl.SSLObject) -> tuple[bytes, ...]:
    """Return what a client has shown, leaf first, DER; nothing for a resumed session, in which nothing is shown."""
    if tls.session_reused:
        return ()
    leaf = tls.getpeercert(binary_form=True)
    if leaf is None:
        return ()
    # Since Python 3.13; before, a front proxy certificate must be issued by an authority of the bundle directly.
    chain = getattr(tls, "get_unverified_chain", None)
    return tuple(chain()) if chain else (leaf,)

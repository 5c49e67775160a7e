"""TLS to an upstream: whom to trust and what to show, each read anew when its file changes."""

from __future__ import annotations

import ssl
from pathlib import Path

from extension_apiserver.trust.certificates import authorities_pem, load_authorities
from extension_apiserver.trust.files import FileError, Reloaded, as_file, no_password, read


class ClientTls:
    """Makes the context for new connections to one host; the name in its certificate is verified always.

    Attributes:
        server_name: what the upstream's certificate must name, and what is asked for (SNI).

    """

    def __init__(
        self, *, host: str, ca_file: str = "", certificate_file: str = "", key_file: str = "", server_name: str = ""
    ) -> None:
        """Read the files.

        Args:
            host: DNS name or address of the upstream.
            ca_file: PEM of whom to trust; '' trusts what the system trusts.
            certificate_file: PEM of what to show, leaf first; '' shows nothing.
            key_file: PEM of its key.
            server_name: '' is `host`.

        Raises:
            FileError: if a file can't be used.

        """
        # A certificate names no root of DNS.
        self.server_name = (server_name or host).rstrip(".")
        self._ca_file, self._certificate_file, self._key_file = map(Path, (ca_file, certificate_file, key_file))
        self._own_trust, self._shows = bool(ca_file), bool(certificate_file)
        files = [Path(file) for file in (ca_file, certificate_file, key_file) if file]
        self._context = Reloaded(files, self._make)

    @property
    def complaint(self) -> str | None:
        """Why the files of now are not in use, in words, or None."""
        return self._context.complaint

    def context(self) -> ssl.SSLContext:
        """Return the context for a new connection; with it, `server_name` is the server's hostname."""
        return self._context.value()

    def _make(self) -> ssl.SSLContext:
        # Verifies certificate and name, which nothing turns off.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.hostname_checks_common_name = False
        context.set_alpn_protocols(["http/1.1"])
        context.options |= ssl.OP_NO_RENEGOTIATION
        # Go trusts every certificate of the bundle, not only self-signed ones.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        if self._own_trust:
            self._trust(context)
        else:
            context.load_default_certs()
        if self._shows:
            self._show(context)
        return context

    def _trust(self, context: ssl.SSLContext) -> None:
        content = read(self._ca_file)
        try:
            authorities = authorities_pem(load_authorities(content.decode("latin-1")))
        except ValueError:
            raise FileError(f"{self._ca_file} holds no certificate in PEM, or one that is malformed") from None
        try:
            context.load_verify_locations(cadata=authorities)
        except ssl.SSLError as error:
            raise FileError(f"{self._ca_file} cannot be trusted: {error.reason}") from None

    def _show(self, context: ssl.SSLContext) -> None:
        pair = read(self._certificate_file), read(self._key_file)
        try:
            with as_file(pair[0]) as certificate, as_file(pair[1]) as key:
                context.load_cert_chain(certificate, key, password=no_password)
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or str(error)
            raise FileError(f"{self._certificate_file} and {self._key_file} are not a usable pair: {reason}") from None

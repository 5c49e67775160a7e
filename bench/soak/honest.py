"""Clients that the backend has to serve while others attack it."""

from __future__ import annotations

import http.client
import ssl
import time

TIMEOUT_SECONDS = 10.0


class Honest:
    """A client that repeats one request."""

    def __init__(
        self, port: int, path: str, context: ssl.SSLContext, headers: dict[str, str], name: str, *, fresh: bool
    ) -> None:
        """Remember the request.

        Args:
            name: the name on the server's certificate.
            fresh: a new connection each time.
        """
        self._port, self._path, self._context, self._headers, self._name = port, path, context, headers, name
        self._fresh = fresh
        self._connection: http.client.HTTPSConnection | None = None

    def ask(self) -> float | None:
        """Return the seconds that a good answer took, None for any other."""
        begin = time.monotonic()
        try:
            if self._connection is None:
                self._connection = _Named("127.0.0.1", self._port, self._context, self._name)
            self._connection.request("GET", self._path, headers=self._headers)
            answer = self._connection.getresponse()
            answer.read()
            good = answer.status == http.client.OK
        except (OSError, http.client.HTTPException):
            self._close()
            return None
        if self._fresh:
            self._close()
        return time.monotonic() - begin if good else None

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


class _Named(http.client.HTTPSConnection):
    """Verifies a name that is not the address."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext, name: str) -> None:
        super().__init__(host, port, timeout=TIMEOUT_SECONDS)
        self._tls, self._name = context, name

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._name)

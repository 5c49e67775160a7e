"""A client for the few calls this server makes to kube-apiserver: read, watch, create a review."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import ssl
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from extension_apiserver.settings import Settings

from .http_client import FAILURES, ClientConnection

_TIMEOUT_SECONDS = 10
#: Connections that are kept for the next call.
_IDLE_CONNECTIONS = 4
_JSON = "application/json"


class ApiError(Exception):
    """A call to kube-apiserver failed.

    Attributes:
        code: HTTP code of the answer, or 0 if there was none.

    """

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class TooLargeError(ApiError):
    """The answer was longer than it might be, and was not read to its end."""


def backoff_seconds(failures: int) -> float:
    """Return the pause before the next try: 0.5 s growing by half to at most 15 s, with a jitter of a fifth."""
    return min(0.5 * 1.5 ** (failures - 1), 15.0) * random.uniform(1, 1.2)  # noqa: S311 - spreads retries, no secret


class ApiClient:
    """Calls kube-apiserver with a ServiceAccount's token, which is read for each call because the kubelet rotates it.

    Nothing is opened before the first call.

    Raises:
        FileNotFoundError: if `ca.crt` is missing or no certificate.

    """

    def __init__(self, settings: Settings) -> None:
        self._host, self._port = settings.kubernetes_service_host, settings.kubernetes_service_port
        self._token_file: Path = settings.service_account_directory / "token"
        ca_file = settings.service_account_directory / "ca.crt"
        try:
            self._tls = ssl.create_default_context(cafile=str(ca_file))
        except OSError as error:
            raise FileNotFoundError(f"{ca_file} is missing or no certificate: {error.strerror or error}") from None
        # Go does not ask for it, and CAs of EKS and MicroK8s lack what it wants: https://github.com/kubernetes-client/python/issues/2394
        self._tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
        self._tls.set_alpn_protocols(["http/1.1"])
        self._idle: list[ClientConnection] = []

    async def close(self) -> None:
        """Close the connections that are kept for the next call."""
        while self._idle:
            await self._idle.pop().close()

    async def get(self, path: str, *, accept: str = _JSON, most_bytes: int | None = None) -> dict[str, Any]:
        """Return the object at a path, in a form of JSON that `accept` names.

        Raises:
            TooLargeError: if it has more than `most_bytes`.
            ApiError: if kube-apiserver cannot be reached or answers anything but 200.

        """
        return _document(*await self._call("GET", path, None, accept, most_bytes))

    async def create(self, path: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """Post an object and return the answer.

        Raises:
            ApiError: if kube-apiserver cannot be reached or refuses.

        """
        return _document(*await self._call("POST", path, document))

    async def watch(self, path: str, *, timeout_seconds: float, accept: str = _JSON) -> AsyncIterator[dict[str, Any]]:
        """Yield watch events, their objects in a form of JSON that `accept` names, until kube-apiserver ends the stream.

        Raises:
            ApiError: if the stream cannot be opened or breaks.

        """
        with _translated():
            async with asyncio.timeout(timeout_seconds), self._exchange("GET", path, None, accept) as answer:
                if answer.code != HTTPStatus.OK:
                    _document(answer.code, await answer.read())
                rest = b""
                async for piece in answer.pieces():
                    *lines, rest = (rest + piece).split(b"\n")
                    for line in lines:
                        yield json.loads(line)

    async def _call(
        self,
        method: str,
        path: str,
        document: Mapping[str, Any] | None,
        accept: str = _JSON,
        most_bytes: int | None = None,
    ) -> tuple[int, bytes]:
        with _translated():
            async with asyncio.timeout(_TIMEOUT_SECONDS), self._exchange(method, path, document, accept) as answer:
                body = bytearray()
                async for piece in answer.pieces():
                    body += piece
                    if most_bytes is not None and len(body) > most_bytes:
                        raise TooLargeError(f"kube-apiserver answers with more than {most_bytes} bytes", answer.code)
                return answer.code, bytes(body)

    @contextlib.asynccontextmanager
    async def _exchange(
        self, method: str, path: str, document: Mapping[str, Any] | None, accept: str = _JSON
    ) -> AsyncIterator[ClientConnection]:
        """Send a request, yield the connection once the answer's header is there, and keep it if the answer was read whole."""
        try:
            token = self._token_file.read_text().strip()
        except OSError as error:
            raise ApiError(f"the ServiceAccount token cannot be read: {error}") from error
        headers = [
            ("Authorization", f"Bearer {token}"),
            ("Accept", accept),
            ("User-Agent", "extension-apiserver"),
        ]
        body = b""
        if document is not None:
            headers.append(("Content-Type", "application/json"))
            body = json.dumps(document).encode()
        connection = await self._connection()
        try:
            connection.send(method, path, headers, body)
            await connection.receive_header()
            yield connection
        finally:
            if connection.reusable and len(self._idle) < _IDLE_CONNECTIONS:
                self._idle.append(connection)
            else:
                await connection.close()

    async def _connection(self) -> ClientConnection:
        """Return a kept connection that is still open, or a new one."""
        while self._idle:
            connection = self._idle.pop()
            if connection.alive:
                return connection
            await connection.close()
        return await ClientConnection.open(self._host, self._port, self._tls)


@contextlib.contextmanager
def _translated() -> Any:  # noqa: ANN401
    """Turn every way in which an exchange can fail into ApiError."""
    try:
        yield
    except FAILURES as error:
        raise ApiError(f"kube-apiserver cannot be reached: {error or type(error).__name__}") from error


def _document(code: int, body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        document = {}
    if code not in {HTTPStatus.OK, HTTPStatus.CREATED}:
        message = document.get("message") if isinstance(document, dict) else None
        raise ApiError(f"kube-apiserver answers {code}: {message or body[:200].decode(errors='replace')}", code)
    if not isinstance(document, dict):
        raise ApiError("kube-apiserver answers with something else than an object", code)
    return document

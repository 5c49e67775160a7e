"""A client for the few calls this server makes to kube-apiserver: read, watch, create a review."""

from __future__ import annotations

import asyncio
import json
import random
import ssl
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp

from .settings import Settings

_TIMEOUT_SECONDS = 10


class ApiError(Exception):
    """A call to kube-apiserver failed.

    Attributes:
        code: HTTP code of the answer, or 0 if there was none.

    """

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


def backoff_seconds(failures: int) -> float:
    """Return the pause before the next try: 0.5 s growing by half to at most 15 s, with a jitter of a fifth."""
    return min(0.5 * 1.5 ** (failures - 1), 15.0) * random.uniform(1, 1.2)  # noqa: S311


class ApiClient:
    """Calls kube-apiserver with a ServiceAccount's token, which is read for each call because the kubelet rotates it."""

    def __init__(self, settings: Settings) -> None:
        """Take the addresses; nothing is opened before the first call.

        Raises:
            FileNotFoundError: if `ca.crt` is missing or no certificate.

        """
        self._url = settings.api_server_url
        self._token_file: Path = settings.service_account_directory / "token"
        ca_file = settings.service_account_directory / "ca.crt"
        try:
            self._tls = ssl.create_default_context(cafile=str(ca_file))
        except OSError as error:
            raise FileNotFoundError(f"{ca_file} is missing or no certificate: {error.strerror or error}") from None
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def get(self, path: str) -> dict[str, Any]:
        """Return the object at a path.

        Raises:
            ApiError: if kube-apiserver cannot be reached or answers anything but 200.

        """
        return await self._call("GET", path, None)

    async def create(self, path: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """Post an object and return the answer.

        Raises:
            ApiError: if kube-apiserver cannot be reached or refuses.

        """
        return await self._call("POST", path, document)

    async def text(self, path: str) -> tuple[int, str]:
        """Return code and body of a GET, whatever the code is.

        Raises:
            ApiError: if kube-apiserver cannot be reached.

        """
        async with self._request("GET", path, None, _TIMEOUT_SECONDS) as response:
            return response.status, await response.text()

    async def watch(self, path: str, *, timeout_seconds: float) -> AsyncIterator[dict[str, Any]]:
        """Yield watch events until kube-apiserver ends the stream.

        Raises:
            ApiError: if the stream cannot be opened or breaks.

        """
        async with self._request("GET", path, None, timeout_seconds) as response:
            await _expect_success(response)
            rest = b""
            async for chunk in response.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    yield json.loads(line)

    async def _call(self, method: str, path: str, document: Mapping[str, Any] | None) -> dict[str, Any]:
        async with self._request(method, path, document, _TIMEOUT_SECONDS) as response:
            await _expect_success(response)
            answer: dict[str, Any] = await response.json()
            return answer

    def _request(
        self, method: str, path: str, document: Mapping[str, Any] | None, timeout_seconds: float
    ) -> _Translated:
        try:
            token = self._token_file.read_text().strip()
        except OSError as error:
            raise ApiError(f"the ServiceAccount token cannot be read: {error}") from error
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=self._tls))
        return _Translated(
            self._session.request(
                method,
                self._url + path,
                json=document,
                headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
                timeout=aiohttp.ClientTimeout(total=timeout_seconds, connect=_TIMEOUT_SECONDS),
                allow_redirects=False,
            )
        )


class _Translated:
    """Turns the exceptions of aiohttp into ApiError, also those raised while the body is read."""

    def __init__(self, request: aiohttp.client._RequestContextManager) -> None:
        self._request = request
        self._response: aiohttp.ClientResponse | None = None

    async def __aenter__(self) -> aiohttp.ClientResponse:
        try:
            self._response = await self._request.__aenter__()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiError(f"kube-apiserver cannot be reached: {error or type(error).__name__}") from error
        return self._response

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, asyncio.CancelledError) and self._response is not None:
            # An orderly end would wait for kube-apiserver, which goes on watching.
            connection = self._response.connection
            if connection is not None and connection.transport is not None:
                connection.transport.abort()
        await self._request.__aexit__(kind, error, trace)  # type: ignore[arg-type]
        if isinstance(error, (aiohttp.ClientError, TimeoutError, OSError, ValueError)):
            raise ApiError(f"kube-apiserver broke off: {error or type(error).__name__}") from error


async def _expect_success(response: aiohttp.ClientResponse) -> None:
    if response.status // 100 == 2:  # noqa: PLR2004
        return
    text = await response.text()
    try:
        text = json.loads(text)["message"]
    except (ValueError, KeyError, TypeError):
        text = text[:200]
    raise ApiError(f"kube-apiserver answers {response.status}: {text}", response.status)

"""Reviews on their way to kube-apiserver: each within its caller's budget, and again if the failure may pass by itself."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from extension_apiserver.cluster.kubernetes import ApiClient, ApiError

from .budget import Budget, Payer

_ATTEMPTS = 5
_FIRST_PAUSE_SECONDS = 0.5
_REVIEW_SECONDS = 10.0
_FORBIDDEN = 403
#: No answer at all, and too many requests.
_PASSING = frozenset({0, 429})
_SERVER_FAULT = 500


class Reviews:
    """Sends reviews to kube-apiserver.

    Attributes:
        complaint: why the last one failed, in words; None if it did not.

    """

    def __init__(self, client: ApiClient, budget: Budget) -> None:
        """Take the client, whose ServiceAccount needs ClusterRole system:auth-delegator, and the bounds."""
        self._client = client
        self._budget = budget
        self.complaint: str | None = None

    async def send(self, path: str, document: dict[str, Any], payer: Payer | None) -> dict[str, Any]:
        """Post a review and return its status.

        What may pass by itself (no answer, 429, 5xx) is tried again within 10 seconds in all.

        Raises:
            ApiError: if there is no status.
            StatusError: 429 if `payer` has asked too much.

        """
        with self._budget.one(payer):
            return await self._status(path, document)

    async def _status(self, path: str, document: dict[str, Any]) -> dict[str, Any]:
        try:
            async with asyncio.timeout(_REVIEW_SECONDS):
                answer = await self._send(path, document)
        except TimeoutError:
            self.complaint = f"{path} is not answered within {_REVIEW_SECONDS:g} seconds"
            raise ApiError(self.complaint) from None
        except ApiError as error:
            hint = "; bind ClusterRole system:auth-delegator to this ServiceAccount" if error.code == _FORBIDDEN else ""
            self.complaint = f"{error}{hint}"
            raise
        self.complaint = None
        status: dict[str, Any] = answer.get("status") or {}
        return status

    async def _send(self, path: str, document: dict[str, Any]) -> dict[str, Any]:
        pause = _FIRST_PAUSE_SECONDS
        for _ in range(_ATTEMPTS - 1):
            try:
                return await self._client.create(path, document)
            except ApiError as error:
                if not (error.code in _PASSING or error.code >= _SERVER_FAULT):
                    raise
            await asyncio.sleep(pause * random.uniform(1, 1.2))  # noqa: S311 - spreads retries, no secret
            pause *= 1.5
        return await self._client.create(path, document)

"""A client of kube-apiserver that answers reviews without a server."""

from __future__ import annotations

import asyncio
from typing import Any

from extension_apiserver.cluster.kubernetes import ApiError


class Api:
    """Answers reviews in its own time.

    Attributes:
        calls: (path, document) of each review.
        status: what a review is answered with.
        failures: raised one after another, before that.
        failure: raised for ever instead.
        gate: nothing is answered before it is set.

    """

    def __init__(self, status: dict[str, Any], failure: ApiError | None = None) -> None:
        self.calls: list[tuple[str, object]] = []
        self.status = status
        self.failures: list[ApiError] = []
        self.failure = failure
        self.gate = asyncio.Event()

    @property
    def asked(self) -> int:
        """How many reviews came."""
        return len(self.calls)

    async def create(self, path: str, document: object) -> dict[str, Any]:
        """Note a review and answer when the gate is open."""
        self.calls.append((path, document))
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        if self.failure is not None:
            raise self.failure
        return {"status": self.status}

"""Authentication and authorization that kube-apiserver decides: TokenReview and SubjectAccessReview, with upstream's caches.

https://github.com/kubernetes/apiserver/blob/v0.34.0/pkg/server/options/authorization.go
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import time
from typing import Any

from .identity import PRIVILEGED_GROUP, Identity
from .kubernetes import ApiClient, ApiError
from .request_info import RequestInfo
from .status import StatusError

CACHE_SECONDS = 10.0
_CACHE_ENTRIES = 1024
_ATTEMPTS = 5
_FIRST_PAUSE_SECONDS = 0.5
_REVIEW_SECONDS = 10.0
_FORBIDDEN = 403
#: No answer at all, and too many requests.
_PASSING = frozenset({0, 429})
_SERVER_FAULT = 500


class _Cache:
    """Remembers answers for 10 seconds."""

    def __init__(self) -> None:
        self._answers: dict[str, tuple[float, Any]] = {}

    def get(self, key: str) -> tuple[bool, Any]:
        """Return (True, answer) if there is a fresh one."""
        entry = self._answers.get(key)
        if entry is None or time.monotonic() > entry[0]:
            return False, None
        return True, entry[1]

    def put(self, key: str, answer: object) -> None:
        """Remember an answer."""
        if len(self._answers) >= _CACHE_ENTRIES:
            self._answers.clear()
        self._answers[key] = (time.monotonic() + CACHE_SECONDS, answer)


class Reviews:
    """Sends reviews to kube-apiserver.

    Attributes:
        complaint: why the last one failed, in words; None if it did not.

    """

    def __init__(self, client: ApiClient) -> None:
        """Take the client; its ServiceAccount needs ClusterRole system:auth-delegator."""
        self._client = client
        self.complaint: str | None = None

    async def send(self, path: str, document: dict[str, Any]) -> dict[str, Any]:
        """Post a review and return its status.

        What may pass by itself (no answer, 429, 5xx) is tried again within 10 seconds in all.

        Raises:
            ApiError: if there is no status.

        """
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


class TokenReviewer:
    """Asks kube-apiserver whose token it is."""

    def __init__(self, reviews: Reviews) -> None:
        """Take the way to ask."""
        self._reviews = reviews
        self._cache = _Cache()

    async def review(self, token: str) -> Identity | None:
        """Return the owner of a token, or None if it is not valid.

        Raises:
            StatusError: 401 if kube-apiserver does not answer; nobody is let in by a failure.

        """
        key = hashlib.sha256(token.encode()).hexdigest()
        identity: Identity | None
        known, identity = self._cache.get(key)
        if known:
            return identity
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
        try:
            status = await self._reviews.send("/apis/authentication.k8s.io/v1/tokenreviews", body)
        except ApiError as error:
            raise StatusError(401, f"Unauthorized: the token cannot be reviewed: {error}") from error
        if status.get("authenticated"):
            user = status["user"]
            extra = {key.lower(): tuple(values) for key, values in (user.get("extra") or {}).items()}
            identity = Identity(user["username"], tuple(user.get("groups") or ()), user.get("uid", ""), extra)
        self._cache.put(key, identity)
        return identity


class Authorizer:
    """Asks kube-apiserver whether somebody may do something."""

    def __init__(self, reviews: Reviews) -> None:
        """Take the way to ask."""
        self._reviews = reviews
        self._cache = _Cache()

    async def allows(self, identity: Identity, info: RequestInfo) -> bool:
        """Return whether it is allowed; no opinion is a no.

        Raises:
            StatusError: 500 if kube-apiserver does not answer.

        """
        if PRIVILEGED_GROUP in identity.groups:
            return True
        spec = {**identity.user_info(), **info.attributes()}
        key = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()
        known, allowed = self._cache.get(key)
        if known:
            return bool(allowed)
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        try:
            status = await self._reviews.send("/apis/authorization.k8s.io/v1/subjectaccessreviews", body)
        except ApiError as error:
            raise StatusError(500, f"Internal error occurred: the request cannot be authorized: {error}") from error
        allowed = bool(status.get("allowed")) and not status.get("denied")
        self._cache.put(key, allowed)
        return allowed

"""Authentication and authorization that kube-apiserver decides: TokenReview and SubjectAccessReview, with upstream's caches.

https://github.com/kubernetes/apiserver/blob/v0.34.0/pkg/server/options/authorization.go
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import time
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from extension_apiserver.cluster.kubernetes import ApiClient, ApiError
from extension_apiserver.request_info import RequestInfo
from extension_apiserver.status import StatusError

from .budget import Budget, Payer
from .identity import PRIVILEGED_GROUP, Identity

CACHE_SECONDS = 10.0
_CACHE_ENTRIES = 1024
_KNOWN_SECONDS = 3600.0
_ATTEMPTS = 5
_FIRST_PAUSE_SECONDS = 0.5
_REVIEW_SECONDS = 10.0
_FORBIDDEN = 403
#: No answer at all, and too many requests.
_PASSING = frozenset({0, 429})
_SERVER_FAULT = 500


class _Answers:
    """Remembers answers for 10 seconds, and asks a question once however many wait for its answer."""

    def __init__(self) -> None:
        self._answers: dict[str, tuple[float, Any]] = {}
        self._pending: dict[str, asyncio.Task[Any]] = {}

    async def get(self, key: str, ask: Callable[[], Coroutine[Any, Any, Any]]) -> Any:  # noqa: ANN401
        """Return the answer that is remembered, on its way, or asked for now; a failure is not remembered."""
        while True:
            entry = self._answers.get(key)
            if entry is not None and time.monotonic() <= entry[0]:
                return entry[1]
            asking = self._pending.get(key)
            own = asking is None
            if asking is None:
                asking = self._pending[key] = asyncio.create_task(self._ask(key, ask))
                asking.add_done_callback(_look_at)
            try:
                # Others wait for it too, so the one who asked first may go without ending it.
                return await asyncio.shield(asking)
            except StatusError as error:
                # If another caller has asked too much, this one may have not.
                if own or error.code != HTTPStatus.TOO_MANY_REQUESTS:
                    raise

    async def _ask(self, key: str, ask: Callable[[], Coroutine[Any, Any, Any]]) -> Any:  # noqa: ANN401
        try:
            answer = await ask()
        finally:
            del self._pending[key]
        self._answers.pop(key, None)
        if len(self._answers) >= _CACHE_ENTRIES:
            del self._answers[next(iter(self._answers))]
        self._answers[key] = (time.monotonic() + CACHE_SECONDS, answer)
        return answer


def _look_at(task: asyncio.Task[Any]) -> None:
    """See that an exception counts as seen, also when all who waited for it are gone."""
    if not task.cancelled():
        task.exception()


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


class TokenReviewer:
    """Asks kube-apiserver whose token it is."""

    def __init__(self, reviews: Reviews) -> None:
        self._reviews = reviews
        self._answers = _Answers()
        #: Tokens that were valid → until when their holders count as known.
        self._known: dict[str, float] = {}

    async def review(self, token: str, client_address: str) -> Identity | None:
        """Return the owner of a token, or None if it is not valid.

        Raises:
            StatusError: 401 if kube-apiserver does not answer; nobody is let in by a failure. 429 if too much is asked.

        """
        key = hashlib.sha256(token.encode()).hexdigest()
        # A flood of invented tokens from one address takes nothing from whoever has a good one, also when it is to be reviewed again.
        known = time.monotonic() < self._known.get(key, 0)
        payer = Payer(key, known=True) if known else Payer(client_address, known=False)
        identity: Identity | None = await self._answers.get(key, lambda: self._review(token, key, payer))
        return identity

    async def _review(self, token: str, key: str, payer: Payer) -> Identity | None:
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
        try:
            status = await self._reviews.send("/apis/authentication.k8s.io/v1/tokenreviews", body, payer)
        except ApiError as error:
            raise StatusError(401, f"Unauthorized: the token cannot be reviewed: {error}") from error
        self._known.pop(key, None)
        if not status.get("authenticated"):
            return None
        if len(self._known) >= _CACHE_ENTRIES:
            del self._known[next(iter(self._known))]
        self._known[key] = time.monotonic() + _KNOWN_SECONDS
        user = status["user"]
        extra = {name.lower(): tuple(values) for name, values in (user.get("extra") or {}).items()}
        return Identity(user["username"], tuple(user.get("groups") or ()), user.get("uid", ""), extra)


class Authorizer:
    """Asks kube-apiserver whether somebody may do something."""

    def __init__(self, reviews: Reviews) -> None:
        self._reviews = reviews
        self._answers = _Answers()

    async def allows(self, identity: Identity, info: RequestInfo, payer: Payer | None) -> bool:
        """Return whether it is allowed; no opinion is a no.

        Raises:
            StatusError: 500 if kube-apiserver does not answer, 429 if too much is asked on this account.

        """
        if PRIVILEGED_GROUP in identity.groups:
            return True
        spec = {**identity.user_info(), **info.attributes()}
        key = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()
        return bool(await self._answers.get(key, lambda: self._review(spec, payer)))

    async def _review(self, spec: dict[str, Any], payer: Payer | None) -> bool:
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        try:
            status = await self._reviews.send("/apis/authorization.k8s.io/v1/subjectaccessreviews", body, payer)
        except ApiError as error:
            raise StatusError(500, f"Internal error occurred: the request cannot be authorized: {error}") from error
        return bool(status.get("allowed")) and not status.get("denied")

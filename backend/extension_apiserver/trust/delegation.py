"""Authentication and authorization that kube-apiserver decides: TokenReview and SubjectAccessReview, with upstream's caches.

https://github.com/kubernetes/apiserver/blob/v0.34.0/pkg/server/options/authorization.go
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from extension_apiserver.cluster.kubernetes import ApiError
from extension_apiserver.request_info import RequestInfo
from extension_apiserver.status import StatusError

from .budget import Payer
from .identity import PRIVILEGED_GROUP, Identity
from .reviews import Reviews

CACHE_SECONDS = 10.0
_CACHE_ENTRIES = 1024
_KNOWN_SECONDS = 3600.0


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

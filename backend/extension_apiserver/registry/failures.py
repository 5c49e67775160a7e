"""What a client is told if a store cannot do what it asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from extension_apiserver.status import StatusError
from extension_apiserver.store.protocol import Expired, Refused, StoreError, TooNew, Unavailable

_RETRY = [("Retry-After", "1")]


def failure(error: StoreError) -> StatusError:
    """Return what a store's error is for a client; a Conflict is for those who wrote."""
    if isinstance(error, Expired):
        return StatusError(410, f"too old resource version: {error.wanted} ({error.compacted})")
    if isinstance(error, TooNew):
        # https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/storage/errors.go (NewTooLargeResourceVersionError)
        cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
        details = {"causes": [cause], "retryAfterSeconds": 1}
        words = f"Timeout: Too large resource version: {error.wanted}, current: {error.revision}"
        return StatusError(504, words, details=details, headers=_RETRY)
    if isinstance(error, Refused):
        return StatusError(413, str(error))
    if isinstance(error, Unavailable):
        return StatusError(503, f"the store cannot be asked: {error}", headers=_RETRY)
    return StatusError(500, f"the store failed: {error}")


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn what a store raises into what a client is told."""
    try:
        yield
    except StoreError as error:
        raise failure(error) from error

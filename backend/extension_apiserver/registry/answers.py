"""The forms in which a client gets one object: plain, Table, PartialObjectMetadata; made from its text where that is all it takes."""

from __future__ import annotations

from collections.abc import Sequence

from extension_apiserver.objects.values import Object
from extension_apiserver.request import Request, Response

from .kept import Kept


class Answers:
    """Makes the answers of one resource."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    def of_object(
        self, request: Request, version: str, item: Object, *, code: int = 200, warnings: Sequence[str] = ()
    ) -> Response:
        """Return the answer with one object, in the form asked for.

        Args:
            version: of the request, and of `item`.
            item: with its resourceVersion.
            warnings: for the client's `Warning` headers, unshortened.

        Raises:
            StatusError: 406, there is no such form.

        """
        raise NotImplementedError

    def of_text(self, request: Request, version: str, value: bytes, revision: int) -> Response:
        """Return the answer with one object as the store has it; otherwise as `of_object`."""
        raise NotImplementedError

"""To do."""

from __future__ import annotations

from extension_apiserver.request import Request, Response
from extension_apiserver.request_info import RequestInfo

from .kept import Kept
from .reading.answers import Answers
from .work import Work


class Deletes:
    """To do."""

    def __init__(self, kept: Kept, answers: Answers, work: Work) -> None:
        self._kept = kept

    async def delete(self, request: Request, info: RequestInfo) -> Response:
        """To do."""
        raise NotImplementedError

    async def deletecollection(self, request: Request, info: RequestInfo) -> Response:
        """To do."""
        raise NotImplementedError

"""To do."""

from __future__ import annotations

from extension_apiserver.request import Request, Response
from extension_apiserver.request_info import RequestInfo

from .kept import Kept
from .namespaces import Namespaces
from .reading.answers import Answers
from .work import Work


class Writes:
    """To do."""

    def __init__(self, kept: Kept, answers: Answers, work: Work, namespaces: Namespaces | None) -> None:
        self._kept = kept

    async def create(self, request: Request, info: RequestInfo) -> Response:
        """To do."""
        raise NotImplementedError

    async def update(self, request: Request, info: RequestInfo) -> Response:
        """To do."""
        raise NotImplementedError

    async def patch(self, request: Request, info: RequestInfo) -> Response:
        """To do."""
        raise NotImplementedError

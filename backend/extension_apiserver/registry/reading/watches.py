"""To do."""

from __future__ import annotations

from extension_apiserver.registry.kept import Kept
from extension_apiserver.request import Request, Response
from extension_apiserver.request_info import RequestInfo

from .answers import Answers


class Watches:
    """To do."""

    def __init__(self, kept: Kept, answers: Answers) -> None:
        self._kept = kept

    async def watch(self, request: Request, info: RequestInfo) -> Response:
        """To do."""
        raise NotImplementedError

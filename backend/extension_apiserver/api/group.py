"""What a server serves: several API groups, each of which answers for itself and says what it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from extension_apiserver.request import Request, Response
from extension_apiserver.request_info import RequestInfo
from extension_apiserver.trust.authentication import Caller

from .documents.openapi import OpenApiDocuments

#: One entry of an APIResourceList, as JSON has it: name, singularName, namespaced, kind, verbs. A subresource is '<plural>/<name>'.
ApiResource = Mapping[str, Any]


class Group(Protocol):
    """One API group.

    Attributes:
        name: of the group, such as 'cats.example.com'.
        versions: preferred one first; they never change.

    """

    @property
    def name(self) -> str:
        """See the class."""

    @property
    def versions(self) -> Sequence[str]:
        """See the class."""

    def resources(self, version: str) -> Sequence[ApiResource]:
        """Return what a version has now; the same object as long as nothing changed, since discovery is made anew for another one."""

    def openapi(self) -> OpenApiDocuments | None:
        """Return what OpenAPI says of the group, the same object as long as nothing changed, or None for nothing."""

    async def answer(self, request: Request, info: RequestInfo, caller: Caller) -> Response:
        """Return the answer to a request below `/apis/<name>/<version>/`, whose caller may do what it asks for.

        Raises:
            StatusError: what the caller is told instead.
            Gone: if nobody waits for it any more.
            Exception: if it fails; its caller is told 500, the log says why.

        """

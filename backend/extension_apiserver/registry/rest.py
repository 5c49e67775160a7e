"""Answers requests for one resource with a store, verb by verb."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from extension_apiserver.request import Request, Response
from extension_apiserver.request_info import RequestInfo
from extension_apiserver.status import StatusError, no_such_path
from extension_apiserver.verbs import VERBS, Place

from .failures import translated
from .kept import Kept
from .namespaces import Namespaces
from .reading.answers import Answers
from .reading.forms.warned import warning_headers
from .reading.lists import Lists
from .reading.watches import Watches
from .scaling.scales import Scales
from .work import Work
from .writing.deletes import Deletes
from .writing.storing import Storing
from .writing.writes import MayCreate, Writes

Answer = Callable[[Request, RequestInfo], Awaitable[Response]]


class Registry:
    """Answers requests for a resource and its subresources `status` and `scale`.

    Attributes:
        subresources: names of those that it answers; "" is the object itself.

    """

    def __init__(self, kept: Kept, namespaces: Namespaces | None) -> None:
        """Take the resource, and who knows which namespaces there are; None for none, then each is taken to exist."""
        work, answers = Work(), Answers(kept)
        storing = Storing(kept, work)
        self._writes = writes = Writes(kept, answers, work, storing, namespaces)
        deletes = Deletes(kept, answers, work, storing)
        lists = Lists(kept, answers, work)
        watches = Watches(kept, answers, work)
        scales = Scales(kept, work, storing)
        self._kept = kept
        by_subresource: Mapping[str, Mapping[str, Answer]] = {
            "": {
                "get": lists.get, "list": lists.list, "watch": watches.watch, "create": writes.create,
                "update": writes.update, "patch": writes.patch, "delete": deletes.delete,
                "deletecollection": deletes.deletecollection,
            },
            "status": {"get": lists.get, "update": writes.update, "patch": writes.patch},
            "scale": {"get": scales.get, "update": scales.update, "patch": scales.patch},
        }  # fmt: skip
        self.subresources = frozenset({"", *kept.resource.own_subresources})
        self._by_subresource = {name: verbs for name, verbs in by_subresource.items() if name in self.subresources}

    async def answer(self, request: Request, info: RequestInfo, may_create: MayCreate | None = None) -> Response:
        """Answer one request.

        Args:
            request: as it came.
            info: what it asks for, which its caller may do.
            may_create: asked before an apply, which RBAC knows as a patch, creates an object.

        Raises:
            StatusError: what the client is told instead.

        """
        verbs = self._by_subresource.get(info.subresource)
        place: Place = "name" if info.name else "collection"
        resource = self._kept.resource
        in_namespace = bool(info.namespace)
        path_exists = in_namespace <= resource.namespaced and not (
            resource.namespaced and info.name and not in_namespace
        )
        if not verbs or not path_exists:
            raise no_such_path()
        allowed = [
            verb
            for verb in verbs
            if VERBS[verb].on == place and (in_namespace or not resource.namespaced or VERBS[verb].across_namespaces)
        ]
        if info.verb not in allowed:
            what = f"{resource.plural}/{info.subresource}" if info.subresource else resource.plural
            raise StatusError(
                405,
                f"the server does not allow this method on the requested resource: {request.method} {what}",
                details={"group": info.group, "kind": resource.plural},
                headers=[("Allow", ", ".join(sorted({VERBS[verb].method for verb in allowed})))],
            )
        try:
            with translated():
                if info.verb == "patch" and info.subresource != "scale":
                    return await self._writes.patch(request, info, may_create)
                return await verbs[info.verb](request, info)
        except StatusError as error:
            error.headers = (*error.headers, *warning_headers(error.warnings))
            raise

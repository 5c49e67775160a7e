"""What happens to a request, in order: health, readiness, identity, permission, route.

| path | answered by |
|---|---|
| /livez /readyz /healthz | `readiness`, for everybody |
| /metrics | `metrics` |
| /apis, /apis/<group>, /apis/<group>/<version> | `published`, for all groups together |
| /openapi/v2, /openapi/v3, /openapi/v3/apis/<group>/<version> | likewise |
| any other path below /apis/<group>/<version>/ | the group: `table_group` for one's own |
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable

from .api.documents.document import require_reading
from .api.documents.published import Published
from .api.group import Group
from .apps.application import Hosted
from .apps.open_streams import OpenStreams
from .observe import readiness
from .observe.logs import RequestLog
from .observe.metrics import CONTENT_TYPE as METRICS_CONTENT_TYPE
from .observe.metrics import Metrics
from .observe.readiness import Readiness
from .request import Request, Response, json_response
from .request_info import RequestInfo, request_info
from .status import StatusError, no_such_path
from .streams import Gone
from .trust.authentication import Authenticator, Caller
from .trust.delegation import Authorizer
from .verbs import VERBS
from .wire.http_answer import refusal

#: What metrics count by name: verbs, and methods where the path is no resource; anything else is 'other'.
_COUNTED = frozenset({*VERBS, *(verb.method.lower() for verb in VERBS.values()), "head", "options"})
#: '', apis, group, version.
_PREFIX_PARTS = 4
#: What nginx has in its log for it; nobody gets it.
_CLIENT_LEFT = 499

_log = logging.getLogger(__name__)


@dataclasses.dataclass(slots=True)
class ExtensionApiServer:
    """Answers every request of the port; `handle` never raises.

    Attributes:
        hosted: the groups, and what comes with them.
        authorizer: None if kube-apiserver's own authorization is relied on; then only its requests are served.
        starting: returns why nothing can be served yet, in words, or None.

    """

    hosted: Hosted
    authenticator: Authenticator
    authorizer: Authorizer | None
    readiness: Readiness
    metrics: Metrics
    starting: Callable[[], str | None]
    request_log: RequestLog
    streams: OpenStreams
    _published: Published = dataclasses.field(init=False)
    _groups: dict[tuple[str, str], Group] = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self._published = Published(self.hosted.groups)
        self._groups = {(group.name, version): group for group in self.hosted.groups for version in group.versions}

    async def handle(self, request: Request) -> Response:
        """Answer one request, count it and log it."""
        started = time.perf_counter()
        info = request_info(request)
        probe = request.path in readiness.PATHS
        user = ""
        record = self.hosted.audit(request)
        try:
            if probe:
                response = self._probe(request)
            elif request.path in self.hosted.public:
                require_reading(request)
                response = json_response(self.hosted.public[request.path]())
            else:
                caller = await self._admit(request, info)
                user = caller.identity.user
                response = await self._route(request, info, caller)
                if response.stream is not None:
                    response = self._admit_stream(request, info, user, response)
        except StatusError as error:
            response = refusal(error)
        except Gone:
            response = Response(_CLIENT_LEFT, [])
        except Exception:  # noqa: BLE001 - whatever the application raises, its caller gets a Status
            _log.exception("the application failed")
            response = refusal(StatusError(500, "Internal error occurred: the application failed; its log says why"))
        if record is not None:
            response = record.answered(response, user, self.request_log.keep)
        seconds = time.perf_counter() - started
        self.metrics.requests.observe(info.verb if info.verb in _COUNTED else "other", response.status, seconds)
        if response.stream is None:
            sent_bytes = len(response.body)
            self.request_log.add(request, user, info.verb, response.status, seconds, probe=probe, sent_bytes=sent_bytes)
        return response

    def _admit_stream(self, request: Request, info: RequestInfo, user: str, response: Response) -> Response:
        """Return the response, whose stream is counted, and has its line in the log once it is over."""
        started = time.perf_counter()

        def ended(sent_bytes: int) -> None:
            seconds = time.perf_counter() - started
            self.request_log.add(request, user, info.verb, response.status, seconds, probe=False, sent_bytes=sent_bytes)

        return self.streams.admit(response, user, ended)

    def _probe(self, request: Request) -> Response:
        require_reading(request)
        return self.readiness.response(request)

    async def _admit(self, request: Request, info: RequestInfo) -> Caller:
        """Return the caller if it may do what it asks for."""
        not_started = self.starting()
        if not_started:
            # Never 404: kube-apiserver would take this server for one without OpenAPI v3, for as long as it lives.
            raise StatusError(503, f"the server is starting: {not_started}", headers=[("Retry-After", "1")])
        caller = await self.authenticator.authenticate(request)
        if self.authorizer is not None:
            allowed = await self.authorizer.allows(caller.identity, info, caller.payer)
        else:
            allowed = caller.by_front_proxy
        if not allowed:
            raise _denied(info, caller)
        also = self.hosted.access(request)
        if also is None or (self.authorizer and await self.authorizer.allows(caller.identity, also, caller.payer)):
            return caller
        raise _denied(also, caller)

    async def _route(self, request: Request, info: RequestInfo, caller: Caller) -> Response:
        if request.path == "/metrics":
            return self._expose_metrics(request)
        document = self._published.answer(request)
        if document is not None:
            return document
        group = self._groups.get(_group_version(request.path))
        if group is None:
            raise no_such_path()
        return await group.answer(request, info, caller)

    def _expose_metrics(self, request: Request) -> Response:
        require_reading(request)
        return Response(200, [("Content-Type", METRICS_CONTENT_TYPE)], self.metrics.expose())


def _group_version(path: str) -> tuple[str, str]:
    """Return group and version of a path below `/apis/<group>/<version>/`, empty for any other."""
    parts = path.split("/", 4)
    return (parts[2], parts[3]) if len(parts) > _PREFIX_PARTS and parts[1] == "apis" else ("", "")


def _denied(info: RequestInfo, caller: Caller) -> StatusError:
    details = {"group": info.group, "kind": info.resource, "name": info.name} if info.is_resource else {}
    return StatusError(403, info.denial(caller.identity.user), details=details)

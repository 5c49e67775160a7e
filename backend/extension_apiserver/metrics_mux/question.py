"""What is asked for: one metric, out of a path that kube-apiserver has allowed the caller, and nothing else of the request.

The multiplexer may read every metric, its callers may not. So a provider is asked for exactly what RBAC was asked about: a path that could
be read in two ways is refused, and no parameter passes but the selectors.
"""

from __future__ import annotations

import dataclasses
import re
from urllib.parse import quote, urlencode

from extension_apiserver.metrics_api.asked import LONGEST_SELECTOR, can_be_namespace, require_field_of
from extension_apiserver.request import Request
from extension_apiserver.request_info import RequestInfo
from extension_apiserver.selectors.labels import label_requirements
from extension_apiserver.status import StatusError

from .config import GROUPS

_API = {group: api for api, (group, _) in GROUPS.items()}
#: One segment of a path; U+FFFD is what became of bytes that are no UTF-8, which RBAC was asked about as they were.
_WORD = re.compile(r"[^\x00-\x20\x7f-\x9f/\\%\ufffd]{1,253}")
_SELECTORS = {"external": ("labelSelector",), "custom": ("labelSelector", "metricLabelSelector")}
#: Of those, the one for labels of the metric.
_OF_THE_METRIC = {"external": "labelSelector", "custom": "metricLabelSelector"}


@dataclasses.dataclass(frozen=True, slots=True)
class Question:
    """One metric, of one object or several.

    Attributes:
        api: of GROUPS.
        version: of the group.
        namespace: '' for objects without one.
        resource: of the objects, such as 'pods' or 'deployments.apps'; 'namespaces' for the namespace itself; '' for an external metric.
        name: of the object, '*' for those that are selected, '' for an external metric.
        metric: its name.
        selectors: parameter → text, of those that are there.
        labels: those that the selector for the metric's labels demands.

    """

    api: str
    version: str
    namespace: str
    resource: str
    name: str
    metric: str
    selectors: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()

    @property
    def group_version(self) -> str:
        """`apiVersion` of the answer."""
        return f"{GROUPS[self.api][0]}/{self.version}"

    @property
    def segments(self) -> tuple[str, ...]:
        """What stands in the path after the version."""
        if self.api == "external":
            return "namespaces", self.namespace, self.metric
        if self.resource == "namespaces":
            return "namespaces", self.name, "metrics", self.metric
        where = ("namespaces", self.namespace) if self.namespace else ()
        return *where, self.resource, self.name, self.metric

    @property
    def target(self) -> str:
        """Path and query, percent-encoded."""
        path = "/".join(quote(one, safe="*") for one in self.segments)
        query = f"?{urlencode(self.selectors, quote_via=quote)}" if self.selectors else ""
        return f"/apis/{self.group_version}/{path}{query}"

    @property
    def listed_as(self) -> str:
        """Its name in discovery."""
        return self.metric if self.api == "external" else f"{self.resource}/{self.metric}"


def question(request: Request, info: RequestInfo) -> Question:
    """Return what a request asks for.

    Raises:
        StatusError: 404 for a path that is no metric's, 405 for what does not read, 400 for parameters that cannot be served.

    """
    if request.method not in {"GET", "HEAD"} or info.verb == "watch":
        what = "watch" if info.verb == "watch" else request.method
        raise StatusError(405, f"{what} is not supported: metrics are read", headers=[("Allow", "GET, HEAD")])
    api = _API[info.group]
    found = _place(api, info)
    if found is None or f"/apis/{found.group_version}/{'/'.join(found.segments)}" != request.path:
        raise StatusError(404, "the server could not find the requested resource")
    query = request.query()
    require_field_of(found.name, query)
    given = tuple((name, _selector(name, query[name])) for name in _SELECTORS[api] if any(query.get(name, ())))
    demanded = label_requirements(dict(given).get(_OF_THE_METRIC[api], ""))
    alone = [one for one in demanded if one.operator == "In" and len(one.values) == 1]
    labels = tuple((one.key, value) for one in alone for value in one.values)
    return dataclasses.replace(found, selectors=given, labels=labels)


def _place(api: str, info: RequestInfo) -> Question | None:
    """Return what a path names, None if it is no metric."""
    if info.verb not in {"get", "list"}:
        return None
    if api == "external":
        found = Question(api, info.version, info.namespace, "", "", info.resource)
    elif info.namespace and info.resource == "metrics":
        found = Question(api, info.version, "", "namespaces", info.namespace, info.name)
    else:
        found = Question(api, info.version, info.namespace, info.resource, info.name, info.subresource)
    for word in found.segments:
        if not _WORD.fullmatch(word) or word in {".", ".."}:
            return None
    # Of a custom metric all namespaces can be asked for, which RBAC allows to those alone who may read it in each.
    namespace = found.namespace or (found.name if found.resource == "namespaces" else "")
    if namespace and not can_be_namespace(namespace) and not (api == "custom" and namespace == "*"):
        return None
    return None if found.metric == "*" else found


def _selector(name: str, given: list[str]) -> str:
    if len(given) > 1:
        raise StatusError(400, f"{name} stands {len(given)} times in the query; which of them counts is not said")
    if len(given[0]) > LONGEST_SELECTOR:
        raise StatusError(400, f"{name} is longer than {LONGEST_SELECTOR} characters")
    label_requirements(given[0])  # it can be read
    return given[0]

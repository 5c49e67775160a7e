"""external.metrics.k8s.io: metrics that are no object's.

| path below the version | answer |
|---|---|
| namespaces/<namespace>/<metric> | ExternalMetricValueList |
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from extension_apiserver.request import Request, Response
from extension_apiserver.request_info import RequestInfo
from extension_apiserver.status import StatusError, no_such_path
from extension_apiserver.trust.authentication import Caller

from .asked import answer, require_get, require_namespace, segments, selector, selects
from .declared import ExternalMetric, Query
from .functions import Functions
from .values import Value, as_values, timestamp

_PARTS = 3


class ExternalMetrics:
    """The group, as `api.group.Group` has it."""

    name = "external.metrics.k8s.io"
    versions = ("v1beta1",)

    def __init__(self, metrics: Sequence[ExternalMetric], functions: Functions) -> None:
        self._metrics = {metric.name: metric for metric in metrics}
        self._functions = functions
        self._entries = tuple(
            {"name": name, "singularName": "", "namespaced": True, "kind": "ExternalMetricValueList", "verbs": ["get"]}
            for name in sorted(self._metrics)
        )

    def resources(self, version: str) -> Sequence[Mapping[str, Any]]:  # noqa: ARG002 - there is one
        """Return the entries of discovery."""
        return self._entries

    def openapi(self) -> None:
        """Return nothing: no field of it is ever written by anybody."""

    async def answer(self, request: Request, info: RequestInfo, caller: Caller) -> Response:
        """Answer a request, as `Group` says."""
        parts = segments(request)
        if len(parts) != _PARTS or parts != ["namespaces", info.namespace, info.resource]:
            raise no_such_path()
        require_get(request, info)
        require_namespace(info.namespace)
        query = request.query()
        text, requirements = selector(query, "labelSelector")
        if any(query.get("fieldSelector", ())):
            raise StatusError(400, "external metrics cannot be selected by fields")
        metric = self._metrics.get(info.resource)
        if metric is None:
            raise StatusError(404, f"the server could not find the external metric {info.resource}")
        asked = Query(metric.name, info.namespace, selector=text if metric.by_selector else "")
        measured = await self._functions.measured(metric, asked, as_values, caller.identity.user)

        def document() -> object:
            return {
                "kind": "ExternalMetricValueList",
                "apiVersion": f"{self.name}/{info.version}",
                "metadata": {},
                "items": [
                    _item(metric.name, value, measured.returned)
                    for value in measured.values
                    if metric.by_selector or selects(requirements, value.labels)
                ],
            }

        return await answer(len(measured.values), document)


def _item(name: str, value: Value, returned: dt.datetime) -> dict[str, Any]:
    window = {} if value.window_seconds is None else {"window": value.window_seconds}
    return {
        "metricName": name,
        "metricLabels": dict(value.labels),
        "timestamp": timestamp(value, returned),
        **window,
        "value": value.quantity,
    }

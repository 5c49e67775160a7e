"""custom.metrics.k8s.io: metrics of objects.

| path below the version | about |
|---|---|
| namespaces/<namespace>/<resource>/<name>/<metric> | an object in a namespace; `*` is all that `labelSelector` selects |
| <resource>/<name>/<metric> | an object in none, such as a node; likewise |
| namespaces/<namespace>/metrics/<metric> | the namespace |
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from extension_apiserver.request import Request, Response
from extension_apiserver.request_info import RequestInfo
from extension_apiserver.selectors.labels import Requirement
from extension_apiserver.status import StatusError, no_such_path
from extension_apiserver.trust.authentication import Caller

from .asked import answer, require_field_of, require_get, require_namespace, segments, selector, selects
from .declared import CustomMetric, Query
from .functions import Functions, Measured
from .objects import Kind, Lookup, Objects
from .values import Value, as_values_of_names, timestamp

_ALL = "*"
_OF_ROOT, _OF_NAMESPACE, _IN_NAMESPACE = 3, 4, 5


class CustomMetrics:
    """The group, as `api.group.Group` has it."""

    name = "custom.metrics.k8s.io"
    #: The first is the one that upstream prefers, and the autoscaler asks for what is preferred.
    versions = ("v1beta1", "v1beta2")

    def __init__(self, metrics: Sequence[CustomMetric], functions: Functions, lookup: Lookup) -> None:
        self._metrics = {(metric.resource, metric.name, metric.namespaced): metric for metric in metrics}
        self._functions, self._lookup = functions, lookup
        self._entries = tuple(
            {
                "name": f"{metric.resource}/{metric.name}",
                "singularName": "",
                "namespaced": metric.namespaced,
                "kind": "MetricValueList",
                "verbs": ["get"],
            }
            for _, metric in sorted(self._metrics.items())
        )

    def resources(self, version: str) -> Sequence[Mapping[str, Any]]:  # noqa: ARG002 - both have the same
        """Return the entries of discovery."""
        return self._entries

    def openapi(self) -> None:
        """Return nothing: no field of it is ever written by anybody."""

    async def answer(self, request: Request, info: RequestInfo, caller: Caller) -> Response:
        """Answer a request, as `Group` says."""
        resource, namespace, name, metric_name = _path(request, info)
        require_get(request, info)
        query = request.query()
        _, of_objects = selector(query, "labelSelector")
        text, of_metric = selector(query, "metricLabelSelector")
        require_field_of(name, query)
        metric = self._metrics.get((resource, metric_name, bool(namespace)))
        if metric is None:
            raise StatusError(404, f"the server could not find the metric {metric_name} for {resource}")
        user = caller.identity.user
        kind = await self._lookup.kind(resource, user)
        objects = await self._lookup.objects(resource, namespace, user=user, keep_seconds=metric.cache_seconds)
        asked = Query(metric_name, namespace, resource, tuple(objects), text if metric.by_selector else "")
        measured = await self._functions.measured(metric, asked, as_values_of_names, user)
        form = _v1beta1 if info.version == "v1beta1" else _v1beta2

        def document() -> object:
            items = _items(measured, objects, name, of_objects, [] if metric.by_selector else of_metric)
            if name != _ALL and not items:
                words = f"{name} with selector {text}" if text else name
                raise StatusError(404, f"the server could not find the metric {metric_name} for {resource} {words}")
            written = _label_selector(of_metric)
            return {
                "kind": "MetricValueList",
                "apiVersion": f"{self.name}/{info.version}",
                "metadata": {},
                "items": [
                    {
                        "describedObject": _reference(kind, namespace, one),
                        **form(metric_name, value, measured.returned, written),
                    }
                    for one, value in items
                ],
            }

        return await answer(len(objects) if name == _ALL else 1, document)


def _path(request: Request, info: RequestInfo) -> tuple[str, str, str, str]:
    """Return resource, namespace, name and metric.

    They are those that kube-apiserver asks RBAC about, so a path that says anything else beside them is none.

    Raises:
        StatusError: 404, or 400 where upstream has it.

    """
    parts = segments(request)
    if not all(parts):
        raise no_such_path()
    if parts == ["namespaces", info.namespace, info.resource, info.name, info.subresource][: len(parts)]:
        if len(parts) == _OF_NAMESPACE and info.resource == "metrics":
            require_namespace(info.namespace)
            return "namespaces", "", info.namespace, info.name
        if len(parts) == _IN_NAMESPACE and info.resource != "metrics":
            require_namespace(info.namespace)
            return info.resource, info.namespace, info.name, info.subresource
    if len(parts) == _OF_ROOT and parts[0] == "namespaces":
        raise StatusError(400, "invalid request path")
    if not info.namespace and parts == [info.resource, info.name, info.subresource]:
        return info.resource, "", info.name, info.subresource
    raise no_such_path()


def _items(
    measured: Measured[dict[str, list[Value]]],
    objects: Objects,
    name: str,
    of_objects: Sequence[Requirement],
    of_metric: Sequence[Requirement],
) -> list[tuple[str, Value]]:
    """Return name and value of each object that is asked for and has one.

    Raises:
        StatusError: 400 if one has several: clients know one value of each object.

    """
    if name == _ALL:
        chosen = [one for one, labels in objects.items() if selects(of_objects, labels)]
    else:
        chosen = [name] if name in objects else []
    found: list[tuple[str, Value]] = []
    for one in chosen:
        fitting = [value for value in measured.values.get(one, ()) if selects(of_metric, value.labels)]
        if len(fitting) > 1:
            raise StatusError(
                400, f"{one} has {len(fitting)} values of this metric; metricLabelSelector must choose one"
            )
        found += [(one, value) for value in fitting]
    return found


def _v1beta1(name: str, value: Value, returned: dt.datetime, written: object) -> dict[str, Any]:
    window = {} if value.window_seconds is None else {"window": value.window_seconds}
    when = timestamp(value, returned)
    return {"metricName": name, "timestamp": when, **window, "value": value.quantity, "selector": written}


def _v1beta2(name: str, value: Value, returned: dt.datetime, written: object) -> dict[str, Any]:
    window = {} if value.window_seconds is None else {"windowSeconds": value.window_seconds}
    metric = {"name": name, "selector": written}
    return {"metric": metric, "timestamp": timestamp(value, returned), **window, "value": value.quantity}


def _label_selector(requirements: Sequence[Requirement]) -> dict[str, Any] | None:
    """Return a `metav1.LabelSelector`, None for no requirement."""
    labels = {one.key: next(iter(one.values)) for one in requirements if one.equality}
    others = [
        {"key": one.key, "operator": one.operator, **({"values": sorted(one.values)} if one.values else {})}
        for one in requirements
        if not one.equality
    ]
    found = {**({"matchLabels": labels} if labels else {}), **({"matchExpressions": others} if others else {})}
    return found or None


def _reference(kind: Kind, namespace: str, name: str) -> dict[str, str]:
    where = {"namespace": namespace} if namespace else {}
    return {"kind": kind.kind, **where, "name": name, "apiVersion": kind.api_version}

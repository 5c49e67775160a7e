"""The decorators, each of which makes a metric of a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import overload

from .declared import ROOT_SCOPED, CustomMetric, ExternalMetric, Function, Usage


def external_metric(
    name: str, *, cache_seconds: float = 15.0, timeout_seconds: float = 10.0, by_selector: bool = False
) -> Callable[[Function], ExternalMetric]:
    """Make an external metric of a function, which is given a `Query` and returns a value, a `Value` or a list of these.

    Args:
        name: of the metric.
        cache_seconds: for so long a namespace's answer is kept; 500 autoscalers in one namespace are one call.
        timeout_seconds: for so long a request waits for the function.
        by_selector: the function selects by `query.selector` itself, and each selector is a call of its own; without it the library
            keeps those of the values whose labels are selected.

    Raises:
        ValueError: if one of them is none.

    """
    return lambda function: ExternalMetric(
        function=function,
        name=name,
        cache_seconds=cache_seconds,
        timeout_seconds=timeout_seconds,
        by_selector=by_selector,
    )


def custom_metric(
    resource: str,
    name: str,
    *,
    namespaced: bool | None = None,
    cache_seconds: float = 15.0,
    timeout_seconds: float = 10.0,
    by_selector: bool = False,
) -> Callable[[Function], CustomMetric]:
    """Make a metric of objects of a function, which is given a `Query` and returns object's name → value, `Value` or list of these.

    Args:
        resource: whose objects: 'pods', 'deployments.apps'. The ServiceAccount must be allowed to list them.
        name: of the metric.
        namespaced: they live in namespaces; by default all but nodes, namespaces and persistentvolumes do.
        cache_seconds: as for `external_metric`, and so are the rest and the errors.
        timeout_seconds: see there.
        by_selector: see there; it is about `metricLabelSelector`. Objects are selected by the library.

    """
    return lambda function: CustomMetric(
        function=function,
        resource=resource,
        name=name,
        namespaced=resource not in ROOT_SCOPED if namespaced is None else namespaced,
        cache_seconds=cache_seconds,
        timeout_seconds=timeout_seconds,
        by_selector=by_selector,
    )


@overload
def node_and_pod_usage(function: Function, /) -> Usage: ...
@overload
def node_and_pod_usage(
    *, cache_seconds: float = 15.0, timeout_seconds: float = 10.0
) -> Callable[[Function], Usage]: ...
def node_and_pod_usage(
    function: Function | None = None, /, *, cache_seconds: float = 15.0, timeout_seconds: float = 10.0
) -> Usage | Callable[[Function], Usage]:
    """Make what `kubectl top` shows of a function, which is given a `Query` with `resource` 'nodes' or 'pods'.

    Of nodes it returns name → {'cpu': …, 'memory': …}; of pods name → container → likewise, where the name is '<namespace>/<name>' or,
    if `query.namespace` is one, the name alone. `cache_seconds`, `timeout_seconds` and the errors are those of `external_metric`.
    """

    def declare(function: Function) -> Usage:
        return Usage(function=function, cache_seconds=cache_seconds, timeout_seconds=timeout_seconds)

    return declare if function is None else declare(function)

"""The groups of a sequence of metrics, and whether they are what is registered."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

from extension_apiserver.api.group import Group
from extension_apiserver.apps.application import Host
from extension_apiserver.apps.calls import Calls

from .custom import CustomMetrics
from .declared import CustomMetric, ExternalMetric, Metric, Usage
from .external import ExternalMetrics
from .functions import Functions
from .objects import Lookup
from .usage import ResourceMetrics

#: Name in METRICS_APIS → the group, and the decorator that makes one of it.
_APIS = {
    "external": (ExternalMetrics.name, "@external_metric"),
    "custom": (CustomMetrics.name, "@custom_metric"),
    "resource": (ResourceMetrics.name, "@node_and_pod_usage"),
}

_log = logging.getLogger(__name__)


class MetricsError(Exception):
    """The metrics are not what can be served, or not what is registered; the message is a sentence."""


def check(metrics: Sequence[Metric], registered: Sequence[str]) -> None:
    """Check that metrics go together, and with the APIs for which there are APIServices.

    Raises:
        MetricsError: if two are the same, or an API is registered and has no function.

    """
    for metric in metrics:
        if not isinstance(metric, ExternalMetric | CustomMetric | Usage):
            raise MetricsError(
                f"`metrics` must be functions below @external_metric, @custom_metric or @node_and_pod_usage, not {metric!r}"
            )
    titles = Counter(metric.title for metric in metrics)
    twice = [title for title, count in titles.items() if count > 1]
    if twice:
        raise MetricsError(f"`metrics` has {twice[0]} twice")
    made = {_api(metric) for metric in metrics}
    for api in registered:
        if api not in made:
            group, decorator = _APIS[api]
            raise MetricsError(
                f"{group} is registered (EXTENSION_APISERVER_METRICS_APIS has '{api}') and no function of `metrics` has {decorator}"
            )
    for api in sorted(made - set(registered)):
        _log.warning(
            "%s is served and nobody asks for it: register it with the chart (`metrics.apis` without '%s')",
            _APIS[api][0],
            api,
        )


def groups(metrics: Sequence[Metric], calls: Calls, host: Host) -> list[Group]:
    """Return the groups of metrics that have been checked."""
    functions, lookup = Functions(calls, host.metrics), Lookup(host.client)
    found: list[Group] = []
    external = [metric for metric in metrics if isinstance(metric, ExternalMetric)]
    if external:
        found.append(ExternalMetrics(external, functions))
    custom = [metric for metric in metrics if isinstance(metric, CustomMetric)]
    if custom:
        found.append(CustomMetrics(custom, functions, lookup))
    return [*found, *(ResourceMetrics(metric, functions, lookup) for metric in metrics if isinstance(metric, Usage))]


def _api(metric: Metric) -> str:
    if isinstance(metric, ExternalMetric):
        return "external"
    return "custom" if isinstance(metric, CustomMetric) else "resource"

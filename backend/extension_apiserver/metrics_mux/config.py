"""What the multiplexer's configuration says."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from extension_apiserver.apps.upstream.origin import Origin

#: API → its group in the registry, and the versions that a provider may serve, the preferred one first.
GROUPS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "external": ("external.metrics.k8s.io", ("v1beta1",)),
    "custom": ("custom.metrics.k8s.io", ("v1beta1", "v1beta2")),
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ProviderConfig:
    """Another server of these APIs.

    Attributes:
        name: for routes, messages, metrics and the log.
        origin: where it is, by https.
        apis: of GROUPS, those that it serves.
        ca_file: PEM of whom to trust; '' trusts what the system trusts.
        server_name: what its certificate must name; '' is the host of the URL.
        token_file: what it is shown; '' is the token of the pod's own ServiceAccount.
        timeout_seconds: for one answer, connecting included.
        failures: in a row, after which it is not asked for a while.
        open_seconds: that while.

    """

    name: str
    origin: Origin
    apis: Sequence[str]
    ca_file: str = ""
    server_name: str = ""
    token_file: str = ""
    timeout_seconds: float = 5.0
    failures: int = 5
    open_seconds: float = 10.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RouteConfig:
    """Metrics of which one provider alone is asked.

    Attributes:
        metric: its name, in which `*` is any text.
        namespace: likewise; what is asked for without a namespace has the name ''.
        labels: a label selector, for the labels that the request's own selector demands; '' is any.
        provider: its name.

    """

    metric: str = "*"
    namespace: str = "*"
    labels: str = ""
    provider: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MuxConfig:
    """All of it.

    Attributes:
        apis: of GROUPS, those that are served.
        providers: at least one, in the order in which they are asked.
        routes: the first that fits counts.

    """

    apis: Sequence[str]
    providers: Sequence[ProviderConfig]
    routes: Sequence[RouteConfig] = ()

"""Why an APIService is not Available: the reasons of kube-aggregator, in the order in which it checks.

https://github.com/kubernetes/kube-aggregator/blob/v0.36.0/pkg/controllers/status/remote/remote_available_controller.go
"""

from __future__ import annotations

from collections.abc import Mapping

#: Reason of the condition `Available` → (what the aggregator saw, what to do about it).
REASONS: Mapping[str, tuple[str, str]] = {
    "ServiceNotFound": (
        "the Service that the APIService names does not exist",
        "compare spec.service of the APIService with `kubectl get services --all-namespaces`",
    ),
    "ServiceAccessError": (
        "kube-apiserver could not read the Service",
        "look into the log of kube-apiserver",
    ),
    "ServicePortError": (
        "the Service has no port with the number in spec.service.port (443 if none is given)",
        "give the Service that port, or the APIService the port of the Service",
    ),
    "EndpointsNotFound": (
        "the Service has no EndpointSlice",
        "give the Service the selector of the pods' labels, and see that kube-controller-manager runs",
    ),
    "EndpointsAccessError": (
        "kube-apiserver could not read the EndpointSlices",
        "look into the log of kube-apiserver",
    ),
    "MissingEndpoints": (
        "no pod behind the Service is ready, or the port has another name in the Service than in its EndpointSlices",
        "`kubectl get pods`; the log of a running pod that is not ready says why",
    ),
    "FailedDiscoveryCheck": (
        "GET /apis/<group>/<version> did not answer 200 to 299 within 5 seconds",
        "the condition's message says how it failed: x509 is certificate or caBundle, a timeout is the network, a code is the server's",
    ),
    "Passed": ("all checks passed", ""),
}


def explain(reason: str) -> tuple[str, str]:
    """Return (what the aggregator saw, what to do about it) for a reason, also for one that is new."""
    return REASONS.get(reason, (f"kube-apiserver gives the unknown reason {reason}", "read the condition's message"))

"""Knows which namespaces there are and which of them end, by a watch: kube-apiserver's own admission does not run for aggregated resources.

https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/admission/plugin/namespace/lifecycle/admission.go
"""

from __future__ import annotations

from extension_apiserver.cluster.kubernetes import ApiClient


class Namespaces:
    """The namespaces of the cluster."""

    def __init__(self, client: ApiClient) -> None:
        """Take who asks kube-apiserver."""
        self._client = client

    def complaint(self) -> str | None:
        """Return why they are not known, or None; a condition of readiness."""
        raise NotImplementedError

    async def run(self) -> None:
        """Watch them until it is cancelled."""
        raise NotImplementedError

    async def check(self, namespace: str, group: str, plural: str, name: str) -> None:
        """Let nothing be created where it cannot be.

        Raises:
            StatusError: 404, there is no such namespace; 403 with the cause NamespaceTerminating, it ends; 503, that is not known.

        """
        raise NotImplementedError

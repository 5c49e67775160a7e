"""What tests do to a cluster to see that nobody notices, the same way on each kind of cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from pytest_apiservice.client.kubectl import Kubectl
from pytest_apiservice.clusters.cert_manager import NAMESPACE

if TYPE_CHECKING:
    from pytest_apiservice.cluster import Cluster

ROLLOUT_SECONDS = 120


@contextmanager
def cert_manager_down(cluster: Cluster) -> Iterator[None]:
    """Have cert-manager be down within the block, and work again after it; skips the test where it is not ours."""
    if cluster.kind == "existing":
        pytest.skip("only on kind or embedded: the cert-manager of an existing cluster is not ours to stop")
    if cluster.kind == "embedded":
        from pytest_apiservice.embedded.cluster import EmbeddedCluster

        assert isinstance(cluster, EmbeddedCluster)  # noqa: S101 - for mypy: the kind says so
        cluster.stop_cert_manager()
        try:
            yield
        finally:
            cluster.install_cert_manager()
        return
    kubectl = Kubectl(cluster, NAMESPACE)
    kubectl("scale", "deployment", "--all", "--replicas=0")
    kubectl("wait", "pods", "--all", "--for=delete", f"--timeout={ROLLOUT_SECONDS}s", timeout_seconds=150)
    try:
        yield
    finally:
        kubectl("scale", "deployment", "--all", "--replicas=1")
        for name in kubectl("get", "deployments", "-o", "name").stdout.split():
            kubectl("rollout", "status", name, f"--timeout={ROLLOUT_SECONDS}s", timeout_seconds=150)

"""kubectl against one cluster: every call names kubeconfig, context and (if any) namespace."""

import json
import os
import subprocess
from typing import Any

from pytest_apiservice.base.run import run
from pytest_apiservice.cluster import Cluster
from pytest_apiservice.programs.tools import RARE_COLLECTION, tool


class Kubectl:
    """The real kubectl, bound to a cluster and maybe a namespace."""

    def __init__(self, cluster: Cluster, namespace: str | None = None) -> None:
        self.cluster = cluster
        self.namespace = namespace

    def __call__(
        self,
        *args: str,
        input: str | None = None,  # noqa: A002 - the name subprocess gives it
        timeout_seconds: float = 60,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl with ``args``; raises HarnessError with its words if it fails and ``check`` is set."""
        where = [f"--kubeconfig={self.cluster.kubeconfig}", f"--context={self.cluster.context}"]
        if self.namespace is not None:
            where.append(f"--namespace={self.namespace}")
        env = {**RARE_COLLECTION, **os.environ}
        return run([tool("kubectl"), *where, *args], env=env, input=input, timeout_seconds=timeout_seconds, check=check)

    def get(self, *args: str) -> dict[str, Any]:
        """Return the object or list that `kubectl get … -o json` prints."""
        answer: dict[str, Any] = json.loads(self("get", *args, "-o", "json").stdout)
        return answer

    def apply(self, manifest: str) -> None:
        """Apply YAML or JSON text, server-side."""
        self("apply", "--server-side", "--force-conflicts", "-f", "-", input=manifest)

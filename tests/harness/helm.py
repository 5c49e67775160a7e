"""The real helm against one cluster and namespace; where it acts is said on every call."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from harness.api import Api
from harness.causes import first_lines
from harness.collectors_evidence import gather
from harness.run import run
from harness.tools import RARE_COLLECTION, tool

if TYPE_CHECKING:
    import subprocess

    from harness.cluster import Cluster

CHART = Path(__file__).resolve().parents[2] / "chart"
CRASHES = 2  # more than bad luck, such as a dependency that starts at the same time


class Helm:
    """helm for one release in one namespace."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        release: str = "header-echo",
        program: str = "helm",
        *,
        validate: bool = True,
    ) -> None:
        """Bind to a release.

        Args:
            program: "helm" (3) or "helm4".
            validate: False spares helm's own look at the schemas of the API, which is half of its processor time; the API
                server's own, strict one is tests/e2e/test_chart_manifests.py.
        """
        self.cluster = cluster
        self.namespace = namespace
        self.release = release
        self.program = program
        self.validate = validate

    def __call__(
        self, *args: str | Path, check: bool = True, hopeless: Callable[[], str | None] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run helm with ``args``; raises HarnessError with helm's words if it fails and ``check`` is set, or if it is ``hopeless``."""
        where = [
            f"--kubeconfig={self.cluster.kubeconfig}",
            f"--kube-context={self.cluster.context}",
            f"--namespace={self.namespace}",
        ]
        env = {**RARE_COLLECTION, **os.environ}
        return run([tool(self.program), *args, *where], env=env, timeout_seconds=300, check=check, hopeless=hopeless)

    def upgrade(
        self,
        values: Mapping[str, object] | None = None,
        *,
        files: Sequence[Path] = (),
        chart: Path = CHART,
        arguments: Sequence[str] = (),
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Install or upgrade the release and wait for its pods, but not for those that crash again and again.

        Args:
            values: dotted keys as for --set-json.
            files: values files.
            chart: its folder.
            arguments: further ones of helm.
            check: False returns a failed helm instead of raising.
        """
        chosen = [f"--set-json={key}={json.dumps(value)}" for key, value in (values or {}).items()]
        from_files = [f"--values={path}" for path in files]
        unseen = [] if self.validate else ["--disable-openapi-validation"]
        return self(
            "upgrade", self.release, chart, "--install", "--wait", "--timeout=120s", *unseen, *from_files, *chosen, *arguments,
            check=check, hopeless=self._crashing(),
        )  # fmt: skip

    def _crashing(self) -> Callable[[], str | None]:
        """Return a function that says why, once another container has crashed again and again than at its first call."""
        known: set[str] | None = None

        def crashing() -> str | None:
            nonlocal known
            crashed = self._crashed()
            known = crashed if known is None else known
            return "\n".join(first_lines(gather(Api(self.cluster), [self.namespace]))) if crashed - known else None

        return crashing

    def _crashed(self) -> set[str]:
        try:
            pods = Api(self.cluster).get(f"/api/v1/namespaces/{self.namespace}/pods").json().get("items", [])
        except requests.RequestException:
            return set()
        return {
            f"{pod['metadata']['uid']}/{status['name']}"
            for pod in pods
            for status in pod["status"].get("containerStatuses", [])
            if not status["ready"] and status["restartCount"] >= CRASHES
        }

    def uninstall(self) -> None:
        """Uninstall the release and wait until its objects are gone; not an error if there is none."""
        self("uninstall", self.release, "--wait", "--ignore-not-found", "--timeout=120s")

    def test(self) -> str:
        """Run the chart's own tests and return what helm and the test pods printed (by a hook annotation: --logs comes after the pods are gone)."""
        answer = self("test", self.release, "--timeout=120s")
        return answer.stdout + answer.stderr

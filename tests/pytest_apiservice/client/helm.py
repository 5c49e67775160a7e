"""The real helm against one cluster and namespace; where it acts is said on every call."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from pytest_apiservice.base.data import CHART
from pytest_apiservice.base.run import run
from pytest_apiservice.client.api import Api
from pytest_apiservice.client.rollout import Explain, unexplained, wait_for_rollout
from pytest_apiservice.cluster import Cluster
from pytest_apiservice.programs.tools import RARE_COLLECTION, tool


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
        explain: Explain = unexplained,
    ) -> None:
        """Bind to a release.

        Args:
            program: "helm" (3) or "helm4".
            validate: False spares helm's own look at the schemas of the API, which is half of its processor time; the API
                server's own, strict one is tests/e2e/test_chart_manifests.py.
            explain: says why pods do not come.
        """
        self.cluster = cluster
        self.namespace = namespace
        self.release = release
        self.program = program
        self.validate = validate
        self._explain = explain

    def __call__(self, *args: str | Path) -> subprocess.CompletedProcess[str]:
        """Run helm with ``args``; raises HarnessError with helm's words if it fails."""
        where = [
            f"--kubeconfig={self.cluster.kubeconfig}",
            f"--kube-context={self.cluster.context}",
            f"--namespace={self.namespace}",
        ]
        env = {**RARE_COLLECTION, **os.environ}
        return run([tool(self.program), *args, *where], env=env, timeout_seconds=300)

    def upgrade(
        self,
        values: Mapping[str, object] | None = None,
        *,
        files: Sequence[Path] = (),
        chart: Path = CHART,
        arguments: Sequence[str] = (),
        wait: bool = True,
    ) -> None:
        """Install or upgrade the release, and wait for its pods, though not for those that crash again and again.

        Args:
            values: dotted keys as for --set-json.
            files: values files.
            chart: its folder.
            arguments: further ones of helm.
            wait: False returns as soon as helm does.

        Raises:
            HarnessError: helm failed, with its words; or the pods do not come, with what explains it.
        """
        chosen = [f"--set-json={key}={json.dumps(value)}" for key, value in (values or {}).items()]
        from_files = [f"--values={path}" for path in files]
        unseen = [] if self.validate else ["--disable-openapi-validation"]
        options = ["--install", "--timeout=120s", *unseen, *from_files, *chosen]
        self("upgrade", self.release, chart, *options, *arguments)
        if wait:
            wait_for_rollout(Api(self.cluster), self.namespace, self.release, explain=self._explain)

    def uninstall(self) -> None:
        """Uninstall the release and wait until its objects are gone; not an error if there is none."""
        self("uninstall", self.release, "--wait", "--ignore-not-found", "--timeout=120s")

    def test(self) -> str:
        """Run the chart's own tests and return what helm and the test pods printed (by a hook annotation: --logs comes after the pods are gone)."""
        answer = self("test", self.release, "--timeout=120s")
        return answer.stdout + answer.stderr

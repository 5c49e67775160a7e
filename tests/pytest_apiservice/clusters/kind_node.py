"""pytest-kind's part of a kind cluster, and what Docker and the API server say of its node and network."""

import shutil
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.run import run
from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.client.kubectl import Kubectl
from pytest_apiservice.programs.tools import tool

if TYPE_CHECKING:
    from pytest_kind.cluster import KindCluster

NETWORK = "kind"  # of Docker, which kind makes for its nodes


def demand_pytest_kind() -> None:
    """Raise HarnessError where pytest-kind, an extra of ours, is not installed."""
    if find_spec("pytest_kind") is None:
        raise HarnessError(
            "CLUSTER=kind needs pytest-kind: pip install 'pytest-apiservice[kind]', or use CLUSTER=embedded"
        )


def kind_cluster(name: str, kubeconfig: Path, image: str) -> "KindCluster":
    """Return pytest-kind's cluster of that name, which calls our programs."""
    from pytest_kind.cluster import KindCluster

    cluster = KindCluster(name, kubeconfig, image, kind_path=tool("kind"), kubectl_path=tool("kubectl"))
    shutil.rmtree(cluster.path, ignore_errors=True)  # it makes ./.pytest-kind, which only its downloads need
    with suppress(OSError):  # others' may be there
        cluster.path.parent.rmdir()
    return cluster


def wait_for_node(kubectl: Kubectl, container: str) -> None:
    """Wait until the cluster's only node, which is ``container``, is Ready."""

    def ready() -> None:
        try:
            nodes = kubectl.get("nodes")["items"]
        except HarnessError as error:
            raise NotYet(str(error).splitlines()[-1].strip()) from error
        conditions = {c["type"]: c for node in nodes for c in node["status"]["conditions"]}
        if conditions.get("Ready", {}).get("status") != "True":
            raise NotYet(conditions.get("Ready", {}).get("message", "no node registered"))

    def died() -> str | None:
        state = run(["docker", "inspect", "-f", "{{.State.Status}}", container], timeout_seconds=20, check=False)
        return None if state.stdout.strip() == "running" else f"its container is {state.stdout.strip() or 'gone'}"

    wait_for("the kind node to be Ready", ready, timeout_seconds=120, interval_seconds=0.5, died=died)


def network_exists() -> bool:
    """Tell whether Docker has kind's network."""
    return run(["docker", "network", "inspect", NETWORK], timeout_seconds=20, check=False).returncode == 0

"""What Docker and the API server say of a kind cluster's node and network."""

from __future__ import annotations

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.run import run
from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.client.kubectl import Kubectl
from pytest_apiservice.images.local_registry import NETWORK


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

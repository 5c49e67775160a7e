"""A kind cluster: pytest-kind creates and deletes it, with our binaries, our node image, our waits and our guard.

What pytest-kind 22.11.1 would do differently, and why not: it downloads kind v0.17.0 and kubectl unchecked, keeps a
half-made cluster after a failure, and its port-forward always takes ten seconds (see its cluster.py).
"""

import secrets
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import yaml

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.guard import Guard
from pytest_apiservice.base.progress import say, step
from pytest_apiservice.base.run import run
from pytest_apiservice.client.kubectl import Kubectl
from pytest_apiservice.cluster import Collector
from pytest_apiservice.clusters.cert_manager import install_cert_manager, scaled_down
from pytest_apiservice.clusters.kind_node import (
    NETWORK,
    demand_pytest_kind,
    kind_cluster,
    network_exists,
    wait_for_node,
)
from pytest_apiservice.clusters.relay import relayed
from pytest_apiservice.images.archive import load_program, short_name
from pytest_apiservice.images.node_image import kind_config, node_image
from pytest_apiservice.images.offline.engine import ensure_engine
from pytest_apiservice.images.registry import has_image, named_by
from pytest_apiservice.programs import older
from pytest_apiservice.programs.cache import cache_dir
from pytest_apiservice.programs.pinned import PROGRAMS as ALL_PROGRAMS
from pytest_apiservice.programs.tools import prepare, tool

KEPT_NAME = "header-echo"
PROGRAMS = ("kind", "kubectl", "helm")
EXPORT_SECONDS = 90.0


class Kind:
    """One kind cluster of one node, made for this run; with ``keep`` it outlives the run and the next one finds it."""

    kind = "kind"
    values: Mapping[str, str] = {}
    shares_loopback = False
    own_per_worker = False

    def __init__(self, *, keep: bool = False, api_port: int | None = None) -> None:
        """Choose the name: fixed when kept, else new for each run so that two runs cannot meet."""
        self.keep = keep
        self.api_port = api_port
        self.name = KEPT_NAME if keep else f"{KEPT_NAME}-{secrets.token_hex(3)}"
        self.directory = cache_dir() / "clusters" / f"kind-{self.name}"
        self.kubeconfig = self.directory / "kubeconfig"
        self.context = f"kind-{self.name}"
        self._guard: Guard | None = None

    @property
    def node(self) -> str:
        """The container that is the node."""
        return f"{self.name}-control-plane"

    def prepare(self) -> None:
        """Build its programs unless they are there."""
        prepare(PROGRAMS)

    def create(self) -> None:
        """Bring up engine, node image and cluster; a kept cluster of the last run is used again.

        Raises:
            HarnessError: no pytest-kind, no engine, a stale cluster of this name, one of another version, a taken port, or kind failed.
        """
        demand_pytest_kind()
        ensure_engine()
        self.prepare()
        if self.name in _clusters():
            self._demand_usable()
            say(f"using the kept kind cluster '{self.name}'")
            return
        image = node_image()
        config = self._config(image)
        had_network = network_exists()
        if not self.keep:
            cleanup: list[list[str | Path]] = [[tool("kind"), "delete", "cluster", "--name", self.name]]
            if not had_network:
                cleanup.append(["docker", "network", "rm", NETWORK])
            self._guard = Guard(cleanup, [self.directory])
        try:
            with step(f"creating kind cluster '{self.name}' from {image}"):
                kind_cluster(self.name, self.kubeconfig, image).create(config)
            with step("waiting for its node"):
                wait_for_node(Kubectl(self), self.node)
        except subprocess.CalledProcessError as error:
            self.delete()
            raise HarnessError(
                f"kind could not create the cluster (exit code {error.returncode}, its own words are above):"
                f" check 'docker info', or use CLUSTER=embedded, which needs no Docker"
            ) from error
        except BaseException:
            self.delete()
            raise

    def install_cert_manager(self) -> None:
        """Install it into the cluster; a kept cluster has it already."""
        install_cert_manager(self)

    def cert_manager_down(self) -> AbstractContextManager[None]:
        """Have its Deployments without pods within the block."""
        return scaled_down(self)

    def backend_image(self, build: Callable[[], str] | None = None) -> str:
        """Return APISERVICE_IMAGE, pulled unless the engine has it; else what ``build`` makes. HarnessError where there is neither."""
        if named := named_by("APISERVICE_IMAGE"):
            return named
        if build is None:
            raise HarnessError("CLUSTER=kind needs an image of a backend: set APISERVICE_IMAGE to your backend's image")
        return build()

    def delete(self) -> None:
        """Delete the cluster, kind's network if nobody else uses it, and our files."""
        with step(f"deleting kind cluster '{self.name}'"):
            run([tool("kind"), "delete", "cluster", "--name", self.name], timeout_seconds=120)
            if not _clusters() and network_exists():
                run(["docker", "network", "rm", NETWORK], timeout_seconds=30, check=False)
        shutil.rmtree(self.directory, ignore_errors=True)
        if self._guard is not None:
            self._guard.disarm()

    def load_image(self, image: str) -> None:
        """Load a local image unless the node has it; our tags are content hashes, so a name stands for its content."""
        if short_name(image) in ALL_PROGRAMS and not has_image(image):
            load_program(image, tool(short_name(image)))
        containerd = ["docker", "exec", self.node, "ctr", "--namespace=k8s.io", "images", "ls", "-q"]
        if f"docker.io/library/{image}" in run(containerd, timeout_seconds=30).stdout.split():
            return
        with step(f"loading image {image} into the node"):
            run([tool("kind"), "load", "docker-image", "--name", self.name, image], timeout_seconds=300)

    def collectors(self, _namespaces: Sequence[str]) -> Iterator[Collector]:
        """Yield what `kind export logs` exports."""

        def export(folder: Path) -> None:
            run([tool("kind"), "export", "logs", folder, "--name", self.name], timeout_seconds=EXPORT_SECONDS)

        yield Collector("kind-logs", "kind export logs", export, EXPORT_SECONDS)

    @contextmanager
    def pod_endpoint(self, namespace: str, pod: str, port: int) -> Iterator[tuple[str, int]]:
        """Relay a loopback port to the pod through socat in the node: pod networks are not routed to the host."""
        address = Kubectl(self, namespace).get("pod", pod)["status"]["podIP"]
        with relayed(["docker", "exec", "-i", self.node, "socat", "STDIO", f"TCP:{address}:{port}"]) as endpoint:
            yield endpoint

    def _config(self, image: str) -> Path:
        older.mark(self.directory)
        config = yaml.safe_load(kind_config(image))
        if self.api_port is not None:
            _demand_free_port(self.api_port)
            config.setdefault("networking", {})["apiServerPort"] = self.api_port
        path = self.directory / "kind.yaml"
        path.write_text(yaml.safe_dump(config))
        return path

    def _demand_usable(self) -> None:
        remedy = f"remove it with 'kind delete cluster --name {self.name}' (or make clean) and try again"
        if not self.kubeconfig.exists():
            raise HarnessError(f"a kind cluster '{self.name}' exists that this project did not make: {remedy}")
        older.refuse_cluster(self.directory)
        try:
            wait_for_node(Kubectl(self), self.node)
        except HarnessError as error:
            raise HarnessError(f"the kept kind cluster '{self.name}' does not answer: {remedy}\n{error}") from error


def delete_kept() -> None:
    """Delete the kind clusters that KEEP=1 (or a run whose guard was killed too) left."""
    for directory in (cache_dir() / "clusters").glob("kind-*"):
        cluster = Kind(keep=True)
        cluster.name, cluster.directory = directory.name.removeprefix("kind-"), directory
        cluster.delete()


def _clusters() -> list[str]:
    return run([tool("kind"), "get", "clusters"], timeout_seconds=60).stdout.split()


def _demand_free_port(port: int) -> None:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise HarnessError(
                f"API_PORT {port} is taken on this machine ({error.strerror}): choose another"
            ) from error

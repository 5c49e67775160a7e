"""The embedded cluster: a real control plane with aggregation, and pods as processes, in a few seconds, without Docker or root.

This is the owner's side. Everything runs under one supervisor process (pytest_apiservice.embedded.supervisor), which ends it all when its owner ends.

Linux and macOS. On macOS pods share one loopback address, so of two pods with the same port the second cannot listen (use replicas=1), and
there is no parent-death signal: what a supervisor killed by SIGKILL leaves running has to be ended by hand.
"""

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.process import copy_ends
from pytest_apiservice.base.progress import say, step
from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.cluster import Collector
from pytest_apiservice.embedded import folder
from pytest_apiservice.embedded.control import ask
from pytest_apiservice.embedded.credentials import CONTEXT
from pytest_apiservice.embedded.launch import START_TIMEOUT_SECONDS, start_supervisor, wait_until_ready
from pytest_apiservice.embedded.node.images import LocalImage, compile_backend, local_image
from pytest_apiservice.programs import cert_manager, older
from pytest_apiservice.programs.crds import cert_manager_crds
from pytest_apiservice.programs.tools import prepare

PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")


class EmbeddedCluster:
    """A cluster of this process; with ``keep`` it outlives it, and the next one of the same name finds it."""

    kind = "embedded"
    context = CONTEXT
    values: Mapping[str, str] = {}
    shares_loopback = True

    def __init__(
        self,
        *,
        keep: bool = False,
        api_port: int | None = None,
        name: str = "kept",
        images: Mapping[str, LocalImage] | None = None,
        one_root: bool = False,
        releases: bool = True,
    ) -> None:
        """Choose; nothing runs before `create`.

        Args:
            keep: run on after this process, in a folder of the cache, until `delete`.
            api_port: the API server's port on 127.0.0.1; None takes a free one.
            name: tells kept clusters apart.
            images: local commands for images of your own, by the last part of the repository (pytest_apiservice.embedded.node.images).
            one_root: give pods no file system of their own, as where the kernel forbids it (pytest_apiservice.embedded.pod.root).
            releases: have what releases of the chart need, helm and cert-manager with its kinds.
        """
        self.keep = keep
        self._images, self._releases = images, releases
        self._options = [*(["--owned"] if not keep else []), *(["--one-root"] if one_root else [])]
        self._options += [f"--api-port={api_port}"] if api_port else []
        self._directory: Path | None = folder.kept_directory(name) if keep else None
        self._supervisor: subprocess.Popen[bytes] | None = None

    @property
    def directory(self) -> Path:
        """The cluster's private folder.

        Raises:
            HarnessError: there is no cluster.
        """
        if self._directory is None:
            raise HarnessError("this embedded cluster is not there: call create() first")
        return self._directory

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig; needs no other file."""
        return self.directory / "kubeconfig"

    @property
    def logs_directory(self) -> Path | None:
        """Logs: one file per component, pods/<namespace>_<pod>_<uid>/<container>/<restart>.log."""
        return self._directory and self._directory / "logs"

    @property
    def own_per_worker(self) -> bool:
        """It takes seconds, so each worker has one, unless it is to be found again."""
        return not self.keep

    def prepare(self) -> None:
        """Download or build its programs unless they are there."""
        prepare((*PROGRAMS, "helm") if self._releases else PROGRAMS)
        if self._releases:
            cert_manager.commands()

    def collectors(self, _namespaces: Sequence[str]) -> Iterator[Collector]:
        """Yield the logs of components and pods, the ends of long ones."""
        logs = self.logs_directory
        if logs is not None:
            yield Collector("control-plane", "logs of the control plane and the node", lambda to: copy_ends(logs, to))

    def create(self) -> None:
        """Start the cluster and wait until its API is ready and has cert-manager's kinds; a kept one that runs is used again.

        Raises:
            HarnessError: a component failed (its last lines are in the message), a port is taken, or another version kept it.
        """
        if self.keep and folder.is_running(self.directory):
            older.refuse_cluster(self.directory)
        self.prepare()
        folder.sweep()
        if self.keep and folder.is_running(self.directory) and folder.state(self.directory)[0] == "ready":
            say(f"using the embedded cluster in {self.directory}")
            return
        with step("starting etcd, kube-apiserver and kube-controller-manager"):
            self._start()

    def install_cert_manager(self) -> None:
        """Run cert-manager beside the control plane; nothing happens when it runs already."""
        with step("starting cert-manager"):
            ask(self.directory, "install-cert-manager", commands=cert_manager.commands())

    @contextmanager
    def cert_manager_down(self) -> Iterator[None]:
        """Stop cert-manager, and start it again after the block."""
        ask(self.directory, "stop-cert-manager")
        try:
            yield
        finally:
            self.install_cert_manager()

    def backend_image(self, _build: Callable[[], str] | None = None) -> str:
        """Return a mere name: the backend's command stands for it."""
        return os.environ.get("APISERVICE_IMAGE") or "header-echo:local"

    def delete(self) -> None:
        """End the cluster and remove its folder; harmless when called twice."""
        if self._directory is None:
            return
        if self._supervisor is None:
            folder.stop(self._directory)
        else:
            folder.end_supervisor(self._supervisor)
            folder.remove(self._directory)
        self._supervisor = None
        if not self.keep:
            self._directory = None

    def load_image(self, image: str, command: LocalImage | None = None) -> None:
        """Let pods run ``image``, for which ``command`` stands, or the one known by its short name; HarnessError if there is none."""
        older.refuse_cluster(self.directory)
        chosen = command or local_image(image, self._images)
        ask(self.directory, "load-image", reference=image, image=chosen.to_json())

    @contextmanager
    def pod_endpoint(self, namespace: str, pod: str, port: int) -> Iterator[tuple[str, int]]:
        """Yield (host, port) at which the pod's process itself listens."""

        def address() -> str:
            found = ask(self.directory, "pod-address", namespace=namespace, pod=pod)
            if found is None:
                raise NotYet("the pod has no address")
            return str(found)

        yield wait_for(f"pod {namespace}/{pod} to have an address", address, timeout_seconds=20), port

    def restart_api_server(self) -> None:
        """Stop the API server and start it again; pods, and the port, stay."""
        ask(self.directory, "restart-api-server", timeout_seconds=START_TIMEOUT_SECONDS)

    def publish_front_proxy_ca(self) -> None:
        """Let the API server publish a new front-proxy CA beside the one in use: the first half of a rotation."""
        ask(self.directory, "publish-front-proxy-ca")

    def use_front_proxy_ca(self) -> None:
        """Let the API server present a client certificate of the front-proxy CA that was published last."""
        ask(self.directory, "use-front-proxy-ca")

    def _start(self) -> None:
        if self.keep:
            folder.stop(self.directory)
            self.directory.mkdir(mode=0o700, parents=True)
        else:
            self._directory = Path(tempfile.mkdtemp(prefix=folder.PREFIX))
        older.mark(self.directory)
        (self.directory / "logs").mkdir()
        try:
            crds = [f"--crds={cert_manager_crds()}"] if self._releases else []
            self._supervisor = start_supervisor(self.directory, [*self._options, *crds], outlives_us=self.keep)
            compile_backend()
            wait_until_ready(self.directory, self._supervisor)
        except BaseException:
            self.delete()
            raise

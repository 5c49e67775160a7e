"""The embedded cluster: a real control plane with aggregation, and pods as processes, in a few seconds, without Docker or root.

This is the owner's side. Everything runs under one supervisor process (pytest_apiservice.embedded.supervisor), which ends it all when its owner ends.

Linux and macOS. On macOS pods share one loopback address, so of two pods with the same port the second cannot listen (use replicas=1), and
there is no parent-death signal: what a supervisor killed by SIGKILL leaves running has to be ended by hand.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pytest_apiservice.base.data import module_path
from pytest_apiservice.base.errors import HarnessError
from pytest_apiservice.base.process import last_lines
from pytest_apiservice.base.progress import say, step
from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.clusters.cert_manager import crds
from pytest_apiservice.embedded import folder
from pytest_apiservice.embedded.control import ask
from pytest_apiservice.embedded.credentials import CONTEXT
from pytest_apiservice.embedded.node.images import LocalImage, compile_backend, local_image
from pytest_apiservice.programs.tools import prepare, tool

PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "cert-manager", "kubectl", "helm")
START_TIMEOUT_SECONDS = 180.0  # about 4 s on an idle machine


class EmbeddedCluster:
    """A cluster of this process; with ``keep`` it outlives it, and the next one of the same name finds it."""

    kind = "embedded"
    context = CONTEXT
    values: Mapping[str, str] = {}

    def __init__(
        self,
        *,
        keep: bool = False,
        api_port: int | None = None,
        name: str = "kept",
        images: Mapping[str, LocalImage] | None = None,
        one_root: bool = False,
    ) -> None:
        """Choose; nothing runs before `create`.

        Args:
            keep: run on after this process, in a folder of the cache, until `delete`.
            api_port: the API server's port on 127.0.0.1; None takes a free one.
            name: tells kept clusters apart.
            images: local commands for images of your own, by the last part of the repository (pytest_apiservice.embedded.node.images).
            one_root: give pods no file system of their own, as where the kernel forbids it (pytest_apiservice.embedded.pod.root).
        """
        self.keep = keep
        self._images = images
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

    def create(self) -> None:
        """Start the cluster and wait until its API is ready and has cert-manager's kinds; a kept one that runs is used again.

        Raises:
            HarnessError: a component failed (its last lines are in the message), or a port is taken.
        """
        prepare(PROGRAMS)
        folder.sweep()
        if self.keep and folder.is_running(self.directory) and folder.state(self.directory)[0] == "ready":
            say(f"using the embedded cluster in {self.directory}")
            return
        with step("starting etcd, kube-apiserver and kube-controller-manager"):
            self._start()

    def install_cert_manager(self) -> None:
        """Run cert-manager beside the control plane; nothing happens when it runs already."""
        with step("starting cert-manager"):
            ask(self.directory, "install-cert-manager", program=str(tool("cert-manager")))

    def stop_cert_manager(self) -> None:
        """Let cert-manager be down until `install_cert_manager` is called again."""
        ask(self.directory, "stop-cert-manager")

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
        (self.directory / "logs").mkdir()
        command = [
            sys.executable,
            "-m",
            "pytest_apiservice.embedded.supervisor",
            f"--directory={self.directory}",
            f"--crds={crds()}",
        ]
        try:
            with folder.Lock(self.directory) as lock, (self.directory / "logs" / "supervisor.log").open("wb") as log:
                self._supervisor = subprocess.Popen(
                    [*command, *self._options],
                    stdin=subprocess.DEVNULL if self.keep else subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    env={**os.environ, "PYTHONPATH": module_path("pytest_apiservice")},
                    start_new_session=True,
                    pass_fds=[lock.fileno()],
                )
                lock.name_holder(self._supervisor.pid)
            compile_backend()
            wait_for(
                "the embedded cluster",
                self._ready,
                timeout_seconds=START_TIMEOUT_SECONDS,
                interval_seconds=0.02,
                max_interval_seconds=0.02,  # it reads a small file
                died=self.died,
            )
        except BaseException:
            self.delete()
            raise

    def _ready(self) -> None:
        phase, message = folder.state(self.directory)
        if phase == "failed":
            raise HarnessError(message)
        if phase != "ready":
            raise NotYet(message or "starting")

    def died(self) -> str | None:
        """Return why the cluster ended, None while it runs: for `wait_for`."""
        phase, message = folder.state(self.directory)
        if phase == "failed":
            return message
        if self._supervisor is not None and self._supervisor.poll() is not None:
            return f"its supervisor ended:\n{last_lines(self.directory / 'logs' / 'supervisor.log')}"
        return None

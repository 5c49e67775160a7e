"""How the processes of one container are started: with its file system, environment, command line, working directory and log."""

import asyncio
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from pytest_apiservice.base.process import LocalProcess, last_lines
from pytest_apiservice.embedded.node.client import Object
from pytest_apiservice.embedded.pod import root as pod_root
from pytest_apiservice.embedded.pod.environment import Mounts, command_line, environment, expand
from pytest_apiservice.embedded.pod.probes import Target
from pytest_apiservice.embedded.pod.references import Missing, Node


class Launcher:
    """Starts the container's main process and the commands of its probes and hooks.

    Attributes:
        log_folder: one log per run, numbered by restart, as below kubelet's /var/log/pods.
    """

    def __init__(
        self, node: Node, pod: Object, spec: Object, directory: Path, folders: dict[str, Path], local_ip: str
    ) -> None:
        """Prepare; nothing runs yet.

        Args:
            directory: private to the container: its root is built there, or it is the working directory.
            folders: of the pod's volumes, by volume name.
            local_ip: loopback address of the pod.
        """
        self._node, self._pod, self._spec, self._directory, self._local_ip = node, pod, spec, directory, local_ip
        self._folders = folders
        mounts = {m["mountPath"]: folders[m["name"]] / m.get("subPath", "") for m in spec.get("volumeMounts") or []}
        self._mounts = Mounts(mounts if node.no_root else {})
        self._variables: dict[str, str] = {}
        self._main: LocalProcess | None = None
        metadata = pod["metadata"]
        folder = f"{metadata['namespace']}_{metadata['name']}_{metadata['uid']}"
        self.log_folder = node.directory / "logs" / "pods" / folder / spec["name"]

    async def start(self, restart_count: int) -> LocalProcess:
        """Start the main process; each restart has a log of its own.

        Raises:
            Missing: something that its environment refers to is absent.
            OSError: it cannot be executed.
        """
        image = self._node.images[self._spec["image"]]
        variables = environment(self._node, self._pod, self._spec, image, self._mounts, self._local_ip)
        self._variables = {"HOME": str(self._directory) if self._node.no_root else "/"} | variables
        self._main = await LocalProcess.start(
            self._spec["name"],
            command_line(self._spec, image, self._variables, self._mounts),
            log=self.log_folder / f"{restart_count}.log",
            env=self._variables,
            cwd=self._mounts.folder(self._working_directory.rstrip("/")) or self._directory,
            prepare=self._own_root(),
        )
        return self._main

    async def execute(self, command: list[str], timeout_seconds: float) -> tuple[int, str]:
        """Run a command beside the main process; return its exit code and the end of its output.

        Raises:
            TimeoutError: it took longer; it is gone.
            OSError: it cannot be executed.
        """
        log = self._directory / f"exec-{time.monotonic_ns()}.log"
        argv = [self._mounts.rewrite(word) for word in command]
        process = await LocalProcess.start(
            "exec", argv, log=log, env=self._variables, cwd=self._directory, prepare=self._root_of_main()
        )
        try:
            async with asyncio.timeout(timeout_seconds):
                return await process.wait(), last_lines(log)
        finally:
            if process.exit_code is None:
                await process.end_by(0)
            log.unlink(missing_ok=True)

    def target(self) -> Target:
        """Return what probes and hooks are aimed at."""
        ports = {port["name"]: port["containerPort"] for port in self._spec.get("ports") or [] if "name" in port}
        return Target(self._local_ip, ports, self.execute)

    @property
    def _working_directory(self) -> str:
        return str(self._spec.get("workingDir") or "/")

    def _own_root(self) -> Callable[[], None] | None:
        if self._node.no_root:
            return None
        volumes = own_volumes(self._pod, self._spec, self._folders, self._variables)
        read_only = bool((self._spec.get("securityContext") or {}).get("readOnlyRootFilesystem"))
        enter = partial(
            pod_root.enter, self._directory, volumes, read_only=read_only, working_directory=self._working_directory
        )
        return partial(pod_root.or_exit, enter)

    def _root_of_main(self) -> Callable[[], None] | None:
        if self._node.no_root or self._main is None:
            return None
        return partial(pod_root.or_exit, partial(pod_root.join, self._main.pid, self._working_directory))


def own_volumes(
    pod: Object, container: Object, folders: Mapping[str, Path], variables: Mapping[str, str]
) -> list[pod_root.Volume]:
    """Return what the container mounts; a part of an emptyDir or a claim that is not there yet is made, as kubelet makes it.

    Args:
        folders: by volume name.
        variables: the container's environment, for subPathExpr.

    Raises:
        Missing: a part of another volume that is not there.
    """
    volumes = pod["spec"].get("volumes") or []
    writable = {volume["name"] for volume in volumes if {"emptyDir", "persistentVolumeClaim"} & volume.keys()}
    found = []
    for mount in container.get("volumeMounts") or []:
        part = expand(mount["subPathExpr"], variables) if mount.get("subPathExpr") else mount.get("subPath", "")
        source = folders[mount["name"]] / part
        if mount["name"] in writable:
            source.mkdir(parents=True, exist_ok=True)
        elif not source.exists():
            raise Missing(f'volume "{mount["name"]}" has no "{part}"')
        read_only = bool(mount.get("readOnly")) or mount["name"] not in writable
        found.append(pod_root.Volume(source.resolve(), mount["mountPath"], read_only))
    return found

"""How the processes of one container are started: with its environment, command line, working directory and log."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from harness.local_process import LocalProcess, last_lines
from harness.node_agent_client import Object
from harness.pod_environment import Mounts, command_line, environment
from harness.pod_probes import Target
from harness.pod_references import Node


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
            directory: private to the container, its working directory.
            folders: of the pod's volumes, by volume name.
            local_ip: loopback address of the pod.
        """
        self._node, self._pod, self._spec, self._directory, self._local_ip = node, pod, spec, directory, local_ip
        mounts = spec.get("volumeMounts") or []
        self._mounts = Mounts({m["mountPath"]: folders[m["name"]] / m.get("subPath", "") for m in mounts})
        self._variables: dict[str, str] = {}
        metadata = pod["metadata"]
        folder = f"{metadata['namespace']}_{metadata['name']}_{metadata['uid']}"
        self.log_folder = node.directory / "logs" / "pods" / folder / spec["name"]

    async def start(self, restart_count: int) -> LocalProcess:
        """Start the main process.

        Raises:
            Missing: something that its environment refers to is absent.
            OSError: it cannot be executed.
        """
        image = self._node.images[self._spec["image"]]
        variables = environment(self._node, self._pod, self._spec, image, self._mounts, self._local_ip)
        self._variables = {"HOME": str(self._directory)} | variables
        working_directory = self._mounts.folder(self._spec.get("workingDir", "").rstrip("/"))
        return await LocalProcess.start(
            self._spec["name"],
            command_line(self._spec, image, self._variables, self._mounts),
            log=self.log_folder / f"{restart_count}.log",
            env=self._variables,
            cwd=working_directory or self._directory,
        )

    async def execute(self, command: list[str], timeout_seconds: float) -> tuple[int, str]:
        """Run a command beside the main process; return its exit code and the end of its output.

        Raises:
            TimeoutError: it took longer; it is gone.
            OSError: it cannot be executed.
        """
        log = self._directory / f"exec-{time.monotonic_ns()}.log"
        argv = [self._mounts.rewrite(word) for word in command]
        process = await LocalProcess.start("exec", argv, log=log, env=self._variables, cwd=self._directory)
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

"""One container of a pod as a local process: started, probed, restarted with back-off, stopped with grace."""

from __future__ import annotations

import asyncio
import datetime
import signal
import time
from collections.abc import Callable
from pathlib import Path

from harness.local_process import LocalProcess, last_lines
from harness.node_agent_client import Object
from harness.pod_environment import Mounts, command_line, environment
from harness.pod_probes import Target, handle, run_probe
from harness.pod_references import Missing, Node

FIRST_BACKOFF_SECONDS = 10.0  # after a first restart at once, as kubelet; doubled each time
LARGEST_BACKOFF_SECONDS = 300.0
HEALTHY_SECONDS = 600.0  # after so long a run the back-off starts anew
SHORTEST_KILL_SECONDS = 2.0  # what is left for SIGTERM when preStop used up the grace period
RUNS_IN_BACKOFF = 2

Report = Callable[[str, str, str], None]  # type ("Normal" | "Warning"), reason, message


class Container:
    """A container and what its containerStatus says.

    Attributes:
        ready, started, restart_count, state, last_state: as in the Kubernetes API.
        finished: it has ended for good.
    """

    def __init__(self, node: Node, pod: Object, spec: Object, directory: Path, folders: dict[str, Path], local_ip: str) -> None:
        """Prepare; nothing runs yet.

        Args:
            directory: private to the container, its working directory.
            folders: of the pod's volumes, by volume name.
            local_ip: loopback address of the pod.
        """
        self._node, self._pod, self.spec, self._directory, self._local_ip = node, pod, spec, directory, local_ip
        self._mounts = Mounts(
            {m["mountPath"]: folders[m["name"]] / m.get("subPath", "") for m in spec.get("volumeMounts") or []}
        )
        metadata = pod["metadata"]
        folder = f"{metadata['namespace']}_{metadata['name']}_{metadata['uid']}"
        self.log_folder = node.directory / "logs" / "pods" / folder / spec["name"]
        self.state: Object = {"waiting": {"reason": "ContainerCreating"}}
        self.last_state: Object = {}
        self.ready = self.started = False
        self.restart_count = 0
        self.finished = False
        self.on_change: Callable[[], None] = lambda: None
        self.report: Report = lambda *_: None
        self._process: LocalProcess | None = None
        self._variables: dict[str, str] = {}
        self._stopping = asyncio.Event()
        self._probes: list[asyncio.Task[None]] = []

    @property
    def is_running(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.exit_code is None

    @property
    def container_id(self) -> str:
        """The process of the last run, as type://id; '' before the first."""
        return f"process://{self._process.pid}" if self._process is not None else ""

    @property
    def exit_code(self) -> int | None:
        """The last run's exit code; None unless the container is in state terminated."""
        terminated = self.state.get("terminated")
        return None if terminated is None else int(terminated["exitCode"])

    async def run(self, restart_policy: str) -> None:
        """Run it, again and again as ``restart_policy`` says; return when it has ended for good."""
        try:
            await self._run_repeatedly(restart_policy)
        finally:
            self.finished = True
            self.on_change()

    async def _run_repeatedly(self, restart_policy: str) -> None:
        runs, backoff = 0, FIRST_BACKOFF_SECONDS
        while True:
            began = time.monotonic()
            await self._run_once()
            if self._stopping.is_set() or restart_policy == "Never" or (restart_policy == "OnFailure" and self.exit_code == 0):
                return
            if time.monotonic() - began > HEALTHY_SECONDS:
                runs, backoff = 0, FIRST_BACKOFF_SECONDS
            runs += 1
            self.last_state = self.state
            if runs >= RUNS_IN_BACKOFF:
                message = f"back-off {backoff:g}s restarting failed container={self.spec['name']}"
                self._set({"waiting": {"reason": "CrashLoopBackOff", "message": message}})
                self.report("Warning", "BackOff", message)
                if await self._stopped_within(backoff):
                    self._set(self.last_state)
                    return
                backoff = min(backoff * 2, LARGEST_BACKOFF_SECONDS)
            self.restart_count += 1

    async def stop(self, grace_seconds: float, *, hooks: bool = True) -> None:
        """End it: preStop, its stop signal, and SIGKILL when ``grace_seconds`` are over."""
        self._stopping.set()
        if self._process is not None and self._process.exit_code is None:
            await self._end(self._process, grace_seconds, hooks=hooks)

    async def execute(self, command: list[str], timeout_seconds: float) -> tuple[int, str]:
        """Run a command in the container's environment (exec probes and hooks); return exit code and output."""
        log = self._directory / f"exec-{time.monotonic_ns()}.log"
        argv = [self._mounts.rewrite(word) for word in command]
        process = await LocalProcess.start("exec", argv, log=log, env=self._variables, cwd=self._directory)
        try:
            async with asyncio.timeout(timeout_seconds):
                code = await process.wait()
        finally:
            if process.exit_code is None:
                await process.stop(0)
            output = last_lines(log)
            log.unlink(missing_ok=True)
        return code, output

    async def _run_once(self) -> None:
        self.started = self.ready = False
        began = _now()
        process = await self._start()
        if process is None:  # told to stop, or it could not be executed
            return
        self._set({"running": {"startedAt": began}})
        self.report("Normal", "Started", f"Started container {self.spec['name']} as process {process.pid}")
        self._probes = [asyncio.create_task(self._probe(process))]
        await process.wait()
        for probe in self._probes:
            probe.cancel()
        self.started = self.ready = False
        self._set({"terminated": self._outcome(process, began)})

    async def _start(self) -> LocalProcess | None:
        while not self._stopping.is_set():
            changes = [self._node.secrets.change, self._node.config_maps.change]
            try:
                image = self._node.images[self.spec["image"]]
                self._variables = environment(self._node, self._pod, self.spec, image, self._mounts, self._local_ip)
                self._variables.setdefault("HOME", str(self._directory))
                argv = command_line(self.spec, image, self._variables, self._mounts)
                folder = self._mounts.rewrite(self.spec.get("workingDir", ""))
                self._process = await LocalProcess.start(
                    self.spec["name"],
                    argv,
                    log=self.log_folder / f"{self.restart_count}.log",
                    env=self._variables,
                    cwd=Path(folder) if Path(folder).is_dir() else self._directory,
                )
            except Missing as missing:
                self._set({"waiting": {"reason": "CreateContainerConfigError", "message": str(missing)}})
                self.report("Warning", "Failed", str(missing))
                waiters = [asyncio.ensure_future(event.wait()) for event in (*changes, self._stopping)]
                await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
                for waiter in waiters:
                    waiter.cancel()
            except OSError as error:
                now = _now()
                outcome = {"exitCode": 128, "reason": "StartError", "message": str(error), "startedAt": now, "finishedAt": now}
                self._set({"terminated": outcome})
                self.report("Warning", "Failed", f"Error: {error}")
                return None
            else:
                return self._process
        return None

    def _target(self) -> Target:
        ports = {port["name"]: port["containerPort"] for port in self.spec.get("ports") or [] if "name" in port}
        return Target(self._local_ip, ports, self.execute)

    async def _probe(self, process: LocalProcess) -> None:
        post_start = (self.spec.get("lifecycle") or {}).get("postStart")
        if post_start:
            cause = await handle(post_start, self._target(), 60)
            if cause is not None:
                await self._kill(process, "FailedPostStartHook", cause)
        startup, readiness, liveness = (self.spec.get(f"{kind}Probe") for kind in ("startup", "readiness", "liveness"))
        if startup:
            failed = self._killer(process, startup, "Startup")
            await run_probe(startup, self._target(), eager=True, on_result=failed, until_first_success=True)
        self.started = True
        self.ready = readiness is None
        self.on_change()
        if liveness:
            failed = self._killer(process, liveness, "Liveness")
            self._probes.append(asyncio.create_task(run_probe(liveness, self._target(), eager=False, on_result=failed)))
        if readiness:
            await run_probe(readiness, self._target(), eager=True, on_result=self._set_ready)

    def _set_ready(self, ready: bool, cause: str) -> None:  # noqa: FBT001 - the probe's callback
        if not ready:
            self.report("Warning", "Unhealthy", f"Readiness probe failed: {cause}")
        if ready != self.ready:
            self.ready = ready
            self.on_change()

    def _killer(self, process: LocalProcess, probe: Object, kind: str) -> Callable[[bool, str], None]:
        def on_result(success: bool, cause: str) -> None:  # noqa: FBT001 - the probe's callback
            if not success and not self._stopping.is_set():
                self.report("Warning", "Unhealthy", f"{kind} probe failed: {cause}")
                grace = probe.get("terminationGracePeriodSeconds", self._pod["spec"].get("terminationGracePeriodSeconds", 30))
                self._probes.append(asyncio.create_task(self._kill(process, f"{kind} probe failed", cause, grace)))

        return on_result

    async def _kill(self, process: LocalProcess, why: str, cause: str, grace_seconds: float = 30) -> None:
        self.report("Normal", "Killing", f"Container {self.spec['name']}: {why} ({cause}), will be restarted")
        await self._end(process, grace_seconds)

    async def _end(self, process: LocalProcess, grace_seconds: float, *, hooks: bool = True) -> None:
        deadline = time.monotonic() + grace_seconds
        lifecycle = self.spec.get("lifecycle") or {}
        if hooks and lifecycle.get("preStop") and grace_seconds > 0:
            cause = await handle(lifecycle["preStop"], self._target(), grace_seconds)
            if cause is not None:
                self.report("Warning", "FailedPreStopHook", cause)
            deadline = max(deadline, time.monotonic() + SHORTEST_KILL_SECONDS)
        if process.exit_code is None:
            process.signal(signal.Signals[lifecycle.get("stopSignal", "SIGTERM")])
        await process.end_by(deadline - time.monotonic())

    def _outcome(self, process: LocalProcess, began: str) -> Object:
        code = process.exit_code or 0
        outcome: Object = {
            "exitCode": code,
            "reason": "Completed" if code == 0 else "Error",
            "startedAt": began,
            "finishedAt": _now(),
            "containerID": f"process://{process.pid}",
        }
        if code != 0 and self.spec.get("terminationMessagePolicy") == "FallbackToLogsOnError":
            outcome["message"] = process.last_lines(80)[-2048:]
        return outcome

    async def _stopped_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def _set(self, state: Object) -> None:
        self.state = state
        self.on_change()


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

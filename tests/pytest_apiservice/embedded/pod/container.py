"""One container of a pod as a local process: started, probed, restarted with back-off, stopped with grace."""

import asyncio
import signal
import time

from pytest_apiservice.base.process import LocalProcess
from pytest_apiservice.embedded.node.client import Object, first_of
from pytest_apiservice.embedded.node.events import now
from pytest_apiservice.embedded.node.ports import taken_port
from pytest_apiservice.embedded.pod.launch import Launcher
from pytest_apiservice.embedded.pod.probes import Health, Notify, handle
from pytest_apiservice.embedded.pod.references import Missing, Node

FIRST_BACKOFF_SECONDS = 10.0  # after a first restart at once, as kubelet; doubled each time
LARGEST_BACKOFF_SECONDS = 300.0
HEALTHY_SECONDS = 600.0  # after so long a run the back-off starts anew
SHORTEST_KILL_SECONDS = 2.0  # what is left for SIGTERM when preStop used up the grace period
RUNS_IN_BACKOFF = 2
CANNOT_EXECUTE = 128  # container runtimes' exit code for it
LONGEST_MESSAGE = 2048


class Container:
    """A container and what its containerStatus says.

    Attributes:
        restart_count, state, last_state: as in the Kubernetes API.
        finished: it has ended for good.
    """

    def __init__(self, node: Node, pod: Object, spec: Object, launcher: Launcher, notify: Notify) -> None:
        self.spec = spec
        self.log_folder = launcher.log_folder
        self.state: Object = {"waiting": {"reason": "ContainerCreating"}}
        self.last_state: Object = {}
        self.restart_count = 0
        self.finished = False
        self._node, self._pod, self._launcher, self._notify = node, pod, launcher, notify
        self._process: LocalProcess | None = None
        self._health: Health | None = None
        self._stopping = asyncio.Event()

    @property
    def ready(self) -> bool:
        """Whether it runs and its readiness probe, if any, succeeds."""
        return self._health is not None and self._health.ready

    @property
    def started(self) -> bool:
        """Whether it runs and its startup probe, if any, succeeded."""
        return self._health is not None and self._health.started

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
            self._notify.changed()

    async def _run_repeatedly(self, restart_policy: str) -> None:
        runs, backoff = 0, FIRST_BACKOFF_SECONDS
        while True:
            began = time.monotonic()
            await self._run_once()
            if (
                self._stopping.is_set()
                or restart_policy == "Never"
                or (restart_policy == "OnFailure" and self.exit_code == 0)
            ):
                return
            if time.monotonic() - began > HEALTHY_SECONDS:
                runs, backoff = 0, FIRST_BACKOFF_SECONDS
            runs += 1
            self.last_state = self.state
            if runs >= RUNS_IN_BACKOFF:
                message = f"back-off {backoff:g}s restarting failed container={self.spec['name']}"
                self._set({"waiting": {"reason": "CrashLoopBackOff", "message": message}})
                self._notify.report("Warning", "BackOff", message)
                if await first_of(self._stopping, at_most_seconds=backoff):
                    self._set(self.last_state)
                    return
                backoff = min(backoff * 2, LARGEST_BACKOFF_SECONDS)
            self.restart_count += 1

    async def stop(self, grace_seconds: float) -> None:
        """End it: preStop, its stop signal, and SIGKILL when ``grace_seconds`` are over."""
        self._stopping.set()
        if self._process is not None and self._process.exit_code is None:
            await self._end(self._process, grace_seconds)

    async def _run_once(self) -> None:
        began = now()
        process = await self._start()
        if process is None:  # told to stop, or it could not be executed
            return
        self._set({"running": {"startedAt": began}})
        self._notify.report("Normal", "Started", f"Started container {self.spec['name']} as process {process.pid}")
        self._health = self._health_of(process)
        watching = asyncio.create_task(self._health.watch())
        self._node.pods[process.pid] = "{namespace}/{name}".format(**self._pod["metadata"])
        try:
            await process.wait()
        finally:
            watching.cancel()
            self._health = None
            del self._node.pods[process.pid]
        declared = [port["containerPort"] for port in self.spec.get("ports") or []]
        if process.exit_code and (why := taken_port(process.last_lines(), declared, self._node.pods)) is not None:
            self._notify.report("Warning", "PortTaken", f"container {self.spec['name']}: {why}")
        self._set({"terminated": self._outcome(process, began)})

    async def _start(self) -> LocalProcess | None:
        while not self._stopping.is_set():
            changes = self._node.object_changes()
            try:
                self._process = await self._launcher.start(self.restart_count)
            except Missing as missing:
                self._set({"waiting": {"reason": "CreateContainerConfigError", "message": str(missing)}})
                self._notify.report("Warning", "Failed", str(missing))
                await first_of(*changes, self._stopping)
            except OSError as error:
                ended = {"exitCode": CANNOT_EXECUTE, "reason": "StartError", "message": str(error)}
                self._set({"terminated": ended | {"startedAt": now(), "finishedAt": now()}})
                self._notify.report("Warning", "Failed", f"Error: {error}")
                return None
            else:
                return self._process
        return None

    def _health_of(self, process: LocalProcess) -> Health:
        async def kill(why: str, grace_seconds: float | None) -> None:
            if not self._stopping.is_set():
                self._notify.report("Normal", "Killing", f"Container {self.spec['name']} will be restarted: {why}")
                pods = self._pod["spec"].get("terminationGracePeriodSeconds", 30)
                await self._end(process, pods if grace_seconds is None else grace_seconds)

        return Health(self.spec, self._launcher.target(), notify=self._notify, kill=kill)

    async def _end(self, process: LocalProcess, grace_seconds: float) -> None:
        deadline = time.monotonic() + grace_seconds
        lifecycle = self.spec.get("lifecycle") or {}
        if lifecycle.get("preStop") and grace_seconds > 0:
            cause = await handle(lifecycle["preStop"], self._launcher.target(), grace_seconds)
            if cause is not None:
                self._notify.report("Warning", "FailedPreStopHook", cause)
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
            "finishedAt": now(),
            "containerID": f"process://{process.pid}",
        }
        if code != 0 and self.spec.get("terminationMessagePolicy") == "FallbackToLogsOnError":
            outcome["message"] = process.last_lines(80)[-LONGEST_MESSAGE:]
        return outcome

    def _set(self, state: Object) -> None:
        self.state = state
        self._notify.changed()

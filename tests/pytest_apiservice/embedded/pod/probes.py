"""Startup, readiness and liveness probes, asked and counted as kubelet does, and what they lead to: started, ready, or a reason to kill.

One difference, for speed: until a startup or readiness probe succeeds for the first time it is asked more often than ``periodSeconds``;
failures still count once per period.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import aiohttp

from pytest_apiservice.embedded.node.client import Object
from pytest_apiservice.embedded.pod.references import Missing

EAGER_SECONDS = 0.05
POST_START_TIMEOUT_SECONDS = 60.0
GOOD_STATUSES = range(200, 400)
Kill = Callable[[str, float | None], Awaitable[None]]  # why; grace in seconds, None for the pod's
Exec = Callable[[list[str], float], Awaitable[tuple[int, str]]]


@dataclass(frozen=True)
class Target:
    """What a handler needs to know of its container.

    Attributes:
        address: where the container's process listens.
        ports: container port by name.
        execute: runs a command in the container's environment; returns exit code and output.
    """

    address: str
    ports: dict[str, int]
    execute: Exec

    def port(self, port: int | str) -> int:
        """Return the number of a port given as number or name."""
        if isinstance(port, str) and not port.isdigit():
            if port not in self.ports:
                raise Missing(f"the container has no port named {port!r}")
            return self.ports[port]
        return int(port)


async def handle(handler: Object, target: Target, timeout_seconds: float) -> str | None:
    """Run a handler of a probe or of a lifecycle hook: httpGet, tcpSocket, exec or sleep.

    Returns:
        None on success, else what went wrong.
    """
    try:
        async with asyncio.timeout(timeout_seconds):
            if "httpGet" in handler:
                return await _http_get(handler["httpGet"], target)
            if "tcpSocket" in handler:
                socket = handler["tcpSocket"]
                _, writer = await asyncio.open_connection(
                    socket.get("host") or target.address, target.port(socket["port"])
                )
                writer.close()
                return None
            if "exec" in handler:
                code, output = await target.execute(handler["exec"]["command"], timeout_seconds)
                return None if code == 0 else f"command exited with {code}: {output.strip()[-500:]}"
            if "sleep" in handler:
                await asyncio.sleep(handler["sleep"]["seconds"])
                return None
    except TimeoutError:
        return f"timed out after {timeout_seconds:g} s"
    except (OSError, aiohttp.ClientError, Missing) as error:
        return str(error)
    raise AssertionError(f"pod_refusals let through a handler that cannot be run: {handler}")


async def _http_get(request: Object, target: Target) -> str | None:
    scheme, host = request.get("scheme", "HTTP").lower(), request.get("host") or target.address
    url = f"{scheme}://{host}:{target.port(request['port'])}/{request.get('path', '/').removeprefix('/')}"
    headers = {"User-Agent": "kube-probe/1.37", "Accept": "*/*", "Connection": "close"}
    headers |= {header["name"]: header["value"] for header in request.get("httpHeaders") or []}
    # kubelet does not verify the certificate of a pod it probes either:
    # https://kubernetes.io/docs/concepts/workloads/pods/probes/#http-probes
    async with (
        aiohttp.ClientSession() as session,
        session.get(url, headers=headers, ssl=False, allow_redirects=False) as answer,
    ):
        return None if answer.status in GOOD_STATUSES else f"HTTP probe failed with statuscode: {answer.status}"


async def run_probe(probe: Object, target: Target, *, eager: bool) -> AsyncIterator[tuple[bool, str]]:
    """Ask for ever.

    Args:
        eager: ask more often than the period until the first success.

    Yields:
        (True, "") after successThreshold successes in a row, (False, cause) after failureThreshold failures; while the outcome
        stays the same, again at each further multiple of the threshold.
    """
    period, timeout = probe.get("periodSeconds", 10), probe.get("timeoutSeconds", 1)
    thresholds = {True: probe.get("successThreshold", 1), False: probe.get("failureThreshold", 3)}
    in_a_row, last = 0, None
    await asyncio.sleep(probe.get("initialDelaySeconds", 0))
    while True:
        due = time.monotonic() + period
        cause = await handle(probe, target, timeout)
        while eager and cause is not None and time.monotonic() + EAGER_SECONDS < due:
            await asyncio.sleep(EAGER_SECONDS)
            cause = await handle(probe, target, timeout)
        success = cause is None
        eager = eager and not success
        in_a_row = in_a_row + 1 if success is last else 1
        last = success
        if in_a_row >= thresholds[success]:
            in_a_row = 0
            yield success, cause or ""
        await asyncio.sleep(max(0.0, due - time.monotonic()))


@dataclass(frozen=True)
class Notify:
    """Whom a container tells.

    Attributes:
        changed: what its status says may be different now.
        report: an event: type ("Normal" | "Warning"), reason, message.
    """

    changed: Callable[[], None]
    report: Callable[[str, str, str], None]


class Health:
    """Watches over one run of a container.

    Attributes:
        ready, started: as in containerStatuses.
    """

    def __init__(self, spec: Object, target: Target, *, notify: Notify, kill: Kill) -> None:
        self.ready = self.started = False
        self._spec, self._target = spec, target
        self._kill, self._report, self._on_change = kill, notify.report, notify.changed

    async def watch(self) -> None:
        """Run hook and probes until cancelled: the startup probe first, then liveness and readiness side by side."""
        post_start = (self._spec.get("lifecycle") or {}).get("postStart")
        if post_start and (cause := await handle(post_start, self._target, POST_START_TIMEOUT_SECONDS)) is not None:
            self._report("Warning", "FailedPostStartHook", cause)
            return await self._kill(f"its postStart hook failed: {cause}", None)
        startup, readiness, liveness = (self._spec.get(f"{kind}Probe") for kind in ("startup", "readiness", "liveness"))
        if startup and not await self._until_failing(startup, "Startup", until_first_success=True):
            return None
        self.started, self.ready = True, readiness is None
        self._on_change()
        async with asyncio.TaskGroup() as probes:
            if liveness:
                probes.create_task(self._until_failing(liveness, "Liveness"))
            if readiness:
                probes.create_task(self._follow(readiness))
        return None

    async def _until_failing(self, probe: Object, kind: str, *, until_first_success: bool = False) -> bool:
        """Ask until the threshold of failures is reached, and then kill (False), or until the first success (True)."""
        async for success, cause in run_probe(probe, self._target, eager=until_first_success):
            if success and until_first_success:
                return True
            if not success:
                self._report("Warning", "Unhealthy", f"{kind} probe failed: {cause}")
                await self._kill(f"its {kind.lower()} probe failed", probe.get("terminationGracePeriodSeconds"))
                return False
        return False

    async def _follow(self, probe: Object) -> None:
        async for success, cause in run_probe(probe, self._target, eager=True):
            if not success:
                self._report("Warning", "Unhealthy", f"Readiness probe failed: {cause}")
            if success != self.ready:
                self.ready = success
                self._on_change()

"""What the probes and the postStart hook of one running container lead to: started, ready, or a reason to kill it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pytest_apiservice.embedded.node.client import Object
from pytest_apiservice.embedded.pod.probes import Target, handle, run_probe

POST_START_TIMEOUT_SECONDS = 60.0

Kill = Callable[[str, float | None], Awaitable[None]]  # why; grace in seconds, None for the pod's


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
        """Prepare; see `watch`."""
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

"""What is measured, in which order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from bench.resources.figures import NAMESPACES, Sample
from bench.resources.memory import forget_peak, peak_mebibytes, shared_mebibytes
from bench.resources.servers import Measured
from pytest_apiservice.base.progress import step
from pytest_apiservice.base.run import run

WRITERS, FILLERS, PAGE, EVENTS = 8, 16, 500, 100
_TIMEOUT_SECONDS = 1800.0
_WRITTEN, _KEPT = NAMESPACES


class Measures:
    """Asks each server in turn.

    Attributes:
        samples: what was measured.
    """

    def __init__(self, servers: Sequence[Measured], client: Path, rounds: int) -> None:
        self.samples: list[Sample] = []
        self._servers, self._client, self._rounds = servers, client, rounds

    def all(self, seconds: float, listed: int, objects: int, watchers: int) -> None:
        """Measure everything; writers write for `seconds`, and `objects` are paged in the end, of which the first `listed` are listed."""
        for turn in range(self._rounds):
            self._each("writes", _WRITTEN, do="write", writers=WRITERS, duration=f"{seconds}s", prefix=f"r{turn}")
        self._each("fill", _KEPT, do="fill", writers=FILLERS, to=listed)
        for _ in range(self._rounds):
            self._each("list", _KEPT, do="list")
            self._each("list gzip", _KEPT, do="list", gzip="true")
        for turn in range(self._rounds):
            self._each("watch", _WRITTEN, do="watch", watchers=watchers, events=EVENTS, prefix=f"w{turn}")
        if objects > listed:
            self._each("fill", _KEPT, do="fill", writers=FILLERS, **{"from": listed, "to": objects})
        for _ in range(self._rounds):
            self._each("page", _KEPT, do="page", limit=PAGE)

    def _each(self, what: str, namespace: str, **flags: object) -> None:
        with step(what) as detail:
            for one in self._servers:
                detail(one.name)
                self.samples.append(self._measured(one, what, namespace, **flags))

    def _measured(self, one: Measured, what: str, namespace: str, **flags: object) -> Sample:
        tree = one.child.tree()
        forget_peak(tree)
        before = one.child.cpu_seconds()
        argv = one.client(self._client, namespace, **flags)
        answer = json.loads(run(argv, timeout_seconds=_TIMEOUT_SECONDS).stdout)
        return Sample(
            one.name,
            what,
            answer["requests"],
            answer["objects"],
            answer["bytes"],
            answer["seconds"],
            answer["p99_seconds"],
            answer["cpu_seconds"],
            one.child.cpu_seconds() - before,
            peak_mebibytes(tree),
            shared_mebibytes(one.databases()),
        )

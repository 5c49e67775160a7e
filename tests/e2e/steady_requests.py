"""Steady requests through the API server, by a client that never tries again, while something is done to the cluster."""

import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import urllib3

from pytest_apiservice.base.wait import NotYet, wait_for
from pytest_apiservice.client.api import Api

CLIENTS = 4
PAUSE_SECONDS = (
    0.1  # of each client, between its two answers and the next two requests: about 60 requests a second in all
)
TIMEOUT_SECONDS = 10.0
BEFORE, AFTER = 20, 20  # requests on either side of what is done
SHOWN_FAILURES = 8


@dataclass
class Outcome:
    """What the clients saw.

    Attributes:
        requests: how many were sent and answered or given up.
        failures: those without a success, as "seconds since the start, method: what came instead".
        failed_at: their moments, as time.monotonic() has it.
        longest_gap_seconds: the longest time in which none of the clients had a success.
    """

    requests: int = 0
    failures: list[str] = field(default_factory=list)
    failed_at: list[float] = field(default_factory=list)
    longest_gap_seconds: float = 0.0

    def __str__(self) -> str:
        """Return it in words, with the first failures."""
        words = f"{self.requests} requests, {len(self.failures)} failed, longest gap {self.longest_gap_seconds:.2f} s"
        return "\n    ".join([words, *self.failures[:SHOWN_FAILURES]])


class SteadyRequests:
    """Clients that list and create echoes in turn; a context manager: they run within its block.

    A create has a body, so Go's HTTP client inside the API server may not send it twice in secret, as it may a list
    (https://pkg.go.dev/net/http#Transport).
    """

    def __init__(self, api: Api) -> None:
        """Send to the group of ``api``, as the administrator."""
        self.outcome = Outcome()
        self._api = api
        prefix = urllib3.util.parse_url(api.server).path or ""  # of a cluster behind a proxy that has many
        self._path = f"{prefix}{api.path}/echoes"
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._client, daemon=True) for _ in range(CLIENTS)]
        self._started = self._last_success = time.monotonic()

    def __enter__(self) -> Self:
        """Start, and return once a number of requests went through."""
        self._started = self._last_success = time.monotonic()
        for thread in self._threads:
            thread.start()
        self.wait_for_more(BEFORE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Go on for a number of requests, then stop."""
        try:
            if kind is None:
                self.wait_for_more(AFTER)
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join(TIMEOUT_SECONDS + 5)

    def wait_for_more(self, count: int) -> None:
        """Wait until ``count`` further requests have ended."""
        wanted = self.outcome.requests + count

        def enough() -> None:
            if self.outcome.requests < wanted:
                raise NotYet(str(self.outcome))

        wait_for(f"{count} requests", enough, timeout_seconds=60, interval_seconds=0.05)

    def _client(self) -> None:
        body: dict[str, object] = {"apiVersion": f"{self._api.group}/{self._api.version}", "kind": "Echo"}
        body["metadata"] = {"name": "steady"}
        with self._api.pool() as pool:
            while not self._stop.is_set():
                self._count(pool, "GET", None)
                self._count(pool, "POST", body)
                self._stop.wait(PAUSE_SECONDS)

    def _count(self, pool: urllib3.HTTPSConnectionPool, method: str, body: dict[str, object] | None) -> None:
        try:
            answer = pool.request(method, self._path, json=body, timeout=TIMEOUT_SECONDS)
            succeeded = answer.status < 300
            fault = None if succeeded else f"{answer.status} {answer.data.decode(errors='replace').strip()[:200]}"
        except urllib3.exceptions.HTTPError as error:
            fault = f"{type(error).__name__}: {str(error)[:200]}"
        now = time.monotonic()
        with self._lock:
            self.outcome.requests += 1
            if fault is None:
                self.outcome.longest_gap_seconds = max(self.outcome.longest_gap_seconds, now - self._last_success)
                self._last_success = now
            else:
                self.outcome.failures.append(f"{now - self._started:.2f} s, {method}: {fault}")
                self.outcome.failed_at.append(now)

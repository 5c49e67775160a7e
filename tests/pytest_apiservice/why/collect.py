"""What a failure dump holds: each collector alone, with its own deadline, its output without secrets.

A collector that fails or hangs costs its own file and nothing else: the index says why it is missing.
"""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

from pytest_apiservice.cluster import Collector
from pytest_apiservice.why.redact import Redactor

AT_ONCE = 4
INDEX = "index.txt"


def collect_all(collectors: Sequence[Collector], directory: Path, redactor: Redactor) -> list[str]:
    """Run ``collectors`` side by side into ``directory``; return one line for each, as in an index."""
    directory.mkdir(parents=True, exist_ok=True)
    turns = threading.Semaphore(AT_ONCE)
    outcomes = [_start(collector, directory, turns) for collector in collectors]
    return [
        _finish(collector, outcome, directory, redactor)
        for collector, outcome in zip(collectors, outcomes, strict=True)
    ]


def _start(collector: Collector, directory: Path, turns: threading.Semaphore) -> tuple[Future[str | None], list[float]]:
    outcome: Future[str | None] = Future()
    began: list[float] = []

    def work() -> None:
        with turns:
            began.append(time.monotonic())
            try:
                outcome.set_result(collector.collect(directory / collector.name))
            except Exception as error:  # noqa: BLE001 - whatever it is, the other collectors go on and the index tells it
                outcome.set_exception(error)

    # A daemon: one that hangs for ever must not keep pytest from ending.
    threading.Thread(target=work, name=f"collect {collector.name}", daemon=True).start()
    return outcome, began


def _finish(
    collector: Collector, started: tuple[Future[str | None], list[float]], directory: Path, redactor: Redactor
) -> str:
    outcome, began = started
    path = directory / collector.name
    queued = time.monotonic()
    while not outcome.done():
        since = began[0] if began else queued  # waiting for its turn is bounded by the same deadline
        left = since + collector.deadline_seconds - time.monotonic()
        if left <= 0:
            return _line(collector, f"MISSING: not within {collector.deadline_seconds:g} s", redactor)
        with suppress(TimeoutError):
            outcome.exception(min(left, 0.2))
    error = outcome.exception()
    if error is not None:
        redactor.directory(path) if path.is_dir() else None
        return _line(collector, f"MISSING: {type(error).__name__}: {error}", redactor)
    text = outcome.result()
    if text is None:
        redactor.directory(path)
        return _line(collector, collector.holds if path.is_dir() and any(path.iterdir()) else "nothing there", redactor)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(redactor.text(text))
    return _line(collector, collector.holds if text.strip() else "nothing there", redactor)


def _line(collector: Collector, words: str, redactor: Redactor) -> str:
    return f"{collector.name:<44} {redactor.text(' '.join(words.split()))}"

"""The plots of the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bench.commands import TITLES
from bench.measures import Bench, Sample
from bench.plane import GROUP_COUNTS
from bench.processes import Memory
from bench.report import svg
from bench.report.spread import Spread

#: Shorter than in the tables: a plot has little room.
NAMES = {
    **TITLES,
    "gthread": "Flask, gunicorn gthread",
    "sync": "Flask, gunicorn sync",
    "version": "/version (no backend)",
}


def of_bench(bench: Bench, memory: Mapping[str, Memory], amounts: Sequence[int]) -> dict[str, str]:
    """Return file name (without .svg) → plot."""

    def series(
        way: str, names: Sequence[str], figure: Callable[[Sample], float]
    ) -> dict[str, list[tuple[float, float]]]:
        def median(name: str, amount: int) -> float:
            return Spread.of(bench.figures(way, name, "connections", amount, figure)).median

        return {NAMES[name]: [(amount, median(name, amount)) for amount in amounts] for name in names}

    peers = list(bench.peers)
    through, latency = [*peers, "version"], [name for name in peers if name != "sync"]
    return {
        "through": svg.lines(
            "Through the API server", "connections", "requests per second",
            series("through", through, lambda one: one.answer.per_second), log_x=True,
        ),
        "direct": svg.lines(
            "Direct", "connections", "requests per second", series("direct", peers, lambda one: one.answer.per_second), log_x=True
        ),
        "latency": svg.lines(
            "Latency through the API server, median", "connections", "ms",
            series("through", latency, lambda one: one.answer.p50_seconds * 1e3), log_x=True,
        ),
        "memory": svg.bars("Memory after load", "MiB", {"PSS": {NAMES[name]: memory[name].pss for name in peers},
                                                          "RSS": {NAMES[name]: memory[name].rss for name in peers}}),
        "groups": svg.lines(
            "Groups of the caller, through the API server", "groups", "requests per second",
            {
                NAMES[name]: [
                    (count, Spread.of(bench.figures("through", name, "groups", count, lambda one: one.answer.per_second)).median)
                    for count in GROUP_COUNTS
                ]
                for name in ("go", "ours")
            },
            log_x=True,
        ),
    }  # fmt: skip

"""What was aimed for, and what came of it: the first table of the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.commands import TITLES
from bench.measures import Bench, Sample
from bench.processes import Memory
from bench.report.spread import Spread, ratios
from bench.report.table import GO, OURS, markdown

FLASKS = ("gthread", "sync")
PROXY = "reverseproxy"


@dataclass(frozen=True)
class Goal:
    """One goal and what came of it."""

    text: str
    figure: Spread
    limit: float
    at_least: bool
    digits: int = 2

    @property
    def met(self) -> bool:
        """Whether the median is within the limit."""
        return self.figure.median >= self.limit if self.at_least else self.figure.median <= self.limit


def goals(
    bench: Bench,
    memory: Memory,
    start_seconds: Sequence[float],
    installs: Sequence[dict[str, float]],
    kind_installs: Sequence[dict[str, float]],
) -> list[Goal]:
    """Compare the figures with what was aimed for."""

    def rate(sample: Sample) -> float:
        return sample.answer.per_second

    def p50(sample: Sample) -> float:
        return sample.answer.p50_seconds

    def ratio(way: str, base: str, figure: Callable[[Sample], float] = rate, who: str = OURS) -> Spread:
        ours = bench.figures(way, who, "connections", 32, figure)
        return ratios(ours, bench.figures(way, base, "connections", 32, figure))

    found = [
        Goal("requests/s ÷ Go echo, through the API server, 32 connections", ratio("through", GO), 0.72, at_least=True),
        Goal(
            "bare WSGI: requests/s ÷ Go echo, through, 32 connections",
            ratio("through", GO, who="wsgi"),
            0.8,
            at_least=True,
        ),
        Goal(
            "bare WSGI: requests/s ÷ Go echo, direct, 32 connections",
            ratio("direct", GO, who="wsgi"),
            0.4,
            at_least=True,
        ),
        Goal("p50 ÷ Go echo, through the API server, 32 connections", ratio("through", GO, p50), 1.5, at_least=False),
        Goal("requests/s ÷ Go echo, direct, 32 connections", ratio("direct", GO), 0.25, at_least=True),
    ]
    if PROXY in bench.peers:
        found += [
            Goal(
                f"gateway: requests/s ÷ {TITLES[PROXY]}, through, 32 connections",
                ratio("through", PROXY, who="gateway"),
                0.8,
                at_least=True,
            ),
            Goal(
                f"gateway: p50 ÷ {TITLES[PROXY]}, through, 32 connections",
                ratio("through", PROXY, p50, "gateway"),
                1.3,
                at_least=False,
            ),
        ]
    for flask in FLASKS:
        if flask in bench.peers:
            found += [
                Goal(f"requests/s ÷ {TITLES[flask]}, {way}, 32 connections", ratio(way, flask), 3, at_least=True)
                for way in ("through", "direct")
            ]
    found += [
        Goal(
            "MiB of one replica after load (proportional set size)",
            Spread.of([memory.pss]),
            60,
            at_least=False,
            digits=0,
        ),
        Goal("seconds from start to ready", Spread.of(start_seconds), 0.6, at_least=False),
    ]
    if installs:
        total = Spread.of(one["nothing to Available"] for one in installs)
        helm = Spread.of(one["install: Available"] for one in installs)
        found.append(Goal("seconds from nothing to Available, embedded cluster", total, 5, at_least=False, digits=1))
        found.append(
            Goal("seconds from helm install to Available, embedded cluster", helm, 6, at_least=False, digits=1)
        )
    if kind_installs:
        helm = Spread.of(one["Available"] for one in kind_installs)
        found.append(Goal("seconds from helm install to Available, kind", helm, 6, at_least=False, digits=1))
    return found


def goals_table(found: Sequence[Goal]) -> str:
    """Return the goals as Markdown."""
    rows = [
        (
            goal.text,
            f"{'≥' if goal.at_least else '≤'} {goal.limit:g}",
            goal.figure.text(goal.digits),
            "yes" if goal.met else "no",
        )
        for goal in found
    ]
    return markdown(("goal", "aim", "measured", "met"), rows)

"""The report: goals first, then what was measured, ratios before absolute figures."""

from __future__ import annotations

import platform
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.measures import Bench, Sample
from bench.peers import ROOT, TITLES
from bench.processes import Memory
from bench.report.spread import Spread, ratios
from pytest_apiservice.base.run import run

GO, OURS = "go", "ours"
FLASKS = ("gthread", "sync")


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

    def ratio(way: str, base: str, figure: Callable[[Sample], float] = rate) -> Spread:
        ours = bench.figures(way, OURS, "connections", 32, figure)
        return ratios(ours, bench.figures(way, base, "connections", 32, figure))

    found = [
        Goal("requests/s ÷ Go echo, through the API server, 32 connections", ratio("through", GO), 0.75, at_least=True),
        Goal("p50 ÷ Go echo, through the API server, 32 connections", ratio("through", GO, p50), 1.5, at_least=False),
        Goal("requests/s ÷ Go echo, direct, 32 connections", ratio("direct", GO), 0.25, at_least=True),
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
            50,
            at_least=False,
            digits=0,
        ),
        Goal("seconds from start to ready", Spread.of(start_seconds), 0.5, at_least=False),
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


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    every = [list(header), *map(list, rows)]
    widths = [max(len(row[column]) for row in every) for column in range(len(header))]
    text = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in every
    ]
    return "\n".join([text[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *text[1:]])


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


def _short(milliseconds: float) -> str:
    return f"{milliseconds:.0f}" if milliseconds >= 10 else f"{milliseconds:.2g}"  # noqa: PLR2004 - two digits


def load_table(bench: Bench, way: str, amounts: Sequence[int]) -> str:
    """Return throughput and latency of every peer as Markdown; a cell is one number of connections."""
    names = [*bench.peers, *(["version"] if way == "through" else [])]
    rows = []
    for name in names:
        cells = []
        for amount in amounts:

            def figures(figure: Callable[[Sample], float], who: str = name, number: int = amount) -> list[float]:
                return bench.figures(way, who, "connections", number, figure)

            relative = ratios(figures(_rate), figures(_rate, GO))
            rate, p50, p99 = (Spread.of(figures(one)).median for one in (_rate, _p50, _p99))
            cells.append(f"{relative.text()} · {rate:.0f}/s · {_short(p50 * 1e3)} / {_short(p99 * 1e3)} ms")
        rows.append((TITLES[name], *cells))
    return markdown((f"{way}: ÷ Go · requests/s · p50 / p99", *(f"{amount} connections" for amount in amounts)), rows)


def cost_table(bench: Bench, memory: Mapping[str, Memory], starts: Mapping[str, Sequence[float]]) -> str:
    """Return processor time and memory of every peer as Markdown."""
    rows = []
    for name in bench.peers:
        cells = []
        for way in ("direct", "through"):
            own = Spread.of(bench.figures(way, name, "connections", 32, lambda one: one.peer_cpu_microseconds))
            cells.append(own.text(0))
        api = Spread.of(bench.figures("through", name, "connections", 32, lambda one: one.api_server_cpu_microseconds))
        used = memory[name]
        start = Spread.of(starts[name]) if name in starts else Spread.of([bench.peers[name].start_seconds])
        rows.append((TITLES[name], *cells, api.text(0), f"{used.pss:.0f} / {used.rss:.0f}", start.text()))
    header = (
        "at 32 connections",
        "µs CPU/request direct",
        "through",
        "of the API server",
        "MiB PSS / RSS after load",
        "s to ready",
    )
    return markdown(header, rows)


def growth_table(bench: Bench, what: str, amounts: Sequence[int], names: Sequence[str]) -> str:
    """Return requests per second at growing requests as Markdown."""
    rows = []
    for name in names:
        cells = []
        for amount in amounts:
            rate = Spread.of(bench.figures("through", name, what, amount, _rate)).median
            relative = ratios(
                bench.figures("through", name, what, amount, _rate), bench.figures("through", GO, what, amount, _rate)
            )
            cells.append(f"{relative.median:.2f} · {rate:.0f}/s")
        rows.append((TITLES[name], *cells))
    return markdown((f"{what}: ÷ Go · requests/s", *map(str, amounts)), rows)


def install_table(installs: Sequence[Mapping[str, float]], title: str) -> str:
    """Return the way to Available as Markdown: seconds of each moment, or of each stage; '' if nothing was installed."""
    names = dict.fromkeys(name for one in installs for name in one)
    rows = [(name, Spread.of(one[name] for one in installs if name in one).text()) for name in names]
    return markdown((f"{title}, median of {len(installs)}", "s"), rows) if rows else ""


def replicas_table(per_second: Mapping[int, Sequence[float]]) -> str:
    """Return requests per second by number of replicas as Markdown; '' if none were measured."""
    rows = [
        (str(count), ratios(rates, per_second[1]).text(), Spread.of(rates).text(0))
        for count, rates in per_second.items()
    ]
    return markdown(("replicas on kind, through the API server", "÷ 1 replica", "requests/s"), rows) if rows else ""


def suites_table(reports: Path) -> str:
    """Return how long the last run of each test suite took, as its JUnit report says; '' if none was run."""
    rows = []
    for path in sorted(reports.glob("*.xml")):
        counts = re.search(r'<testsuite [^>]*tests="(\d+)"', path.read_text())
        seconds = re.search(r'<testsuite [^>]*time="([\d.]+)"', path.read_text())
        if counts and seconds:
            rows.append((path.stem, counts[1], f"{float(seconds[1]):.0f}"))
    return markdown(("last run of the suite", "tests", "s"), rows) if rows else ""


def conditions() -> str:
    """Return what the figures depend on besides the code."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "?"
    )
    cores = sum(line.startswith("processor") for line in _lines("/proc/cpuinfo"))
    load = " ".join(_lines("/proc/loadavg")[0].split()[:3])
    commit = run(
        [shutil.which("git") or "git", "rev-parse", "--short", "HEAD"], cwd=ROOT, timeout_seconds=20, check=False
    )
    return (
        f"{cores} cores ({model}), load average {load}, Linux {platform.release()}, CPython {platform.python_version()}, "
        f"commit {commit.stdout.strip() or 'unknown'}"
    )


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def _rate(sample: Sample) -> float:
    return sample.answer.per_second


def _p50(sample: Sample) -> float:
    return sample.answer.p50_seconds


def _p99(sample: Sample) -> float:
    return sample.answer.p99_seconds

"""The tables of the report: ratios before absolute figures."""

from __future__ import annotations

import platform
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from bench.commands import TITLES
from bench.measures import Bench, Sample
from bench.peers import ROOT
from bench.processes import Memory
from bench.report.spread import Spread, ratios
from pytest_apiservice.base.run import run

GO, OURS = "go", "ours"


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    every = [list(header), *map(list, rows)]
    widths = [max(len(row[column]) for row in every) for column in range(len(header))]
    text = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in every
    ]
    return "\n".join([text[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *text[1:]])


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


def proxies_table(bench: Bench, amounts: Sequence[int]) -> str:
    """Return what the gateway's figures are in Go's reverse proxy's, round by round, as Markdown."""

    def compared(way: str, amount: int, figure: Callable[[Sample], float]) -> str:
        ours, theirs = (bench.figures(way, name, "connections", amount, figure) for name in ("gateway", "reverseproxy"))
        return ratios(ours, theirs).text()

    figures: dict[str, Callable[[Sample], float]] = {
        "requests/s": _rate,
        "p50": _p50,
        "p99": _p99,
        "CPU/request": lambda one: one.peer_cpu_microseconds,
    }
    rows = [
        (f"{way}, {amount} connections", *(compared(way, amount, figure) for figure in figures.values()))
        for way in ("through", "direct")
        for amount in amounts
    ]
    return markdown((f"{TITLES['gateway']} ÷ {TITLES['reverseproxy']}", *figures), rows)


def cost_table(bench: Bench, memory: Mapping[str, Memory], starts: Mapping[str, Sequence[float]]) -> str:
    """Return processor time and memory of every peer as Markdown."""
    rows = []
    for name in bench.peers:
        cells = []
        for way in ("direct", "through"):
            own = Spread.of(bench.figures(way, name, "connections", 32, lambda one: one.peer_cpu_microseconds))
            cells.append(own.text(0))
        api = Spread.of(bench.figures("through", name, "connections", 32, lambda one: one.api_server_cpu_microseconds))
        behind = Spread.of(bench.figures("through", name, "connections", 32, lambda one: one.upstream_cpu_microseconds))
        service = behind.text(0) if bench.peers[name].upstream else "none"
        used = memory[name]
        start = Spread.of(starts[name]) if name in starts else Spread.of([bench.peers[name].start_seconds])
        rows.append((TITLES[name], *cells, api.text(0), service, f"{used.pss:.0f} / {used.rss:.0f}", start.text()))
    header = (
        "at 32 connections",
        "µs CPU/request direct",
        "through",
        "of the API server",
        "of the service behind",
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

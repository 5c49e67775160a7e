"""What the samples of a soak say: a table, plots, and what is wrong."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.report import svg
from bench.report.table import markdown

#: From the second quarter to the last, allocators may still spread a little.
GROWTH_LIMIT = 1.10


@dataclass(frozen=True)
class Moment:
    """The backend at one time.

    Attributes:
        seconds: since the start.
        user_seconds, probe_seconds: how long an honest request took, None if it failed.
    """

    seconds: float
    attacked: bool
    pss_mib: float
    rss_mib: float
    descriptors: int
    user_seconds: float | None
    probe_seconds: float | None


def verdict(moments: Sequence[Moment]) -> tuple[str, list[str]]:
    """Return the table, and what is wrong."""
    attacked = [one for one in moments if one.attacked]
    calm = [one for one in moments if not one.attacked and one.seconds < attacked[0].seconds]
    quarter = max(1, len(attacked) // 4)
    early, late = attacked[quarter : 2 * quarter] or attacked, attacked[-quarter:]
    rows: list[tuple[str, ...]] = []
    wrong: list[str] = []

    def median(samples: Sequence[Moment], figure: Callable[[Moment], float]) -> float:
        return statistics.median(map(figure, samples))

    for name, figure in (("MiB PSS", _pss), ("descriptors", _descriptors)):
        first, second, last = (median(samples, figure) for samples in (calm, early, late))
        rows.append((name, f"{first:.0f}", f"{second:.0f}", f"{last:.0f}", f"{max(map(figure, moments)):.0f}"))
        if last > second * GROWTH_LIMIT:
            wrong.append(f"{name} grew from {second:.0f} to {last:.0f} while the attack stayed the same")
    for name, answers in (("user through the API server", _user), ("kubelet's probe", _probe)):
        cells = [_latency([answers(one) for one in samples]) for samples in (calm, early, late)]
        good = [seconds for one in attacked if (seconds := answers(one)) is not None]
        rows.append((f"{name}: p50 / p99 ms, failed", *cells, f"{max(good, default=0) * 1e3:.0f} ms"))
        failed = len(attacked) - len(good)
        if failed:
            wrong.append(f"{name}: {failed} of {len(attacked)} honest requests failed under attack")
    return markdown(("", "calm", "second quarter", "last quarter", "most"), rows), wrong


def _pss(one: Moment) -> float:
    return one.pss_mib


def _descriptors(one: Moment) -> float:
    return float(one.descriptors)


def _user(one: Moment) -> float | None:
    return one.user_seconds


def _probe(one: Moment) -> float | None:
    return one.probe_seconds


def _latency(answers: Sequence[float | None]) -> str:
    good = sorted(seconds for seconds in answers if seconds is not None)
    if not good:
        return "none answered"
    p50, p99 = (good[int(share * (len(good) - 1))] * 1e3 for share in (0.5, 0.99))
    return f"{p50:.0f} / {p99:.0f}, {len(answers) - len(good)} failed"


def plots(moments: Sequence[Moment]) -> dict[str, str]:
    """Return file name (without .svg) → plot."""
    memory = {
        "PSS": [(one.seconds, one.pss_mib) for one in moments],
        "RSS": [(one.seconds, one.rss_mib) for one in moments],
    }
    latency = {
        "user, through the API server": [(one.seconds, one.user_seconds * 1e3) for one in moments if one.user_seconds],
        "kubelet's probe": [(one.seconds, one.probe_seconds * 1e3) for one in moments if one.probe_seconds],
    }
    descriptors = {"descriptors": [(one.seconds, float(one.descriptors)) for one in moments]}
    return {
        "memory": svg.lines("Memory under attack", "seconds", "MiB", memory),
        "descriptors": svg.lines("Descriptors under attack", "seconds", "open", descriptors),
        "latency": svg.lines(
            "Honest requests under attack", "seconds", "ms", {name: one for name, one in latency.items() if one}
        ),
    }

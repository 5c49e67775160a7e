"""Figures of what was measured, as a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple

#: Of objects that are written in between, and of those that are kept.
NAMESPACES = ("bench-written", "bench-kept")


#: Ours ÷ theirs: at least, and at most.
_THROUGHPUT, _MEMORY = 0.5, 1.5


class Sample(NamedTuple):
    """One measurement of one server.

    Attributes:
        objects: written, read or told of.
        seconds: for all; p99 is of a request.
        client_cpu_seconds, server_cpu_seconds: processor time of each, without the database's.
        peak_mebibytes: the most memory of the server in this time, without the database's.
        database_mebibytes: of the database's processes afterwards, pages that they share counted once.
    """

    server: str
    what: str
    requests: int
    objects: int
    bytes: int
    seconds: float
    p99_seconds: float
    client_cpu_seconds: float
    server_cpu_seconds: float
    peak_mebibytes: float
    database_mebibytes: float


class Row(NamedTuple):
    """A line of the table; `better` is 1 where more is better, -1 where less is, and then the quotient has a goal."""

    title: str
    what: str
    figure: Callable[[Sample], float]
    form: str
    better: int = 0


ROWS = (
    Row("writes/s, 8 writers", "writes", lambda one: one.requests / one.seconds, ",.0f", 1),
    Row("p99 of a write, ms", "writes", lambda one: one.p99_seconds * 1e3, ".0f"),
    Row("server's CPU, ms a write", "writes", lambda one: one.server_cpu_seconds / one.requests * 1e3, ".2f"),
    Row("peak memory, MiB", "writes", lambda one: one.peak_mebibytes, ".0f", -1),
    Row("one list: objects/s", "list", lambda one: one.objects / one.seconds, ",.0f", 1),
    Row("seconds", "list", lambda one: one.seconds, ".2f"),
    Row("objects", "list", lambda one: one.objects, ",.0f"),
    Row("MiB sent", "list", lambda one: one.bytes / 2**20, ".1f"),
    Row("peak memory, MiB", "list", lambda one: one.peak_mebibytes, ".0f", -1),
    Row("the same as gzip: seconds", "list gzip", lambda one: one.seconds, ".2f"),
    Row("MiB sent", "list gzip", lambda one: one.bytes / 2**20, ".2f"),
    Row(
        "watchers of 100 events each: events/s, all together", "watch", lambda one: one.objects / one.seconds, ",.0f", 1
    ),
    Row("watchers", "watch", lambda one: one.objects / one.requests, ",.0f"),
    Row("seconds until the last has the last", "watch", lambda one: one.seconds, ".2f"),
    Row("server's CPU, s", "watch", lambda one: one.server_cpu_seconds, ".2f"),
    Row("client's CPU, s", "watch", lambda one: one.client_cpu_seconds, ".2f"),
    Row("peak memory, MiB", "watch", lambda one: one.peak_mebibytes, ".0f", -1),
    Row("all objects in pages of 500: objects/s", "page", lambda one: one.objects / one.seconds, ",.0f", 1),
    Row("seconds", "page", lambda one: one.seconds, ".2f"),
    Row("objects", "page", lambda one: one.objects, ",.0f"),
    Row("p99 of a page, ms", "page", lambda one: one.p99_seconds * 1e3, ".0f"),
    Row("peak memory, MiB", "page", lambda one: one.peak_mebibytes, ".0f", -1),
    Row("the database's memory then, MiB", "page", lambda one: one.database_mebibytes, ".0f"),
)


def as_table(samples: Sequence[Sample], theirs: str, names: Sequence[str]) -> str:
    """Return a Markdown table; in brackets ours ÷ theirs, where `theirs` was measured."""
    lines = [f"| | {' | '.join(names)} |", f"|---|{'---:|' * len(names)}"]
    for row in ROWS:
        values = {name: _median(samples, name, row) for name in names}
        base = values.get(theirs)
        cells = []
        for name in names:
            text = format(values[name], row.form)
            if row.better and base and name != theirs:
                quotient = values[name] / base if base else math.nan
                missed = quotient < _THROUGHPUT if row.better > 0 else quotient > _MEMORY
                text += f" ({quotient:.2f}{', missed' if missed else ''})"
            cells.append(text)
        lines.append(f"| {row.title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _median(samples: Sequence[Sample], name: str, row: Row) -> float:
    found = [row.figure(one) for one in samples if (one.server, one.what) == (name, row.what)]
    return median(found) if found else math.nan

"""The report of a run as one HTML file: no script, nothing loaded from elsewhere."""

import datetime as dt
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path

from pytest_apiservice.why.report.model import CAUSE, DUMP, Run, Stage, Test
from pytest_apiservice.why.rules import HEALTHY, NOTHING

STYLE = (Path(__file__).parent / "report.css").read_text()
TICKS = 7
STEPS_SECONDS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600)
SHOWN_WORDS = 4000


def page(run: Run) -> str:
    """Return the report of ``run`` as one HTML file that needs no other."""
    failed, passed, skipped = (run.count(outcome) for outcome in ("failed", "passed", "skipped"))
    verdict = "failed" if failed else "passed"
    when = dt.datetime.fromtimestamp(run.began, dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
    title = f"{failed} failed, {passed} passed, {skipped} skipped"
    parts = [
        f'<header class="{verdict}"><h1>{title}</h1>',
        f"<p>on the {escape(run.kind)} cluster, {_seconds(run.ended - run.began)}, {when}</p></header>",
        *_failures(run),
        "<section><h2>Time</h2>",
        *_timeline(run),
        "</section>",
        *_path(run),
        "<section><h2>Tests</h2>",
        *_tests(run),
        "</section>",
    ]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    return f'<!doctype html><html lang="en"><head>{head}<style>{STYLE}</style></head><body>{"".join(parts)}</body></html>\n'


def _failures(run: Run) -> Iterator[str]:
    """What failed and why, before everything else."""
    failures = [test for test in run.tests.values() if test.outcome == "failed"]
    if failures:
        yield "<section><h2>Why</h2>"
        for test in failures:
            lines = test.properties.get(CAUSE, "").splitlines()
            # Where the cluster explains nothing, the test's own words come first.
            first, *rest = [test.error, *lines] if lines in ([], [HEALTHY], [NOTHING]) else [*lines, test.error]
            yield f'<article class="why"><h3>{escape(_name(test))}</h3><p class="cause">{escape(first)}</p>'
            yield "".join(f"<p>{escape(line.strip())}</p>" for line in rest)
            if test.properties.get(DUMP):
                folder = test.properties[DUMP].removeprefix("reports/")
                yield f'<p><a href="{escape(folder)}/index.txt">everything collected</a></p>'
            yield "</article>"
        yield "</section>"


def _timeline(run: Run) -> Iterator[str]:
    total = max(run.ended - run.began, 0.001)
    yield '<div class="timeline">'
    for stage in sorted(run.stages, key=lambda s: (s.began, -s.seconds)):
        indent = _depth(stage, run.stages)
        outcome = "stage" if stage.succeeded else "failed"
        yield _row(
            "&emsp;" * indent + escape(stage.title),
            [_bar(stage.began - run.began, stage.seconds, total, outcome)],
            stage.seconds,
        )
    bars, spent = [], 0.0
    for test in run.tests.values():
        seconds = sum(test.seconds.values())
        bars.append(_bar(test.began - run.began, seconds, total, test.outcome, _name(test)))
        spent += seconds
    yield _row("tests, with their fixtures", bars, spent)
    between = next((step for step in STEPS_SECONDS if total / step <= TICKS), STEPS_SECONDS[-1])
    moments = range(0, int(total * 0.97) + 1, between)  # a tick at the very end would have no room for its label
    ticks = "".join(f'<i style="left:{100 * moment / total:.2f}%">{moment} s</i>' for moment in moments)
    yield f'<div class="row axis"><b></b><div class="track">{ticks}</div><span></span></div></div>'


def _row(title: str, bars: Iterable[str], seconds: float) -> str:
    return (
        f'<div class="row"><b>{title}</b><div class="track">{"".join(bars)}</div><span>{_seconds(seconds)}</span></div>'
    )


def _bar(start: float, seconds: float, total: float, outcome: str, title: str = "") -> str:
    left = min(max(100 * start / total, 0.0), 99.8)
    width = min(max(100 * seconds / total, 0.2), 100 - left)
    words = escape(f"{title} {_seconds(seconds)}".strip())
    return f'<i class="{outcome}" style="left:{left:.2f}%;width:{width:.2f}%" title="{words}"></i>'


def _depth(stage: Stage, stages: Iterable[Stage]) -> int:
    end = stage.began + stage.seconds
    return sum(o is not stage and o.began <= stage.began and end <= o.began + o.seconds for o in stages)


def _path(run: Run) -> Iterator[str]:
    if not run.hops:
        return
    yield '<section><h2>The path of a request</h2><div class="path">'
    for hop in run.hops:
        rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in hop.rows)
        arrow = f'<p class="arrow">↓ {escape(hop.arrow)}</p>' if hop.arrow else ""
        yield f'<div class="hop"><h3>{escape(hop.title)}</h3><dl>{rows}</dl></div>{arrow}'
    yield "</div></section>"


def _tests(run: Run) -> Iterator[str]:
    yield '<table><thead><tr><th>test</th><th>outcome</th><th class="number">set up</th><th class="number">test</th><th class="number">clean up</th></tr></thead><tbody>'
    for test in run.tests.values():
        phases = "".join(
            f'<td class="number">{_seconds(test.seconds.get(p, 0.0))}</td>' for p in ("setup", "call", "teardown")
        )
        yield f'<tr class="{test.outcome}"><td>{_with_details(test)}</td><td>{test.outcome}</td>{phases}</tr>'
    yield "</tbody></table>"


def _with_details(test: Test) -> str:
    shown = {name: value for name, value in test.properties.items() if name not in (CAUSE, DUMP)}
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in shown.items())
    words = f"<pre>{escape(test.words[-SHOWN_WORDS:])}</pre>" if test.words else ""
    if not facts and not words:
        return escape(_name(test))
    return f"<details><summary>{escape(_name(test))}</summary><dl>{facts}</dl>{words}</details>"


def _name(test: Test) -> str:
    file, _, name = test.nodeid.rpartition("::")
    return f"{name.removeprefix('test_').replace('_', ' ')} ({file.rsplit('/', 1)[-1]})"


def _seconds(seconds: float) -> str:
    minute = 60
    return f"{seconds:.1f} s" if seconds < minute else f"{seconds // minute:.0f} min {seconds % minute:.0f} s"

"""Line and bar plots as small SVG files, readable on light and dark pages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 190, 44, 48
#: Distinguishable with the usual colour blindnesses: https://jfly.uni-koeln.de/color/
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
STYLE = """text{font:12px sans-serif;fill:#333}.title{font-weight:bold;font-size:14px}.grid{stroke:#999;stroke-opacity:.3}
@media(prefers-color-scheme:dark){text{fill:#ddd}}"""
TICKS = 5


def lines(
    title: str, x_title: str, y_title: str, series: Mapping[str, Sequence[tuple[float, float]]], *, log_x: bool = False
) -> str:
    """Return a plot with one line for each series of (x, y); y begins at 0.

    Args:
        log_x: for x that grow by factors; they must be above 0.
    """
    points = [point for values in series.values() for point in values]
    place = math.log if log_x else float
    low, high = place(min(x for x, _ in points)), place(max(x for x, _ in points))
    top = nice(max(y for _, y in points))

    def at(x: float, y: float) -> tuple[float, float]:
        share = (place(x) - low) / (high - low) if high > low else 0.5
        return LEFT + share * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - y / top * (HEIGHT - TOP - BOTTOM)

    ticks = (
        sorted({x for x, _ in points}) if log_x else [i * max(x for x, _ in points) / TICKS for i in range(TICKS + 1)]
    )
    parts = _frame(title, x_title, y_title, top)
    for x in ticks:
        parts.append(f'<text x="{at(x, 0)[0]:.0f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{x:g}</text>')
    for number, (name, values) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*value) for value in values))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        if log_x:
            parts += [
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
                for x, y in (at(*value) for value in values)
            ]
        parts += _legend(number, name, colour)
    return _document(parts)


def bars(title: str, y_title: str, groups: Mapping[str, Mapping[str, float]]) -> str:
    """Return a plot of bars: a cluster for each group, in it a bar for each name; y begins at 0."""
    names = list(dict.fromkeys(name for values in groups.values() for name in values))
    top = nice(max(value for values in groups.values() for value in values.values()))
    parts = _frame(title, "", y_title, top)
    cluster = (WIDTH - LEFT - RIGHT) / len(groups)
    width = cluster * 0.8 / len(names)
    for position, (group, values) in enumerate(groups.items()):
        left = LEFT + cluster * (position + 0.1)
        parts.append(
            f'<text x="{left + cluster * 0.4:.0f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{escape(group)}</text>'
        )
        for number, name in enumerate(names):
            height = values.get(name, 0) / top * (HEIGHT - TOP - BOTTOM)
            parts.append(
                f'<rect x="{left + number * width:.1f}" y="{HEIGHT - BOTTOM - height:.1f}" width="{width * 0.9:.1f}" '
                f'height="{height:.1f}" fill="{COLOURS[number % len(COLOURS)]}"><title>{escape(name)}: '
                f"{values.get(name, 0):.3g}</title></rect>"
            )
    for number, name in enumerate(names):
        parts += _legend(number, name, COLOURS[number % len(COLOURS)])
    return _document(parts)


def nice(value: float) -> float:
    """Return the next of 1, 2, 2.5, 5 times a power of ten, so that a fifth of it is a round number."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= value)


def _frame(title: str, x_title: str, y_title: str, top: float) -> list[str]:
    parts = [
        f'<text class="title" x="{LEFT}" y="18">{escape(title)}</text>',
        f'<text x="{LEFT}" y="{TOP - 10}">{escape(y_title)}</text>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 12}" text-anchor="middle">{escape(x_title)}</text>',
    ]
    for i in range(TICKS + 1):
        y = HEIGHT - BOTTOM - i / TICKS * (HEIGHT - TOP - BOTTOM)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{top * i / TICKS:g}</text>')
    return parts


def _legend(number: int, name: str, colour: str) -> list[str]:
    x, y = WIDTH - RIGHT + 14, TOP + 8 + number * 20
    return [
        f'<rect x="{x}" y="{y - 9}" width="10" height="10" fill="{colour}"/>',
        f'<text x="{x + 16}" y="{y}">{escape(name)}</text>',
    ]


def _document(parts: Sequence[str]) -> str:
    body = "\n".join(parts)
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">\n<style>{STYLE}</style>\n{body}\n</svg>\n'

# SPDX-License-Identifier: Apache-2.0
"""Charts as inline SVG: lines, stacked bars, single bars. Pure text of numbers; colours come from the page's style.

Series are numbered 1 to 4 and coloured by the classes s1 to s4; all text is escaped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 640, 280
LEFT, RIGHT, TOP, BOTTOM = 52, 24, 12, 40
MAX_X_LABELS = 8
STEPS = (1, 2, 5, 10)

Values = Sequence[float | None]
Band = tuple[Values, Values]


@dataclass(frozen=True, slots=True)
class Line:
    """Values at the chart's positions; None leaves a gap. `colour` 0 is a grey, dashed line of reference."""

    name: str
    values: Values
    colour: int


@dataclass(frozen=True, slots=True)
class Axes:
    """Labels of the positions on the x axis, and what stands beside the axes.

    When some labels are empty the others are all shown; when none is, as many as there is room for.
    """

    labels: Sequence[str]
    x_title: str
    y_title: str


def line_chart(axes: Axes, lines: Sequence[Line], *, band: Band | None = None) -> str:
    """Lines over common positions; `band` shades between two of its own."""
    shown = [value for line in lines for value in line.values if value is not None]
    shown += [value for edge in band or () for value in edge if value is not None]
    low, high, step = _scale(shown)
    count = max(len(axes.labels), 2)
    parts = [_grid(axes, low, high, step, lambda place: _x(place, count))]
    if band is not None:
        parts.append(_band(band, low, high, count))
    for line in lines:
        for run in _runs(line.values):
            points = " ".join(f"{_x(place, count):.1f},{_y(value, low, high):.1f}" for place, value in run)
            kind = f"line s{line.colour}" if line.colour else "line reference"
            if len(run) == 1:
                place, value = run[0]
                parts.append(
                    f'<circle class="dot s{line.colour}" cx="{_x(place, count):.1f}" '
                    f'cy="{_y(value, low, high):.1f}" r="2.5"/>'
                )
            else:
                parts.append(f'<polyline class="{kind}" points="{points}"/>')
    return _figure(parts, [(line.name, line.colour) for line in lines], axes.y_title)


def stacked_bars(axes: Axes, stacks: Sequence[Line]) -> str:
    """Bars whose parts lie on each other; parts are never negative."""
    totals = [sum(stack.values[place] or 0 for stack in stacks) for place in range(len(axes.labels))]
    low, high, step = _scale([0, *totals])
    count = len(axes.labels)
    parts = [_grid(axes, low, high, step, lambda place: _middle(place, count))]
    base = [0.0] * count
    for stack in stacks:
        for place, value in enumerate(stack.values):
            if value:
                parts.append(_bar(place, count, base[place], base[place] + value, low, high, stack.colour))
                base[place] += value
    return _figure(parts, [(stack.name, stack.colour) for stack in stacks], axes.y_title)


def bars(axes: Axes, values: Sequence[tuple[float, int]], legend: Sequence[tuple[str, int]]) -> str:
    """One bar a position, each with its colour."""
    low, high, step = _scale([0, *(value for value, _ in values)])
    count = max(len(values), 1)
    parts = [_grid(axes, low, high, step, lambda place: _middle(place, count))]
    for place, (value, colour) in enumerate(values):
        parts.append(_bar(place, count, min(0.0, value), max(0.0, value), low, high, colour))
    return _figure(parts, legend, axes.y_title)


def _scale(values: Sequence[float]) -> tuple[float, float, float]:
    """Lowest and highest of an axis that holds all values, and its step: 4 to 7 round numbers."""
    low, high = min([0.0, *values]), max([0.0, *values])
    span = high - low or 1.0
    magnitude = 10.0 ** math.floor(math.log10(span / 5))
    step = next(one * magnitude for one in STEPS if span / (one * magnitude) <= 6)
    return math.floor(low / step) * step, math.ceil(high / step) * step or step, step


def _x(place: float, count: int) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * place / (count - 1)


def _middle(place: float, count: int) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * (place + 0.5) / count


def _y(value: float, low: float, high: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low)


def _bar(place: int, count: int, bottom: float, top: float, low: float, high: float, colour: int) -> str:
    room = (WIDTH - LEFT - RIGHT) / count
    width = max(room - min(2.0, room * 0.3), 0.5)
    y_top, y_bottom = _y(top, low, high), _y(bottom, low, high)
    return (
        f'<rect class="bar s{colour}" x="{_middle(place, count) - width / 2:.1f}" y="{y_top:.1f}" '
        f'width="{width:.1f}" height="{max(y_bottom - y_top, 0.3):.1f}"/>'
    )


def _band(edges: Band, low: float, high: float, count: int) -> str:
    shapes = []
    for upper, lower in zip(_runs(edges[1]), _runs(edges[0]), strict=True):
        there = [f"{_x(place, count):.1f},{_y(value, low, high):.1f}" for place, value in upper]
        back = [f"{_x(place, count):.1f},{_y(value, low, high):.1f}" for place, value in reversed(lower)]
        shapes.append(f'<polygon class="band" points="{" ".join(there + back)}"/>')
    return "".join(shapes)


def _runs(values: Values) -> list[list[tuple[int, float]]]:
    """Positions and values without the gaps, a list for each stretch."""
    runs: list[list[tuple[int, float]]] = []
    before: int | None = None
    for place, value in enumerate(values):
        if value is None:
            continue
        if before is None or place != before + 1:
            runs.append([])
        runs[-1].append((place, value))
        before = place
    return runs


def _grid(axes: Axes, low: float, high: float, step: float, x_of: Callable[[float], float]) -> str:
    parts = []
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    for number in range(round((high - low) / step) + 1):
        value = low + number * step
        y = _y(value, low, high)
        kind = "axis" if abs(value) < step / 1e6 else "grid"
        parts.append(f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        label = f"{value:,.{decimals}f}"
        parts.append(f'<text class="tick" x="{LEFT - 7}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    every = 1 if "" in axes.labels else max(1, math.ceil(len(axes.labels) / MAX_X_LABELS))
    for place in range(0, len(axes.labels), every):
        if axes.labels[place]:
            parts.append(
                f'<text class="tick" x="{x_of(place):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">'
                f"{escape(axes.labels[place])}</text>"
            )
    middle = LEFT + (WIDTH - LEFT - RIGHT) / 2
    parts.append(
        f'<text class="title" x="{middle:.1f}" y="{HEIGHT - 4}" text-anchor="middle">{escape(axes.x_title)}</text>'
    )
    return "".join(parts)


def _figure(parts: Sequence[str], legend: Sequence[tuple[str, int]], y_title: str) -> str:
    keys = "".join(
        f'<span class="key"><i class="{f"s{colour}" if colour else "reference"}"></i>{escape(name)}</span>'
        for name, colour in legend
        if name
    )
    return (
        f'<div class="legend"><span class="unit">{escape(y_title)}</span>{keys}</div>'
        f'<div class="plot"><svg viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true">{"".join(parts)}</svg></div>'
    )

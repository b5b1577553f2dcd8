# SPDX-License-Identifier: Apache-2.0
"""Small charts as SVG text: lines with a band, on axes with round ticks. No library, a few kilobytes each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 640, 260
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 30, 36
INK, GRID = "#333333", "#dddddd"
COLOURS = ("#1b6ca8", "#d1495b", "#66a182", "#8d6a9f")


@dataclass(frozen=True, slots=True)
class Line:
    """A named line; None breaks it."""

    name: str
    x: Sequence[float]
    y: Sequence[float | None]
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Band:
    """A named area between two lines."""

    name: str
    x: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    high: float
    first: float
    last: float

    def __call__(self, value: float) -> float:
        return self.first + (value - self.low) / (self.high - self.low) * (self.last - self.first)


def chart(
    title: str, lines: Sequence[Line], *, band: Band | None = None, x_name: str, y_name: str, zero: bool = False
) -> str:
    """An SVG document. `zero` lets the vertical axis begin at 0."""
    across = [value for line in lines for value in line.x]
    heights = [value for line in lines for value in line.y if value is not None]
    heights += [*band.low, *band.high] if band else []
    low, high = (0.0 if zero else min(heights)), max(heights)
    if high <= low:
        high = low + 1.0
    x = _Scale(min(across), max(max(across), min(across) + 1e-9), LEFT, WIDTH - RIGHT)
    y = _Scale(low, high + 0.04 * (high - low), HEIGHT - BOTTOM, TOP)
    parts = [_axes(x, y), _texts(title, x_name, y_name)]
    if band:
        ends = [*zip(band.x, band.low, strict=True), *reversed([*zip(band.x, band.high, strict=True)])]
        points = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in ends)
        parts.append(f'<polygon points="{points}" fill="{COLOURS[0]}" fill-opacity="0.18"/>')
    for place, line in enumerate(lines):
        dash = ' stroke-dasharray="4 3"' if line.dashed else ""
        path = _path(line, x, y)
        parts.append(f'<path d="{path}" fill="none" stroke="{COLOURS[place % 4]}" stroke-width="1.5"{dash}/>')
    names = [line.name for line in lines] + ([band.name] if band else [])
    parts.append(_legend(names, len(lines)))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"'
    return f'{head} font-size="11" role="img"><title>{escape(title)}</title>' + "".join(parts) + "</svg>\n"


def _path(line: Line, x: _Scale, y: _Scale) -> str:
    steps, pen = [], "M"
    for across, height in zip(line.x, line.y, strict=True):
        if height is None:
            pen = "M"
            continue
        steps.append(f"{pen}{x(across):.1f},{y(height):.1f}")
        pen = "L"
    return "".join(steps)


def ticks(low: float, high: float, *, about: int = 6) -> list[float]:
    """Round numbers from low to high."""
    raw = (high - low) / about
    size = 10 ** math.floor(math.log10(raw))
    step = next(size * each for each in (1, 2, 2.5, 5, 10) if size * each >= raw)
    return [step * place for place in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def _axes(x: _Scale, y: _Scale) -> str:
    floor = HEIGHT - BOTTOM
    parts = [f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>']
    for tick in ticks(y.low, y.high):
        parts.append(f'<path d="M{LEFT},{y(tick):.1f}H{WIDTH - RIGHT}" stroke="{GRID}"/>')
        parts.append(f'<text x="{LEFT - 5}" y="{y(tick) + 4:.1f}" text-anchor="end" fill="{INK}">{tick:g}</text>')
    for tick in ticks(x.low, x.high, about=10):
        parts.append(f'<text x="{x(tick):.1f}" y="{floor + 14}" text-anchor="middle" fill="{INK}">{tick:g}</text>')
    parts.append(f'<path d="M{LEFT},{TOP}V{floor}H{WIDTH - RIGHT}" stroke="{INK}" fill="none"/>')
    return "".join(parts)


def _texts(title: str, x_name: str, y_name: str) -> str:
    return (
        f'<text x="{LEFT}" y="14" font-size="12" font-weight="bold" fill="{INK}">{escape(title)}</text>'
        f'<text x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 6}" text-anchor="middle" fill="{INK}">{escape(x_name)}</text>'
        f'<text x="4" y="{TOP - 5}" fill="{INK}">{escape(y_name)}</text>'
    )


def _legend(names: Sequence[str], lines: int) -> str:
    parts: list[str] = []
    right = float(WIDTH - RIGHT)
    for place, name in reversed([*enumerate(names)]):
        colour = COLOURS[place % 4] if place < lines else COLOURS[0]
        faint = "" if place < lines else ' fill-opacity="0.3"'
        right -= 6.2 * len(name)
        parts.append(f'<text x="{right:.0f}" y="{TOP - 5}" fill="{INK}">{escape(name)}</text>')
        parts.append(f'<rect x="{right - 14:.0f}" y="{TOP - 13}" width="10" height="8" fill="{colour}"{faint}/>')
        right -= 22
    return "".join(parts)

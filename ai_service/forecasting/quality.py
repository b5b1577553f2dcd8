# SPDX-License-Identifier: Apache-2.0
"""Findings about readings and their repairs. What cannot be repaired with reason stays unknown; nothing becomes zero.

| finding | repair |
| --- | --- |
| duplicate | times given twice: their mean |
| unsorted | sorted by time |
| gap | up to three hours: a line between the neighbours; longer: stays unknown |
| empty | as a gap |
| stale | equal non-zero readings for six hours or more: those after the six hours unknown |
| negative | in a series that otherwise never falls below zero: unknown |
| spike | more than 20 robust spreads from its time of day, right after a usual reading: unknown |
| unit_jump | a stretch about 1,000 times the rest (W among kW): divided or multiplied by 1,000 |
| dst_short, dst_long | days of 23 and 25 hours: reported; times are UTC inside |
| clock_shift | the daily shape moved by whole hours from some day on: reported |

No repair looks ahead: what is usual is learned from the first `learned_on` values (a back-test passes what lies before
its test days), and a value whose repair needed a later reading becomes available when that reading does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ai_service.forecasting import errors
from ai_service.forecasting.types import DAY_S, Finding, Flags, Floats, Ints, Series

LARGEST = 1e12
FILL_HOURS = 3
STALE_HOURS = 6
SPIKE_SPREADS = 20.0
MINIMUM_DAYS = 2
MINIMUM_KNOWN = 0.5
UNIT_FACTOR = 1000.0


@dataclass(frozen=True, slots=True)
class Checked:
    """A series after its repairs, and what was found."""

    series: Series
    findings: tuple[Finding, ...]


def check(series: Series, *, learned_on: int | None = None) -> Checked:
    """Look for what is wrong with a regular series and repair what the table above repairs.

    What is usual is learned from the first `learned_on` values; from all of them when it is not given.

    Raises SeriesEmpty, SeriesAllZero, SeriesConstant, ValueNotFinite, ValueTooLarge.
    """
    refuse_unusable(series.values)
    findings: list[Finding] = []
    known = series.head(learned_on or len(series)).values
    scaled = _unit_jumps(series, series.values.copy(), known, findings)
    values = _negatives(series, scaled, known, findings)
    values = _stale(series, values, findings)
    values = _spikes(series, values, known, findings)
    values, filled = _fill_gaps(series, values, findings)
    _clock_shift(series, values, findings)
    changed = filled | ~_same(values, series.values)
    available = _available_after_repair(series, filled, scaled=~_same(scaled, series.values))
    return Checked(replace(series, values=values, repaired=changed, available=available), tuple(findings))


def refuse_unusable(values: Floats) -> None:
    """Raise the refusal that fits readings from which nothing can be learned."""
    seen = values[~np.isnan(values)]
    if not len(seen):
        raise errors.SeriesEmpty()
    if np.isinf(seen).any():
        raise errors.ValueNotFinite(count=int(np.isinf(seen).sum()))
    if np.abs(seen).max() >= LARGEST:
        raise errors.ValueTooLarge(largest=float(np.abs(seen).max()), limit=LARGEST)
    if not seen.any():
        raise errors.SeriesAllZero(readings=len(seen))
    if len(seen) > 1 and (seen == seen[0]).all():
        raise errors.SeriesConstant(value=float(seen[0]))


def require_usable(series: Series, *, days: float = MINIMUM_DAYS) -> None:
    """Raise SeriesTooShort below `days` of readings, SeriesTooSparse when half of the last four weeks is unknown."""
    seen = int(np.isfinite(series.values).sum())
    if seen < days * series.per_day:
        raise errors.SeriesTooShort(days=round(seen / series.per_day, 2), needed_days=days)
    recent = series.values[-28 * series.per_day :]
    share = float(np.isfinite(recent).mean())
    if share < MINIMUM_KNOWN:
        raise errors.SeriesTooSparse(known_share=round(share, 3), needed_share=MINIMUM_KNOWN)


def _note(series: Series, findings: list[Finding], code: str, where: Flags, detail: str, repair: str) -> None:
    if where.any():
        first = series.stamp(int(np.argmax(where))).isoformat()
        findings.append(Finding(code, int(where.sum()), first, detail, repair))


def _same(left: Floats, right: Floats) -> Flags:
    equal: Flags = (left == right) | (np.isnan(left) & np.isnan(right))
    return equal


def _unit_jumps(series: Series, values: Floats, known: Floats, findings: list[Finding]) -> Floats:
    """Whole days about 1,000 times the usual level, or a thousandth of it."""
    slots = series.per_day
    days = len(values) // slots
    if days < 3:
        return values
    with np.errstate(all="ignore"):
        level = np.array([_median(np.abs(values[d * slots : (d + 1) * slots])) for d in range(days)])
        ratio = level / _median(level[: max(1, len(known) // slots)])
    wrong = np.where((ratio > 300) & (ratio < 3000), 1 / UNIT_FACTOR, 1.0)
    wrong = np.where((ratio < 1 / 300) & (ratio > 1 / 3000), UNIT_FACTOR, wrong)
    factor = np.ones(len(values))
    factor[: days * slots] = np.repeat(wrong, slots)
    factor[days * slots :] = wrong[-1]
    _note(series, findings, "unit_jump", factor != 1, "days about 1,000 times the rest", "scaled by 1,000")
    return values * factor


def _median(values: Floats) -> float:
    seen = values[np.isfinite(values)]
    return float(np.median(seen)) if len(seen) else float("nan")


def _negatives(series: Series, values: Floats, known: Floats, findings: list[Finding]) -> Floats:
    """Negative readings are an error where they are rare; a meter that feeds back has many."""
    negative = values < 0
    if negative.any() and (known < 0).sum() <= 0.01 * np.isfinite(known).sum():
        _note(series, findings, "negative", negative, "rare readings below zero", "unknown")
        return np.where(negative, np.nan, values)
    return values


def _stale(series: Series, values: Floats, findings: list[Finding]) -> Floats:
    """Runs of one and the same non-zero reading: believed for six hours, then no more."""
    least = STALE_HOURS * 3600 // series.step_s
    index = np.arange(len(values))
    changes = np.append(True, values[1:] != values[:-1])
    run = index - np.maximum.accumulate(np.where(changes, index, 0))
    stale = (run >= least) & (values != 0) & np.isfinite(values)
    _note(series, findings, "stale", stale, f"the same reading for {STALE_HOURS} hours or more", "unknown")
    return np.where(stale, np.nan, values)


def _spikes(series: Series, values: Floats, known: Floats, findings: list[Finding]) -> Floats:
    """Readings far from what their time of day ever shows, where the one before is usual."""
    slots = series.per_day
    if len(known) < 14 * slots:
        return values
    slot = np.arange(len(values)) % slots
    spike = np.zeros(len(values), dtype=bool)
    for each in range(slots):
        seen = known[each::slots][np.isfinite(known[each::slots])]
        if len(seen) < 10:
            continue
        middle = np.median(seen)
        spread = max(1.4826 * float(np.median(np.abs(seen - middle))), 0.25 * float(np.std(seen)), 1e-9)
        spike[slot == each] = np.abs(values[slot == each] - middle) > SPIKE_SPREADS * spread
    alone = spike & ~np.append(False, spike[:-1])
    _note(series, findings, "spike", alone, f"over {SPIKE_SPREADS:g} robust spreads from its time of day", "unknown")
    return np.where(alone, np.nan, values)


def _fill_gaps(series: Series, values: Floats, findings: list[Finding]) -> tuple[Floats, Flags]:
    """A line over short gaps between readings; long gaps stay unknown."""
    unknown = np.isnan(values)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], unknown.astype(int), [0]))))
    fill = np.zeros(len(values), dtype=bool)
    longest = FILL_HOURS * 3600 // series.step_s
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        if end - first <= longest and first > 0 and end < len(values):
            fill[first:end] = True
    _note(series, findings, "gap", fill, f"gaps of up to {FILL_HOURS} hours", "a line between the neighbours")
    _note(series, findings, "gap_long", unknown & ~fill, f"gaps beyond {FILL_HOURS} hours", "stays unknown")
    if not fill.any():
        return values, fill
    index = np.arange(len(values))
    line = np.interp(index, index[~unknown], values[~unknown])
    return np.where(fill, line, values), fill


def _available_after_repair(series: Series, filled: Flags, *, scaled: Flags) -> Ints:
    """A line between two neighbours is known only when the later one is; a day's unit when the day has ended."""
    available = series.available.copy()
    for index in np.flatnonzero(filled)[::-1]:
        available[index] = max(available[index], available[index + 1])
    ends = np.minimum((np.arange(len(series)) // series.per_day + 1) * series.per_day, len(series)) - 1
    return np.where(scaled, np.maximum(available, series.available[ends]), available)


def _clock_shift(series: Series, values: Floats, findings: list[Finding]) -> None:
    """Compare the daily shape of each four weeks with that of the four before; a whole-hour move is reported."""
    slots = series.per_day
    blocks = len(values) // (28 * slots)
    if blocks < 3:
        return
    hour = max(1, slots // 24)
    shapes = []
    for block in range(blocks):
        piece = values[block * 28 * slots : (block + 1) * 28 * slots].reshape(28, slots)
        shape = np.array([_median(piece[:, slot]) for slot in range(slots)])
        shapes.append((shape - shape.mean()) / (shape.std() + 1e-9))
    for block in range(1, blocks):
        scores = {h: float(np.mean(np.roll(shapes[block - 1], h * hour) * shapes[block])) for h in range(-11, 13)}
        best = max(scores, key=lambda h: scores[h])
        if best != 0 and scores[best] > 0.9 and scores[best] - scores[0] > 0.25:
            first = series.stamp(block * 28 * slots).isoformat()
            detail = f"the daily shape moved by {best:+d} h within four weeks of this time"
            findings.append(Finding("clock_shift", 1, first, detail, "none"))


def day_length_findings(days: dict[str, int], step_s: int) -> list[Finding]:
    """Findings for local days that have 23 or 25 hours; `days` maps a date to its count of steps."""
    usual = DAY_S // step_s
    hour = max(1, 3600 // step_s)
    found = []
    for code, count in (("dst_short", usual - hour), ("dst_long", usual + hour)):
        which = [day for day, steps in days.items() if steps == count]
        if which:
            hours = count * step_s // 3600
            found.append(Finding(code, len(which), which[0], f"local days of {hours} hours", "times are UTC inside"))
    return found

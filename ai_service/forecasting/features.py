# SPDX-License-Identifier: Apache-2.0
"""What a model may know: features of each (origin, horizon step), built from values available at the origin only.

Every value passes through `known_days`, the one place that reads the series: it answers NaN for a value whose
availability lies after the origin. A day is the 24 hours before an origin, so that slot `s` of day -1 is the reading
exactly one day before step `s` of the horizon, wherever in the day the origin lies.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ai_service.forecasting.types import Floats, Ints, Series

LOOKBACK_DAYS = 56
ANNIVERSARY_YEARS = 4
SMALL = 1e-9


@dataclass(frozen=True)
class Frame:
    """Features of origins × horizon steps, flattened to rows, with what turns a row into a scale-free number.

    `base` is the row's robust expectation (same unit as the series), `scale` the spread of the recent past: models
    that learn `(y - base) / scale` see houses and states alike.
    """

    names: tuple[str, ...]
    rows: Floats  # (origins * steps, features), in the unit of the series where it applies
    base: Floats  # (origins * steps,)
    scale: Floats  # (origins * steps,)
    relative: Floats  # rows, with every column that carries the unit of the series made scale-free
    origins: Ints
    steps: int

    @cached_property
    def filled(self) -> Floats:
        """Scale-free rows without NaN (0 is the expectation), for models that cannot take NaN."""
        return np.nan_to_num(self.relative, nan=0.0)

    def take(self, wanted: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Frame:
        """The frame of the origins where `wanted` is true."""
        mask = np.repeat(wanted, self.steps)
        return Frame(
            self.names,
            self.rows[mask],
            self.base[mask],
            self.scale[mask],
            self.relative[mask],
            self.origins[wanted],
            self.steps,
        )


def known(series: Series, index: Ints, origins: Ints) -> Floats:
    """Values at `index` (any shape led by the origins' axis); NaN before the series, and where not yet available."""
    inside = (index >= 0) & (index < len(series.values))
    clipped = np.clip(index, 0, len(series.values) - 1)
    lead = (slice(None),) + (None,) * (index.ndim - 1)
    visible = inside & (series.available[clipped] <= series.time_at(origins)[lead])
    return np.where(visible, series.values[clipped], np.nan)


def known_days(series: Series, origins: Ints, days: int = LOOKBACK_DAYS) -> Floats:
    """(origins, days, slots): the days before each origin; the last one at index -1."""
    slots = series.per_day
    back = np.arange(-days * slots, 0).reshape(days, slots)
    return known(series, origins[:, None, None] + back[None], origins)


def targets(series: Series, origins: Ints, steps: int) -> Floats:
    """(origins, steps): what came to pass; NaN where the series has no reading. For training and scoring only."""
    index = origins[:, None] + np.arange(steps)[None]
    inside = index < len(series.values)
    return np.where(inside, series.values[np.clip(index, 0, len(series.values) - 1)], np.nan)


def build(series: Series, origins: Ints, steps: int) -> Frame:
    """Features for `steps` steps after each origin."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # an all-unknown day has no mean: NaN is meant
        return _build(series, origins, steps)


def _build(series: Series, origins: Ints, steps: int) -> Frame:
    days = known_days(series, origins)
    slots = series.per_day
    step = np.arange(steps)
    slot, ahead = step % slots, step // slots
    recent = days[:, -28:]
    day_level = np.nanmean(days, axis=2)
    level = np.nanmean(day_level[:, -28:], axis=1)
    scale = np.nanstd(recent.reshape(len(origins), -1), axis=1)
    scale = np.where(np.isfinite(scale) & (scale > SMALL), scale, np.maximum(np.abs(level), 1.0))
    by_slot = days[:, :, slot]  # (origins, days, steps)
    columns: dict[str, Floats] = {}
    columns |= _slot_columns(by_slot, ahead)
    columns |= _edge_columns(days, slot)
    columns |= _day_columns(days, day_level, steps)
    base = _base(columns, level)
    anniversary = _anniversary(series, origins, steps, scale)
    with_unit = list(columns)
    calendar = _calendar_columns(series, origins, step, slot)
    names = (*columns, "spread_slot", *anniversary, *calendar)
    spread = np.nanstd(by_slot[:, -28:], axis=1)
    parts = [*columns.values(), spread, *anniversary.values(), *calendar.values()]
    cube = np.stack(parts, axis=2)
    relative = cube.copy()
    count = len(with_unit)
    relative[:, :, :count] = (cube[:, :, :count] - base[:, :, None]) / scale[:, None, None]
    relative[:, :, count] = spread / scale[:, None]
    flat = (len(origins) * steps, -1)
    return Frame(
        names=names,
        rows=cube.reshape(flat),
        base=base.ravel(),
        scale=np.repeat(scale, steps),
        relative=relative.reshape(flat),
        origins=origins,
        steps=steps,
    )


def _slot_columns(by_slot: Floats, ahead: Ints) -> dict[str, Floats]:
    """The same time of day on the days before, and what is usual for it."""
    columns = {f"lag_{days}d": by_slot[:, -days] for days in (1, 2, 3, 4, 5, 6, 7, 8, 14, 21, 28)}
    weekday = np.stack([_same_weekday(by_slot, ahead, week) for week in range(1, 9)], axis=1)
    columns["weekday_4"] = np.nanmean(weekday[:, :4], axis=1)
    columns["weekday_8"] = np.nanmedian(weekday, axis=1)
    columns["weekday_last"] = weekday[:, 0]
    columns["slot_3"] = np.nanmean(by_slot[:, -3:], axis=1)
    columns["slot_7"] = np.nanmean(by_slot[:, -7:], axis=1)
    columns["slot_28"] = np.nanmean(by_slot[:, -28:], axis=1)
    columns["slot_56"] = np.nanmedian(by_slot, axis=1)
    columns["slot_low"] = np.nanmin(by_slot[:, -28:], axis=1)
    columns["slot_high"] = np.nanmax(by_slot[:, -28:], axis=1)
    return columns


def _same_weekday(by_slot: Floats, ahead: Ints, week: int) -> Floats:
    """The reading `week` weeks before the target, for targets beyond the first day too."""
    back = 7 * week - ahead % 7
    return np.stack([by_slot[:, -back[step], step] for step in range(len(ahead))], axis=1)


def _edge_columns(days: Floats, slot: Ints) -> dict[str, Floats]:
    """The last readings before the origin, and the neighbours of the slot yesterday and last week."""
    slots, steps = days.shape[2], len(slot)
    hour = max(1, slots // 24)
    last = days[:, -1]
    columns: dict[str, Floats] = {}
    for name, count in (("last_1h", hour), ("last_3h", 3 * hour), ("last_6h", 6 * hour)):
        columns[name] = _over(np.nanmean(last[:, -count:], axis=1), steps)
    columns["last"] = _over(last[:, -1], steps)
    line = days.reshape(len(days), -1)
    for days_back in (1, 7):
        for shift in (-2, -1, 1, 2):
            at = line.shape[1] - days_back * slots + slot + shift * hour
            columns[f"near_{days_back}d_{shift}h"] = line[:, np.minimum(at, line.shape[1] - 1)]
    return columns


def _day_columns(days: Floats, day_level: Floats, steps: int) -> dict[str, Floats]:
    """Summaries of whole days: level, extremes, the parts of yesterday."""
    columns = {f"day_{back}": _over(day_level[:, -back], steps) for back in (1, 2, 3, 4, 5, 6, 7, 14)}
    for back in (1, 2, 7):
        columns[f"high_{back}"] = _over(np.nanmax(days[:, -back], axis=1), steps)
        columns[f"low_{back}"] = _over(np.nanmin(days[:, -back], axis=1), steps)
    columns["week_1"] = _over(np.nanmean(day_level[:, -7:], axis=1), steps)
    columns["week_4"] = _over(np.nanmean(day_level[:, -28:], axis=1), steps)
    columns["week_8"] = _over(np.nanmean(day_level, axis=1), steps)
    for part in range(4):
        width = days.shape[2] // 4
        piece = days[:, :, part * width : (part + 1) * width]
        for back in (1, 2):
            columns[f"part_{part}_{back}"] = _over(np.nanmean(piece[:, -back], axis=1), steps)
    return columns


def _base(columns: dict[str, Floats], level: Floats) -> Floats:
    """A first expectation of each row: usual for weekday and slot, moved by the level of the last week."""
    base = 0.5 * columns["weekday_4"] + 0.5 * columns["slot_7"]
    for spare in ("slot_28", "slot_56", "week_8"):
        base = np.where(np.isfinite(base), base, columns[spare])
    base = np.where(np.isfinite(base), base, level[:, None])
    return np.nan_to_num(base, nan=0.0)


def _anniversary(series: Series, origins: Ints, steps: int, scale: Floats) -> dict[str, Floats]:
    """How unusual this date was in earlier years, against the weeks around it: holidays that nobody listed."""
    slots = series.per_day
    found = []
    days_ahead = -(-steps // slots)
    start = series.local_day(origins)
    for year in range(1, ANNIVERSARY_YEARS + 1):
        rows = []
        for ahead in range(days_ahead):
            back = series.days_to_anniversary(start + ahead, years=year)
            centre = origins + (ahead - back) * slots
            window = centre[:, None, None] + (np.arange(-21, 22) * slots)[None, :, None] + np.arange(slots)
            around = known(series, window, origins)
            same_weekday = np.nanmedian(around[:, [0, 7, 14, 28, 35, 42]], axis=1)
            rows.append((around[:, 21] - same_weekday) / scale[:, None])
        found.append(np.concatenate(rows, axis=1)[:, :steps])
    stack = np.stack(found, axis=1)
    day_mean = np.nanmean(stack, axis=2, keepdims=True)
    return {
        "anniversary_slot": np.nanmean(stack, axis=1),
        "anniversary_day": _over(np.nanmean(day_mean[:, :, 0], axis=1), steps),
        "anniversary_low": _over(np.nanmin(day_mean[:, :, 0], axis=1), steps),
        "anniversary_last": _over(day_mean[:, 0, 0], steps),
    }


def _calendar_columns(series: Series, origins: Ints, step: Ints, slot: Ints) -> dict[str, Floats]:
    """Local time of the target: known for ever in advance."""
    index = origins[:, None] + step[None]
    clock = series.calendar(index)
    angle = 2 * np.pi * clock.day_of_year / 365.25
    turn = 2 * np.pi * clock.hour / 24
    return {
        "hour": clock.hour,
        "hour_sin": np.sin(turn),
        "hour_cos": np.cos(turn),
        "weekday": clock.weekday,
        "weekend": (clock.weekday >= 5).astype(float),
        "year_sin": np.sin(angle),
        "year_cos": np.cos(angle),
        "holiday": clock.holiday,
        "holiday_before": clock.holiday_before,
        "holiday_after": clock.holiday_after,
        "step": np.broadcast_to(step.astype(float), index.shape),
    }


def _over(values: Floats, steps: int) -> Floats:
    """One value an origin, repeated for each step."""
    return np.repeat(values[:, None], steps, axis=1)

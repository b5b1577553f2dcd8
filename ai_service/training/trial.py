# SPDX-License-Identifier: Apache-2.0
"""Back-test of a fleet: learned before a moment, calibrated on the four weeks before it, judged on the days after it.

The moment is the same for all houses, so that no house lends the future of its neighbours to another. One origin a day
and house, at midnight UTC. What the trial says of a fleet is stored with it; the fleet in use answers the same origins,
those that it had not learned from, and that comparison decides about promotion.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import lightgbm
import numpy as np

from ai_service.forecasting import errors, features, leaks, metrics, quality, references
from ai_service.forecasting.metrics import MEDIAN
from ai_service.forecasting.models import ROUNDS
from ai_service.forecasting.types import DAY_S, Floats, Ints, Series
from ai_service.training import fleet
from ai_service.training.fleet import Fleet

Learnt = tuple[features.Frame, Floats]
CALIBRATION_DAYS = 28
LEARNING_DAYS = 730
WARM_DAYS = 14
LEAST_LEARNING_DAYS = 28
REFERENCES = {
    "seasonal_naive_day": lambda s, o, n: references.seasonal_naive(s, o, n, days=1),
    "seasonal_naive_week": lambda s, o, n: references.seasonal_naive(s, o, n, days=7),
    "ses": references.ses,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One house of the test: its series as checked and as read, its origins, its scale (weekly naive error)."""

    series: Series
    raw: Series
    origins: Ints
    scale: float

    def actual(self, steps: int) -> Floats:
        """What came to pass, as read."""
        return features.targets(self.raw, self.origins, steps)


@dataclass(frozen=True, slots=True)
class Trial:
    """A tested fleet: figures are means over houses, errors scaled by each house's weekly naive error."""

    trained: Fleet
    asked: tuple[Asked, ...]
    misses: tuple[Floats, ...]  # of each asked house: scaled absolute error by origin, mean over its steps
    figures: dict[str, float]
    references: dict[str, float]
    leaks: leaks.Leaks
    learned: features.Frame
    moment_s: int
    until_s: int


def run(houses: Mapping[str, Series], *, horizon_s: int, days: int, rounds: int = ROUNDS) -> Trial:
    """Test a fleet on the last `days` days, then train it on everything. `trained` is the latter.

    Raises SeriesEmpty without a house that can be tested, SeriesTooShort, ResolutionInvalid, LookAheadFound.
    """
    step_s, steps = _step_of(houses), horizon_s // _step_of(houses)
    until_s = max(int(house.time_at(np.array([len(house)]))[0]) for house in houses.values())
    moment_s = (until_s // DAY_S - days) * DAY_S
    history = {name: house.tail(LEARNING_DAYS * house.per_day) for name, house in houses.items()}
    checked = {name: series for name, house in history.items() if (series := _checked(house, moment_s)) is not None}
    calibrating_s = moment_s - CALIBRATION_DAYS * DAY_S
    early = _learned_before(checked, history, calibrating_s, steps)
    if len(early[1]) < LEAST_LEARNING_DAYS:
        raise errors.SeriesTooShort(needed_days=days + CALIBRATION_DAYS + LEAST_LEARNING_DAYS)
    lately = _between(checked, history, calibrating_s, moment_s, steps)
    misses = fleet.calibrated(_fitted([early], rounds), *lately)
    tested = Fleet(_fitted([early, lately], rounds), misses, step_s, steps)
    asked = tuple(_asked(checked, history, moment_s, steps))
    if not asked:
        raise errors.SeriesEmpty("No house has readings in the days of the test", days=days)
    found = _leaks(asked, tested)
    quantiles = [tested.quantiles(features.build(house.series, house.origins, steps)) for house in asked]
    newest = _between(checked, history, moment_s, until_s + 1, steps)
    final = _fitted([early, lately, newest], rounds)
    return Trial(
        trained=Fleet(final, fleet.calibrated(tested.boosters, *newest), step_s, steps),
        asked=asked,
        misses=tuple(scaled_misses(house, each[..., MEDIAN]) for house, each in zip(asked, quantiles, strict=True)),
        figures=_figures(asked, quantiles, steps),
        references={name: _reference(asked, ask, steps) for name, ask in REFERENCES.items()},
        leaks=found,
        learned=_together([early, lately, newest])[0],
        moment_s=moment_s,
        until_s=until_s,
    )


def answered_by(other: Fleet, asked: tuple[Asked, ...]) -> tuple[Floats, ...]:
    """Scaled errors of another fleet at the same origins, by house."""
    return tuple(
        scaled_misses(house, other.quantiles(features.build(house.series, house.origins, other.steps))[..., MEDIAN])
        for house in asked
    )


def daily(asked: tuple[Asked, ...], misses: tuple[Floats, ...]) -> Floats:
    """Mean over houses of scaled errors by day, in order of days; NaN where no house shows one."""
    days = np.concatenate([house.series.time_at(house.origins) // DAY_S for house in asked])
    flat = np.concatenate(misses)
    seen = np.isfinite(flat)
    first = int(days.min())
    count = np.bincount(days[seen] - first, minlength=int(days.max()) - first + 1)
    total = np.bincount(days[seen] - first, weights=flat[seen], minlength=len(count))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def scaled_misses(house: Asked, median: Floats) -> Floats:
    """Mean absolute error of each origin over its steps, in weekly naive errors; NaN where nothing came to pass."""
    miss = np.abs(median - house.actual(median.shape[1]))
    seen = np.isfinite(miss)
    total = np.where(seen, miss, 0.0).sum(axis=1)
    return np.where(seen.any(axis=1), total / np.maximum(seen.sum(axis=1), 1), np.nan) / house.scale


def _step_of(houses: Mapping[str, Series]) -> int:
    steps = {house.step_s for house in houses.values()}
    if len(steps) != 1:
        raise errors.ResolutionInvalid("Houses of one fleet share a resolution", found_s=sorted(steps))
    return steps.pop()


def _checked(house: Series, moment_s: int) -> Series | None:
    """The house after repairs learned before the test; None for one that nothing can be learned from."""
    known = (moment_s - house.start_s) // house.step_s
    try:
        return quality.check(house, learned_on=int(np.clip(known, 1, len(house)))).series
    except errors.ForecastRefused:
        return None


def _learned_before(checked: Mapping[str, Series], history: Mapping[str, Series], moment_s: int, steps: int) -> Learnt:
    """Frame and targets of all origins whose targets had come to pass by `moment_s`."""
    parts = []
    for name, series in checked.items():
        last = (moment_s - series.start_s) // series.step_s - steps
        origins = fleet.origins_of(series, WARM_DAYS * series.per_day, min(last, len(series) - steps))
        if len(origins) >= 1:
            parts.append((features.build(series, origins, steps), features.targets(history[name], origins, steps)))
    if not parts:
        raise errors.SeriesTooShort("No house has two weeks of readings before the test")
    return _together(parts)


def _between(
    checked: Mapping[str, Series], history: Mapping[str, Series], first_s: int, last_s: int, steps: int
) -> Learnt:
    """Frame and targets of the origins of a stretch of time, at turning times of day."""
    parts = []
    for name, series in checked.items():
        first = max(0, (first_s - series.start_s) // series.step_s)
        last = min((last_s - series.start_s) // series.step_s, len(series)) - steps
        origins = fleet.origins_of(series, int(first), int(last))
        if len(origins):
            parts.append((features.build(series, origins, steps), features.targets(history[name], origins, steps)))
    if not parts:
        raise errors.SeriesTooShort("No house has readings in a stretch that is needed", from_s=first_s, until_s=last_s)
    return _together(parts)


def _together(parts: list[Learnt]) -> Learnt:
    return fleet.stack([frame for frame, _ in parts]), np.concatenate([aims for _, aims in parts])


def _fitted(parts: list[Learnt], rounds: int) -> dict[str, lightgbm.Booster]:
    return fleet.fit(*_together(parts), rounds=rounds)


def _asked(checked: Mapping[str, Series], history: Mapping[str, Series], moment_s: int, steps: int) -> list[Asked]:
    found = []
    for name, series in checked.items():
        raw = history[name]
        first = (moment_s - series.start_s) // series.step_s
        if first < WARM_DAYS * series.per_day:
            continue
        origins = fleet.origins_of(series, int(first), len(series) - steps, turning=False)
        scale = metrics.mase_scale(raw.values[:first], raw.per_day)
        if len(origins) and np.isfinite(scale) and scale > 0:
            found.append(Asked(series, raw, origins, scale))
    return found


def _figures(asked: tuple[Asked, ...], quantiles: list[Floats], steps: int) -> dict[str, float]:
    rows = []
    for house, each in zip(asked, quantiles, strict=True):
        actual = house.actual(steps)
        rows.append(
            {
                "mase": float(np.nanmean(scaled_misses(house, each[..., MEDIAN]))),
                "mae": float(np.nanmean(np.abs(each[..., MEDIAN] - actual))),
                "pinball": float(np.nanmean(metrics.pinball(each, actual))),
                "crps": float(np.nanmean(metrics.crps(each, actual))),
                **{
                    f"coverage{level}": float(np.nanmean(metrics.inside(each, actual, level)))
                    for level in metrics.LEVELS
                },
            }
        )
    return {name: float(f"{np.nanmean([row[name] for row in rows]):.6g}") for name in rows[0]}


def _reference(asked: tuple[Asked, ...], ask: object, steps: int) -> float:
    assert callable(ask)
    found = [np.nanmean(scaled_misses(house, ask(house.series, house.origins, steps))) for house in asked]
    return float(f"{np.nanmean(found):.6g}")


def _leaks(asked: tuple[Asked, ...], tested: Fleet) -> leaks.Leaks:
    """Spoil what one house may not know; whatever then answers differently has looked ahead."""
    house = asked[0]
    known, steps = int(house.origins[0]), tested.steps

    def answer(raw: Series, origin: int) -> Floats:
        series = quality.check(raw, learned_on=known).series
        return tested.quantiles(features.build(series, np.array([origin]), steps))

    def training(raw: Series, origin: int) -> Floats:
        series = quality.check(raw, learned_on=known).series
        moment_s = int(raw.time_at(np.array([origin]))[0])
        frame, aims = _learned_before({"": series}, {"": raw}, moment_s, steps)
        return np.concatenate([frame.relative.ravel(), aims.ravel()])

    found = leaks.check(house.raw, {"fleet": answer, "training": training}, house.origins)
    if not found.clean:
        raise errors.LookAheadFound(models=", ".join(found.found))
    return found

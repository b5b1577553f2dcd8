# SPDX-License-Identifier: Apache-2.0
"""One model for all houses of a resolution: learned from all of them, asked for any of them, at any time of day.

It sees what the models of one series see (features.py), made scale-free by house, so that a house that it never learned
from is answered too. Origins of training lie at changing times of day. Houses are asked many at a time: that, and one
training for all, is what makes a million houses a matter of hours. Intervals are split-conformal on misses of days that
the boosters had not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import lightgbm
import numpy as np

from ai_service.forecasting import errors, features, quality
from ai_service.forecasting.features import Frame
from ai_service.forecasting.metrics import QUANTILES
from ai_service.forecasting.models import NARROWEST, ROUNDS, side_by_side, trio
from ai_service.forecasting.served import Forecast
from ai_service.forecasting.types import Finding, Floats, Ints, Series

ROWS = 300_000  # rows of training: more of them no longer pay
SEED = 7
TURN = 7  # slots by which the origin of a day lies after that of the day before: coprime with 24, 48 and 96
LEAST_DAYS = 9
HISTORY_DAYS = 70


@dataclass(frozen=True)
class Fleet:
    """The trained model. `misses` (steps, QUANTILES) are calibrated misses in units of the spread."""

    boosters: dict[str, lightgbm.Booster]
    misses: Floats
    step_s: int
    steps: int

    def forecast(self, house: Series) -> Forecast:
        """From the end of one house's readings on. Raises the refusals of quality.py, and ResolutionInvalid."""
        (answer,) = self.forecast_many([house])
        if isinstance(answer, errors.ForecastRefused):
            raise answer
        return answer

    def forecast_many(self, houses: Sequence[Series]) -> list[Forecast | errors.ForecastRefused]:
        """One answer for each house, in order: its forecast, or why there is none."""
        answers: list[Forecast | errors.ForecastRefused | None] = [None] * len(houses)
        frames: list[Frame] = []
        asked: list[tuple[int, tuple[Finding, ...]]] = []
        for place, house in enumerate(houses):
            try:
                frame, findings = self._frame(house)
            except errors.ForecastRefused as refused:
                answers[place] = refused
                continue
            frames.append(frame)
            asked.append((place, findings))
        if frames:
            quantiles = self.quantiles(stack(frames))
            for (place, findings), each in zip(asked, quantiles, strict=True):
                answers[place] = Forecast(each, len(houses[place]), "fleet", findings)
        return [answer for answer in answers if answer is not None]

    def quantiles(self, frame: Frame) -> Floats:
        """(origins, steps, QUANTILES) in the unit of the series."""
        median, spread = ask(self.boosters, frame)
        return np.asarray(median[..., None] + spread[..., None] * self.misses)

    def _frame(self, house: Series) -> tuple[Frame, tuple[Finding, ...]]:
        if house.step_s != self.step_s:
            raise errors.ResolutionInvalid("Trained for another one", trained_s=self.step_s, asked_s=house.step_s)
        recent = house.tail(HISTORY_DAYS * house.per_day)
        quality.require_usable(recent)
        checked = quality.check(recent)
        return features.build(checked.series, np.array([len(recent)]), self.steps), checked.findings


def ask(boosters: dict[str, lightgbm.Booster], frame: Frame) -> tuple[Floats, Floats]:
    """Medians and spreads (origins, steps) in the unit of the series."""
    rows = frame.relative.astype(np.float32)
    shape = (len(frame.origins), frame.steps)
    told = {name: np.asarray(each.predict(rows, num_threads=1)) for name, each in boosters.items()}
    spread = np.maximum(told["high"] - told["low"], NARROWEST) * frame.scale
    return (told["median"] * frame.scale + frame.base).reshape(shape), spread.reshape(shape)


def fit(frame: Frame, actual: Floats, *, rounds: int = ROUNDS) -> dict[str, lightgbm.Booster]:
    """Boosters for the median and for the ends of the spread, on at most ROWS rows whose target is known."""
    aim = (actual.ravel() - frame.base) / frame.scale
    seen = np.flatnonzero(np.isfinite(aim))
    if len(seen) > ROWS:
        seen = np.sort(np.random.default_rng(SEED).choice(seen, ROWS, replace=False))
    return side_by_side(trio(frame.relative[seen], aim[seen], rounds=rounds))


def origins_of(house: Series, first: int, last: int, *, turning: bool = True) -> Ints:
    """One origin a day from `first` on, none after `last`; at another time of each day when `turning`."""
    slots = house.per_day
    days = np.arange(max(0, (last - first) // slots + 1))
    turn = days * TURN % slots if turning else 0
    origins = first + days * slots + turn
    return np.asarray(origins[origins <= last], dtype=np.int64)


def stack(frames: Sequence[Frame]) -> Frame:
    """Frames of several houses as one; their columns are the same."""
    first = frames[0]
    if len(frames) == 1:
        return first
    together = {
        name: np.concatenate([getattr(frame, name) for frame in frames])
        for name in ("rows", "base", "scale", "relative", "origins")
    }
    return replace(first, **together)


def calibrated(boosters: dict[str, lightgbm.Booster], frame: Frame, actual: Floats) -> Floats:
    """Quantiles of misses (steps, QUANTILES) in units of the spread, on days that the boosters have not seen.

    Split conformal by step, neighbouring steps lending theirs; there are many houses, so no correction for few is made.
    """
    median, spread = ask(boosters, frame)
    misses = (actual - median) / spread
    steps = frame.steps
    near = [misses[:, np.clip(np.arange(steps) + shift, 0, steps - 1)] for shift in (-1, 0, 1)]
    return np.asarray(np.nanquantile(np.concatenate(near), QUANTILES, axis=0).T)


__all__ = ["QUANTILES", "Fleet", "ask", "calibrated", "fit", "origins_of", "stack"]

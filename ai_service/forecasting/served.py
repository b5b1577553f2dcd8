# SPDX-License-Identifier: Apache-2.0
"""What is kept after a back-test and asked for forecasts: the chosen model, trained on everything known by now.

A model belongs to one time of day of its origins (that of the series' end when it was trained), because slots of a day
are counted from the origin. `Served` can be pickled; it holds no readings.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ai_service.forecasting import backtest, ensemble, errors, features, intervals, pooled, quality, recurrent
from ai_service.forecasting.metrics import QUANTILES
from ai_service.forecasting.models import MEMBERS, ROUNDS, Members
from ai_service.forecasting.recurrent import Recurrent
from ai_service.forecasting.types import Finding, Floats, Ints, Series


@dataclass(frozen=True)
class Forecast:
    """Quantiles (steps, QUANTILES) from one origin on, in the unit of the series."""

    quantiles: Floats
    origin: int
    model: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Served:
    """A trained choice: ask it with the readings known by now."""

    chosen: str
    weights: dict[str, float]
    members: Members
    record: intervals.Record
    steps: int
    origin_second: int
    recurrent: Recurrent | None = None  # where its weight or the choice asks for it

    def forecast(self, raw: Series) -> Forecast:
        """From the end of the series on. Raises HorizonInvalid at another time of day than it was trained for."""
        origin = len(raw)
        second = int(raw.time_at(np.array([origin]))[0]) % 86_400
        if second != self.origin_second:
            raise errors.HorizonInvalid("Trained for another time of day", trained_s=self.origin_second, asked_s=second)
        checked = quality.check(raw)
        at = np.array([origin])
        medians = self._simple(checked.series, at)
        learned, spread = self.members.predict(features.build(checked.series, at, self.steps))
        medians |= learned
        used = {name: share for name, share in self.weights.items() if share > 0}
        silent = np.full((1, self.steps), np.nan)  # an optional model whose package is no longer there
        stack = np.stack([medians.get(name, silent) for name in used], axis=-1)
        median = ensemble.combine(stack, np.array(list(used.values())))[0]
        if self.chosen != backtest.ENSEMBLE:  # where it is silent, all speak
            own = medians.get(self.chosen, silent)[0]
            median = np.where(np.isfinite(own), own, median)
        if self.chosen not in (*MEMBERS, backtest.ENSEMBLE):
            spread = intervals.Spread.none(1, self.steps)
        guesses = spread.guesses(median[None])
        scaled = self.record.quantiles(None if guesses is None else guesses[0])
        quantiles = np.maximum(spread.around(0, median, scaled), intervals.floor_of(raw.values))
        return Forecast(quantiles, origin, self.chosen, checked.findings)

    def _simple(self, series: Series, at: Ints) -> dict[str, Floats]:
        """Medians of the models that are asked anew at each origin, and of the network, by name."""
        simple = backtest.simple_forecasters()
        simple.pop(recurrent.NAME, None)  # there it would be trained
        wanted = [name for name in simple if name == self.chosen or self.weights.get(name, 0) > 0]
        medians = {name: simple[name](series, at, self.steps) for name in wanted}
        if self.recurrent is not None:
            medians[recurrent.NAME] = self.recurrent.predict(series, at)
        return medians


def prepare(result: backtest.Result, *, rounds: int = ROUNDS) -> Served:
    """The choice of a back-test, trained up to the end of its series, with the misses of its back-test.

    Raises ValueError for a back-test whose models learned from other series too: they are no model of one series.
    """
    if pooled.NAME in result.answers:
        raise ValueError("A back-test with a pooled model cannot be served as the model of one series")
    series = quality.check(result.series).series
    answer = result.answers[result.chosen]
    actual = features.targets(result.series, result.plan.scored, result.plan.steps)
    end = len(series)
    leaning = result.weights.get(recurrent.NAME, 0) > 0 or result.chosen == recurrent.NAME
    return Served(
        chosen=result.chosen,
        weights=result.weights,
        members=backtest.train(series, result.plan, end, rounds=rounds),
        record=intervals.upcoming(answer.median, answer.spread, actual, per_day=series.per_day),
        steps=result.plan.steps,
        origin_second=int(series.time_at(np.array([end]))[0]) % 86_400,
        recurrent=recurrent.train(series, end, result.plan.steps) if leaning else None,
    )


__all__ = ["QUANTILES", "Forecast", "Served", "prepare"]

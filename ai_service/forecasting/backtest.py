# SPDX-License-Identifier: Apache-2.0
"""Rolling-origin back-test: one origin a day, one procedure for every data set.

Of at most four years of history the last `days` are the test. The days before them (up to VALIDATION_DAYS) choose: they
give the ensemble its weights, the intervals their first misses, and `chosen` its name. Learning models are trained at
the start of each validation stretch and anew every RETRAIN_DAYS of the test; the statistical ones at each origin.
Figures compare with the readings as read; repairs feed the models only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ai_service.forecasting import (
    ensemble,
    errors,
    features,
    intervals,
    leaks,
    metrics,
    optional,
    pooled,
    quality,
    references,
    statistical,
)
from ai_service.forecasting.models import MEMBERS, ROUNDS, Members, fit_members
from ai_service.forecasting.types import Finding, Flags, Floats, Ints, Series

HISTORY_DAYS = 1461
VALIDATION_DAYS = 84
VALIDATION_STRETCHES = 3
RETRAIN_DAYS = 7
LEAST_TRAINING_DAYS = 28
WARM_DAYS = 14  # readings before the first origin that is learned from: what looks further back is unknown there
LONGEST_HORIZON_H = 168
REFERENCES = ("ses", "seasonal_naive_day", "seasonal_naive_week")
ENSEMBLE = "ensemble"
ENSEMBLE_ALONE = "ensemble_alone"  # what the series' own readings give, where other series were learned from too
CHECKED_AT_ONCE = 2
MARGIN = 0.1  # a single model is chosen over the ensemble only when better by this much: small leads are luck

Forecaster = Callable[[Series, Ints, int], Floats]
Builder = Callable[[Series, Ints, int], features.Frame]


@dataclass(frozen=True, slots=True)
class Plan:
    """Origins of a back-test: indexes of the series, one a day."""

    steps: int
    validation: Ints
    test: Ints
    training: Ints

    @property
    def scored(self) -> Ints:
        """Validation, then test."""
        return np.concatenate([self.validation, self.test])

    @property
    def ready(self) -> Flags:
        """True for the origins before the test."""
        return np.arange(len(self.validation) + len(self.test)) < len(self.validation)


@dataclass(frozen=True, slots=True)
class Answer:
    """Forecasts of one model for all scored origins; quantiles for the test origins only."""

    median: Floats
    spread: intervals.Spread
    quantiles: Floats = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True, slots=True)
class Result:
    """A finished back-test. `actual` are the readings of the test days as read."""

    chosen: str
    answers: dict[str, Answer]
    actual: Floats
    scale: float
    plan: Plan
    series: Series
    weights: dict[str, float]
    leaks: leaks.Leaks
    findings: tuple[Finding, ...]
    choice: dict[str, float]
    steered: dict[str, Floats]  # quantiles of the references, had they been calibrated like the models


def reference_forecasters() -> dict[str, Forecaster]:
    """What everything has to beat, by name."""
    return {
        "ses": references.ses,
        "seasonal_naive_day": lambda s, o, n: references.seasonal_naive(s, o, n, days=1),
        "seasonal_naive_week": lambda s, o, n: references.seasonal_naive(s, o, n, days=7),
    }


def simple_forecasters() -> dict[str, Forecaster]:
    """Models that are asked at each origin anew, by name."""
    usual = {name: statistical.forecaster(name) for name in statistical.NAMES}
    return reference_forecasters() | usual | optional.forecasters()


def plan_of(length: int, per_day: int, *, steps: int, days: int) -> Plan:
    """Origins so that the last target is the last value. Raises SeriesTooShort, HorizonInvalid."""
    if not 1 <= steps * 24 <= LONGEST_HORIZON_H * per_day or days < 1:
        raise errors.HorizonInvalid(steps=steps, days=days)
    stride = per_day
    last = length - steps
    first = last - (days - 1) * stride
    free = first // stride
    chosen_on = min(VALIDATION_DAYS, (free - LEAST_TRAINING_DAYS) // 2)
    if chosen_on < 7:
        needed = days + LEAST_TRAINING_DAYS + 14 + steps // stride
        raise errors.SeriesTooShort(days=length // stride, needed_days=needed)
    test = first + np.arange(days) * stride
    validation = first - np.arange(chosen_on, 0, -1) * stride
    warm = WARM_DAYS * stride
    training = np.arange(warm + (first - warm) % stride, last + 1, stride)
    return Plan(steps, validation, test, training)


def run(
    raw: Series,
    *,
    horizon_s: int,
    days: int,
    findings: tuple[Finding, ...] = (),
    simple: dict[str, Forecaster] | None = None,
    build: Builder = features.build,
    rounds: int = ROUNDS,
    peers: Mapping[str, pooled.Taught] | None = None,
) -> Result:
    """Back-test all models on `raw` as read. Raises the refusals of a series that cannot carry it.

    `peers` are answers for the scored origins by models that learned from other series too (pooled.py).
    """
    raw, plan, checked = prepared(raw, horizon_s=horizon_s, days=days)
    first = int(plan.test[0])
    series = checked.series
    simple = simple or simple_forecasters()
    actual = features.targets(raw, plan.scored, plan.steps)
    scale = metrics.mase_scale(raw.values[:first], raw.per_day)
    unknown = intervals.Spread.none(len(plan.scored), plan.steps)
    answers = {name: Answer(ask(series, plan.scored, plan.steps), unknown) for name, ask in simple.items()}
    answers |= _learned(series, plan, build, rounds)
    own = shared = answers[MEMBERS[0]].spread
    for name, peer in (peers or {}).items():
        shared = shared.beside(peer.spread)
        answers[name] = Answer(peer.median, shared)
    pool = tuple(name for name in answers if name not in REFERENCES)
    before = features.known(raw, plan.validation[:, None] + np.arange(plan.steps), np.full(len(plan.validation), first))
    answers[ENSEMBLE], shares = _ensemble(answers, before, pool, shared)
    if peers:
        alone = tuple(name for name in pool if name not in peers)
        answers[ENSEMBLE_ALONE], _ = _ensemble(answers, before, alone, own)
    choice = choose(answers, before)
    whole, chosen = answers[ENSEMBLE], answers[chosen_of(choice)]
    filled = np.where(np.isfinite(chosen.median), chosen.median, whole.median)  # where it is silent, all speak
    answers[chosen_of(choice)] = replace(chosen, median=filled)
    quantiles = {name: _quantiles(answer, actual, plan, raw) for name, answer in answers.items()}
    steered = {name: quantiles[name] for name in REFERENCES}
    for name in REFERENCES:
        quantiles[name] = _empirical(simple[name], answers[name], series, raw, plan)
    answers = {name: replace(answer, quantiles=quantiles[name]) for name, answer in answers.items()}
    found = leaks.check(raw, _probes(plan, simple, build), plan.test)
    if not found.clean:
        raise errors.LookAheadFound(models=", ".join(found.found))
    return Result(
        chosen=chosen_of(choice),
        answers=answers,
        actual=actual[~plan.ready],
        scale=scale,
        plan=plan,
        series=raw,
        weights=dict(zip(pool, map(float, shares), strict=True)),
        leaks=found,
        findings=findings + checked.findings,
        choice=choice,
        steered=steered,
    )


def prepared(raw: Series, *, horizon_s: int, days: int) -> tuple[Series, Plan, quality.Checked]:
    """The readings that count, the origins, and the readings after repairs learned before the scored days."""
    raw = raw.tail(HISTORY_DAYS * raw.per_day)
    plan = plan_of(len(raw), raw.per_day, steps=-(-horizon_s // raw.step_s), days=days)
    checked = quality.check(raw, learned_on=int(plan.validation[0]))
    quality.require_usable(checked.series.head(int(plan.test[0])), days=LEAST_TRAINING_DAYS // 2)
    return raw, plan, checked


def _quantiles(answer: Answer, actual: Floats, plan: Plan, raw: Series) -> Floats:
    """Calibrated quantiles of the test origins."""
    floor = intervals.floor_of(raw.values[: int(plan.test[0])])
    found = intervals.calibrate(answer.median, answer.spread, actual, plan.ready, per_day=raw.per_day, floor=floor)
    return found[~plan.ready]


def _empirical(ask: Forecaster, answer: Answer, series: Series, raw: Series, plan: Plan) -> Floats:
    """Quantiles of a reference for the test origins: its forecast moved by those of all its errors before the test."""
    origins = plan.training[plan.training + plan.steps <= plan.test[0]]
    errors_before = features.targets(raw, origins, plan.steps) - ask(series, origins, plan.steps)
    return np.asarray(answer.median[~plan.ready][..., None] + np.nanquantile(errors_before, metrics.QUANTILES))


def _learned(series: Series, plan: Plan, build: Builder, rounds: int) -> dict[str, Answer]:
    """Train at each stretch on what was known by its start, and answer for the stretch."""
    medians: dict[str, list[Floats]] = {name: [] for name in MEMBERS}
    spreads: list[intervals.Spread] = []
    whole = build(series, plan.training, plan.steps)
    for stretch in stretches(plan):
        frame, aims = training_data(series, plan, int(stretch[0]), build, whole)
        members = fit_members(frame, aims, rounds=rounds)
        found, spread = members.predict(build(series, stretch, plan.steps))
        spreads.append(spread)
        for name in MEMBERS:
            medians[name].append(found[name])
    spread = intervals.Spread.join(spreads)
    return {name: Answer(np.concatenate(parts), spread) for name, parts in medians.items()}


def stretches(plan: Plan) -> list[Ints]:
    """Runs of origins that share one training."""
    before = np.array_split(plan.validation, VALIDATION_STRETCHES)
    after = [plan.test[at : at + RETRAIN_DAYS] for at in range(0, len(plan.test), RETRAIN_DAYS)]
    return [*before, *after]


def training_data(
    series: Series, plan: Plan, moment: int, build: Builder, whole: features.Frame | None = None
) -> tuple[features.Frame, Floats]:
    """Frame and targets of the origins whose targets had all come to pass by `moment`.

    `whole` is the frame of all training origins, when it is there already: features know nothing after their origin.
    """
    past = plan.training + plan.steps <= moment
    origins = plan.training[past]
    aims = features.known(series, origins[:, None] + np.arange(plan.steps), np.full(len(origins), moment))
    return whole.take(past) if whole else build(series, origins, plan.steps), aims


def train(series: Series, plan: Plan, moment: int, build: Builder = features.build, rounds: int = ROUNDS) -> Members:
    """Members as they would have been trained at `moment`."""
    frame, aims = training_data(series, plan, moment, build)
    return fit_members(frame, aims, rounds=rounds)


def _ensemble(
    answers: dict[str, Answer], actual: Floats, pool: tuple[str, ...], spread: intervals.Spread
) -> tuple[Answer, Floats]:
    """Weights from the validation days; those days themselves are answered with the weights of the other half.

    `actual` are the readings of the validation days that were known before the test.
    """
    stack = np.stack([answers[name].median for name in pool], axis=-1)
    count = len(actual)
    shares = _shares(stack[:count], actual)
    blend = ensemble.combine(stack, shares)
    half = count // 2
    for mine, other in ((slice(0, half), slice(half, count)), (slice(half, count), slice(0, half))):
        blend[mine] = ensemble.combine(stack[mine], _shares(stack[other], actual[other]))
    return Answer(blend, spread), shares


def _shares(stack: Floats, actual: Floats) -> Floats:
    return ensemble.weights(stack.reshape(-1, stack.shape[-1]), actual.ravel())


def choose(answers: dict[str, Answer], actual: Floats) -> dict[str, float]:
    """Mean absolute error of each model on the validation days; infinite for one that was silent where readings are."""
    seen = np.isfinite(actual)
    found = {}
    for name, answer in answers.items():
        miss = np.abs(answer.median[: len(actual)] - actual)[seen]
        found[name] = float(miss.mean()) if np.isfinite(miss).all() and len(miss) else float("inf")
    return found


def chosen_of(choice: dict[str, float]) -> str:
    """The ensemble, unless a single model missed clearly less on the validation days."""
    best = min(choice, key=lambda name: choice[name])
    return best if choice[best] < (1 - MARGIN) * choice[ENSEMBLE] else ENSEMBLE


def _probes(plan: Plan, simple: dict[str, Forecaster], build: Builder) -> dict[str, leaks.Probe]:
    """Everything between the readings and a forecast that could look ahead."""
    learned_on = int(plan.validation[0])
    kept: dict[int, tuple[Series, Series]] = {}  # as read and repaired; every part is asked about the same two series

    def repaired(raw: Series) -> Series:
        if id(raw) not in kept:
            if len(kept) > CHECKED_AT_ONCE:
                kept.pop(next(iter(kept)))
            kept[id(raw)] = raw, quality.check(raw, learned_on=learned_on).series
        return kept[id(raw)][1]

    def asks(ask: Forecaster) -> leaks.Probe:
        return lambda raw, origin: ask(repaired(raw), np.array([origin]), plan.steps)

    def training(raw: Series, origin: int) -> Floats:
        frame, aims = training_data(repaired(raw), plan, origin, build)
        return np.concatenate([frame.rows.ravel(), frame.relative.ravel(), aims.ravel()])

    def inputs(raw: Series, origin: int) -> Floats:
        frame = build(repaired(raw), np.array([origin]), plan.steps)
        return np.concatenate([frame.rows.ravel(), frame.relative.ravel()])

    def misses(raw: Series, origin: int) -> Floats:
        actual = features.targets(raw, plan.scored, plan.steps)
        row = int(np.searchsorted(plan.scored, origin))
        return intervals.known_misses(actual, row, raw.per_day)

    return {name: asks(ask) for name, ask in simple.items()} | {
        "features": inputs,
        "training": training,
        "intervals": misses,
    }


def hours_of_day(plan: Plan, series: Series) -> Ints:
    """Local hour of each (origin, step) of the test."""
    index = plan.test[:, None] + np.arange(plan.steps)
    return np.asarray(series.calendar(index).hour).astype(np.int64)

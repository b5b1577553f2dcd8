# SPDX-License-Identifier: Apache-2.0
"""Back-tests of several series that belong together: as one each, and with a model that learned from all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ai_service.errors import Refusal
from ai_service.forecasting import backtest, errors, pooled
from ai_service.forecasting.data import Read
from ai_service.forecasting.models import ROUNDS

LEAST_SERIES = 2


def run(
    group: Mapping[str, Read], *, horizon_s: int, days: int, rounds: int = ROUNDS
) -> Iterator[tuple[str, backtest.Result | Refusal]]:
    """Results by series in order, each as soon as it is there; a series that cannot carry it answers its refusal.

    Raises ResolutionInvalid when the series have different steps.
    """
    steps = {read.series.step_s for read in group.values()}
    if len(steps) > 1:
        raise errors.ResolutionInvalid("Series of a group need one resolution", steps_s=sorted(steps))
    students: dict[str, pooled.Student] = {}
    refused: dict[str, Refusal] = {}
    for name, read in group.items():
        try:
            _, plan, checked = backtest.prepared(read.series, horizon_s=horizon_s, days=days)
        except errors.ForecastRefused as problem:
            refused[name] = problem
        else:
            students[name] = pooled.Student(checked.series, plan.training, plan.scored, plan.steps)
    together = pooled.answers(students, rounds=rounds) if len(students) >= LEAST_SERIES else {}
    for name, read in group.items():
        if name in refused:
            yield name, refused[name]
            continue
        peers = {pooled.NAME: together[name]} if name in together else None
        yield (
            name,
            backtest.run(
                read.series, horizon_s=horizon_s, days=days, findings=read.findings, rounds=rounds, peers=peers
            ),
        )

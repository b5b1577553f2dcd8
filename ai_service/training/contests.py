# SPDX-License-Identifier: Apache-2.0
"""Contests that decide about promotion: against the version in use, and against what answers without any training.

Both compare mean scaled errors on the same origins of a back-test. The model of recent days (`forecasts/recent.py`) is
the floor: it is asked as the service asks it, with the readings known at each origin, and a trained version that does
not beat it is not worth its trouble.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ai_service.forecasting import errors
from ai_service.forecasting.errors import ForecastRefused
from ai_service.forecasting.types import DAY_S, Floats, Ints, Series
from ai_service.forecasting.versions import Version
from ai_service.forecasts import engine
from ai_service.forecasts.recent import NAME as RECENT

MOST_HOUSES = 40  # of a fleet's test that the model of recent days is asked for: some ten milliseconds an origin


@dataclass(frozen=True, slots=True)
class Contest:
    """Two versions on the same origins: mean scaled errors, over `days` days that the older had not learned from."""

    against: int
    days: int
    candidate: float
    incumbent: float


@dataclass(frozen=True, slots=True)
class Floor:
    """A version and the model of recent days on the same origins: mean scaled errors, over `houses` series."""

    houses: int
    origins: int
    candidate: float
    recent: float


def against_version(
    current: Version, mine: Sequence[Floats], theirs: Sequence[Floats], times: Sequence[Ints]
) -> Contest | None:
    """Both on the origins after the older one's last reading, given by series; None when there are none."""
    since_s = int(current.facts.trained_until.timestamp())
    late = [at >= since_s for at in times]
    pairs = _both_known(
        [own[when] for own, when in zip(mine, late, strict=True)],
        [other[when] for other, when in zip(theirs, late, strict=True)],
    )
    if not pairs.shape[1]:
        return None
    days = len(np.unique(np.concatenate([at[when] // DAY_S for at, when in zip(times, late, strict=True)])))
    return Contest(current.number, days, *_means(pairs))


def against_recent(mine: Sequence[Floats], theirs: Sequence[Floats]) -> Floor | None:
    """Scaled errors by series, of the version and of the model of recent days; None where no origin shows both."""
    pairs = _both_known(mine, theirs)
    return Floor(len(mine), pairs.shape[1], *_means(pairs)) if pairs.shape[1] else None


def recent_medians(raw: Series, origins: Ints, steps: int) -> Floats:
    """(origins, steps): what the service answers there without a trained model; NaN where it would refuse."""
    answers = np.full((len(origins), steps), np.nan)
    for place, origin in enumerate(origins):
        try:
            answers[place] = engine.forecast(raw.head(int(origin)), skip=0, steps=steps).median
        except ForecastRefused:
            continue
    return answers


def require_better(candidate: Version, current: Version, *, margin: float, least_days: int) -> None:
    """Raises PromotionRefused unless the contest with the version in use was won by the margin."""
    contest = candidate.facts.notes.get("contest")
    facts: dict[str, Any] = {"model": candidate.name, "version": candidate.number, "in_use": current.number}
    if contest is None or contest["against"] != current.number:
        raise errors.PromotionRefused(
            "No day shows both: train anew on readings after those of the version in use", **facts
        )
    facts |= {"error": contest["candidate"], "error_in_use": contest["incumbent"], "days": contest["days"]}
    if contest["days"] < least_days:
        raise errors.PromotionRefused("Too few days that neither had learned from", needed_days=least_days, **facts)
    if not contest["candidate"] <= (1 - margin) * contest["incumbent"]:
        raise errors.PromotionRefused(margin=margin, **facts)


def require_beats_reference(candidate: Version, *, margin: float) -> None:
    """Raises PromotionRefused unless the version beats smoothing, yesterday and last week by the margin."""
    name, error = candidate.facts.notes["reference"]
    mine = candidate.facts.figures["mase"]
    if not mine <= (1 - margin) * error:
        facts = {"model": candidate.name, "version": candidate.number, "mase": mine, "reference_mase": error}
        raise errors.PromotionRefused(f"It is not better than {name}", margin=margin, **facts)


def require_beats_recent(candidate: Version, *, margin: float) -> None:
    """Raises NotWorthTraining unless the version beats the model of recent days by the margin."""
    floor = candidate.facts.notes.get(RECENT)
    facts: dict[str, Any] = {"model": candidate.name, "version": candidate.number}
    if floor is None:
        raise errors.NotWorthTraining("No origin shows both: train it anew", **facts)
    if not floor["candidate"] <= (1 - margin) * floor["recent"]:
        raise errors.NotWorthTraining(margin=margin, **facts, **floor)


def told(floor: Floor | None) -> dict[str, Any]:
    """As a note of the version."""
    return {RECENT: None if floor is None else asdict(floor)}


def _both_known(mine: Sequence[Floats], theirs: Sequence[Floats]) -> Floats:
    """(2, origins) where both errors are known, of all series."""
    pairs = np.concatenate([np.stack([own, other]) for own, other in zip(mine, theirs, strict=True)], axis=1)
    return np.asarray(pairs[:, np.isfinite(pairs).all(axis=0)])


def _means(pairs: Floats) -> tuple[float, float]:
    own, other = (float(f"{value:.6g}") for value in pairs.mean(axis=1))
    return own, other

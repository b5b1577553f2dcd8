# SPDX-License-Identifier: Apache-2.0
"""Houses with too little of their own past, and communities that equal the sum of their houses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ai_service.forecasting import errors
from ai_service.forecasting.quality import MINIMUM_DAYS
from ai_service.forecasting.types import Floats, Series

LARGEST_RATIO = 50.0


@dataclass(frozen=True, slots=True)
class Borrowed:
    """A forecast scaled from the community's profile. `reason` is meant for the answer that carries it."""

    quantiles: Floats  # (steps, levels)
    ratio: float
    readings: int
    reason: str


def needs_fallback(series: Series) -> bool:
    """True with fewer than two days of readings: no model learns a house from them."""
    return int(np.isfinite(series.values).sum()) < MINIMUM_DAYS * series.per_day


def borrow(house: Series, community: Series, community_quantiles: Floats, *, houses: int) -> Borrowed:
    """The community's forecast, scaled to the house.

    The ratio compares both over the steps that both have read. A house without any is taken for an average one of
    `houses`. Raises SeriesEmpty when the community has no reading either.
    """
    if not np.isfinite(community.values).any() or houses < 1:
        raise errors.SeriesEmpty("Neither the house nor its community has a reading", houses=houses)
    at = (house.time_at(np.arange(len(house))) - community.start_s) // community.step_s
    inside = (at >= 0) & (at < len(community))
    beside = np.where(inside, community.values[np.clip(at, 0, len(community) - 1)], np.nan)
    both = np.isfinite(beside) & np.isfinite(house.values)
    usual = 1 / houses
    total = float(beside[both].sum())
    if not both.any() or total <= 0:
        return Borrowed(community_quantiles * usual, usual, 0, "no readings: an average house of its community")
    # A day of own readings weighs as much as what is known beforehand.
    trust = both.sum() / (both.sum() + house.per_day)
    own = min(max(float(house.values[both].sum()) / total, usual / LARGEST_RATIO), usual * LARGEST_RATIO)
    ratio = float(trust * own + (1 - trust) * usual)
    reason = f"{int(both.sum())} readings, fewer than {MINIMUM_DAYS} days: the profile of its community, scaled"
    return Borrowed(community_quantiles * ratio, ratio, int(both.sum()), reason)


def reconcile(houses: Floats, community: Floats, *, house_variance: Floats, community_variance: float) -> Floats:
    """House forecasts (houses, steps) moved so that, with the community's forecast, both tell one sum.

    Weighted least squares (MinT with a diagonal covariance; Wickramasuriya, Athanasopoulos and Hyndman, JASA 2019): the
    gap between the community's own forecast and the sum of the houses is shared out by error variance. The coherent
    community forecast is the sum over houses of the answer.
    """
    gap = community - houses.sum(axis=0)
    share = house_variance / (house_variance.sum() + community_variance)
    return np.asarray(houses + share[:, None] * gap[None])

# SPDX-License-Identifier: Apache-2.0
"""Weights of an ensemble from a back-test: least absolute error on earlier days, drawn towards equal shares."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_matrix, hstack, identity, vstack

from ai_service.forecasting.types import Floats

TRUST = 0.6  # how far the weights follow the earlier days; the rest is equal shares of the worthy
WORTHY = 1.15  # a model takes part when its error on the earlier days is at most this many times the least


def weights(forecasts: Floats, actual: Floats) -> Floats:
    """Shares (sum 1, none negative) for `forecasts` (points, models) that would have missed `actual` least."""
    seen = np.isfinite(actual) & np.isfinite(forecasts).all(axis=1)
    points, wanted = forecasts[seen], actual[seen]
    count = forecasts.shape[1]
    if not len(points):
        return np.full(count, 1 / count, dtype=np.float64)
    error: Floats = np.abs(points - wanted[:, None]).mean(axis=0)
    worthy = error <= WORTHY * error.min()
    equal: Floats = np.asarray(worthy / worthy.sum(), dtype=np.float64)
    if len(points) < 5 * count:
        return equal
    size, points = len(points), points[:, worthy]
    kept = points.shape[1]
    cost = np.concatenate([np.zeros(kept), np.full(2 * size, 1 / size)])
    unit = identity(size, format="csr")
    rows = hstack([csr_matrix(points), unit, -unit])
    total = csr_matrix(np.concatenate([np.ones(kept), np.zeros(2 * size)])[None])
    solved = linprog(cost, A_eq=vstack([rows, total]), b_eq=np.append(wanted, 1.0), method="highs")
    if not solved.success:
        return equal
    best = np.zeros(count)
    best[worthy] = solved.x[:kept]
    return np.asarray(TRUST * best + (1 - TRUST) * equal)


def combine(forecasts: Floats, shares: Floats) -> Floats:
    """Weighted mean over the last axis; a model without an answer leaves its share to the others."""
    there = np.isfinite(forecasts)
    total = (there * shares).sum(axis=-1)
    blend = (np.where(there, forecasts, 0.0) * shares).sum(axis=-1)
    return np.where(total > 0, blend / np.where(total > 0, total, 1.0), np.nan)

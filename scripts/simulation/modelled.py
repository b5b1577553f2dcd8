# SPDX-License-Identifier: Apache-2.0
"""Any number of modelled households over any number of days, every 15 minutes; the same seed gives the same homes.

Sun and panels are those of the demonstration (pvlib, Fontana CA), under clouds: a clearness a day from a beta
distribution, one for all homes, that drifts within the day. Loads follow the BDEW profile H25 (June working day)
between its hours, scaled to each home's year, shifted by habit, and varied by log-normal noise that lasts about an
hour. Three of five homes have panels. On an island one home in ten needs power for medical devices, and one in a
hundred is a shelter.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from backend.market.islands.types import Tier
from backend.market.simulation.types import Household, Series, World
from scripts.demo.community import DataProblem
from scripts.demo.modelled_homes import (
    BDEW_H25_JUNE_WORKDAY_KWH,
    PROFILE_YEAR_KWH,
    ROOFS,
    STANDARD_TIME,
    YEARLY_KWH,
    Roof,
    clear_sky,
    power_w,
)

START = datetime(2026, 6, 1, tzinfo=STANDARD_TIME)
"""A Monday. The first day is fixed, so that a run can be repeated."""
MINUTES = 15
MAX_HOUSEHOLDS, MAX_DAYS, MAX_READINGS = 2_000, 366, 10_000_000
SHELTER_EVERY, MEDICAL_EVERY = 100, 10
SHELTER_PERMILLE, MEDICAL_PERMILLE = 800, 300


def modelled_world(households: int, days: int, seed: int) -> World:
    """`households` homes over `days` days. Raises DataProblem when there are none or too many."""
    if not 2 <= households <= MAX_HOUSEHOLDS:
        raise DataProblem(f"{households} households cannot be modelled: choose 2 to {MAX_HOUSEHOLDS:,}")
    if not 1 <= days <= MAX_DAYS:
        raise DataProblem(f"{days} days cannot be modelled: choose 1 to {MAX_DAYS}")
    per_day = 24 * 60 // MINUTES
    intervals = days * per_day
    if households * intervals > MAX_READINGS:
        raise DataProblem(
            f"{households} households over {days} days are {households * intervals:,} readings: at most "
            f"{MAX_READINGS:,} are modelled, that is {MAX_READINGS // intervals} households or "
            f"{MAX_READINGS // households // per_day} days"
        )
    middle = START.astimezone(UTC) + timedelta(minutes=MINUTES / 2)
    sky = clear_sky([middle + timedelta(minutes=MINUTES * place) for place in range(intervals)])
    draws = np.random.SeedSequence([seed, 2]).spawn(households + 1)
    clearness = _clearness(np.random.default_rng(draws[0]), days, per_day)
    homes = [
        _home(place, np.random.default_rng(draws[place + 1]), sky, clearness, intervals) for place in range(households)
    ]
    source = (
        f"{households} modelled homes, every 15 minutes: solar by pvlib at Fontana CA under modelled clouds, "
        f"consumption by the BDEW load profile H25 (household, June working day) with noise, seed {seed}"
    )
    return World(source, MINUTES, START.astimezone(UTC), tuple(homes), timedelta(hours=-8))


def _clearness(chance: np.random.Generator, days: int, per_day: int) -> Any:
    """Share of the clear sky that arrives, by interval: sunny days with a cloudy one now and then."""
    daily = 0.25 + 0.75 * chance.beta(4.0, 1.2, days)
    drift = _lasting(chance, days * per_day, lasts=8)
    return np.clip(np.repeat(daily, per_day) * (1 + 0.12 * drift), 0.05, 1.0)


def _lasting(chance: np.random.Generator, count: int, *, lasts: int) -> Any:
    """Noise of unit variance in which neighbours resemble each other over about `lasts` intervals."""
    noise = chance.standard_normal(count + lasts - 1)
    return np.convolve(noise, np.ones(lasts), mode="valid") / np.sqrt(lasts)


def _home(place: int, chance: np.random.Generator, sky: dict[str, Any], clearness: Any, intervals: int) -> Household:
    has_panels = place % 5 in (0, 2, 4)
    generation = np.zeros(intervals, np.int64)
    if has_panels:
        base = ROOFS[place % len(ROOFS)]
        roof = Roof(base.capacity_w, base.tilt + chance.uniform(-4, 4), base.azimuth + chance.uniform(-15, 15))
        power = np.maximum(power_w(roof, sky).to_numpy(), 0) * clearness
        generation = np.rint(power * MINUTES / 60).astype(np.int64)
    yearly_kwh = YEARLY_KWH[place % len(YEARLY_KWH)] * chance.uniform(0.8, 1.2)
    tier, permille = Tier.ORDINARY, 0
    if place % SHELTER_EVERY == SHELTER_EVERY - 1:
        tier, permille = Tier.SHELTER, SHELTER_PERMILLE
    elif place % MEDICAL_EVERY == MEDICAL_EVERY - 1:
        tier, permille = Tier.HOME_MEDICAL, MEDICAL_PERMILLE
    consumption = _load_wh(chance, yearly_kwh, intervals)
    return Household(f"Home {place + 1}", consumption, generation, f"owner {place + 1}", "", tier, permille)


def _load_wh(chance: np.random.Generator, yearly_kwh: float, intervals: int) -> Series:
    hours = (np.arange(intervals) + 0.5) * MINUTES / 60 + chance.normal(0, 0.8)
    profile = BDEW_H25_JUNE_WORKDAY_KWH
    shape = np.interp(hours % 24, np.arange(26) - 0.5, [profile[-1], *profile, profile[0]])
    mean_wh = shape * yearly_kwh / PROFILE_YEAR_KWH * 1_000 * MINUTES / 60
    spread = 0.45
    noise = np.exp(spread * _lasting(chance, intervals, lasts=4) - spread * spread / 2)
    drawn_wh: Series = np.rint(mean_wh * noise).astype(np.int64)
    return drawn_wh

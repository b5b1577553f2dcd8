# SPDX-License-Identifier: Apache-2.0
"""The verb of forecasts: who is asked about, what they have read, which model answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from ai_service.errors import Refusal
from ai_service.forecasting import data, fallback, quality
from ai_service.forecasting.data import Read
from ai_service.forecasting.errors import HorizonInvalid, ResolutionInvalid, ValueNotFinite
from ai_service.forecasting.types import DAY_S, Finding, Series, regular
from ai_service.forecasting.versions import Model as Trained
from ai_service.forecasts import engine, models
from ai_service.forecasts.batching import Batcher
from ai_service.forecasts.catalogue import Catalogue
from ai_service.forecasts.engine import Fallback, Forecast
from ai_service.forecasts.errors import LevelInvalid, SeriesTooLong, SeriesTooOld, SeriesUneven, SubjectInvalid
from ai_service.forecasts.models import Models
from ai_service.forecasts.schemas import ForecastIn, SeriesIn
from ai_service.forecasts.town import Coherent, Town, assemble, coherent
from ai_service.houses import RESOLUTIONS, House, Houses, Quantity, Readings

HISTORY_DAYS = {900: 49, 1800: 70, 3600: 98}
OLDEST_S = 7 * DAY_S
LONGEST_HORIZON_H = 168
MOST_LEVELS = 10
HIGHEST_LEVEL = 95


@dataclass(frozen=True, slots=True)
class Job:
    """One series to forecast: `steps` steps, `skip` after its end."""

    raw: Series
    skip: int
    steps: int
    findings: tuple[Finding, ...] = ()
    trained: Trained | None = None


@dataclass(frozen=True, slots=True)
class OfTown:
    """A community's forecast and its houses' parts in it."""

    forecast: Forecast
    town: Town
    parts: Coherent


class Forecasts:
    """Reads what is asked about and has it forecast; one per process."""

    def __init__(self, houses: Houses, catalogue: Catalogue, models: Models, *, most_values: int) -> None:
        self.houses = houses
        self.catalogue = catalogue
        self.models = models
        self._most_values = most_values
        self._batcher: Batcher[Job, Forecast] = Batcher(_work)

    async def of_house(self, house: House, asked: ForecastIn, *, now: datetime) -> Forecast:
        """A house's coming intervals; with fewer than two days of readings its community's profile, scaled."""
        step_s = step_of(asked)
        start = ceiling(now, step_s)
        steps = steps_of(asked, step_s)
        community = await self.houses.own_community(house.org_id)
        since = start - timedelta(days=HISTORY_DAYS[step_s])
        [found] = await self.houses.readings(
            house.org_id, asked.quantity, since=since, until=floor(now, step_s), step_s=step_s, house_id=house.id
        )
        raw = engine.trimmed(regular(found.start, step_s, found.kwh, zone=community.time_zone))
        quality_first(raw)
        if fallback.needs_fallback(raw):
            return await self._borrowed(house, raw, asked, start=start, steps=steps)
        trained = self.models.get(models.homes(asked.quantity, step_s))
        return await self._batcher.ask(Job(raw, skip_to(raw, start), steps, trained=trained))

    async def of_community(self, org_id: str, quantity: Quantity, *, step_s: int, steps: int, now: datetime) -> OfTown:
        """A community's coming intervals: the sum of its houses' parts."""
        community = await self.houses.own_community(org_id)
        readings = await self.readings(org_id, quantity, step_s=step_s, now=now)
        return await self.of_readings(readings, zone=community.time_zone, steps=steps, start=ceiling(now, step_s))

    async def of_readings(self, readings: list[Readings], *, zone: str, steps: int, start: datetime) -> OfTown:
        """The sum of houses from `start` on, and each house's part in it."""
        town = await asyncio.to_thread(assemble, readings, zone=zone)
        skip = skip_to(town.total, start)
        found = await self._batcher.ask(Job(town.total, skip, steps, town.findings))
        parts = await asyncio.to_thread(_parts, town, found, skip)
        moved = found.quantiles + (parts.community - found.median)[:, None]
        return OfTown(replace(found, quantiles=engine.bounded(moved, town.total)), town, parts)

    async def readings(self, org_id: str, quantity: Quantity, *, step_s: int, now: datetime) -> list[Readings]:
        """One quantity of all houses of a community, as far back as forecasts look."""
        until = floor(now, step_s)
        since = until - timedelta(days=HISTORY_DAYS[step_s])
        return await self.houses.readings(org_id, quantity, since=since, until=until, step_s=step_s)

    async def of_series(self, brought: SeriesIn, asked: ForecastIn) -> Forecast:
        """What follows a series that the caller brought."""
        read = await asyncio.to_thread(self._read, brought, asked.resolution)
        return await self._after(read, asked)

    async def of_city(self, city_id: str, asked: ForecastIn, *, now: datetime) -> Forecast:
        """What follows a series of the catalogue; where that ended long ago, a finding says so."""
        read = await asyncio.to_thread(self.catalogue.read, city_id, resolution=asked.resolution)
        end = read.series.stamp(len(read.series))
        age_s = (now - end).total_seconds()
        if age_s > OLDEST_S:
            told = Finding("old", 1, end.isoformat(), f"the series ended {int(age_s // DAY_S)} days ago", "none")
            read = replace(read, findings=(*read.findings, told))
        trained = self.models.get(models.city(city_id, read.series.step_s))
        return await self._after(read, asked, trained)

    # -- inside ------------------------------------------------------------------------------------------------------

    async def _after(self, read: Read, asked: ForecastIn, trained: Trained | None = None) -> Forecast:
        steps = steps_of(asked, read.series.step_s)
        return await self._batcher.ask(Job(engine.trimmed(read.series), 0, steps, read.findings, trained))

    def _read(self, brought: SeriesIn, resolution: str | None) -> Read:
        count = len(brought.times)
        if count != len(brought.values):
            raise SeriesUneven(times=count, values=len(brought.values))
        if count > self._most_values:
            raise SeriesTooLong(values=count, limit=self._most_values)
        numbers = np.array([np.nan if value is None else value for value in brought.values], dtype=np.float64)
        given = np.array([value is not None for value in brought.values], dtype=bool)
        broken = int((given & ~np.isfinite(numbers)).sum())
        if broken:
            raise ValueNotFinite("A value is not finite; unknown is null", count=broken)
        table = pd.DataFrame({"time": brought.times, "value": numbers})
        source = data.Source(
            "time", "value", resolution=resolution, zone=brought.timezone, region=brought.region, total=brought.total
        )
        return data.from_table(table, source)

    async def _borrowed(self, house: House, raw: Series, asked: ForecastIn, *, start: datetime, steps: int) -> Forecast:
        community = await self.houses.own_community(house.org_id)
        readings = await self.readings(house.org_id, asked.quantity, step_s=step_of(asked), now=start)
        town = await asyncio.to_thread(assemble, readings, zone=community.time_zone)
        whole = await self._batcher.ask(Job(town.total, skip_to(town.total, start), steps, town.findings))
        lent = fallback.borrow(raw, town.total, whole.quantiles, houses=len(town.house_ids))
        return replace(
            whole,
            quantiles=lent.quantiles,
            data_until=raw.stamp(len(raw)) if len(raw) else None,
            fallback=Fallback(lent.reason, lent.ratio, lent.readings),
        )


def _work(jobs: Sequence[Job]) -> list[Forecast | Exception]:
    answers: list[Forecast | Exception] = []
    for job in jobs:
        try:
            answers.append(_forecast(job))
        except Refusal as refusal:
            answers.append(refusal)
    return answers


def _forecast(job: Job) -> Forecast:
    return engine.forecast(job.raw, skip=job.skip, steps=job.steps, findings=job.findings, trained=job.trained)


def _parts(town: Town, found: Forecast, skip: int) -> Coherent:
    low, high = found.interval(80)
    variance = float(np.mean(((high - low) / 2.563) ** 2))  # an 80 % interval of a normal spans 2.563 deviations
    return coherent(town, found.median, max(variance, 1e-12), skip=skip)


def quality_first(raw: Series) -> None:
    """Refuse readings that say nothing, however short; none at all is for the fallback."""
    if len(raw):
        quality.refuse_unusable(raw.values)


def subject_of(asked: ForecastIn) -> str:
    """Which of the four a question is about. Raises SubjectInvalid, HorizonInvalid, LevelInvalid."""
    named = {
        "house": asked.house_id,
        "community": asked.community_id,
        "city": asked.city_id,
        "series": asked.series,
    }
    given = [name for name, value in named.items() if value is not None]
    if len(given) != 1:
        raise SubjectInvalid(given=given)
    if not 1 <= asked.horizon_hours <= LONGEST_HORIZON_H:
        raise HorizonInvalid(horizon_hours=asked.horizon_hours)
    check_levels(asked.levels)
    return given[0]


def check_levels(levels: list[int]) -> None:
    """Raises LevelInvalid."""
    if not levels or len(levels) > MOST_LEVELS or not all(1 <= level <= HIGHEST_LEVEL for level in levels):
        raise LevelInvalid(levels=levels[: MOST_LEVELS + 1])


def step_of(asked: ForecastIn) -> int:
    """Seconds of a step of houses and communities. Raises ResolutionInvalid."""
    if asked.resolution is None:
        return 3600
    step_s = data.resolution_s(asked.resolution)
    if step_s not in RESOLUTIONS:
        raise ResolutionInvalid("Houses are read in steps of 15min, 30min and 1h", resolution=asked.resolution)
    return step_s


def steps_of(asked: ForecastIn, step_s: int) -> int:
    """How many steps the horizon has; the last may reach past it."""
    return -(-asked.horizon_hours * 3600 // step_s)


def skip_to(raw: Series, start: datetime) -> int:
    """Steps between the last reading and `start`. Raises SeriesTooOld."""
    gap_s = int((start - raw.stamp(len(raw))).total_seconds())
    if gap_s > OLDEST_S:
        raise SeriesTooOld(newest=raw.stamp(len(raw)).isoformat(), oldest_days=OLDEST_S // DAY_S)
    return max(0, gap_s // raw.step_s)


def floor(moment: datetime, step_s: int) -> datetime:
    """The beginning of the step in which a moment lies, UTC."""
    return datetime.fromtimestamp(int(moment.timestamp()) // step_s * step_s, UTC)


def ceiling(moment: datetime, step_s: int) -> datetime:
    """The first step that begins at or after a moment, UTC."""
    below = floor(moment, step_s)
    return below if below == moment else below + timedelta(seconds=step_s)

# SPDX-License-Identifier: Apache-2.0
"""The verb of market outlooks: a community's supply, demand, price and carbon of the coming intervals."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from ai_service.errors import Invalid, NotFound
from ai_service.forecasting.errors import SeriesAllZero, SeriesEmpty
from ai_service.forecasting.metrics import MEDIAN, QUANTILES
from ai_service.forecasting.types import Floats
from ai_service.forecasts.engine import Forecast
from ai_service.forecasts.service import Forecasts, OfTown, ceiling
from ai_service.forecasts.town import Town
from ai_service.houses import BackendAway, Community, Quantity, Readings
from ai_service.market import curve
from ai_service.market.curve import Explanation, Tariffs

USUAL_DAYS = 28
OBSERVED_DAYS = 14
PAGE = 100
MOST_PAGES = 14


class NoMarket(Invalid):
    """The community has no number on chain, hence no market."""

    code = "price.no_market"
    title = "This community is not registered on chain: it has no market"


class _Absent(NotFound):
    """Something public that may be missing."""


@dataclass(frozen=True, slots=True)
class Carbon:
    """The grid's emission factor of the community's region, grams CO2e per kWh, with its source."""

    grams_per_kwh: float
    region: str
    source: str
    vintage: str


@dataclass(frozen=True, slots=True)
class Side:
    """Forecast energy of one side of the market in kWh: quantiles (steps, QUANTILES), and what was usual of late."""

    quantiles: Floats
    usual: float
    recent: Mapping[int, float]  # epoch seconds of an interval: kWh
    found: Forecast | None

    @property
    def median(self) -> Floats:
        """The middle of what is expected."""
        return self.quantiles[:, MEDIAN]


@dataclass(frozen=True, slots=True)
class Outlook:
    """A community's coming intervals. `price` are quantiles (steps, QUANTILES) in micro-units per kWh."""

    community: Community
    start: datetime
    step_s: int
    supply: Side
    demand: Side
    price: Floats
    explanations: tuple[Explanation, ...]
    tariffs: Tariffs
    observed: int
    carbon: Carbon | None


class Market:
    """Puts forecasts of supply and demand together with what the backend tells of the market."""

    def __init__(self, forecasts: Forecasts) -> None:
        self._forecasts = forecasts

    async def outlook(self, community: Community, *, hours: int, now: datetime) -> Outlook:
        """The coming `hours` of a community's market, by its delivery intervals.

        Raises NoMarket, TariffsMissing, ReadingsClosed, BackendAway and the refusals of the readings.
        """
        if community.number is None:
            raise NoMarket(community_id=community.id)
        step_s = community.delivery_minutes * 60
        steps = -(-hours * 3600 // step_s)
        tariffs = await self._tariffs(community.number)
        supply, demand = await self._sides(community, step_s=step_s, steps=steps, now=now)
        observed, carbon = await asyncio.gather(self._observed(community.number, now), self._carbon(community, now))
        seen = _seen(observed, supply, demand, tariffs)
        price = await asyncio.to_thread(curve.scenarios, supply.quantiles, demand.quantiles, tariffs, seen)
        told = tuple(
            curve.explain(
                float(sold),
                float(wanted),
                usual_supply=supply.usual,
                usual_demand=demand.usual,
                tariffs=tariffs,
                lean=seen.lean,
            )
            for sold, wanted in zip(supply.median, demand.median, strict=True)
        )
        start = ceiling(now, step_s)
        return Outlook(community, start, step_s, supply, demand, price, told, tariffs, len(observed), carbon)

    # -- inside ------------------------------------------------------------------------------------------------------

    async def _sides(self, community: Community, *, step_s: int, steps: int, now: datetime) -> tuple[Side, Side]:
        """What houses will put into the community and take out of it, of what was measured of it and, where it was not,
        of what they made and used."""

        async def readings(quantity: Quantity) -> list[Readings]:
            return await self._forecasts.readings(community.id, quantity, step_s=step_s, now=now)

        given = await readings("export")  # alone: until the backend has looked our key up, it counts us as a stranger
        taken, made, used = await asyncio.gather(readings("import"), readings("production"), readings("consumption"))
        both = filled(given, netted(made, used)), filled(taken, netted(used, made))
        asked = [self._side(community, one, step_s=step_s, steps=steps, now=now) for one in both]
        supply, demand = await asyncio.gather(*asked)
        if supply.found is None and demand.found is None:
            raise SeriesEmpty(
                "No house of this community has readings of what it feeds in or takes", community=community.id
            )
        return supply, demand

    async def _side(
        self, community: Community, readings: list[Readings], *, step_s: int, steps: int, now: datetime
    ) -> Side:
        """A side that never moves, as of a community without panels, stays at zero."""
        try:
            of_town: OfTown = await self._forecasts.of_readings(
                readings, zone=community.time_zone, steps=steps, start=ceiling(now, step_s)
            )
        except (SeriesAllZero, SeriesEmpty):
            return Side(np.zeros((steps, len(QUANTILES))), 0.0, {}, None)
        return Side(of_town.forecast.quantiles, *_past(of_town.town), of_town.forecast)

    async def _tariffs(self, number: int) -> Tariffs:
        missing = NoMarket(community=number)
        said = (await self._forecasts.houses.public("/api/market/rules", {"community": str(number)}, missing))["data"]
        return Tariffs(
            feed_in=_micro(said["feedInPricePerKwh"]),
            retail=_micro(said["retailPricePerKwh"]),
            community_fee=_micro(said["communityFeePerKwh"]),
            lowest=_micro(said["minPricePerKwh"]),
            highest=_micro(said["maxPricePerKwh"]),
        )

    async def _observed(self, number: int, now: datetime) -> dict[int, float]:
        """Average prices of the last days by the epoch second of their interval, micro-units per kWh."""
        found: dict[int, float] = {}
        asked = {
            "community": str(number),
            "from": (now - timedelta(days=OBSERVED_DAYS)).isoformat(),
            "to": now.isoformat(),
            "resolution": "interval",
            "limit": str(PAGE),
        }
        for page in range(1, MOST_PAGES + 1):
            try:
                said = await self._forecasts.houses.public("/api/market/prices", asked | {"page": str(page)}, _Absent())
            except (_Absent, BackendAway):  # they make an answer better, never impossible
                return found
            for one in said["data"]:
                start = int(datetime.fromisoformat(one["start"]).timestamp())
                found[start] = float(_micro(one["averagePerKwh"]))
            if page * PAGE >= int(said["meta"]["pagination"]["total"]):
                break
        return found

    async def _carbon(self, community: Community, now: datetime) -> Carbon | None:
        """The newest average factor of the region that is valid now; None where the chain knows none."""
        asked = {"region": community.region, "basis": "average", "limit": str(PAGE)}
        try:
            said = await self._forecasts.houses.public("/api/emission-factors", asked, _Absent())
        except _Absent:
            return None
        valid = [one for one in said["data"] if _covers(one, now)]
        if not valid:
            return None
        newest: Mapping[str, Any] = max(valid, key=lambda one: (one["validFrom"], one["factorId"]))
        grams = int(newest["mgPerKwh"]) / 1000
        return Carbon(grams, community.region, str(newest["source"]), str(newest["vintage"]))


def netted(left: list[Readings], right: list[Readings]) -> list[Readings]:
    """What `left` has more than `right`, house by house and step by step; unknown where either is."""
    beside = {one.house_id: one for one in right}
    return [
        Readings(one.house_id, one.start, one.step_s, np.maximum(one.kwh - beside[one.house_id].kwh, 0.0))
        for one in left
        if one.house_id in beside
    ]


def filled(measured: list[Readings], netted: list[Readings]) -> list[Readings]:
    """What was measured, house by house and step by step; where nothing was, what is netted."""
    known = {one.house_id: one for one in measured}
    beside = {one.house_id: one for one in netted}
    found = []
    for house, one in (beside | known).items():
        other = beside.get(house, one)
        found.append(Readings(house, one.start, one.step_s, np.where(np.isfinite(one.kwh), one.kwh, other.kwh)))
    return found


def _past(town: Town) -> tuple[float, dict[int, float]]:
    """The mean of the last weeks, and the last days by interval."""
    total = town.total
    recent = total.tail(USUAL_DAYS * total.per_day)
    times = recent.time_at(np.arange(len(recent)))
    known = np.isfinite(recent.values)
    pairs = zip(times[known].tolist(), recent.values[known].tolist(), strict=True)
    return float(np.nanmean(recent.values)), dict(pairs)


def _seen(observed: Mapping[int, float], supply: Side, demand: Side, tariffs: Tariffs) -> curve.Observed:
    times = [time for time in observed if time in supply.recent or time in demand.recent]
    sold = np.array([supply.recent.get(time, 0.0) for time in times])
    wanted = np.array([demand.recent.get(time, 0.0) for time in times])
    return curve.observed(np.array([observed[time] for time in times]), curve.price(sold, wanted, tariffs))


def _micro(text: str) -> int:
    whole, _, part = text.partition(".")
    return int(whole + part[:6].ljust(6, "0"))


def _covers(factor: Mapping[str, Any], now: datetime) -> bool:
    until = factor["validTo"]
    return datetime.fromisoformat(factor["validFrom"]) <= now and (until is None or now < datetime.fromisoformat(until))

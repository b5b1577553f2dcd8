# SPDX-License-Identifier: Apache-2.0
"""What an allocation depends on: readings, forecasts, critical loads and storages of a community, as stored inputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.market import sql
from backend.market.islands.records import critical_of
from backend.market.islands.types import Island, Source
from backend.sites import service as sites

HORIZON = 48
"""Intervals that one allocation looks at, the allocated one included: 12 hours of quarter hours."""
_DAY = timedelta(days=1)
_HOUSES = """
SELECT id, owner_id, meter FROM houses WHERE org_id = $1 AND deleted_at IS NULL ORDER BY id
"""
_CRITICAL = """
SELECT house_id, tier, power_w FROM critical_loads WHERE org_id = $1 AND removed_at IS NULL ORDER BY house_id, tier
"""
_STORAGES = """
SELECT id, user_id, capacity_wh, charge_w, discharge_w, reserve_wh, efficiency_ppm, state_wh FROM storages
WHERE org_id = $1 AND removed_at IS NULL ORDER BY id FOR UPDATE
"""
_FORECASTS = """
SELECT house_id, delivery_start, generation_wh, demand_wh FROM island_forecasts
WHERE org_id = $1 AND delivery_start >= $2 AND delivery_start < $3
"""


@dataclass(frozen=True, slots=True)
class _Figures:
    generation_wh: int
    demand_wh: int
    source: Source


_NOTHING = _Figures(0, 0, Source.UNKNOWN)


async def gather(session: AsyncSession, island: Island, start: datetime) -> dict[str, Any]:
    """Inputs of the allocation of the interval that begins at `start`; the storages stay locked."""
    length = timedelta(minutes=island.delivery_minutes)
    ahead = min(HORIZON, -((start - island.until) // length))
    starts = [start + number * length for number in range(max(1, ahead))]
    houses = await sql.fetch(session, _HOUSES, island.org_id)
    figures = await _figures(session, island, houses, starts)
    critical: dict[UUID, dict[int, int]] = {}
    for row in await sql.fetch(session, _CRITICAL, island.org_id):
        critical.setdefault(row["house_id"], {})[row["tier"]] = row["power_w"] * island.delivery_minutes // 60
    return {
        "deliveryStart": _text(start),
        "minutes": island.delivery_minutes,
        "turn": int(start.timestamp()) // int(length.total_seconds()),
        "starts": [_text(at) for at in starts],
        "houses": [_house(row, critical.get(row["id"], {}), figures[row["id"]]) for row in houses],
        "storages": [
            _storage(row, island.delivery_minutes) for row in await sql.fetch(session, _STORAGES, island.org_id)
        ],
    }


async def _figures(
    session: AsyncSession, island: Island, houses: Sequence[Any], starts: Sequence[datetime]
) -> dict[UUID, list[_Figures]]:
    """Per house and interval: measured, else declared, else measured in the same interval of the day before."""
    rows = await sql.fetch(
        session, _FORECASTS, island.org_id, starts[0], starts[-1] + timedelta(minutes=island.delivery_minutes)
    )
    declared = {
        (row["house_id"], row["delivery_start"]): _Figures(row["generation_wh"], row["demand_wh"], Source.DECLARED)
        for row in rows
    }
    meters = [row["meter"] for row in houses if row["meter"] is not None]
    asked = [at - back for at in starts for back in (timedelta(0), _DAY)]
    measured: dict[tuple[int, datetime], _Figures] = {}
    for first in range(0, len(meters), 250):
        some = meters[first : first + 250]
        pairs = [(meter, at) for meter in some for at in asked]
        readings = await sites.interval_readings(
            session, [meter for meter, _ in pairs], [at for _, at in pairs], island.delivery_minutes
        )
        measured |= {
            key: _Figures(reading.production_wh, reading.consumption_wh, Source.READING)
            for key, reading in readings.items()
            if reading.production_wh is not None and reading.consumption_wh is not None
        }
    return {row["id"]: [_choose(measured, declared, row["id"], row["meter"], at) for at in starts] for row in houses}


def _choose(
    measured: Mapping[tuple[int, datetime], _Figures],
    declared: Mapping[tuple[UUID, datetime], _Figures],
    house: UUID,
    meter: int | None,
    at: datetime,
) -> _Figures:
    now = measured.get((meter, at)) if meter is not None else None
    before = measured.get((meter, at - _DAY)) if meter is not None else None
    if before is not None:
        before = _Figures(before.generation_wh, before.demand_wh, Source.DAY_BEFORE)
    return now or declared.get((house, at)) or before or _NOTHING


def _house(row: Any, critical: Mapping[int, int], figures: Sequence[_Figures]) -> dict[str, Any]:
    least = sum(critical.values())
    return {
        "house": str(row["id"]),
        "owner": str(row["owner_id"]),
        "generationWh": [one.generation_wh for one in figures],
        "demandWh": [max(least, one.demand_wh) for one in figures],
        "sources": [one.source.value for one in figures],
        "criticalWh": critical_of(critical),
    }


def _storage(row: Any, minutes: int) -> dict[str, Any]:
    return {
        "storage": str(row["id"]),
        "owner": str(row["user_id"]) if row["user_id"] else None,
        "capacityWh": row["capacity_wh"],
        "chargeWh": row["charge_w"] * minutes // 60,
        "dischargeWh": row["discharge_w"] * minutes // 60,
        "reserveWh": row["reserve_wh"],
        "efficiencyPpm": row["efficiency_ppm"],
        "stateWh": row["state_wh"],
    }


def _text(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")

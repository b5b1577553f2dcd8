# SPDX-License-Identifier: Apache-2.0
"""What a single reading must satisfy before it is compared with what is stored. No database, no clock of its own."""

from datetime import UTC, datetime, timedelta

from backend.core.units import wh_to_kwh
from backend.sites.types import Draft, House, RowProblem

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
PRODUCTION_TOLERANCE_PERCENT = 25
"""Irradiance at cloud edges and generous ratings exceed the nameplate for minutes, never by more than this."""
MAX_CONNECTION_W = 10_000_000
"""No house draws from or feeds into the grid more than 10 MW."""

QUANTITIES = (
    ("productionKwh", "production_wh"),
    ("consumptionKwh", "consumption_wh"),
    ("exportKwh", "export_wh"),
    ("importKwh", "import_wh"),
)


def production_limit_wh(capacity_w: int, minutes: int) -> int:
    """The most that `capacity_w` can produce in `minutes`, tolerance included, rounded up to a whole Wh."""
    return -(-capacity_w * minutes * (100 + PRODUCTION_TOLERANCE_PERCENT) // 6_000)


def problem_of(draft: Draft, house: House, now: datetime) -> RowProblem | None:
    """The first reason why `draft` cannot be a reading of `house`, or None."""
    return _grid_problem(draft, house, now) or _energy_problem(draft, house)


def _grid_problem(draft: Draft, house: House, now: datetime) -> RowProblem | None:
    length = house.reading_minutes
    if draft.minutes is not None and draft.minutes != length:
        return refuse(
            draft.line,
            "minutes",
            draft.minutes,
            "reading.interval",
            f"send readings of {length} minutes for this house",
        )
    start = draft.start
    if start.microsecond or int(start.timestamp()) % (length * 60):
        message = f"start must lie on the UTC grid of {length} minutes"
        return refuse(draft.line, "start", start.isoformat(), "reading.off_grid", message)
    if start < EARLIEST:
        return refuse(draft.line, "start", start.isoformat(), "reading.too_old", "readings begin in the year 2000")
    if start + timedelta(minutes=length) > now:
        message = "the interval is not over yet; send it after its end"
        return refuse(draft.line, "start", start.isoformat(), "reading.future", message)
    return None


def _energy_problem(draft: Draft, house: House) -> RowProblem | None:
    if all(getattr(draft, name) is None for _, name in QUANTITIES):
        message = "send at least one of production, consumption, export, import"
        return refuse(draft.line, "productionKwh", "", "reading.empty", message)
    limit = production_limit_wh(house.capacity_w, house.reading_minutes)
    if draft.production_wh is not None and draft.production_wh > limit:
        message = (
            f"more than this house's capacity can produce ({wh_to_kwh(limit)} kWh); check the unit or the capacity"
        )
        return refuse(draft.line, "productionKwh", wh_to_kwh(draft.production_wh), "reading.above_capacity", message)
    most = MAX_CONNECTION_W * house.reading_minutes // 60
    for field, name in QUANTITIES:
        energy_wh = getattr(draft, name)
        if energy_wh is not None and not 0 <= energy_wh <= most:
            message = f"must lie between 0 and {wh_to_kwh(most)} kWh"
            return refuse(draft.line, field, wh_to_kwh(energy_wh), "reading.out_of_range", message)
    return None


def refuse(line: int, field: str, value: object, code: str, message: str) -> RowProblem:
    """A row's problem with its value shortened to 80 characters."""
    text = str(value)
    return RowProblem(line, field, text if len(text) <= 80 else text[:79] + "…", code, message)

# SPDX-License-Identifier: Apache-2.0
"""What readings said before, and for how long they are kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.db import Database
from backend.core.paging import counted
from backend.sites.types import Attestation

_BATCH = 10_000
_BATCHES = 100
_VALUES = (
    "production_wh, consumption_wh, export_wh, import_wh, temperature_c::text AS temperature_c, source, attestation,"
    " revision, recorded_at"
)
_CORRECTIONS = text(f"""
WITH wanted AS (
    SELECT * FROM energy_production_history WHERE house_id = :house_id
        AND (CAST(:since AS timestamptz) IS NULL OR start_at >= :since)
        AND (CAST(:until AS timestamptz) IS NULL OR start_at < :until)
), lives AS (
    SELECT start_at, minutes, replaced_at, replaced_by, {_VALUES} FROM wanted
    UNION ALL
    SELECT start_at, minutes, NULL, NULL, {_VALUES} FROM energy_production
    WHERE house_id = :house_id AND start_at IN (SELECT start_at FROM wanted)
), paired AS (
    SELECT *, to_jsonb(lives) AS before, lead(to_jsonb(lives)) OVER (
        PARTITION BY start_at ORDER BY replaced_at NULLS LAST, revision) AS after
    FROM lives
)
SELECT start_at, minutes, replaced_at, replaced_by, before, after, count(*) OVER () AS total
FROM paired WHERE replaced_at IS NOT NULL ORDER BY replaced_at DESC, start_at LIMIT :limit OFFSET :offset
""")  # noqa: S608 constants of this file
_FORGET = """
WITH old AS MATERIALIZED (
    SELECT e.house_id, e.start_at FROM houses AS h CROSS JOIN LATERAL (
        SELECT house_id, start_at FROM {table} WHERE house_id = h.id AND start_at < :before LIMIT :batch
    ) AS e LIMIT :batch
)
DELETE FROM {table} AS e USING old WHERE e.house_id = old.house_id AND e.start_at = old.start_at
"""
_FORGET_EACH = tuple(text(_FORGET.format(table=table)) for table in ("energy_production", "energy_production_history"))


@dataclass(frozen=True, slots=True)
class Said:
    """What a reading said; None is unknown."""

    production_wh: int | None
    consumption_wh: int | None
    export_wh: int | None
    import_wh: int | None
    temperature_c: Decimal | None
    source: str | None
    attestation: Attestation
    revision: int
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class ReadingCorrection:
    """A reading that was replaced. `after` is what replaced it; None once that was deleted. `replaced_by`: a user."""

    start: datetime
    minutes: int
    replaced_at: datetime
    replaced_by: UUID | None
    before: Said
    after: Said | None


async def corrections(
    session: AsyncSession,
    house_id: UUID,
    *,
    since: datetime | None,
    until: datetime | None,
    offset: int,
    limit: int,
) -> tuple[list[ReadingCorrection], int]:
    """A page of what readings of a house that start in `[since, until)` said before, the last replaced first; and how
    many there are. The house is one that the actor may see."""
    asked = {"house_id": house_id, "since": since, "until": until}

    async def read(most: int, after: int) -> Sequence[Any]:
        return (await session.execute(_CORRECTIONS, asked | {"limit": most, "offset": after})).mappings().all()

    rows, total = await counted(read, limit=limit, offset=offset)
    found = [
        ReadingCorrection(
            row["start_at"], row["minutes"], row["replaced_at"], row["replaced_by"], _said(row["before"]),
            _said(row["after"]) if row["after"] else None,
        )
        for row in rows
    ]  # fmt: skip
    return found, total


async def forget_readings(db: Database, before: datetime) -> int:
    """Delete readings, and what they said before, of intervals that began earlier; returns how many.

    `db` is gridx_service. Works in small transactions, at most a million rows of each kind a call.
    """
    gone = 0
    for statement in _FORGET_EACH:
        for _ in range(_BATCHES):
            async with db.begin() as session:
                result: Any = await session.execute(statement, {"before": before, "batch": _BATCH})
            gone += result.rowcount
            if result.rowcount < _BATCH:
                break
    return gone


def _said(values: dict[str, Any]) -> Said:
    degrees = values["temperature_c"]
    return Said(
        production_wh=values["production_wh"],
        consumption_wh=values["consumption_wh"],
        export_wh=values["export_wh"],
        import_wh=values["import_wh"],
        temperature_c=None if degrees is None else Decimal(degrees),
        source=values["source"],
        attestation=Attestation(values["attestation"]),
        revision=values["revision"],
        recorded_at=datetime.fromisoformat(values["recorded_at"]),
    )

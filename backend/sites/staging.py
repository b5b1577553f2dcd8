# SPDX-License-Identifier: Apache-2.0
"""How checked readings reach the table: COPY into a temporary table, compare, then INSERT … SELECT.

COPY FROM straight into `energy_production` is refused under row-level security. The temporary table lives as long as
its connection and is emptied at each commit, so one reading and a hundred thousand take the same way.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.db import raw
from backend.core.units import wh_to_kwh
from backend.sites.rules import QUANTITIES, refuse
from backend.sites.types import Attestation, Draft, House, RowProblem

ANALYSE_ABOVE = 5_000

# The number in the name counts up with the columns: a pooled connection may outlive a deployment.
_CREATE = """
CREATE TEMPORARY TABLE IF NOT EXISTS incoming_readings_1 (
    line integer, house_id uuid, start_at timestamptz, minutes smallint,
    production_wh bigint, consumption_wh bigint, export_wh bigint, import_wh bigint,
    temperature_c numeric(5, 2), source text, attestation text, rank smallint, signature bytea, revision integer,
    verdict text
) ON COMMIT DELETE ROWS
"""
_COLUMNS = (
    "line", "house_id", "start_at", "minutes", "production_wh", "consumption_wh", "export_wh", "import_wh",
    "temperature_c", "source", "attestation", "rank", "signature", "revision",
)  # fmt: skip

# What is stored already decides: no verdict is a new reading. $1: corrections were asked for.
_JUDGE = """
UPDATE pg_temp.incoming_readings_1 AS i
SET verdict = CASE
    WHEN same AND i.rank <= stored_rank THEN 'repeated'
    WHEN same THEN 'raised'
    WHEN NOT $1 THEN 'contradicts'
    WHEN i.rank = 0 THEN 'declared'
    WHEN i.rank = 2 AND stored_rank > 0 AND i.revision <= stored_revision THEN 'stale'
    ELSE 'corrected' END
FROM (
    SELECT n.line, e.revision AS stored_revision,
           CASE e.attestation WHEN 'device' THEN 2 WHEN 'operator' THEN 1 ELSE 0 END AS stored_rank,
           (n.production_wh, n.consumption_wh, n.export_wh, n.import_wh)
               IS NOT DISTINCT FROM (e.production_wh, e.consumption_wh, e.export_wh, e.import_wh)
           AND (n.temperature_c IS NULL OR n.temperature_c IS NOT DISTINCT FROM e.temperature_c) AS same
    FROM pg_temp.incoming_readings_1 AS n
    JOIN energy_production AS e ON e.house_id = n.house_id AND e.start_at = n.start_at
) AS j
WHERE j.line = i.line
"""
_INSERT = """
INSERT INTO energy_production (house_id, start_at, end_at, minutes, production_wh, consumption_wh, export_wh, import_wh,
    temperature_c, source, attestation, signature, revision, recorded_by, recorded_at)
SELECT house_id, start_at, start_at + minutes * interval '1 minute', minutes, production_wh, consumption_wh, export_wh,
    import_wh, temperature_c, source, attestation, signature, revision, $1, $2
FROM pg_temp.incoming_readings_1 WHERE verdict IS NULL
ORDER BY house_id, start_at
"""
_KEEP = """
INSERT INTO energy_production_history (house_id, start_at, minutes, production_wh, consumption_wh, export_wh, import_wh,
    temperature_c, source, attestation, signature, revision, recorded_by, recorded_at, replaced_by, replaced_at)
SELECT e.house_id, e.start_at, e.minutes, e.production_wh, e.consumption_wh, e.export_wh, e.import_wh,
    e.temperature_c, e.source, e.attestation, e.signature, e.revision, e.recorded_by, e.recorded_at, $1, $2
FROM pg_temp.incoming_readings_1 AS i
JOIN energy_production AS e ON e.house_id = i.house_id AND e.start_at = i.start_at
WHERE i.verdict IN ('raised', 'corrected')
"""
# A signed reading keeps the revision under its signature; an operator's correction counts up from what it replaces.
_REPLACE = """
UPDATE energy_production AS e
SET production_wh = i.production_wh, consumption_wh = i.consumption_wh, export_wh = i.export_wh,
    import_wh = i.import_wh, temperature_c = coalesce(i.temperature_c, e.temperature_c),
    source = coalesce(i.source, e.source), attestation = i.attestation, signature = i.signature,
    revision = CASE WHEN i.rank = 2 THEN i.revision ELSE e.revision + 1 END, recorded_by = $1, recorded_at = $2
FROM pg_temp.incoming_readings_1 AS i
WHERE i.verdict IN ('raised', 'corrected') AND e.house_id = i.house_id AND e.start_at = i.start_at
"""
_REFUSED = """
SELECT i.line, i.verdict, i.revision, i.production_wh, i.consumption_wh, i.export_wh, i.import_wh, i.temperature_c,
    e.production_wh AS had_production_wh, e.consumption_wh AS had_consumption_wh, e.export_wh AS had_export_wh,
    e.import_wh AS had_import_wh, e.temperature_c AS had_temperature_c, e.revision AS had_revision, e.attestation
FROM pg_temp.incoming_readings_1 AS i
JOIN energy_production AS e ON e.house_id = i.house_id AND e.start_at = i.start_at
WHERE i.verdict IN ('contradicts', 'declared', 'stale')
ORDER BY i.line
"""
_COUNTS = "SELECT verdict, count(*) AS rows FROM pg_temp.incoming_readings_1 GROUP BY verdict"
_CHANGED = """
SELECT house_id, min(start_at) AS start, max(start_at + minutes * interval '1 minute') AS end,
    bool_or(verdict IS NOT DISTINCT FROM 'corrected') AS corrected
FROM pg_temp.incoming_readings_1 WHERE verdict IS NULL OR verdict IN ('raised', 'corrected')
GROUP BY house_id ORDER BY house_id
"""


class Checked(NamedTuple):
    """A reading that satisfies every rule of its own."""

    draft: Draft
    house: House
    attestation: Attestation


class Change(NamedTuple):
    """The range `[start, end)` in which a house's readings changed."""

    house_id: UUID
    start: datetime
    end: datetime
    corrected: bool


class Written(NamedTuple):
    """What the table made of the rows."""

    recorded: int
    repeated: int
    raised: int
    corrected: int
    problems: list[RowProblem]
    changes: list[Change]


async def write(
    session: AsyncSession, checked: Sequence[Checked], *, correct: bool, recorded_by: UUID | None, now: datetime
) -> Written:
    """Record new readings, replace what may be replaced, refuse the rest.

    The caller holds the houses' row locks, so nobody else writes readings of them meanwhile, and has run a statement in
    this transaction before. Every (house, start) occurs once in `checked`.
    """
    connection = await raw(session)
    await connection.execute(_CREATE)
    await connection.copy_records_to_table(
        "incoming_readings_1", schema_name="pg_temp", columns=_COLUMNS, records=[_record(row) for row in checked]
    )
    if len(checked) > ANALYSE_ABOVE:
        await connection.execute("ANALYZE pg_temp.incoming_readings_1")
    await connection.execute(_JUDGE, correct)
    counts = {row["verdict"]: row["rows"] for row in await connection.fetch(_COUNTS)}
    if counts.get(None):
        await connection.execute(_INSERT, recorded_by, now)
    refused = []
    if counts.keys() & {"contradicts", "declared", "stale"}:
        refused = [_problem(row) for row in await connection.fetch(_REFUSED)]
    if counts.keys() & {"raised", "corrected"}:
        await connection.execute(_KEEP, recorded_by, now)
        await connection.execute(_REPLACE, recorded_by, now)
    changes = [Change(*row) for row in await connection.fetch(_CHANGED)]
    return Written(
        recorded=counts.get(None, 0),
        repeated=counts.get("repeated", 0),
        raised=counts.get("raised", 0),
        corrected=counts.get("corrected", 0),
        problems=refused,
        changes=changes,
    )


def _record(row: Checked) -> tuple[object, ...]:
    draft, house, attestation = row
    return (
        draft.line, house.id, draft.start, house.reading_minutes, draft.production_wh, draft.consumption_wh,
        draft.export_wh, draft.import_wh, draft.temperature_c, draft.source, attestation.value, attestation.rank,
        draft.signature, draft.revision,
    )  # fmt: skip


def _problem(row: asyncpg.Record) -> RowProblem:
    if row["verdict"] == "declared":
        message = "a declared reading corrects nothing; let the meter sign it, or ask the operator"
        return refuse(row["line"], "attestation", "declared", "reading.cannot_correct", message)
    if row["verdict"] == "stale":
        message = f"sign the correction with a revision above {row['had_revision']}"
        return refuse(row["line"], "revision", row["revision"], "reading.stale_revision", message)
    return contradiction(
        row["line"],
        sent={name: row[name] for _, name in QUANTITIES} | {"temperature_c": row["temperature_c"]},
        known={name: row[f"had_{name}"] for _, name in QUANTITIES} | {"temperature_c": row["had_temperature_c"]},
        source=f"recorded as {row['attestation']}",
        remedy="; send correct=true if the new value is right",
    )


def contradiction(
    line: int, *, sent: dict[str, object], known: dict[str, object], source: str, remedy: str = ""
) -> RowProblem:
    """A row that says something else than `known` does; names the first quantity that differs and both values."""
    for field, name in (*QUANTITIES, ("temperatureC", "temperature_c")):
        if sent[name] != known[name]:
            message = f"{source}: {_shown(name, known[name])}{remedy}"
            return refuse(line, field, _shown(name, sent[name]), "reading.contradicts", message)
    raise AssertionError("a contradiction differs somewhere")


def _shown(name: str, value: object) -> str:
    if value is None:
        return "unknown"
    return f"{wh_to_kwh(value)} kWh" if isinstance(value, int) else f"{value} °C"

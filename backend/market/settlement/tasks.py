# SPDX-License-Identifier: Apache-2.0
"""Celery edge of settlement: readings that change what was settled. May be repeated."""

from datetime import datetime

import orjson
from celery import shared_task

from backend.core.clock import utc_now
from backend.core.db import Database
from backend.core.tasks import PATIENT, run
from backend.market.settlement.settling import readings_changed


async def on_readings_recorded(db: Database, payload: str, now: datetime) -> int:
    """Mark the settled intervals that readings fall into; returns how many.

    `payload` is the JSON text of sites.readings_recorded.v1.
    """
    recorded = orjson.loads(payload)
    start, end = datetime.fromisoformat(recorded["start"]), datetime.fromisoformat(recorded["end"])
    return await readings_changed(db, recorded["meters"], start=start, end=end, now=now)


@shared_task(name="market.readings_changed", **PATIENT)  # type: ignore[untyped-decorator]
def readings_changed_task(payload: str) -> None:
    """Celery edge of `on_readings_recorded`."""
    run(lambda db, settings: on_readings_recorded(db, payload, utc_now()))

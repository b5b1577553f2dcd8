# SPDX-License-Identifier: Apache-2.0
"""Readings of all houses that the forecasting service may see, asked of the backend with its own key."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import httpx
import numpy as np
import structlog

from ai_service.errors import TooMany
from ai_service.forecasting.types import Series, regular
from ai_service.houses import BackendAway, Houses, Quantity, Readings, ReadingsClosed

log = structlog.get_logger()

TIMEOUT_S = 30.0
PAGE = 100
MOST_PAGES = 1_000
PATIENCE = 20  # rate limits that one question waits out


async def houses_of(
    backend: httpx.AsyncClient, *, service_key: str, quantity: Quantity, step_s: int, days: int, now: datetime
) -> dict[str, Series]:
    """Series by house id, the newest `days`; times in the zone of each house's community. Raises BackendAway.

    A community that ended the membership meanwhile is left out.
    """
    houses = Houses(backend, service_key=service_key)
    until = datetime.fromtimestamp(int(now.timestamp()) // step_s * step_s, now.tzinfo)
    since = until - timedelta(days=days)
    found: dict[str, Series] = {}
    for community in await _communities(backend, service_key):
        try:
            readings = await _patiently(houses, community["id"], quantity, since=since, until=until, step_s=step_s)
        except ReadingsClosed:
            log.info("training.readings_closed", community=community["id"])
            continue
        for one in readings:
            seen = np.flatnonzero(np.isfinite(one.kwh))
            if len(seen):
                whole = regular(one.start, one.step_s, one.kwh, zone=community["timeZone"])
                last = int(seen[-1]) + 1
                found[one.house_id] = whole.head(last).tail(last - int(seen[0]))
    return found


async def _patiently(
    houses: Houses, org_id: str, quantity: Quantity, *, since: datetime, until: datetime, step_s: int
) -> list[Readings]:
    """Readings of a community; a rate limit is waited out, PATIENCE times."""
    for _ in range(PATIENCE):
        try:
            return await houses.readings(org_id, quantity, since=since, until=until, step_s=step_s)
        except TooMany as limited:
            await asyncio.sleep(limited.retry_after_s)
    raise BackendAway("The backend's rate limit leaves no room for training", community=org_id)


async def _communities(backend: httpx.AsyncClient, service_key: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    headers = {"Authorization": f"Bearer {service_key}"}
    for number in range(1, MOST_PAGES + 1):
        params = {"page": str(number), "limit": str(PAGE)}
        try:
            answer = await backend.get("/api/organizations", params=params, headers=headers)
            answer.raise_for_status()
            said = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise BackendAway(asked="/api/organizations") from error
        found += [one for one in said["data"] if one["kind"] == "community"]
        if number * PAGE >= int(said["meta"]["pagination"]["total"]):
            break
    return found

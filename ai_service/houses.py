# SPDX-License-Identifier: Apache-2.0
"""Houses, communities and their readings, asked of the backend over HTTP.

Whether a caller may see a house or a community is asked with the caller's own credential (an answer counts for 60 s);
readings are then read with this service's own key, as the member `forecaster` of the community. Row-level security of
the backend decides both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any, Literal

import httpx
import numpy as np

from ai_service.errors import Forbidden, NotFound, Refusal, TooMany, Unauthenticated, Unavailable
from ai_service.forecasting.types import Floats
from ai_service.identity import Asker, ScopeMissing

Quantity = Literal["consumption", "production", "import", "export"]
SEEN_S = 60.0
REMEMBERED = 20_000
PAGE = 100
TIMEOUT_S = 2.0
READINGS_TIMEOUT_S = 10.0  # of a page of a large community; who asked may have left, the answer is kept
MOST_PAGES = 100
AT_ONCE = 4
RESOLUTIONS = {900: "15m", 1800: "30m", 3600: "1h"}
VALUES_A_PAGE = 200_000


class HouseUnknown(NotFound):
    """There is no such house, or the caller may not see it."""

    code = "forecast.house_unknown"
    title = "There is no such house among those that you may see"


class CommunityUnknown(NotFound):
    """There is no such community, or the caller does not belong to it."""

    code = "forecast.community_unknown"
    title = "There is no such community among those that you belong to"


class ReadingsClosed(Forbidden):
    """The community ended the membership of the forecasting service."""

    code = "forecast.readings_closed"
    title = "This community does not let the forecasting service read; an operator can invite it again"


class BackendAway(Unavailable):
    """The backend, which holds houses and readings, does not answer."""

    code = "forecast.backend_away"
    title = "Houses and readings cannot be asked at the moment; try again"


@dataclass(frozen=True, slots=True)
class House:
    """A house as the backend tells of it."""

    id: str
    org_id: str
    capacity_kw: float
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Community:
    """A community as the backend tells of it; `number` is the one on chain."""

    id: str
    name: str
    number: int | None
    region: str
    currency: str
    time_zone: str
    delivery_minutes: int


@dataclass(frozen=True, slots=True)
class Readings:
    """Energy of a house in kWh, a value for each step from the range's start on; NaN is unknown."""

    house_id: str
    start: datetime
    step_s: int
    kwh: Floats


class Houses:
    """Asks the backend; holds what callers may see for a minute."""

    def __init__(self, http: httpx.AsyncClient, *, service_key: str | None) -> None:
        self._http = http
        self._own = {"Authorization": f"Bearer {service_key}"} if service_key else None
        self._seen: dict[tuple[str, str], tuple[float, Any]] = {}

    async def house(self, house_id: str, asker: Asker) -> House:
        """A house that the asker may see. Raises HouseUnknown, BackendAway, Unauthenticated, ScopeMissing, TooMany."""
        said = await self._shown(f"/api/houses/{house_id}", asker, HouseUnknown(house_id=house_id))
        return House(
            id=str(said["id"]),
            org_id=str(said["orgId"]),
            capacity_kw=float(said["capacityKw"]),
            latitude=float(said["latitude"]),
            longitude=float(said["longitude"]),
        )

    async def community(self, org_id: str, asker: Asker) -> Community:
        """A community that the asker belongs to. Raises CommunityUnknown, and what `house` raises."""
        unknown = CommunityUnknown(community_id=org_id)
        said = await self._shown(f"/api/organizations/{org_id}", asker, unknown)
        if said["kind"] != "community":
            raise unknown
        return _community(said)

    async def own_community(self, org_id: str) -> Community:
        """A community as this service sees it. Raises ReadingsClosed, BackendAway."""
        key = ("own", org_id)
        said = self._held(key)
        if said is None:
            found = await self._get(f"/api/organizations/{org_id}", self._own_headers(), {}, ReadingsClosed())
            said = self._hold(key, found["data"])
        return _community(said)

    async def readings(
        self,
        org_id: str,
        quantity: Quantity,
        *,
        since: datetime,
        until: datetime,
        step_s: int,
        house_id: str | None = None,
    ) -> list[Readings]:
        """Readings of one house or of all houses of a community. Raises ReadingsClosed, BackendAway."""
        headers = self._own_headers() | {"X-Org-Id": org_id}
        asked = {
            "from": since.isoformat(),
            "to": until.isoformat(),
            "quantity": quantity,
            "resolution": RESOLUTIONS[step_s],
        }
        if house_id is not None:
            asked["houseId"] = house_id
        steps = max(1, int((until - since).total_seconds()) // step_s)
        limit = max(1, min(PAGE, VALUES_A_PAGE // steps))

        async def page(number: int) -> dict[str, Any]:
            params = asked | {"page": str(number), "limit": str(limit)}
            closed = ReadingsClosed(community_id=org_id)
            path = "/api/energy-production/series"
            return await self._get(path, headers, params, closed, timeout_s=READINGS_TIMEOUT_S)

        first = await page(1)
        pages = min(-(-int(first["meta"]["pagination"]["total"]) // limit), MOST_PAGES)
        slots = asyncio.Semaphore(AT_ONCE)

        async def later(number: int) -> dict[str, Any]:
            async with slots:
                return await page(number)

        rest = await asyncio.gather(*(later(number) for number in range(2, pages + 1)))
        return [_readings(one) for answer in (first, *rest) for one in answer["data"]]

    async def seen_houses(self, org_id: str, asker: Asker) -> frozenset[str]:
        """Ids of the houses of a community that the asker may see. Raises what `house` raises."""
        key = (asker.mark, f"houses of {org_id}")
        held: frozenset[str] | None = self._held(key)
        if held is not None:
            return held
        found: set[str] = set()
        headers = dict(asker.headers) | {"x-org-id": org_id}
        for number in range(1, MOST_PAGES + 1):
            params = {"page": str(number), "limit": str(PAGE)}
            said = await self._get("/api/houses", headers, params, CommunityUnknown(community_id=org_id))
            found |= {str(one["id"]) for one in said["data"]}
            if number * PAGE >= int(said["meta"]["pagination"]["total"]):
                break
        seen: frozenset[str] = self._hold(key, frozenset(found))
        return seen

    async def public(self, path: str, params: Mapping[str, str], missing: Refusal) -> Any:
        """What the backend tells everybody, asked by this service's key, which no limit of strangers counts.

        Raises `missing`, BackendAway.
        """
        return await self._get(path, self._own or {}, params, missing)

    # -- inside ------------------------------------------------------------------------------------------------------

    async def _shown(self, path: str, asker: Asker, missing: NotFound) -> Any:
        key = (asker.mark, path)
        held = self._held(key)
        if held is None:
            held = self._hold(key, (await self._get(path, asker.headers, {}, missing))["data"])
        return held

    def _held(self, key: tuple[str, str]) -> Any:
        held = self._seen.get(key)
        return held[1] if held is not None and monotonic() < held[0] else None

    def _hold(self, key: tuple[str, str], value: Any) -> Any:
        if len(self._seen) >= REMEMBERED:
            self._seen.clear()
        self._seen[key] = (monotonic() + SEEN_S, value)
        return value

    def _own_headers(self) -> dict[str, str]:
        if self._own is None:
            raise BackendAway("This service has no key of its own to read with", setting="GRIDX_AI_SERVICE_KEY")
        return dict(self._own)

    async def _get(
        self,
        path: str,
        headers: Mapping[str, str],
        params: Mapping[str, str],
        missing: Refusal,
        *,
        timeout_s: float = TIMEOUT_S,
    ) -> dict[str, Any]:
        given = httpx.Headers(dict(headers), encoding="latin-1")  # as they came
        try:
            answer = await self._http.get(path, params=dict(params), headers=given, timeout=timeout_s)
        except httpx.HTTPError as error:
            raise BackendAway(asked=path.rsplit("/", 1)[0]) from error
        if answer.status_code == 200:
            try:
                said = answer.json()
                if isinstance(said["data"], dict | list):
                    return dict(said)
            except (ValueError, KeyError, TypeError) as error:
                raise BackendAway("The backend answered with something else") from error
        # what this service's own key may not do is not the caller's fault
        if self._own is not None and answer.status_code in (401, 403) and self._own.items() <= headers.items():
            raise BackendAway("The key of this service is not accepted", setting="GRIDX_AI_SERVICE_KEY")
        _refuse(answer, missing)
        raise BackendAway(status=answer.status_code)


def _refuse(answer: httpx.Response, missing: Refusal) -> None:
    """Raise what fits a refusal of the backend."""
    if answer.status_code in (400, 404, 422):
        raise missing
    if answer.status_code == 401:
        raise Unauthenticated
    if answer.status_code == 403:
        try:
            needed = answer.json()["error"]["details"].get("needed", [])
        except (ValueError, KeyError, TypeError, AttributeError):
            needed = []
        raise ScopeMissing(needed=needed)
    if answer.status_code == 429:
        waiting = answer.headers.get("retry-after", "")
        raise TooMany(retry_after_s=int(waiting) if waiting.isdigit() else 1)


def _community(said: Mapping[str, Any]) -> Community:
    number = said.get("communityNumber")
    return Community(
        id=str(said["id"]),
        name=str(said["name"]),
        number=None if number is None else int(number),
        region=str(said["emissionRegion"]),
        currency=str(said["currency"]),
        time_zone=str(said["timeZone"]),
        delivery_minutes=int(said["deliveryMinutes"]),
    )


def _readings(said: Mapping[str, Any]) -> Readings:
    values = [np.nan if one is None else float(one) for one in said["energyKwh"]]
    return Readings(
        house_id=str(said["houseId"]),
        start=datetime.fromisoformat(said["start"]),
        step_s=int(said["stepMinutes"]) * 60,
        kwh=np.array(values, dtype=np.float64),
    )

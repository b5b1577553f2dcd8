# SPDX-License-Identifier: Apache-2.0
"""The people of the sequences: users, wallets, meters, houses; their tokens; what they say to the api.

Accounts 1 to 4 belong to the persons 1 to 4 and own meters 101 to 104. Account 5 (meter 105) is person 1's second
wallet. Account 6 (meter 106) is nobody's. Account 7 has no meter. Account 8 (meter 108) was person 3's and becomes
person 4's at `handover`, a time of the chain. Account 60 settles what the book has matched, and signs nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import text

from backend.accounts.tokens import TokenSigner
from backend.core.clock import utc_now
from backend.core.db import Database
from backend.core.ids import uuid7
from tests.backend.audit.stage import COMMUNITY, Stage

SIGNING_SEED = b"s" * 32
PERSONS = (1, 2, 3, 4)
OWNER_OF = {1: 1, 2: 2, 3: 3, 4: 4, 5: 1}
METERED = (1, 2, 3, 4, 5, 6, 8)
HANDED_OVER = 8
HANDOVER_AFTER_S = 60
RELAYER = 60
ACCOUNTS = 61
CAPACITY_W = 20_000_000
MARKET = """
INSERT INTO community_markets (org_id, community, gate_closure_s, community_fee_micro_per_kwh, grid_fee_micro_per_kwh,
    retail_price_micro_per_kwh, feed_in_price_micro_per_kwh, updated_at)
VALUES (:org, :number, -3600, 2_001, '{"north": 5000, "south": 3000}', 350_000, 80_000, now())
"""  # gates close an hour after delivery starts, so that orders meet in intervals that are over and can be settled


@dataclass
class Town:
    """Ids by person; `handover` in seconds since 1970."""

    people: dict[int, UUID]
    houses: dict[int, UUID]
    handover: int

    def owner(self, account: int, at: int) -> int | None:
        """The person whose wallet an account is at a time of the chain."""
        if account == HANDED_OVER:
            return 3 if at < self.handover else 4
        return OWNER_OF.get(account)


async def settle_in(db: Database, stage: Stage) -> Town:
    """Store the people and their market, enrol the meters that the stage has not enrolled, let account 60 settle."""
    functions = stage.contract.functions
    stage.send(0, functions.grantRole(functions.SETTLER_ROLE().call(), stage.anvil.accounts[RELAYER].address))
    for number in (5, 6, HANDED_OVER):
        owner = stage.anvil.accounts[number].address
        stage.send(0, stage.contract.functions.enrolMeter(100 + number, owner, COMMUNITY, "0x" + "00" * 20))
    handover = int(stage.web3.eth.get_block("latest")["timestamp"]) + HANDOVER_AFTER_S
    town = Town({number: uuid7() for number in PERSONS}, {number: uuid7() for number in (*PERSONS, 5)}, handover)
    async with db.begin() as session:
        org_id = uuid7()
        await session.execute(
            text("""INSERT INTO organizations (id, kind, name, slug, emission_region, time_zone, delivery_minutes,
                        community_number, created_at, updated_at)
                    VALUES (:id, 'community', 'Fontana', 'fontana', 'CAMX', 'America/Los_Angeles', 15, :number,
                        now(), now())"""),
            {"id": org_id, "number": COMMUNITY},
        )
        await session.execute(text(MARKET), {"org": org_id, "number": COMMUNITY})
        for number, user in town.people.items():
            await session.execute(
                text("INSERT INTO users (id, name, created_at) VALUES (:id, :name, now())"),
                {"id": user, "name": f"person {number}"},
            )
        await _wallets(session, stage, town)
        for number, house in town.houses.items():
            await session.execute(
                text("""INSERT INTO houses (id, owner_id, org_id, name, meter, capacity_w, latitude, longitude,
                            reading_minutes, zone, created_at, updated_at)
                        VALUES (:id, :owner, :org, 'home', :meter, :w, 34.1, -117.4, 15, :zone, now(), now())"""),
                {
                    "id": house, "owner": town.people[OWNER_OF[number]], "org": org_id, "meter": 100 + number,
                    "w": CAPACITY_W, "zone": "north" if number % 2 else "south",
                },
            )  # fmt: skip
    return town


async def _wallets(session: Any, stage: Stage, town: Town) -> None:
    turn = datetime.fromtimestamp(town.handover, UTC)
    ever = datetime(1970, 1, 1, tzinfo=UTC)
    held = [(account, person, ever, None) for account, person in OWNER_OF.items()]
    held += [(HANDED_OVER, 3, ever, turn), (HANDED_OVER, 4, turn, None)]
    for account, person, since, until in held:
        await session.execute(
            text("INSERT INTO wallets (id, address, user_id, valid_from, valid_to) VALUES (:id, :a, :u, :since, :to)"),
            {"id": uuid7(), "a": stage.address(account), "u": town.people[person], "since": since, "to": until},
        )


_A_MOMENT = f"community={COMMUNITY}&from=2026-01-01T00:00:00Z&to=2026-01-01T01:00:00Z"


class Api:
    """What people say to the api over HTTP. An answer of None: nobody answered."""

    def __init__(self, url: str, town: Town) -> None:
        self.town = town
        self._signer = TokenSigner(SIGNING_SEED, issuer=url, lifetime=timedelta(hours=1))
        self._http = httpx.AsyncClient(base_url=url, timeout=20)

    async def ask(self, method: str, path: str, person: int | None = None, **values: Any) -> httpx.Response | None:
        """One request of a person (None: of a stranger without a token)."""
        headers = {}
        if person is not None:
            user = self.town.people[person]
            token, _ = self._signer.issue(user_id=user, session_id=uuid7(), now=utc_now())
            headers["Authorization"] = f"Bearer {token}"
        try:
            return await self._http.request(method, path, headers=headers, **values)
        except httpx.HTTPError:
            return None

    async def is_well(self) -> bool:
        """Whether the api answers and knows its chain."""
        answer = await self.ask("GET", f"/api/market/auctions?{_A_MOMENT}")
        return answer is not None and answer.status_code == 200

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

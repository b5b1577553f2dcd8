# SPDX-License-Identifier: Apache-2.0
"""Rules of communities' markets: read by everybody, set by their operators, the defaults where nothing was set."""

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts import service as accounts
from backend.core.db import Actor, Database, raw
from backend.market.clearing.types import Rule
from backend.market.orders.errors import CommunityNotFound, RulesRefused
from backend.market.orders.types import MarketRules
from backend.market.sql import fetch

COLUMNS = tuple(
    item.name for item in fields(MarketRules) if item.name not in ("org_id", "community", "delivery_minutes")
)
_READ = f"""
SELECT o.id AS org_id, o.community_number AS community, o.delivery_minutes, {", ".join("m." + name for name in COLUMNS)}
FROM organizations o LEFT JOIN community_markets m ON m.org_id = o.id
WHERE o.kind = 'community' AND o.active AND o.community_number IS NOT NULL AND {{}}
"""  # noqa: S608  # the names are the dataclass's
_LOCK = "SELECT id FROM organizations WHERE id = $1 FOR UPDATE"
_WRITE = f"""
INSERT INTO community_markets (org_id, community, {", ".join(COLUMNS)})
VALUES ($1, $2, {", ".join(f"${number}" for number in range(3, 3 + len(COLUMNS)))})
ON CONFLICT (org_id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in COLUMNS)}
"""  # noqa: S608


async def rules_of(session: AsyncSession, communities: Iterable[int]) -> dict[int, MarketRules]:
    """Rules of the active communities among these numbers, in one query; the defaults where none were set.

    `session` works as gridx_service: organisations are under row security.
    """
    rows = await fetch(session, _READ.format("o.community_number = ANY($1::bigint[])"), sorted(set(communities)))
    return {row["community"]: read_row(row) for row in rows}


async def get_rules(service_db: Database, community: int) -> MarketRules:
    """Rules of one community. Raises CommunityNotFound."""
    async with service_db.begin() as session:
        found = await rules_of(session, [community])
    if community not in found:
        raise CommunityNotFound(community=community)
    return found[community]


async def put_rules(
    service_db: Database, changes: Mapping[str, Any], *, actor: Actor, now: datetime
) -> tuple[MarketRules, dict[str, Any]]:
    """Set what `changes` name in the market of the acting organisation; returns the rules and what has changed.

    The caller has made sure that the actor operates it. Books that exist keep the rule, fees and gate they were made
    with. Raises CommunityNotFound for an organisation without a number on chain, RulesRefused.
    """
    async with service_db.begin() as session:
        await fetch(session, _LOCK, actor.org_id)
        rows = await fetch(session, _READ.format("o.id = $1"), actor.org_id)
        if not rows:
            raise CommunityNotFound(org_id=actor.org_id)
        before = read_row(rows[0])
        after = replace(before, **changes)
        changed = {name: value for name, value in changes.items() if getattr(before, name) != value}
        if after.min_price_micro_per_kwh > after.max_price_micro_per_kwh:
            raise RulesRefused("The lowest price is above the highest")
        if after.gate_closure_s >= after.gate_opening_s:
            raise RulesRefused("The gate would close before it opens")
        if changed:
            after = replace(after, updated_at=now)
            await _store(session, after, actor, changed, now)
    return after, changed


async def _store(
    session: AsyncSession, rules: MarketRules, actor: Actor, changed: Mapping[str, Any], now: datetime
) -> None:
    values = [getattr(rules, name) for name in COLUMNS]
    values[COLUMNS.index("grid_fee_micro_per_kwh")] = orjson.dumps(dict(rules.grid_fee_micro_per_kwh)).decode()
    await (await raw(session)).execute(_WRITE, rules.org_id, rules.community, *values)
    await accounts.record(
        session,
        "market.rules_changed",
        now=now,
        user_id=actor.user_id,
        org_id=rules.org_id,
        subject=("community_market", rules.org_id),
        **changed,
    )


def read_row(row: Any) -> MarketRules:
    """Rules from a row that has the organisation's columns and those of its market, null where it has none."""
    known: dict[str, Any] = {name: row[name] for name in ("org_id", "community", "delivery_minutes")}
    if row["rule"] is not None:
        known |= {name: row[name] for name in COLUMNS}
        known["rule"] = Rule(known["rule"])
        fees = known["grid_fee_micro_per_kwh"]  # text from `Database.read`; connections of transactions decode jsonb
        known["grid_fee_micro_per_kwh"] = orjson.loads(fees) if isinstance(fees, str) else dict(fees)
    return MarketRules(org_id=UUID(str(known.pop("org_id"))), **known)

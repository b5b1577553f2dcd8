# SPDX-License-Identifier: Apache-2.0
"""South as an island, for the tests of tenancy: everything of it must stay hidden from North."""

import re
from collections.abc import Mapping
from uuid import uuid4

from sqlalchemy import text

from backend.core.db import Database

_ISLAND = (
    """INSERT INTO islands (id, chain, org_id, community, delivery_minutes, reason, starts_at, ends_at,
        price_cap_micro_per_kwh, declared_by, declared_at, signer, body, body_hash, signature, intents, head)
    SELECT :south_island, max(id), :south_org, 2, 15, 'South island', '2029-12-31T00:00:00Z', '2030-01-02T00:00:00Z',
        9, :south_operator, now(), decode(repeat('08', 20), 'hex'), '{"reason": "South island"}',
        decode(repeat('09', 32), 'hex'), '\\x01', 1, decode(repeat('0a', 32), 'hex') FROM chains""",
    """INSERT INTO critical_loads (id, org_id, house_id, user_id, tier, power_w, note, created_at, updated_at)
    VALUES (:south_load, :south_org, :south_house, :south_owner, 1, 500, 'South island', now(), now())""",
    """INSERT INTO storages (id, org_id, house_id, user_id, name, capacity_wh, charge_w, discharge_w, reserve_wh,
        efficiency_ppm, state_wh, state_at, created_at, updated_at)
    VALUES (:south_storage, :south_org, :south_house, :south_owner, 'South island', 9, 9, 9, 0, 900000, 0, now(), now(),
        now())""",
    """INSERT INTO storage_states (org_id, storage_id, delivery_start, user_id, island_id, before_wh, charged_wh,
        discharged_wh, state_wh)
    VALUES (:south_org, :south_storage, '2030-01-01T00:00:00Z', :south_owner, :south_island, 0, 0, 0, 0)""",
    """INSERT INTO island_forecasts (org_id, house_id, delivery_start, user_id, generation_wh, demand_wh, declared_by,
        declared_at)
    VALUES (:south_org, :south_house, '2030-01-01T00:00:00Z', :south_owner, 1, 1, :south_owner, now())""",
    """INSERT INTO island_runs (id, org_id, island_id, delivery_start, inputs, result, certificate, allocated_at)
    VALUES (gen_random_uuid(), :south_org, :south_island, '2030-01-01T00:00:00Z', '{}', '{}', '[]', now())""",
    """INSERT INTO island_allocations (org_id, island_id, delivery_start, house_id, user_id, generation_wh, critical_wh,
        demand_wh, critical_share_wh, share_wh, source, why)
    VALUES (:south_org, :south_island, '2030-01-01T00:00:00Z', :south_house, :south_owner, 1, 0, 1, 0, 1, 'declared',
        'South island')""",
    """INSERT INTO island_intents (org_id, island_id, sequence, match_id, settlement_nonce, content, previous_hash,
        hash, chain_away, queued_at)
    VALUES (:south_org, :south_island, 1, :south_match, 1, '{"match": "South island"}', decode(repeat('00', 32), 'hex'),
        decode(repeat('0a', 32), 'hex'), true, now())""",
)


async def make_island(service_db: Database, known: Mapping[str, str]) -> dict[str, str]:
    """Rows in every table of disaster mode; the ids that cases name. `known` are those of the world so far."""
    ids = {name: str(uuid4()) for name in ("south_island", "south_load", "south_storage")}
    named = {**known, **ids}
    async with service_db.begin() as session:
        for statement in _ISLAND:
            names = re.findall(r"(?<!:):([a-z]\w*)", statement)
            await session.execute(text(statement), {name: named[name] for name in names})
    return ids

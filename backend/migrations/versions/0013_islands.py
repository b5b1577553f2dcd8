# SPDX-License-Identifier: Apache-2.0
"""Disaster mode: islands, critical loads, storage, forecasts, allocations with their inputs, queued intents."""

from backend.migrations.sql import run

revision = "0013"
down_revision = "0012"

ME = "(SELECT nullif(current_setting('gridx.user_id', true), '')::uuid)"
ORG = "(SELECT nullif(current_setting('gridx.org_id', true), '')::uuid)"
OPERATES = f"(org_id = {ORG} AND (SELECT current_setting('gridx.org_role', true)) = 'operator')"
MINE = f"user_id = {ME} OR {OPERATES}"
SEES = {
    "islands": f"org_id = {ORG}",
    "critical_loads": MINE,
    "storages": f"{MINE} OR (user_id IS NULL AND org_id = {ORG})",
    "storage_states": f"{MINE} OR (user_id IS NULL AND org_id = {ORG})",
    "island_forecasts": MINE,
    "island_runs": OPERATES,
    "island_allocations": MINE,
    "island_intents": f"org_id = {ORG}",
}

ISLANDS = """
CREATE TABLE islands (
    id uuid PRIMARY KEY,
    chain smallint NOT NULL REFERENCES chains (id),
    org_id uuid NOT NULL REFERENCES organizations,
    community bigint NOT NULL CHECK (community BETWEEN 1 AND 4294967295),
    delivery_minutes smallint NOT NULL CHECK (delivery_minutes IN (15, 30, 60)),
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 280),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    price_cap_micro_per_kwh bigint NOT NULL CHECK (price_cap_micro_per_kwh BETWEEN 1 AND 1099511627775),
    declared_by uuid NOT NULL REFERENCES users,
    declared_at timestamptz NOT NULL,
    signer bytea NOT NULL CHECK (length(signer) = 20),
    body jsonb NOT NULL,
    body_hash bytea NOT NULL UNIQUE CHECK (length(body_hash) = 32),
    signature bytea NOT NULL,
    ended_at timestamptz,
    ended_by uuid REFERENCES users,
    end_signer bytea CHECK (length(end_signer) = 20),
    end_body jsonb,
    end_signature bytea,
    closed_at timestamptz,
    intents bigint NOT NULL DEFAULT 0 CHECK (intents >= 0),
    head bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex') CHECK (length(head) = 32),
    chain_lost_at timestamptz,
    chain_back_at timestamptz,
    CHECK (ends_at > starts_at AND ends_at <= starts_at + interval '72 hours'),
    CHECK (ended_at < ends_at),
    CHECK (num_nonnulls(ended_at, ended_by, end_signer, end_body, end_signature) IN (0, 5)),
    CHECK (chain_back_at IS NULL OR chain_back_at >= chain_lost_at)
)
--;;
COMMENT ON TABLE islands IS
    'Declared by an operator''s signature; in force in [starts_at, ends_at), or until ended_at by another signature'
--;;
COMMENT ON COLUMN islands.closed_at IS 'When its end was noticed; its rules stop by its times alone'
--;;
COMMENT ON COLUMN islands.head IS 'Hash of the last queued intent; zero: there is none'
--;;
CREATE UNIQUE INDEX islands_one_open ON islands (org_id) WHERE closed_at IS NULL
--;;
CREATE INDEX islands_community ON islands (community, ends_at DESC)
--;;
CREATE TABLE critical_loads (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES organizations,
    house_id uuid NOT NULL REFERENCES houses,
    user_id uuid NOT NULL,
    tier smallint NOT NULL CHECK (tier BETWEEN 1 AND 3),
    power_w bigint NOT NULL CHECK (power_w BETWEEN 1 AND 100000000),
    note text NOT NULL DEFAULT '' CHECK (length(note) <= 280),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    removed_at timestamptz
)
--;;
COMMENT ON COLUMN critical_loads.tier IS 'Served in this order: 1 hospital, 2 shelter, 3 medical devices at home'
--;;
CREATE UNIQUE INDEX critical_loads_one ON critical_loads (house_id, tier) WHERE removed_at IS NULL
--;;
CREATE INDEX critical_loads_org ON critical_loads (org_id)
"""

STORAGES = """
CREATE TABLE storages (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES organizations,
    house_id uuid REFERENCES houses,
    user_id uuid,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
    capacity_wh bigint NOT NULL CHECK (capacity_wh BETWEEN 1 AND 1000000000000),
    charge_w bigint NOT NULL CHECK (charge_w BETWEEN 0 AND 1000000000),
    discharge_w bigint NOT NULL CHECK (discharge_w BETWEEN 0 AND 1000000000),
    reserve_wh bigint NOT NULL CHECK (reserve_wh BETWEEN 0 AND capacity_wh),
    efficiency_ppm integer NOT NULL CHECK (efficiency_ppm BETWEEN 100000 AND 1000000),
    state_wh bigint NOT NULL CHECK (state_wh BETWEEN 0 AND capacity_wh),
    state_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    removed_at timestamptz,
    CHECK ((house_id IS NULL) = (user_id IS NULL))
)
--;;
COMMENT ON TABLE storages IS 'Batteries that serve an island; without a house the community''s own'
--;;
COMMENT ON COLUMN storages.efficiency_ppm IS 'Of a charged Wh, this many millionths come out again'
--;;
CREATE INDEX storages_org ON storages (org_id)
--;;
CREATE TABLE storage_states (
    org_id uuid NOT NULL,
    storage_id uuid NOT NULL REFERENCES storages,
    delivery_start timestamptz NOT NULL,
    user_id uuid,
    island_id uuid NOT NULL REFERENCES islands,
    before_wh bigint NOT NULL CHECK (before_wh >= 0),
    charged_wh bigint NOT NULL CHECK (charged_wh >= 0),
    discharged_wh bigint NOT NULL CHECK (discharged_wh >= 0),
    state_wh bigint NOT NULL CHECK (state_wh >= 0),
    PRIMARY KEY (org_id, storage_id, delivery_start),
    CHECK (charged_wh = 0 OR discharged_wh = 0)
)
--;;
COMMENT ON TABLE storage_states IS 'What each storage was told to do in an interval, and its state after it'
--;;
CREATE TABLE island_forecasts (
    org_id uuid NOT NULL REFERENCES organizations,
    house_id uuid NOT NULL REFERENCES houses,
    delivery_start timestamptz NOT NULL,
    user_id uuid NOT NULL,
    generation_wh bigint NOT NULL CHECK (generation_wh BETWEEN 0 AND 1000000000000),
    demand_wh bigint NOT NULL CHECK (demand_wh BETWEEN 0 AND 1000000000000),
    declared_by uuid NOT NULL,
    declared_at timestamptz NOT NULL,
    PRIMARY KEY (house_id, delivery_start)
)
--;;
COMMENT ON TABLE island_forecasts IS 'What a house expects to generate and use in an interval, said beforehand'
"""

OUTCOMES = """
CREATE TABLE island_runs (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL,
    island_id uuid NOT NULL REFERENCES islands,
    delivery_start timestamptz NOT NULL,
    inputs jsonb NOT NULL,
    result jsonb NOT NULL,
    certificate jsonb NOT NULL,
    allocated_at timestamptz NOT NULL,
    UNIQUE (org_id, island_id, delivery_start)
)
--;;
COMMENT ON TABLE island_runs IS
    'One allocation: all it depended on, what came out, and the duals that prove each level; enough to do it again'
--;;
CREATE TABLE island_allocations (
    org_id uuid NOT NULL,
    island_id uuid NOT NULL REFERENCES islands,
    delivery_start timestamptz NOT NULL,
    house_id uuid NOT NULL,
    user_id uuid NOT NULL,
    generation_wh bigint NOT NULL CHECK (generation_wh >= 0),
    critical_wh bigint NOT NULL CHECK (critical_wh >= 0),
    demand_wh bigint NOT NULL CHECK (demand_wh >= 0),
    critical_share_wh bigint NOT NULL CHECK (critical_share_wh BETWEEN 0 AND critical_wh),
    share_wh bigint NOT NULL CHECK (share_wh BETWEEN critical_share_wh AND demand_wh),
    source text NOT NULL,
    why text NOT NULL,
    PRIMARY KEY (org_id, island_id, delivery_start, house_id),
    CHECK (critical_wh <= demand_wh)
)
--;;
COMMENT ON COLUMN island_allocations.share_wh IS
    'What the house may use of the island''s energy, its critical part included'
--;;
CREATE INDEX island_allocations_user ON island_allocations (user_id, delivery_start DESC)
--;;
CREATE TABLE island_intents (
    org_id uuid NOT NULL,
    island_id uuid NOT NULL REFERENCES islands,
    sequence bigint NOT NULL CHECK (sequence >= 1),
    match_id uuid NOT NULL REFERENCES matches,
    settlement_nonce bigint NOT NULL,
    content jsonb NOT NULL,
    previous_hash bytea NOT NULL CHECK (length(previous_hash) = 32),
    hash bytea NOT NULL CHECK (length(hash) = 32),
    chain_away boolean NOT NULL,
    queued_at timestamptz NOT NULL,
    reported_at timestamptz,
    PRIMARY KEY (org_id, island_id, sequence),
    UNIQUE (org_id, match_id)
)
--;;
COMMENT ON TABLE island_intents IS
    'Matches made during an island, in the order in which they must be logged; a hash chain'
--;;
COMMENT ON COLUMN island_intents.reported_at IS 'When it was told that this match will not be logged, and why'
"""


def upgrade() -> None:
    """Create the tables: members see the island and what is theirs, operators everything of their community."""
    for script in (ISLANDS, STORAGES, OUTCOMES):
        run(script)
    for table, sees in SEES.items():
        run(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        run(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        run(f"CREATE POLICY service ON {table} TO gridx_service USING (true)")
        run(f"CREATE POLICY audit ON {table} FOR SELECT TO gridx_audit USING (true)")
        run(f"CREATE POLICY owner ON {table} TO gridx_owner USING (true)")
        run(f"CREATE POLICY seen ON {table} FOR SELECT TO gridx_api USING ({sees})")
        run(f"GRANT SELECT ON {table} TO gridx_api, gridx_audit")
        run(f"GRANT SELECT, INSERT, UPDATE ON {table} TO gridx_service")


def downgrade() -> None:
    """Drop the tables, dependants first."""
    for table in reversed(SEES):
        run(f"DROP TABLE {table}")

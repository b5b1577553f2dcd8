# SPDX-License-Identifier: Apache-2.0
"""Houses, their readings, and the mirror of meters and communities that the chain registers.

`energy_production` is one plain table: readings arrive for any past month and from roles that may not create tables,
so monthly partitions would need a definer function or a default partition that swallows everything. Its primary key
(house, start) serves "latest first" by a backward scan, so there is no second index to keep.
"""

from backend.migrations.sql import run

revision = "0004"
down_revision = "0003"

ME = "(SELECT nullif(current_setting('gridx.user_id', true), '')::uuid)"
ORG = "(SELECT nullif(current_setting('gridx.org_id', true), '')::uuid)"
ROLE = "(SELECT current_setting('gridx.org_role', true))"
OPERATES = f"(org_id = {ORG} AND {ROLE} = 'operator')"
SEES = f"(owner_id = {ME} OR {OPERATES})"
HOUSE = "house_id IN (SELECT h.id FROM houses AS h WHERE {})"
SEEN_HOUSES = HOUSE.format(f"h.owner_id = {ME} OR (h.org_id = {ORG} AND {ROLE} = 'operator')")
# Only who operates the house's community may put the operator's name under a reading.
OPERATED_HOUSES = HOUSE.format(f"h.org_id = {ORG} AND {ROLE} = 'operator'")

MIRROR = """
CREATE TABLE chain_communities (
    chain smallint NOT NULL,
    community bigint NOT NULL CHECK (community BETWEEN 1 AND 4294967295),
    region text NOT NULL CHECK (region <> ''),
    delivery_minutes smallint NOT NULL CHECK (delivery_minutes > 0),
    block_number bigint NOT NULL,
    log_index integer NOT NULL,
    PRIMARY KEY (chain, community)
)
--;;
COMMENT ON TABLE chain_communities IS 'Mirror of CommunityRegistered; public, as the chain is'
--;;
CREATE INDEX chain_communities_block ON chain_communities (chain, block_number)
--;;
CREATE TABLE chain_meters (
    chain smallint NOT NULL,
    meter bigint NOT NULL CHECK (meter > 0),
    owner_address bytea NOT NULL CHECK (octet_length(owner_address) = 20),
    community bigint NOT NULL,
    region text NOT NULL CHECK (region <> ''),
    delivery_minutes smallint NOT NULL CHECK (delivery_minutes > 0),
    device_key bytea CHECK (octet_length(device_key) = 20),
    block_number bigint NOT NULL,
    log_index integer NOT NULL,
    PRIMARY KEY (chain, meter)
)
--;;
COMMENT ON TABLE chain_meters IS 'Mirror of MeterEnrolled; device_key NULL: the meter was enrolled without a key'
--;;
CREATE INDEX chain_meters_meter ON chain_meters (meter)
--;;
CREATE INDEX chain_meters_owner ON chain_meters (owner_address)
--;;
CREATE INDEX chain_meters_block ON chain_meters (chain, block_number)
--;;
GRANT SELECT ON chain_communities, chain_meters TO gridx_api, gridx_audit
--;;
GRANT SELECT, INSERT, UPDATE, DELETE ON chain_communities, chain_meters TO gridx_service
"""

HOUSES = """
CREATE TABLE houses (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL REFERENCES users,
    org_id uuid NOT NULL REFERENCES organizations,
    name text NOT NULL CHECK (name <> '' AND length(name) <= 120),
    capacity_w bigint NOT NULL CHECK (capacity_w BETWEEN 0 AND 100000000),
    latitude numeric(8, 6) NOT NULL CHECK (latitude BETWEEN -90 AND 90),
    longitude numeric(9, 6) NOT NULL CHECK (longitude BETWEEN -180 AND 180),
    reading_minutes smallint NOT NULL CHECK (reading_minutes IN (1, 5, 15, 30, 60)),
    meter bigint UNIQUE CHECK (meter > 0),
    device_key bytea CHECK (octet_length(device_key) = 20),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    UNIQUE (id, reading_minutes)
)
--;;
COMMENT ON COLUMN houses.meter IS 'Reference of the meter on chain; random, so unique over all chains'
--;;
COMMENT ON COLUMN houses.device_key IS 'Key registered by the operator; counts where the chain names none'
--;;
CREATE INDEX houses_by_owner ON houses (owner_id)
--;;
CREATE INDEX houses_by_org ON houses (org_id, id)
--;;
GRANT SELECT, INSERT, UPDATE (name, capacity_w, latitude, longitude, reading_minutes, meter, device_key, updated_at,
    deleted_at) ON houses TO gridx_api
--;;
GRANT SELECT, INSERT, UPDATE ON houses TO gridx_service
--;;
GRANT SELECT ON houses TO gridx_audit
"""

READINGS = """
CREATE TABLE energy_production (
    house_id uuid NOT NULL,
    start_at timestamptz NOT NULL,
    end_at timestamptz NOT NULL,
    minutes smallint NOT NULL CHECK (minutes > 0),
    production_wh bigint CHECK (production_wh >= 0),
    consumption_wh bigint CHECK (consumption_wh >= 0),
    export_wh bigint CHECK (export_wh >= 0),
    import_wh bigint CHECK (import_wh >= 0),
    temperature_c numeric(5, 2) CHECK (temperature_c BETWEEN -90 AND 90),
    source text CHECK (length(source) BETWEEN 1 AND 64),
    attestation text NOT NULL CHECK (attestation IN ('device', 'operator', 'declared')),
    signature bytea CHECK (octet_length(signature) = 65),
    revision integer NOT NULL DEFAULT 0 CHECK (revision >= 0),
    recorded_by uuid,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (house_id, start_at),
    CONSTRAINT energy_production_on_grid CHECK (
        end_at = start_at + minutes * interval '1 minute'
        AND start_at = date_bin(minutes * interval '1 minute', start_at, timestamptz '2000-01-01 00:00:00+00')),
    CONSTRAINT energy_production_knows_something CHECK (
        num_nonnulls(production_wh, consumption_wh, export_wh, import_wh) > 0),
    CONSTRAINT energy_production_device_signs CHECK ((attestation = 'device') = (signature IS NOT NULL)),
    -- One grid a house: readings of two lengths would overlap and count twice.
    CONSTRAINT energy_production_on_the_house_grid
        FOREIGN KEY (house_id, minutes) REFERENCES houses (id, reading_minutes)
)
--;;
COMMENT ON TABLE energy_production IS
    'One reading per house and interval [start_at, end_at), Wh; NULL is unknown, never 0; declared ones back nothing'
--;;
CREATE TABLE energy_production_history (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    house_id uuid NOT NULL,
    start_at timestamptz NOT NULL,
    minutes smallint NOT NULL,
    production_wh bigint,
    consumption_wh bigint,
    export_wh bigint,
    import_wh bigint,
    temperature_c numeric(5, 2),
    source text,
    attestation text NOT NULL,
    signature bytea,
    revision integer NOT NULL,
    recorded_by uuid,
    recorded_at timestamptz NOT NULL,
    replaced_by uuid,
    replaced_at timestamptz NOT NULL
)
--;;
COMMENT ON TABLE energy_production_history IS
    'What a reading said before it was corrected or attested better; append-only'
--;;
CREATE INDEX energy_production_history_by_house ON energy_production_history (house_id, start_at DESC, replaced_at DESC)
--;;
GRANT SELECT, INSERT, UPDATE (production_wh, consumption_wh, export_wh, import_wh, temperature_c, source, attestation,
    signature, revision, recorded_by, recorded_at) ON energy_production TO gridx_api
--;;
GRANT SELECT, INSERT ON energy_production_history TO gridx_api
--;;
GRANT SELECT, INSERT, UPDATE, DELETE ON energy_production TO gridx_service
--;;
GRANT SELECT, INSERT, DELETE ON energy_production_history TO gridx_service
--;;
GRANT SELECT ON energy_production, energy_production_history TO gridx_audit
"""

ATTESTED_BY_OPERATOR = f"(attestation <> 'operator' OR {OPERATED_HOUSES})"
POLICIES = f"""
CREATE POLICY api_select ON houses FOR SELECT TO gridx_api USING ({SEES})
--;;
CREATE POLICY api_insert ON houses FOR INSERT TO gridx_api
    WITH CHECK (org_id = {ORG} AND (owner_id = {ME} OR {ROLE} = 'operator'))
--;;
CREATE POLICY api_update ON houses FOR UPDATE TO gridx_api USING ({SEES})
--;;
CREATE POLICY api_select ON energy_production FOR SELECT TO gridx_api USING ({SEEN_HOUSES})
--;;
CREATE POLICY api_insert ON energy_production FOR INSERT TO gridx_api
    WITH CHECK ({SEEN_HOUSES} AND {ATTESTED_BY_OPERATOR})
--;;
CREATE POLICY api_update ON energy_production FOR UPDATE TO gridx_api USING ({SEEN_HOUSES})
    WITH CHECK ({SEEN_HOUSES} AND {ATTESTED_BY_OPERATOR})
--;;
CREATE POLICY api_select ON energy_production_history FOR SELECT TO gridx_api USING ({SEEN_HOUSES})
--;;
CREATE POLICY api_insert ON energy_production_history FOR INSERT TO gridx_api WITH CHECK ({SEEN_HOUSES})
"""


def upgrade() -> None:
    """Create the tables, close them, then open what each role needs."""
    for script in (MIRROR, HOUSES, READINGS):
        run(script)
    for table in ("houses", "energy_production", "energy_production_history"):
        run(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        run(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        run(f"CREATE POLICY service ON {table} TO gridx_service USING (true)")
        run(f"CREATE POLICY audit ON {table} FOR SELECT TO gridx_audit USING (true)")
    run(POLICIES)


def downgrade() -> None:
    """Remove the tables, dependants first."""
    for table in ("energy_production_history", "energy_production", "houses", "chain_meters", "chain_communities"):
        run(f"DROP TABLE {table}")

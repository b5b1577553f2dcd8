# SPDX-License-Identifier: Apache-2.0
"""Mirror of the emission factors that the chain registers. Public: no tenant, no row-level security."""

from backend.migrations.sql import run

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the mirror."""
    run("""
CREATE TABLE emission_factors (
    chain smallint NOT NULL,
    factor_id bigint NOT NULL CHECK (factor_id > 0),
    region text NOT NULL CHECK (region <> ''),
    basis smallint NOT NULL CHECK (basis IN (1, 2)),
    mg_per_kwh integer NOT NULL CHECK (mg_per_kwh >= 0),
    valid_from timestamptz NOT NULL,
    valid_to timestamptz NOT NULL,
    effective_at timestamptz NOT NULL,
    source text NOT NULL,
    vintage text NOT NULL,
    document_hash bytea NOT NULL CHECK (octet_length(document_hash) = 32),
    block_number bigint NOT NULL,
    log_index integer NOT NULL,
    PRIMARY KEY (chain, factor_id)
)
--;;
COMMENT ON TABLE emission_factors IS
    'Mirror of EmissionFactorRegistered; chain is the key of table chains; basis 1 average, 2 non-baseload'
--;;
CREATE INDEX emission_factors_region ON emission_factors (region, valid_from DESC)
--;;
CREATE INDEX emission_factors_block ON emission_factors (chain, block_number)
--;;
GRANT SELECT ON emission_factors TO gridx_api, gridx_audit
--;;
GRANT SELECT, INSERT, UPDATE, DELETE ON emission_factors TO gridx_service
""")


def downgrade() -> None:
    """Remove the mirror."""
    run("DROP TABLE emission_factors")

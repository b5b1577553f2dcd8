# SPDX-License-Identifier: Apache-2.0
"""Trades that are proven on chain, what was posted about them, what was delivered, seller statistics."""

from backend.migrations.sql import run

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Create the market's tables."""
    run("""
CREATE TABLE energy_trades (
    id uuid PRIMARY KEY,
    chain smallint NOT NULL REFERENCES chains (id),
    trade_id bytea NOT NULL CHECK (length(trade_id) = 32),
    kind smallint NOT NULL CHECK (kind BETWEEN 0 AND 2),
    seller_address bytea NOT NULL CHECK (length(seller_address) = 20),
    buyer_address bytea NOT NULL CHECK (length(buyer_address) = 20),
    seller_id uuid,
    buyer_id uuid,
    energy_wh bigint NOT NULL CHECK (energy_wh > 0),
    price_micro_per_kwh bigint NOT NULL CHECK (price_micro_per_kwh > 0),
    carbon_logged_g bigint NOT NULL CHECK (carbon_logged_g >= 0),
    factor_id bigint NOT NULL,
    logged_factor_id bigint,
    seller_meter bigint,
    buyer_meter bigint,
    community bigint,
    delivery_start timestamptz,
    delivery_minutes smallint,
    delivery_date date,
    consented boolean NOT NULL,
    ineligible_reason text,
    claim_g bigint NOT NULL CHECK (claim_g >= 0),
    delivered_wh bigint CHECK (delivered_wh BETWEEN 0 AND energy_wh),
    shortfall text,
    settled_at timestamptz,
    status text NOT NULL CHECK (status IN ('CONFIRMED', 'FINAL', 'ORPHANED')),
    cycle integer NOT NULL DEFAULT 1,
    block_number bigint NOT NULL,
    block_hash bytea NOT NULL,
    tx_hash bytea NOT NULL,
    log_index integer NOT NULL,
    block_time timestamptz NOT NULL,
    consent_block_number bigint,
    consent_block_hash bytea,
    consent_tx_hash bytea,
    recorded_at timestamptz NOT NULL,
    final_at timestamptz,
    orphaned_at timestamptz,
    UNIQUE (chain, trade_id),
    CHECK (seller_address <> buyer_address),
    CHECK (consented OR claim_g = 0),
    CHECK (NOT consented OR (seller_meter IS NOT NULL AND buyer_meter IS NOT NULL AND delivery_start IS NOT NULL)),
    CHECK ((status = 'ORPHANED') = (orphaned_at IS NOT NULL)),
    CHECK (settled_at IS NULL OR delivered_wh IS NOT NULL)
)
--;;
COMMENT ON COLUMN energy_trades.logged_factor_id IS
    'Factor of the log, when a later consent named another; kept to go back to should the consent be orphaned'
--;;
COMMENT ON TABLE energy_trades IS 'Trades that reached CONFIRMED on chain; nothing else is ever in here'
--;;
CREATE INDEX energy_trades_time ON energy_trades (block_time DESC, id)
--;;
CREATE INDEX energy_trades_seller ON energy_trades (seller_address, block_time DESC)
--;;
CREATE INDEX energy_trades_buyer ON energy_trades (buyer_address, block_time DESC)
--;;
CREATE INDEX energy_trades_tx ON energy_trades (tx_hash)
--;;
CREATE INDEX energy_trades_open ON energy_trades (chain, block_number) WHERE status = 'CONFIRMED'
--;;
CREATE INDEX energy_trades_unsettled ON energy_trades (delivery_start) WHERE settled_at IS NULL AND consented
--;;
CREATE TABLE trade_submissions (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    chain smallint NOT NULL REFERENCES chains (id),
    tx_hash bytea NOT NULL CHECK (length(tx_hash) = 32),
    event_id bytea CHECK (length(event_id) = 32),
    seller_id uuid NOT NULL,
    buyer_id uuid NOT NULL,
    energy_wh bigint NOT NULL CHECK (energy_wh > 0),
    price_micro_per_kwh bigint NOT NULL CHECK (price_micro_per_kwh > 0),
    state text NOT NULL CHECK (state IN
        ('INTENT', 'SUBMITTED', 'MINED', 'RECORDED', 'REVERTED', 'MISMATCHED', 'REPLACED', 'DROPPED')),
    reason text,
    trade_id bytea,
    sender bytea,
    nonce bigint,
    missing_since_block bigint,
    depth integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE NULLS NOT DISTINCT (user_id, chain, tx_hash, event_id)
)
--;;
COMMENT ON TABLE trade_submissions IS 'Who claimed what about which transaction; a claim never blocks the true trade'
--;;
CREATE INDEX trade_submissions_tx ON trade_submissions (chain, tx_hash)
--;;
CREATE INDEX trade_submissions_open ON trade_submissions (chain, updated_at)
    WHERE state IN ('INTENT', 'SUBMITTED', 'MINED', 'REVERTED', 'DROPPED')
--;;
CREATE INDEX trade_submissions_user ON trade_submissions (user_id, created_at DESC)
--;;
CREATE TABLE seller_statistics (
    address bytea PRIMARY KEY CHECK (length(address) = 20),
    trades bigint NOT NULL CHECK (trades >= 0),
    energy_wh bigint NOT NULL CHECK (energy_wh >= 0),
    revenue_micro numeric(38) NOT NULL CHECK (revenue_micro >= 0)
)
--;;
COMMENT ON TABLE seller_statistics IS 'Consented trades only; revenue = sum of floor(Wh * micro-units per kWh / 1000)'
--;;
CREATE TABLE meter_deliveries (
    chain smallint NOT NULL REFERENCES chains (id),
    meter bigint NOT NULL,
    delivery_start timestamptz NOT NULL,
    sale_limit_wh bigint NOT NULL,
    purchase_limit_wh bigint NOT NULL,
    sold_wh bigint NOT NULL,
    bought_wh bigint NOT NULL,
    PRIMARY KEY (chain, meter, delivery_start),
    CHECK (sold_wh BETWEEN 0 AND sale_limit_wh),
    CHECK (bought_wh BETWEEN 0 AND purchase_limit_wh)
)
--;;
COMMENT ON TABLE meter_deliveries IS 'What a meter was credited in an interval: never more than it measured'
--;;
GRANT SELECT ON energy_trades, seller_statistics TO gridx_api
--;;
ALTER TABLE trade_submissions ENABLE ROW LEVEL SECURITY
--;;
ALTER TABLE trade_submissions FORCE ROW LEVEL SECURITY
--;;
CREATE POLICY own ON trade_submissions FOR SELECT TO gridx_api
    USING (user_id::text = (SELECT current_setting('gridx.user_id', true)))
--;;
CREATE POLICY service ON trade_submissions TO gridx_service USING (true)
--;;
CREATE POLICY audit ON trade_submissions FOR SELECT TO gridx_audit USING (true)
--;;
CREATE POLICY owner ON trade_submissions TO gridx_owner USING (true)
--;;
GRANT SELECT ON trade_submissions TO gridx_api
--;;
GRANT SELECT, INSERT, UPDATE ON energy_trades, trade_submissions, seller_statistics, meter_deliveries TO gridx_service
--;;
GRANT SELECT ON energy_trades, trade_submissions, seller_statistics, meter_deliveries TO gridx_audit
""")


def downgrade() -> None:
    """Drop the market's tables."""
    run("""
DROP TABLE meter_deliveries
--;;
DROP TABLE seller_statistics
--;;
DROP TABLE trade_submissions
--;;
DROP TABLE energy_trades
""")

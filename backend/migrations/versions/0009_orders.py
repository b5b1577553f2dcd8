# SPDX-License-Identifier: Apache-2.0
"""The market before a trade: a community's rules, signed orders, books, matches with their receipts, reservations."""

from backend.migrations.sql import run

revision = "0009"
down_revision = "0008"

ME = "(SELECT nullif(current_setting('gridx.user_id', true), '')::uuid)"
ORG = "(SELECT nullif(current_setting('gridx.org_id', true), '')::uuid)"
OPERATES = f"(org_id = {ORG} AND (SELECT current_setting('gridx.org_role', true)) = 'operator')"
SEES = {
    "orders": f"user_id = {ME} OR {OPERATES}",
    "matches": f"seller_id = {ME} OR buyer_id = {ME} OR {OPERATES}",
    "match_receipts": f"org_id = {ORG}",
    "offer_reservations": f"buyer_id = {ME}",
}

RULES = """
CREATE TABLE community_markets (
    org_id uuid PRIMARY KEY REFERENCES organizations,
    community bigint NOT NULL UNIQUE CHECK (community BETWEEN 1 AND 4294967295),
    rule text NOT NULL DEFAULT 'continuous' CHECK (rule IN ('continuous', 'uniform', 'pay-as-bid')),
    gate_opening_s integer NOT NULL DEFAULT 604800 CHECK (gate_opening_s BETWEEN 3600 AND 2678400),
    gate_closure_s integer NOT NULL DEFAULT 0 CHECK (gate_closure_s BETWEEN -3600 AND 86400),
    min_price_micro_per_kwh bigint NOT NULL DEFAULT 1 CHECK (min_price_micro_per_kwh >= 1),
    max_price_micro_per_kwh bigint NOT NULL DEFAULT 1099511627775
        CHECK (max_price_micro_per_kwh <= 1099511627775),
    community_fee_micro_per_kwh bigint NOT NULL DEFAULT 0 CHECK (community_fee_micro_per_kwh >= 0),
    grid_fee_micro_per_kwh jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(grid_fee_micro_per_kwh) = 'object'),
    retail_price_micro_per_kwh bigint NOT NULL DEFAULT 0 CHECK (retail_price_micro_per_kwh >= 0),
    feed_in_price_micro_per_kwh bigint NOT NULL DEFAULT 0 CHECK (feed_in_price_micro_per_kwh >= 0),
    updated_at timestamptz NOT NULL,
    CHECK (min_price_micro_per_kwh <= max_price_micro_per_kwh)
)
--;;
COMMENT ON TABLE community_markets IS
    'Rules of a community''s market, public; the gate closes gate_closure_s before delivery starts (negative: after)'
--;;
ALTER TABLE houses ADD COLUMN zone text NOT NULL DEFAULT '' CHECK (length(zone) <= 32)
--;;
COMMENT ON COLUMN houses.zone IS 'Grid zone, by which the community''s grid fee is looked up'
--;;
GRANT UPDATE (zone) ON houses TO gridx_api
--;;
GRANT SELECT, INSERT, UPDATE ON community_markets TO gridx_service
--;;
GRANT SELECT ON community_markets TO gridx_api, gridx_audit
"""

ORDERS = """
CREATE SEQUENCE settlement_nonces AS bigint
--;;
COMMENT ON SEQUENCE settlement_nonces IS 'Settlement nonces in a row: 256 of them share a word on chain'
--;;
CREATE TABLE books (
    chain smallint NOT NULL REFERENCES chains (id),
    community bigint NOT NULL,
    delivery_start timestamptz NOT NULL,
    delivery_minutes smallint NOT NULL CHECK (delivery_minutes IN (15, 30, 60)),
    rule text NOT NULL CHECK (rule IN ('continuous', 'uniform', 'pay-as-bid')),
    community_fee_micro_per_kwh bigint NOT NULL CHECK (community_fee_micro_per_kwh >= 0),
    grid_fee_micro_per_kwh jsonb NOT NULL CHECK (jsonb_typeof(grid_fee_micro_per_kwh) = 'object'),
    closes_at timestamptz NOT NULL,
    factor_id bigint,
    version bigint NOT NULL DEFAULT 0 CHECK (version >= 0),
    last_price_micro_per_kwh bigint,
    closed_at timestamptz,
    PRIMARY KEY (chain, community, delivery_start)
)
--;;
COMMENT ON TABLE books IS 'A book keeps the rule, fees and gate that its community had when its first order came'
--;;
COMMENT ON COLUMN books.factor_id IS 'Factor of the first order; a pair whose orders name two factors cannot be settled'
--;;
CREATE INDEX books_due ON books (chain, closes_at) WHERE closed_at IS NULL
--;;
COMMENT ON COLUMN books.version IS
    'Rises by one with every change; who matches locks the row and must know this version'
--;;
CREATE TABLE order_lanes (
    chain smallint NOT NULL REFERENCES chains (id),
    maker bytea NOT NULL CHECK (length(maker) = 20),
    lane smallint NOT NULL CHECK (lane BETWEEN 0 AND 8191),
    venue text NOT NULL CHECK (venue IN ('book', 'direct')),
    delivery_start timestamptz NOT NULL,
    next_position smallint NOT NULL CHECK (next_position BETWEEN 0 AND 7),
    PRIMARY KEY (chain, maker, lane)
)
--;;
COMMENT ON TABLE order_lanes IS 'Fill counters on chain that were handed out; a newer delivery interval recycles a lane'
--;;
CREATE INDEX order_lanes_interval ON order_lanes (chain, maker, venue, delivery_start)
--;;
CREATE INDEX chain_events_cancels ON chain_events (chain, topics) WHERE octet_length(topics) = 96
--;;
COMMENT ON INDEX chain_events_cancels IS 'OrdersCancelled(maker, lane): asked for each order that is placed'
--;;
CREATE TABLE orders (
    id uuid PRIMARY KEY,
    chain smallint NOT NULL REFERENCES chains (id),
    org_id uuid NOT NULL REFERENCES organizations,
    community bigint NOT NULL,
    delivery_start timestamptz NOT NULL,
    delivery_minutes smallint NOT NULL CHECK (delivery_minutes IN (15, 30, 60)),
    user_id uuid NOT NULL,
    house_id uuid NOT NULL,
    zone text NOT NULL,
    maker bytea NOT NULL CHECK (length(maker) = 20),
    taker bytea NOT NULL CHECK (length(taker) = 20),
    is_bid boolean NOT NULL,
    kind text NOT NULL CHECK (kind IN ('limit', 'market')),
    venue text NOT NULL CHECK (venue IN ('book', 'direct')),
    meter bigint NOT NULL CHECK (meter > 0),
    energy_wh bigint NOT NULL CHECK (energy_wh BETWEEN 1 AND 4294967295),
    min_fill_wh bigint NOT NULL CHECK (min_fill_wh BETWEEN 0 AND energy_wh),
    price_micro_per_kwh bigint NOT NULL CHECK (price_micro_per_kwh BETWEEN 1 AND 1099511627775),
    factor_id bigint NOT NULL,
    slot integer NOT NULL CHECK (slot BETWEEN 0 AND 65535 AND slot % 8 < 7),
    expiry timestamptz NOT NULL,
    order_hash bytea NOT NULL CHECK (length(order_hash) = 32),
    signature bytea NOT NULL,
    state text NOT NULL CHECK (state IN ('OPEN', 'FILLED', 'CANCELLED', 'CLOSED')),
    reason text,
    matched_wh bigint NOT NULL DEFAULT 0,
    taken_wh bigint NOT NULL DEFAULT 0,
    reserved_wh bigint NOT NULL DEFAULT 0,
    placed_version bigint NOT NULL,
    changed_version bigint NOT NULL,
    placed_at timestamptz NOT NULL,
    ended_at timestamptz,
    UNIQUE (chain, order_hash),
    UNIQUE (chain, maker, slot, delivery_start),
    CHECK (venue = 'direct' OR (taken_wh = 0 AND reserved_wh = 0)),
    CHECK (venue = 'book' OR (matched_wh = 0 AND NOT is_bid)),
    CHECK (matched_wh >= 0 AND taken_wh >= 0 AND reserved_wh >= 0
        AND matched_wh + taken_wh + reserved_wh <= energy_wh),
    CHECK ((state = 'OPEN') = (ended_at IS NULL))
)
--;;
COMMENT ON TABLE orders IS 'EIP-712 orders as signed; the signature never leaves before its energy is reserved'
--;;
COMMENT ON COLUMN orders.matched_wh IS
    'Energy of matches that stand (book); taken_wh: filled on chain, reserved_wh: held for takers (direct)'
--;;
COMMENT ON COLUMN orders.placed_version IS 'Version of the book that placed it: its time in price-time priority'
--;;
CREATE INDEX orders_book ON orders (chain, community, delivery_start, changed_version)
--;;
CREATE INDEX orders_open ON orders (chain, community, delivery_start) WHERE state = 'OPEN'
--;;
CREATE INDEX orders_user ON orders (user_id, placed_at DESC)
--;;
CREATE INDEX orders_house ON orders (house_id, delivery_start)
--;;
CREATE TABLE match_receipts (
    id uuid PRIMARY KEY,
    chain smallint NOT NULL REFERENCES chains (id),
    org_id uuid NOT NULL REFERENCES organizations,
    community bigint NOT NULL,
    delivery_start timestamptz NOT NULL,
    version bigint NOT NULL,
    rule text NOT NULL CHECK (rule IN ('continuous', 'uniform', 'pay-as-bid')),
    book_hash bytea NOT NULL CHECK (length(book_hash) = 32),
    receipt jsonb NOT NULL,
    made_at timestamptz NOT NULL,
    UNIQUE (chain, community, delivery_start, version)
)
--;;
COMMENT ON TABLE match_receipts IS
    'Why a price is the price: the book as it stood, rule, fees, marginal orders, best rejected; enough to clear again'
--;;
CREATE TABLE matches (
    id uuid PRIMARY KEY,
    chain smallint NOT NULL REFERENCES chains (id),
    org_id uuid NOT NULL REFERENCES organizations,
    community bigint NOT NULL,
    delivery_start timestamptz NOT NULL,
    receipt_id uuid NOT NULL REFERENCES match_receipts,
    offer_id uuid NOT NULL REFERENCES orders,
    bid_id uuid NOT NULL REFERENCES orders,
    seller_id uuid NOT NULL,
    buyer_id uuid NOT NULL CHECK (buyer_id <> seller_id),
    energy_wh bigint NOT NULL CHECK (energy_wh > 0),
    price_micro_per_kwh bigint NOT NULL CHECK (price_micro_per_kwh > 0),
    seller_fee_micro bigint NOT NULL CHECK (seller_fee_micro >= 0),
    buyer_fee_micro bigint NOT NULL CHECK (buyer_fee_micro >= 0),
    settlement_nonce bigint NOT NULL CHECK (settlement_nonce >= 0),
    trade_id bytea NOT NULL CHECK (length(trade_id) = 32),
    state text NOT NULL CHECK (state IN ('MATCHED', 'SENT', 'CONFIRMED', 'FINAL', 'CANCELLED')),
    reason text,
    matched_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (chain, settlement_nonce),
    UNIQUE (chain, trade_id),
    CHECK ((state = 'CANCELLED') = (reason IS NOT NULL))
)
--;;
COMMENT ON TABLE matches IS
    'Pairs that the book has matched, on their way to the chain; a trade exists only once it is logged there'
--;;
CREATE INDEX matches_waiting ON matches (chain, settlement_nonce) WHERE state = 'MATCHED'
--;;
CREATE INDEX matches_book ON matches (chain, community, delivery_start)
--;;
CREATE INDEX matches_offer ON matches (offer_id)
--;;
CREATE INDEX matches_bid ON matches (bid_id)
--;;
CREATE INDEX matches_receipt ON matches (receipt_id)
--;;
CREATE TABLE offer_reservations (
    id uuid PRIMARY KEY,
    order_id uuid NOT NULL REFERENCES orders,
    buyer_id uuid NOT NULL,
    buyer_address bytea NOT NULL CHECK (length(buyer_address) = 20),
    energy_wh bigint NOT NULL CHECK (energy_wh > 0),
    nonce numeric(24) NOT NULL CHECK (nonce >= 0),
    reserved_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > reserved_at),
    ended_at timestamptz,
    trade_id bytea CHECK (length(trade_id) = 32)
)
--;;
COMMENT ON TABLE offer_reservations IS 'Energy of a direct offer held for one buyer, who alone was shown the signature'
--;;
COMMENT ON COLUMN offer_reservations.nonce IS 'Suggested to the buyer for fillOffer; his nonces share a word'
--;;
CREATE INDEX offer_reservations_buyer ON offer_reservations (buyer_address)
--;;
CREATE INDEX offer_reservations_lapse ON offer_reservations (expires_at) WHERE ended_at IS NULL
--;;
CREATE TABLE offer_fills (
    chain smallint NOT NULL REFERENCES chains (id),
    trade_id bytea NOT NULL CHECK (length(trade_id) = 32),
    order_id uuid NOT NULL REFERENCES orders,
    energy_wh bigint NOT NULL CHECK (energy_wh > 0),
    filled_at timestamptz NOT NULL,
    undone_at timestamptz,
    PRIMARY KEY (chain, trade_id)
)
--;;
COMMENT ON TABLE offer_fills IS 'Confirmed fills of direct offers, each once in taken_wh; undone when orphaned'
--;;
CREATE INDEX offer_reservations_order ON offer_reservations (order_id) WHERE ended_at IS NULL
--;;
GRANT USAGE ON settlement_nonces TO gridx_service
--;;
GRANT SELECT ON books TO gridx_api, gridx_audit
--;;
GRANT SELECT, INSERT, UPDATE ON books, order_lanes, offer_fills TO gridx_service
--;;
GRANT SELECT ON order_lanes, offer_fills TO gridx_audit
"""


def upgrade() -> None:
    """Create the tables; orders, matches, receipts and reservations belong to their parties and operators."""
    run(RULES)
    run(ORDERS)
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
    for table in ("offer_fills", "offer_reservations", "matches", "match_receipts", "orders", "order_lanes", "books"):
        run(f"DROP TABLE {table}")
    run("DROP SEQUENCE settlement_nonces")
    run("DROP INDEX chain_events_cancels")
    run("ALTER TABLE houses DROP COLUMN zone")
    run("DROP TABLE community_markets")

# SPDX-License-Identifier: Apache-2.0
"""Settlement: what was delivered of each trade and each correction of it, settled intervals, the ledger of money."""

from backend.migrations.sql import run

revision = "0011"
down_revision = "0010"

ME = "(SELECT nullif(current_setting('gridx.user_id', true), '')::uuid)"
ORG = "(SELECT nullif(current_setting('gridx.org_id', true), '')::uuid)"
OPERATES = f"(org_id = {ORG} AND (SELECT current_setting('gridx.org_role', true)) = 'operator')"
# A party is a user, or a wallet that no user owned then; such a wallet is its first owner's.
FIRST_OWNER = "valid_from = timestamptz '1970-01-01 00:00:00+00'"
MINE = f"(SELECT uuid_send({ME}) UNION ALL SELECT address FROM wallets WHERE user_id = {ME} AND {FIRST_OWNER})"  # noqa: S608
SEES = f"debit_account IN {MINE} OR credit_account IN {MINE} OR {OPERATES}"

TABLES = """
CREATE TABLE settled_intervals (
    community bigint NOT NULL,
    chain smallint NOT NULL REFERENCES chains (id),
    delivery_start timestamptz NOT NULL,
    delivery_minutes smallint NOT NULL,
    org_id uuid REFERENCES organizations,
    retail_price_micro_per_kwh bigint NOT NULL CHECK (retail_price_micro_per_kwh >= 0),
    feed_in_price_micro_per_kwh bigint NOT NULL CHECK (feed_in_price_micro_per_kwh >= 0),
    version integer NOT NULL CHECK (version >= 0),
    settled_at timestamptz NOT NULL,
    readings_changed_at timestamptz,
    PRIMARY KEY (community, chain, delivery_start)
)
--;;
COMMENT ON TABLE settled_intervals IS
    'Public, as market rules are; version rises with each settlement that changed anything; prices are the first'
--;;
COMMENT ON COLUMN settled_intervals.readings_changed_at IS
    'readings of this interval changed after it was settled; NULL: they did not, or were taken into account'
--;;
CREATE INDEX settled_intervals_changed ON settled_intervals (readings_changed_at)
    WHERE readings_changed_at IS NOT NULL
--;;
CREATE TABLE trade_settlements (
    chain smallint NOT NULL REFERENCES chains (id),
    trade_id bytea NOT NULL CHECK (length(trade_id) = 32),
    revision integer NOT NULL CHECK (revision >= 0),
    community bigint NOT NULL,
    delivery_start timestamptz NOT NULL,
    version integer NOT NULL CHECK (version >= 0),
    delivered_wh bigint NOT NULL CHECK (delivered_wh >= 0),
    supplied_wh bigint NOT NULL CHECK (supplied_wh >= 0),
    shortfall text,
    settled_at timestamptz NOT NULL,
    PRIMARY KEY (chain, trade_id, revision)
)
--;;
COMMENT ON TABLE trade_settlements IS
    'What was delivered of a trade: revision 0 as first settled, the next ones after corrections; public, as trades are'
--;;
COMMENT ON COLUMN trade_settlements.supplied_wh IS
    'Energy that is paid: exported by the seller and imported by the buyer; delivered_wh: energy that carries carbon'
--;;
CREATE INDEX trade_settlements_interval ON trade_settlements (community, chain, delivery_start)
--;;
CREATE TABLE money_entries (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    community bigint NOT NULL,
    chain smallint NOT NULL REFERENCES chains (id),
    delivery_start timestamptz NOT NULL,
    org_id uuid REFERENCES organizations,
    version integer NOT NULL CHECK (version > 0),
    kind text NOT NULL CHECK (kind IN ('energy', 'seller_fee', 'buyer_fee', 'shortfall', 'feed_in', 'retail')),
    debit_account bytea NOT NULL CHECK (octet_length(debit_account) IN (5, 16, 20)),
    credit_account bytea NOT NULL CHECK (octet_length(credit_account) IN (5, 16, 20)),
    amount_micro bigint NOT NULL CHECK (amount_micro >= 0),
    energy_wh bigint NOT NULL CHECK (energy_wh > 0),
    trade_id bytea CHECK (length(trade_id) = 32),
    meter bigint,
    reverses uuid REFERENCES money_entries,
    booked_at timestamptz NOT NULL,
    CHECK (debit_account <> credit_account),
    CHECK (num_nonnulls(trade_id, meter) = 1),
    UNIQUE (reverses)
)
--;;
COMMENT ON TABLE money_entries IS 'Append-only: debit pays credit, micro-units of the community''s currency. '
    'Accounts: 16 bytes a user, 20 a wallet nobody owned then, 03 and a number a community''s grid account, 04 its fees'
--;;
COMMENT ON COLUMN money_entries.reverses IS 'Correction: takes this entry back; what is right now is a new entry'
--;;
CREATE UNIQUE INDEX money_entries_once
    ON money_entries (community, chain, delivery_start, version, kind, trade_id, meter) NULLS NOT DISTINCT
    WHERE reverses IS NULL
--;;
CREATE INDEX money_entries_debit ON money_entries (debit_account, delivery_start)
--;;
CREATE INDEX money_entries_credit ON money_entries (credit_account, delivery_start)
--;;
CREATE TRIGGER money_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON money_entries
    FOR EACH STATEMENT EXECUTE FUNCTION carbon_refuse_change()
--;;
CREATE TRIGGER trade_settlements_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON trade_settlements
    FOR EACH STATEMENT EXECUTE FUNCTION carbon_refuse_change()
--;;
GRANT SELECT ON settled_intervals, trade_settlements, money_entries TO gridx_api, gridx_audit
--;;
GRANT SELECT, INSERT ON trade_settlements, money_entries TO gridx_service
--;;
GRANT SELECT, INSERT, UPDATE ON settled_intervals TO gridx_service
"""

# What was settled before is version 0 and has no money booked; a later correction books it.
CARRY_OVER = """
INSERT INTO trade_settlements (chain, trade_id, revision, community, delivery_start, version, delivered_wh,
    supplied_wh, shortfall, settled_at)
SELECT chain, trade_id, 0, community, delivery_start, 0, delivered_wh, 0, shortfall, settled_at
FROM energy_trades WHERE settled_at IS NOT NULL AND ineligible_reason IS NULL AND community IS NOT NULL
--;;
INSERT INTO settled_intervals (community, chain, delivery_start, delivery_minutes, org_id, retail_price_micro_per_kwh,
    feed_in_price_micro_per_kwh, version, settled_at)
SELECT t.community, t.chain, t.delivery_start, max(t.delivery_minutes), o.id, 0, 0, 0, max(t.settled_at)
FROM energy_trades AS t LEFT JOIN organizations AS o ON o.community_number = t.community
WHERE t.settled_at IS NOT NULL AND t.ineligible_reason IS NULL AND t.community IS NOT NULL
GROUP BY t.community, t.chain, t.delivery_start, o.id
"""


def upgrade() -> None:
    """Create the tables and carry over what was settled; money belongs to its parties and the operators."""
    run(TABLES)
    run(CARRY_OVER)
    run("ALTER TABLE money_entries ENABLE ROW LEVEL SECURITY")
    run("ALTER TABLE money_entries FORCE ROW LEVEL SECURITY")
    run("CREATE POLICY service ON money_entries TO gridx_service USING (true)")
    run("CREATE POLICY audit ON money_entries FOR SELECT TO gridx_audit USING (true)")
    run("CREATE POLICY owner ON money_entries TO gridx_owner USING (true)")
    run(f"CREATE POLICY seen ON money_entries FOR SELECT TO gridx_api USING ({SEES})")


def downgrade() -> None:
    """Drop the tables."""
    run("DROP TABLE money_entries, trade_settlements, settled_intervals")

# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: S608 the statements are put together from constants of this file
"""Carbon ledger: append-only transfers, balances and boards that follow them by trigger, and signed documents."""

from backend.migrations.sql import run

revision = "0006"
down_revision = "0005"

THRESHOLDS = sorted({n for k in range(46) for n in ((2**k * (16 + i)) // 16 for i in range(16))})
"""Lower bounds of the rank histogram's buckets in grams: every gram up to 16, then 16 steps to each doubling."""

LEDGER = """
CREATE TYPE carbon_kind AS ENUM ('earned', 'released', 'reversed', 'reduced', 'retired', 'transferred', 'corrected')
--;;
CREATE TABLE carbon_wallet (
    account bytea PRIMARY KEY CHECK (octet_length(account) IN (1, 5, 20)),
    pending_g bigint NOT NULL DEFAULT 0,
    available_g bigint NOT NULL DEFAULT 0,
    earned_g bigint NOT NULL DEFAULT 0,
    received_g bigint NOT NULL DEFAULT 0,
    spent_g bigint NOT NULL DEFAULT 0,
    reversed_g bigint NOT NULL DEFAULT 0,
    CONSTRAINT carbon_wallet_pending_not_negative CHECK (pending_g >= 0),
    CONSTRAINT carbon_wallet_available_not_negative CHECK (available_g >= CASE
        WHEN octet_length(account) = 5 THEN -1000000 ELSE 0 END OR account = '\\x00'),
    CONSTRAINT carbon_wallet_adds_up CHECK (octet_length(account) < 20
        OR pending_g + available_g = earned_g + received_g - spent_g - reversed_g)
) WITH (fillfactor = 70)
--;;
COMMENT ON TABLE carbon_wallet IS 'Balances in grams; written by the trigger of carbon_transactions alone. '
    'Account 00 is issuance, 01 retired, 02 and four bytes a community''s reserve, 20 bytes a wallet.'
--;;
INSERT INTO carbon_wallet (account) VALUES ('\\x00')
--;;
CREATE INDEX carbon_wallet_by_balance ON carbon_wallet (available_g DESC) WHERE octet_length(account) = 20
--;;
CREATE TABLE carbon_documents (
    id uuid PRIMARY KEY,
    account bytea NOT NULL CHECK (octet_length(account) = 20),
    sequence int NOT NULL CHECK (sequence > 0),
    previous_hash bytea NOT NULL CHECK (octet_length(previous_hash) = 32),
    kind text NOT NULL CHECK (kind IN ('retirement', 'transfer', 'reduction')),
    body jsonb NOT NULL,
    body_hash bytea NOT NULL UNIQUE CHECK (octet_length(body_hash) = 32),
    signer bytea NOT NULL CHECK (octet_length(signer) = 20),
    signature bytea NOT NULL,
    created_at timestamptz NOT NULL,
    UNIQUE (account, sequence),
    CHECK ((sequence = 1) = (previous_hash = decode(repeat('00', 32), 'hex')))
)
--;;
COMMENT ON TABLE carbon_documents IS 'Signed orders to the ledger; each names its predecessor''s hash'
--;;
CREATE TABLE carbon_transactions (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    kind carbon_kind NOT NULL,
    debit_account bytea NOT NULL,
    debit_bucket smallint NOT NULL CHECK (debit_bucket IN (0, 1)),
    credit_account bytea NOT NULL,
    credit_bucket smallint NOT NULL CHECK (credit_bucket IN (0, 1)),
    grams bigint NOT NULL CHECK (grams > 0),
    chain smallint,
    trade_id bytea CHECK (octet_length(trade_id) = 32),
    cycle int,
    document_id uuid REFERENCES carbon_documents,
    reverses uuid REFERENCES carbon_transactions,
    holder_id uuid,
    community bigint CHECK (community > 0),
    delivery_date date,
    delivery_start timestamptz,
    factor_id bigint,
    booked_at timestamptz NOT NULL,
    CONSTRAINT carbon_transactions_shape CHECK (CASE kind
        WHEN 'earned' THEN debit_account = '\\x00' AND octet_length(credit_account) = 20 AND credit_bucket = 0
        WHEN 'released' THEN debit_account = credit_account AND octet_length(debit_account) = 20
            AND debit_bucket = 0 AND credit_bucket = 1
        WHEN 'reversed' THEN octet_length(debit_account) = 20 AND debit_bucket = 0 AND credit_account = '\\x00'
            AND reverses IS NOT NULL
        WHEN 'reduced' THEN octet_length(debit_account) = 20 AND debit_bucket = 0 AND credit_account = '\\x00'
            AND document_id IS NOT NULL
        WHEN 'retired' THEN octet_length(debit_account) = 20 AND debit_bucket = 1 AND credit_account = '\\x01'
            AND document_id IS NOT NULL
        WHEN 'transferred' THEN octet_length(debit_account) = 20 AND debit_bucket = 1 AND credit_bucket = 1
            AND octet_length(credit_account) IN (5, 20) AND debit_account <> credit_account
            AND document_id IS NOT NULL
        WHEN 'corrected' THEN document_id IS NOT NULL AND (debit_account = '\\x00' AND octet_length(credit_account) = 5
            OR octet_length(debit_account) = 5 AND credit_account = '\\x00')
        END),
    CONSTRAINT carbon_transactions_trade_facts CHECK (
        kind NOT IN ('earned', 'released', 'reversed', 'reduced')
        OR num_nulls(chain, trade_id, cycle, holder_id, community, delivery_date, delivery_start) = 0)
)
--;;
CREATE UNIQUE INDEX carbon_transactions_of_trade ON carbon_transactions (chain, trade_id, kind, cycle, document_id)
    NULLS NOT DISTINCT WHERE trade_id IS NOT NULL
--;;
CREATE UNIQUE INDEX carbon_transactions_of_document
    ON carbon_transactions (document_id, kind, debit_account, credit_account)
    WHERE document_id IS NOT NULL AND trade_id IS NULL
--;;
CREATE INDEX carbon_transactions_in ON carbon_transactions (credit_account, id) WHERE octet_length(credit_account) = 20
--;;
CREATE INDEX carbon_transactions_out ON carbon_transactions (debit_account, id)
    WHERE octet_length(debit_account) = 20 AND debit_account <> credit_account
--;;
CREATE TABLE carbon_reserve_claims (
    id uuid PRIMARY KEY,
    community bigint NOT NULL CHECK (community > 0),
    document_id uuid NOT NULL REFERENCES carbon_documents,
    grams bigint NOT NULL CHECK (grams > 0),
    settled_g bigint NOT NULL DEFAULT 0,
    opened_at timestamptz NOT NULL,
    CHECK (settled_g BETWEEN 0 AND grams),
    UNIQUE (document_id, community)
)
--;;
COMMENT ON TABLE carbon_reserve_claims IS 'What corrections took beyond the limit of a community''s reserve'
--;;
CREATE INDEX carbon_reserve_claims_open ON carbon_reserve_claims (community, id) WHERE settled_g < grams
--;;
CREATE FUNCTION carbon_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$
--;;
CREATE TRIGGER carbon_transactions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON carbon_transactions
    FOR EACH STATEMENT EXECUTE FUNCTION carbon_refuse_change()
--;;
CREATE TRIGGER carbon_documents_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON carbon_documents
    FOR EACH STATEMENT EXECUTE FUNCTION carbon_refuse_change()
"""

BOARDS = """
CREATE TYPE board_period AS ENUM ('day', 'week', 'month', 'all')
--;;
CREATE TABLE leaderboard (
    period board_period NOT NULL,
    period_start date NOT NULL,
    community bigint NOT NULL,
    holder_id uuid NOT NULL,
    net_g bigint NOT NULL,
    PRIMARY KEY (holder_id, period, period_start, community)
) WITH (autovacuum_vacuum_scale_factor = 0.02)
--;;
COMMENT ON TABLE leaderboard IS 'Grams earned minus reversed and reduced, by the community''s day of delivery; '
    'community 0 is everybody, and the board of all time starts on 1970-01-01'
--;;
CREATE INDEX leaderboard_ranks ON leaderboard (period, period_start, community, net_g DESC, holder_id) WHERE net_g > 0
--;;
CREATE TABLE leaderboard_histogram (
    period board_period NOT NULL,
    period_start date NOT NULL,
    community bigint NOT NULL,
    bucket int NOT NULL,
    holders bigint NOT NULL,
    PRIMARY KEY (period, period_start, community, bucket)
) WITH (fillfactor = 50)
--;;
COMMENT ON TABLE leaderboard_histogram IS 'Holders by board_bucket(net_g): totals, ranks, far pages'
--;;
CREATE TABLE leaderboard_queue (
    holder_id uuid NOT NULL,
    community bigint NOT NULL,
    delivery_date date NOT NULL,
    net_g bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_analyze_threshold = 1000000)
--;;
COMMENT ON TABLE leaderboard_queue IS 'Committed movements that the week and month boards have not counted yet'
--;;
CREATE TABLE leaderboard_holders (holder_id uuid PRIMARY KEY, user_id uuid NOT NULL)
--;;
COMMENT ON TABLE leaderboard_holders IS 'The user who claimed a wallet that had earned before it was known'
--;;
CREATE FUNCTION board_thresholds() RETURNS bigint[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN '{%THRESHOLDS%}'::bigint[]
--;;
CREATE FUNCTION board_bucket(net_g bigint) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN width_bucket(net_g, board_thresholds())
""".replace("%THRESHOLDS%", ",".join(map(str, THRESHOLDS)))

COUNT_RANKED = """
    INSERT INTO leaderboard_histogram AS h (period, period_start, community, bucket, holders)
    SELECT period, period_start, community, bucket, sum(change) FROM (
        SELECT period, period_start, community, board_bucket(after_g) AS bucket, 1 AS change
        FROM ranked WHERE after_g > 0
        UNION ALL
        SELECT period, period_start, community, board_bucket(before_g), -1 FROM ranked WHERE before_g > 0
    ) AS moves
    GROUP BY period, period_start, community, bucket HAVING sum(change) <> 0
    ORDER BY period, period_start, community, bucket
    ON CONFLICT (period, period_start, community, bucket) DO UPDATE SET holders = h.holders + excluded.holders
"""

RANK_UPSERT = """
        INSERT INTO leaderboard AS b (period, period_start, community, holder_id, net_g)
        SELECT period, period_start, board, holder_id, sum(net_g) FROM moved
        CROSS JOIN LATERAL (VALUES %BOARDS%) AS p (period, period_start)
        CROSS JOIN LATERAL (VALUES (community), (0)) AS c (board)
        GROUP BY period, period_start, board, holder_id
        ORDER BY holder_id, period, period_start, board
        ON CONFLICT (holder_id, period, period_start, community) DO UPDATE SET net_g = b.net_g + excluded.net_g
        RETURNING WITH (OLD AS was, NEW AS is_now)
            b.period, b.period_start, b.community, was.net_g AS before_g, is_now.net_g AS after_g
"""
DAY_AND_ALL = "('day'::board_period, delivery_date), ('all', date '1970-01-01')"
WEEK_AND_MONTH = (
    "('week'::board_period, date_trunc('week', delivery_date::timestamp)::date), "
    "('month', date_trunc('month', delivery_date::timestamp)::date)"
)

# Index look-ups only: a plan made while the tables were empty is kept by the session and must stay right.
DEFINER = (
    "LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off "
    "SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off SET jit = off"
)

APPLY = f"""
CREATE FUNCTION carbon_apply() RETURNS trigger {DEFINER} AS $$
DECLARE takes boolean;
BEGIN
    -- Shared against carbon_claim: nobody counts for a holder while that holder's rows move to a user.
    PERFORM pg_advisory_xact_lock_shared(4706, 1);
    SELECT bool_or(kind NOT IN ('earned', 'corrected') OR octet_length(debit_account) > 1) INTO takes FROM booked;
    IF takes THEN
        -- A row proposed to INSERT is checked before its conflict is seen, so debits lock first, in account order;
        -- issuance comes first and with it one writer at a time, so transactions of several statements never deadlock.
        INSERT INTO carbon_wallet AS w (account)
        SELECT account FROM (
            SELECT debit_account FROM booked UNION SELECT credit_account FROM booked UNION SELECT '\\x00'
        ) AS s (account) ORDER BY account
        ON CONFLICT (account) DO UPDATE SET pending_g = w.pending_g WHERE false;
        PERFORM carbon_check_trades(array_agg(chain), array_agg(trade_id), array_agg(cycle))
        FROM (SELECT DISTINCT chain, trade_id, cycle FROM booked WHERE kind IN ('released', 'reversed', 'reduced')) AS t
        HAVING count(*) > 0;
        WITH sides AS (%SIDES%)
        UPDATE carbon_wallet AS w SET pending_g = w.pending_g + s.pending_g,
            available_g = w.available_g + s.available_g, earned_g = w.earned_g + s.earned_g,
            received_g = w.received_g + s.received_g, spent_g = w.spent_g + s.spent_g,
            reversed_g = w.reversed_g + s.reversed_g
        FROM sides AS s WHERE w.account = s.account;
    ELSE
        WITH sides AS (%SIDES%)
        INSERT INTO carbon_wallet AS w (account, pending_g, available_g, earned_g, received_g, spent_g, reversed_g)
        SELECT account, pending_g, available_g, earned_g, received_g, spent_g, reversed_g FROM sides ORDER BY account
        ON CONFLICT (account) DO UPDATE SET pending_g = w.pending_g + excluded.pending_g,
            available_g = w.available_g + excluded.available_g, earned_g = w.earned_g + excluded.earned_g;
    END IF;
    WITH moved AS MATERIALIZED (
        SELECT coalesce(l.user_id, b.holder_id) AS holder_id, b.community, b.delivery_date,
            sum(CASE b.kind WHEN 'earned' THEN b.grams ELSE -b.grams END)::bigint AS net_g
        FROM booked AS b LEFT JOIN leaderboard_holders AS l ON l.holder_id = b.holder_id
        WHERE b.kind IN ('earned', 'reversed', 'reduced')
        GROUP BY 1, 2, 3
    ), queued AS (
        INSERT INTO leaderboard_queue (holder_id, community, delivery_date, net_g)
        SELECT holder_id, community, delivery_date, net_g FROM moved
    ), ranked AS ({RANK_UPSERT.replace("%BOARDS%", DAY_AND_ALL)})
    {COUNT_RANKED};
    RETURN NULL;
END $$
""".replace(
    "%SIDES%",
    """
            SELECT account, sum(pending_g)::bigint AS pending_g, sum(available_g)::bigint AS available_g,
                sum(earned_g)::bigint AS earned_g, sum(received_g)::bigint AS received_g,
                sum(spent_g)::bigint AS spent_g, sum(reversed_g)::bigint AS reversed_g
            FROM (
                SELECT debit_account, CASE debit_bucket WHEN 0 THEN -grams ELSE 0 END,
                    CASE debit_bucket WHEN 1 THEN -grams ELSE 0 END, 0, 0,
                    CASE WHEN kind IN ('retired', 'transferred') THEN grams ELSE 0 END,
                    CASE WHEN kind IN ('reversed', 'reduced') THEN grams ELSE 0 END
                FROM booked
                UNION ALL
                SELECT credit_account, CASE credit_bucket WHEN 0 THEN grams ELSE 0 END,
                    CASE credit_bucket WHEN 1 THEN grams ELSE 0 END,
                    CASE kind WHEN 'earned' THEN grams ELSE 0 END,
                    CASE kind WHEN 'transferred' THEN grams ELSE 0 END, 0, 0
                FROM booked
            ) AS s (account, pending_g, available_g, earned_g, received_g, spent_g, reversed_g)
            GROUP BY account
        """,
)

FUNCTIONS = f"""
CREATE FUNCTION carbon_check_trades(chains smallint[], trade_ids bytea[], cycles int[]) RETURNS void {DEFINER} AS $$
DECLARE overdrawn bytea;
BEGIN
    SELECT a.trade_id INTO overdrawn
    FROM unnest(chains, trade_ids, cycles) AS a (chain, trade_id, cycle)
    WHERE 0 > (SELECT sum(CASE kind WHEN 'earned' THEN grams ELSE -grams END) FROM carbon_transactions AS c
        WHERE c.chain = a.chain AND c.trade_id = a.trade_id AND c.cycle = a.cycle)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'trade % has less pending carbon than it is to lose', overdrawn
            USING ERRCODE = 'check_violation', CONSTRAINT = 'carbon_trade_pending_not_negative';
    END IF;
END $$
--;;
{APPLY}
--;;
CREATE TRIGGER carbon_apply AFTER INSERT ON carbon_transactions
    REFERENCING NEW TABLE AS booked FOR EACH STATEMENT EXECUTE FUNCTION carbon_apply()
--;;
CREATE FUNCTION carbon_lock_ledger() RETURNS void {DEFINER} AS $$
BEGIN
    PERFORM FROM carbon_wallet WHERE account = '\\x00' FOR NO KEY UPDATE;
END $$
--;;
CREATE FUNCTION carbon_refresh_boards(at_most int) RETURNS int {DEFINER} AS $$
DECLARE taken int;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(4706, 1);
    -- One refresher at a time; rows that commit late are taken by the next call, none is passed over.
    PERFORM pg_advisory_xact_lock(4706, 2);
    WITH queued AS MATERIALIZED (
        DELETE FROM leaderboard_queue WHERE ctid = ANY (ARRAY(SELECT ctid FROM leaderboard_queue LIMIT at_most))
        RETURNING holder_id, community, delivery_date, net_g
    ), moved AS MATERIALIZED (
        SELECT coalesce(l.user_id, q.holder_id) AS holder_id, q.community, q.delivery_date,
            sum(q.net_g)::bigint AS net_g
        FROM queued AS q LEFT JOIN leaderboard_holders AS l ON l.holder_id = q.holder_id GROUP BY 1, 2, 3
    ), ranked AS ({RANK_UPSERT.replace("%BOARDS%", WEEK_AND_MONTH)}), counted AS ({COUNT_RANKED})
    SELECT count(*) INTO taken FROM queued;
    RETURN taken;
END $$
--;;
CREATE FUNCTION carbon_claim(claimed uuid, claimant uuid) RETURNS boolean {DEFINER} AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(4706, 1);
    INSERT INTO leaderboard_holders (holder_id, user_id) VALUES (claimed, claimant) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    WITH gone AS MATERIALIZED (
        DELETE FROM leaderboard AS b WHERE b.holder_id = claimed
        RETURNING b.period, b.period_start, b.community, b.net_g
    ), came AS (
        INSERT INTO leaderboard AS b (period, period_start, community, holder_id, net_g)
        SELECT period, period_start, community, claimant, net_g FROM gone ORDER BY 1, 2, 3
        ON CONFLICT (holder_id, period, period_start, community) DO UPDATE SET net_g = b.net_g + excluded.net_g
        RETURNING WITH (OLD AS was, NEW AS is_now)
            b.period, b.period_start, b.community, was.net_g AS before_g, is_now.net_g AS after_g
    ), ranked AS (
        SELECT period, period_start, community, before_g, after_g FROM came
        UNION ALL SELECT period, period_start, community, net_g, 0 FROM gone
    ) {COUNT_RANKED};
    RETURN true;
END $$
"""

GRANTS = """
REVOKE ALL ON FUNCTION carbon_apply(), carbon_check_trades(smallint[], bytea[], int[]), carbon_refresh_boards(int),
    carbon_lock_ledger(), carbon_claim(uuid, uuid) FROM PUBLIC
--;;
GRANT EXECUTE ON FUNCTION carbon_lock_ledger(), carbon_refresh_boards(int), carbon_claim(uuid, uuid) TO gridx_service
--;;
GRANT SELECT ON leaderboard, leaderboard_histogram TO gridx_api, gridx_service, gridx_audit
--;;
GRANT SELECT ON leaderboard_queue, leaderboard_holders TO gridx_service, gridx_audit
--;;
GRANT SELECT ON carbon_wallet, carbon_documents, carbon_transactions, carbon_reserve_claims
    TO gridx_service, gridx_audit
--;;
GRANT INSERT ON carbon_documents, carbon_transactions, carbon_reserve_claims TO gridx_service
--;;
GRANT UPDATE (settled_g) ON carbon_reserve_claims TO gridx_service
--;;
GRANT SELECT ON carbon_wallet, carbon_documents, carbon_transactions TO gridx_api
--;;
GRANT INSERT ON carbon_documents, carbon_transactions TO gridx_api
"""

# The acting user's wallets by an index, or one by one those that an operator may see in `wallets`.
ME = "(SELECT nullif(current_setting('gridx.user_id', true), '')::uuid)"
OVERSEER = "(SELECT current_setting('gridx.org_role', true)) IN ('operator', 'super_admin')"
NAMED = "(SELECT nullif(current_setting('gridx.document_id', true), '')::uuid)"
OWN = f"(SELECT address FROM wallets WHERE user_id = {ME} AND valid_to IS NULL)"


def _seen(table: str, column: str) -> str:
    overseen = f"EXISTS (SELECT FROM wallets AS w WHERE w.address = {table}.{column})"
    return f"({column} IN (SELECT address FROM wallets WHERE user_id = {ME}) OR ({OVERSEER} AND {overseen}))"


LEDGER_TABLES = ("carbon_wallet", "carbon_documents", "carbon_transactions", "carbon_reserve_claims")
SEEN_SIDES = " OR ".join(_seen("carbon_transactions", side) for side in ("debit_account", "credit_account"))
POLICIES = (
    f"carbon_wallet FOR SELECT TO gridx_api USING ({_seen('carbon_wallet', 'account')})",
    f"carbon_documents FOR SELECT TO gridx_api USING (id = {NAMED} OR {_seen('carbon_documents', 'account')})",
    f"carbon_documents FOR INSERT TO gridx_api WITH CHECK (kind IN ('retirement', 'transfer') AND account IN {OWN})",
    f"carbon_transactions FOR SELECT TO gridx_api USING (document_id = {NAMED} OR {SEEN_SIDES})",
    "carbon_transactions FOR INSERT TO gridx_api"
    f" WITH CHECK (kind IN ('retired', 'transferred') AND debit_account IN {OWN})",
)


def upgrade() -> None:
    """Create ledger and boards, close them, then open what each role needs."""
    for script in (LEDGER, BOARDS, FUNCTIONS, GRANTS):
        run(script)
    for table in LEDGER_TABLES:
        run(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        run(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        run(f"CREATE POLICY everything ON {table} TO gridx_owner, gridx_service USING (true)")
        run(f"CREATE POLICY audit ON {table} FOR SELECT TO gridx_audit USING (true)")
    for number, policy in enumerate(POLICIES):
        run(f"CREATE POLICY api_{number} ON {policy}")


def downgrade() -> None:
    """Remove ledger and boards."""
    run("""
DROP TABLE carbon_reserve_claims, carbon_transactions, carbon_documents, carbon_wallet
--;;
DROP TABLE leaderboard, leaderboard_histogram, leaderboard_queue, leaderboard_holders
--;;
DROP FUNCTION carbon_apply(), carbon_check_trades(smallint[], bytea[], int[]), carbon_refresh_boards(int),
    carbon_lock_ledger(), carbon_claim(uuid, uuid), carbon_refuse_change(), board_bucket(bigint), board_thresholds()
--;;
DROP TYPE carbon_kind, board_period
""")

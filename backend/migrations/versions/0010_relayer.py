# SPDX-License-Identifier: Apache-2.0
"""The relayer: signed transactions, the matches they carry, pairs that the chain skipped, and how each relayer is."""

from backend.migrations.sql import run

revision = "0010"
down_revision = "0009"

TABLES = ("match_skips", "relay_matches", "relay_transactions", "relayers")


def upgrade() -> None:
    """Create the tables; only services and the audit see them."""
    run("""
CREATE TABLE relayers (
    chain smallint NOT NULL REFERENCES chains (id),
    signer bytea NOT NULL CHECK (length(signer) = 20),
    balance_wei numeric(38) NOT NULL CHECK (balance_wei >= 0),
    stopped_code text,
    stopped_reason text,
    stopped_at timestamptz,
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (chain, signer),
    CHECK ((stopped_code IS NULL) = (stopped_at IS NULL) AND (stopped_code IS NULL) = (stopped_reason IS NULL))
)
--;;
COMMENT ON TABLE relayers IS 'Each signer of settlements: its balance and, while it has stopped, why'
--;;
CREATE TABLE relay_transactions (
    id uuid PRIMARY KEY,
    chain smallint NOT NULL REFERENCES chains (id),
    signer bytea NOT NULL CHECK (length(signer) = 20),
    nonce bigint NOT NULL CHECK (nonce >= 0),
    tx_hash bytea NOT NULL CHECK (length(tx_hash) = 32),
    raw bytea NOT NULL,
    gas bigint NOT NULL CHECK (gas > 0),
    max_fee_wei bigint NOT NULL CHECK (max_fee_wei >= priority_fee_wei),
    priority_fee_wei bigint NOT NULL CHECK (priority_fee_wei >= 0),
    pairs integer NOT NULL CHECK (pairs >= 0),
    state text NOT NULL CHECK (state IN ('SIGNED', 'SENT', 'REPLACED', 'MINED', 'REVERTED', 'LOST')),
    replaced_by uuid,
    refused text,
    block_number bigint,
    block_hash bytea CHECK (length(block_hash) = 32),
    gas_used bigint,
    cost_wei numeric(38),
    created_at timestamptz NOT NULL,
    sent_at timestamptz,
    mined_at timestamptz,
    ended_at timestamptz,
    UNIQUE (chain, tx_hash),
    CHECK ((state IN ('MINED', 'REVERTED')) = (block_hash IS NOT NULL)),
    CHECK ((block_hash IS NULL) = (block_number IS NULL)),
    CHECK (state <> 'LOST' OR ended_at IS NOT NULL)
)
--;;
COMMENT ON TABLE relay_transactions IS
    'Stored before they are broadcast. SIGNED: no node knows it yet; REPLACED: a newer one with this nonce pays more; '
    'LOST: another one with this nonce is final. ended_at: nothing will change any more'
--;;
CREATE UNIQUE INDEX relay_transactions_newest ON relay_transactions (chain, signer, nonce) WHERE replaced_by IS NULL
--;;
CREATE INDEX relay_transactions_open ON relay_transactions (chain, signer, nonce) WHERE ended_at IS NULL
--;;
CREATE INDEX relay_transactions_day ON relay_transactions (chain, signer, created_at)
--;;
CREATE TABLE relay_matches (
    transaction_id uuid NOT NULL REFERENCES relay_transactions,
    match_id uuid NOT NULL REFERENCES matches,
    PRIMARY KEY (transaction_id, match_id)
)
--;;
COMMENT ON TABLE relay_matches IS 'Which pairs a transaction carries'
--;;
CREATE INDEX relay_matches_match ON relay_matches (match_id)
--;;
CREATE INDEX matches_sent ON matches (chain, settlement_nonce) WHERE state = 'SENT'
--;;
CREATE INDEX matches_confirmed ON matches (chain, trade_id) WHERE state = 'CONFIRMED'
--;;
CREATE TABLE match_skips (
    chain smallint NOT NULL REFERENCES chains (id),
    block_hash bytea NOT NULL CHECK (length(block_hash) = 32),
    log_index integer NOT NULL,
    block_number bigint NOT NULL,
    settlement_nonce bigint NOT NULL,
    selector bytea NOT NULL CHECK (length(selector) = 4),
    seen_at timestamptz NOT NULL,
    final_at timestamptz,
    resolved_at timestamptz,
    PRIMARY KEY (chain, block_hash, log_index)
)
--;;
COMMENT ON TABLE match_skips IS 'MatchSkipped as confirmed; acted upon when final, gone when its block lost'
--;;
CREATE INDEX match_skips_open ON match_skips (chain, block_number) WHERE resolved_at IS NULL
--;;
CREATE INDEX match_skips_nonce ON match_skips (chain, settlement_nonce)
--;;
GRANT SELECT, UPDATE ON settlement_nonces TO gridx_service
--;;
GRANT SELECT ON relayers, relay_transactions, relay_matches, match_skips TO gridx_audit
--;;
GRANT SELECT, INSERT, UPDATE ON relayers, relay_transactions TO gridx_service
--;;
GRANT SELECT, INSERT ON relay_matches TO gridx_service
--;;
GRANT SELECT, INSERT, UPDATE, DELETE ON match_skips TO gridx_service
""")


def downgrade() -> None:
    """Drop the tables, dependants first."""
    run("REVOKE SELECT, UPDATE ON settlement_nonces FROM gridx_service")
    run("DROP INDEX matches_sent, matches_confirmed")
    for table in TABLES:
        run(f"DROP TABLE {table}")

# SPDX-License-Identifier: Apache-2.0
"""Chains, their blocks, every log that was observed, and how far the follower is."""

from backend.migrations.sql import run

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the tables of domain chain. All of it is public knowledge; only gridx_service writes."""
    run("""
CREATE TABLE chains (
    id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    chain_id bigint NOT NULL CHECK (chain_id > 0),
    genesis_hash bytea NOT NULL CHECK (octet_length(genesis_hash) = 32),
    contract_address bytea NOT NULL CHECK (octet_length(contract_address) = 20),
    deployment_block bigint NOT NULL CHECK (deployment_block >= 0),
    deployment_block_hash bytea NOT NULL CHECK (octet_length(deployment_block_hash) = 32),
    salt bytea NOT NULL CHECK (octet_length(salt) = 32),
    network text NOT NULL CHECK (network <> ''),
    confirmations integer CHECK (confirmations > 0),
    halted_reason text,
    halted_at timestamptz,
    epoch integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (chain_id, genesis_hash, deployment_block_hash, contract_address)
)
--;;
COMMENT ON COLUMN chains.confirmations IS 'depth from which a block is recorded; null: from the finalized tag'
--;;
COMMENT ON COLUMN chains.epoch IS 'grows with every reorganisation that was followed'
--;;
CREATE TABLE chain_blocks (
    chain smallint NOT NULL REFERENCES chains,
    number bigint NOT NULL CHECK (number >= 0),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    parent_hash bytea NOT NULL CHECK (octet_length(parent_hash) = 32),
    time timestamptz NOT NULL,
    canonical boolean NOT NULL,
    PRIMARY KEY (chain, hash)
)
--;;
COMMENT ON COLUMN chain_blocks.canonical IS 'the follower has passed this block; final blocks without logs are dropped'
--;;
CREATE UNIQUE INDEX chain_blocks_canonical ON chain_blocks (chain, number) WHERE canonical
--;;
CREATE INDEX chain_blocks_number ON chain_blocks (chain, number)
--;;
CREATE TABLE chain_events (
    chain smallint NOT NULL REFERENCES chains,
    block_hash bytea NOT NULL CHECK (octet_length(block_hash) = 32),
    log_index integer NOT NULL CHECK (log_index >= 0),
    block_number bigint NOT NULL CHECK (block_number >= 0),
    block_time timestamptz NOT NULL,
    tx_hash bytea NOT NULL CHECK (octet_length(tx_hash) = 32),
    tx_index integer NOT NULL CHECK (tx_index >= 0),
    topics bytea NOT NULL CHECK (octet_length(topics) IN (0, 32, 64, 96, 128)),
    data bytea NOT NULL,
    orphaned_at timestamptz,
    rejected_reason text,
    PRIMARY KEY (chain, block_hash, log_index)
)
--;;
COMMENT ON TABLE chain_events IS 'Every log of the contract that was ever observed; orphaned ones stay visible'
--;;
CREATE INDEX chain_events_number ON chain_events (chain, block_number, log_index)
--;;
CREATE INDEX chain_events_tx ON chain_events (chain, tx_hash)
--;;
CREATE INDEX chain_events_rejected ON chain_events (chain, block_number) WHERE rejected_reason IS NOT NULL
--;;
CREATE TABLE chain_cursor (
    chain smallint PRIMARY KEY REFERENCES chains,
    next_block bigint NOT NULL CHECK (next_block >= 0),
    last_hash bytea NOT NULL CHECK (octet_length(last_hash) = 32),
    head_block bigint NOT NULL DEFAULT 0,
    final_block bigint NOT NULL DEFAULT 0,
    history_block bigint NOT NULL,
    history_count bigint NOT NULL DEFAULT 0 CHECK (history_count >= 0),
    history_head bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex') CHECK (octet_length(history_head) = 32),
    note text,
    seen_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT now()
)
--;;
COMMENT ON COLUMN chain_cursor.history_head IS
    'head over the stored logs up to history_block, to be compared with the contract'
--;;
COMMENT ON COLUMN chain_cursor.note IS 'what the follower waits for; null: nothing'
--;;
GRANT SELECT ON chains, chain_blocks, chain_events, chain_cursor TO gridx_api, gridx_audit, gridx_service
--;;
GRANT INSERT ON chains, chain_blocks, chain_events, chain_cursor TO gridx_service
--;;
GRANT UPDATE (confirmations, halted_reason, halted_at, epoch) ON chains TO gridx_service
--;;
GRANT UPDATE (canonical), DELETE ON chain_blocks TO gridx_service
--;;
GRANT UPDATE (orphaned_at, rejected_reason) ON chain_events TO gridx_service
--;;
GRANT UPDATE ON chain_cursor TO gridx_service
""")


def downgrade() -> None:
    """Remove the tables of domain chain."""
    run("""
DROP TABLE chain_cursor
--;;
DROP TABLE chain_events
--;;
DROP TABLE chain_blocks
--;;
DROP TABLE chains
""")

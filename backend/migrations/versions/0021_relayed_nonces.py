# SPDX-License-Identifier: Apache-2.0
"""The relayer's next nonce is found by index, however many transactions it has sent."""

from backend.migrations.sql import run

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Make the index."""
    run("CREATE INDEX relay_transactions_used ON relay_transactions (chain, signer, nonce) WHERE state <> 'LOST'")


def downgrade() -> None:
    """Drop it."""
    run("DROP INDEX relay_transactions_used")

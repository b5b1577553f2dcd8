# SPDX-License-Identifier: Apache-2.0
"""Prices: offers that buyers took themselves are found by their market and interval."""

from backend.migrations.sql import run

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Create the index; matches of the book have theirs."""
    run("CREATE INDEX energy_trades_filled ON energy_trades (chain, community, delivery_start) WHERE kind = 1")


def downgrade() -> None:
    """Drop it."""
    run("DROP INDEX energy_trades_filled")

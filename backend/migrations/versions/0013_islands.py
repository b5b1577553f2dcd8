# SPDX-License-Identifier: Apache-2.0
"""Disaster mode: islands, critical loads, storage, allocations, queued intents."""

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Create the tables."""


def downgrade() -> None:
    """Drop the tables."""

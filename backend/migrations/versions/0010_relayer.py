# SPDX-License-Identifier: Apache-2.0
"""The relayer: signed transactions, its nonces and its daily budget."""

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Create the tables."""


def downgrade() -> None:
    """Drop the tables."""

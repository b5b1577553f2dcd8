# SPDX-License-Identifier: Apache-2.0
"""What a house's connection to the grid carries: the most that its bids may ask for."""

from backend.migrations.sql import run

revision = "0018"
down_revision = "0017"

UP = """
ALTER TABLE houses ADD COLUMN connection_w bigint CHECK (connection_w BETWEEN 1 AND 100000000)
--;;
COMMENT ON COLUMN houses.connection_w IS
    'Most power the connection carries; null: not told, three phases of 25 A at 230 V are assumed where it matters'
--;;
GRANT UPDATE (connection_w) ON houses TO gridx_api
"""


def upgrade() -> None:
    """Add the column; nobody has told it yet."""
    run(UP)


def downgrade() -> None:
    """Drop the column."""
    run("ALTER TABLE houses DROP COLUMN connection_w")

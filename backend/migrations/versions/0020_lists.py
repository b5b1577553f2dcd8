# SPDX-License-Identifier: Apache-2.0
"""Lists of one's own: orders, matches and failed claims are found by index, not by reading all.

The policies ask for the organisation only where an operator acts, so that a member's list looks at his own rows alone.
"""

from backend.migrations.sql import run

revision = "0020"
down_revision = "0019"

ME = "(SELECT nullif(current_setting('gridx.user_id', true), '')::uuid)"
ORG = "SELECT nullif(current_setting('gridx.org_id', true), '')::uuid"
ROLE = "(SELECT current_setting('gridx.org_role', true))"
MINE = {"orders": f"user_id = {ME}", "matches": f"seller_id = {ME} OR buyer_id = {ME}"}
UP = """
CREATE INDEX orders_org ON orders (org_id, placed_at DESC)
--;;
CREATE INDEX matches_seller ON matches (seller_id, matched_at DESC)
--;;
CREATE INDEX matches_buyer ON matches (buyer_id, matched_at DESC)
--;;
CREATE INDEX matches_org ON matches (org_id, matched_at DESC)
--;;
CREATE INDEX trade_submissions_failed ON trade_submissions (updated_at)
    WHERE state IN ('REVERTED', 'DROPPED', 'REPLACED')
"""


def upgrade() -> None:
    """Make the indexes; who sees what stays as it was."""
    run(UP)
    for table, mine in MINE.items():
        run(f"ALTER POLICY seen ON {table} USING ({mine} OR org_id = ({ORG} WHERE {ROLE} = 'operator'))")


def downgrade() -> None:
    """Drop them, and ask for the organisation in every list again."""
    for table, mine in MINE.items():
        run(f"ALTER POLICY seen ON {table} USING ({mine} OR (org_id = ({ORG}) AND {ROLE} = 'operator'))")
    run("DROP INDEX orders_org, matches_seller, matches_buyer, matches_org, trade_submissions_failed")

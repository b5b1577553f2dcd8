# SPDX-License-Identifier: Apache-2.0
"""What a session was used from, so that its user recognises it."""

from backend.migrations.sql import run

revision = "0019"
down_revision = "0018"

UP = """
ALTER TABLE refresh_tokens ADD COLUMN user_agent text CHECK (user_agent <> '' AND length(user_agent) <= 300)
--;;
COMMENT ON COLUMN refresh_tokens.user_agent IS
    'User-Agent header of the request that got the token; null: none was sent, or the user is deleted'
--;;
GRANT UPDATE (user_agent) ON refresh_tokens TO gridx_api
"""


def upgrade() -> None:
    """Add the column; earlier sessions do not tell."""
    run(UP)


def downgrade() -> None:
    """Drop the column."""
    run("ALTER TABLE refresh_tokens DROP COLUMN user_agent")

# SPDX-License-Identifier: Apache-2.0
"""Live updates: who may see an event, and the ways back through the history of the outbox."""

from backend.migrations.sql import run

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add audiences to the outbox."""
    run("""
ALTER TABLE outbox ADD COLUMN audience uuid, ADD COLUMN audience_org uuid
--;;
COMMENT ON COLUMN outbox.audience IS 'The user who alone sees the event live'
--;;
COMMENT ON COLUMN outbox.audience_org IS 'The organisation whose operators see the event live'
--;;
CREATE INDEX outbox_of_audience ON outbox (topic, audience, sequence) WHERE audience IS NOT NULL
""")


def downgrade() -> None:
    """Remove audiences."""
    run("""
DROP INDEX outbox_of_audience
--;;
ALTER TABLE outbox DROP COLUMN audience, DROP COLUMN audience_org
""")

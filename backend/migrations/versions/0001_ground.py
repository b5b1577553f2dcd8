# SPDX-License-Identifier: Apache-2.0
"""Outbox, event numbers, idempotency keys and what the four roles may do by default."""

from backend.migrations.sql import run

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the ground."""
    run("""
REVOKE ALL ON SCHEMA public FROM PUBLIC
--;;
GRANT USAGE ON SCHEMA public TO gridx_api, gridx_service, gridx_audit
--;;
CREATE TABLE outbox (
    id uuid PRIMARY KEY,
    topic text NOT NULL CHECK (topic <> ''),
    name text NOT NULL CHECK (name ~ '^[a-z_]+\\.[a-z_]+\\.v[0-9]+$'),
    payload jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    sequence bigint,
    published_at timestamptz,
    UNIQUE (topic, sequence)
)
--;;
COMMENT ON TABLE outbox IS 'Events stored with their cause; the relay alone numbers them per topic, as it publishes'
--;;
CREATE INDEX outbox_unpublished ON outbox (created_at) WHERE published_at IS NULL
--;;
CREATE TABLE outbox_topics (topic text PRIMARY KEY, last_sequence bigint NOT NULL)
--;;
CREATE FUNCTION outbox_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NOTIFY gridx_outbox;
    RETURN NULL;
END $$
--;;
CREATE TRIGGER outbox_notify AFTER INSERT ON outbox FOR EACH STATEMENT EXECUTE FUNCTION outbox_notify()
--;;
GRANT INSERT ON outbox TO gridx_api
--;;
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox, outbox_topics TO gridx_service
--;;
GRANT SELECT ON outbox, outbox_topics TO gridx_audit
--;;
CREATE TABLE idempotency_keys (
    user_id uuid NOT NULL,
    route text NOT NULL,
    key text NOT NULL CHECK (length(key) BETWEEN 1 AND 200),
    body_hash bytea NOT NULL,
    status smallint NOT NULL,
    answer jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, route, key)
)
--;;
ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY
--;;
ALTER TABLE idempotency_keys FORCE ROW LEVEL SECURITY
--;;
CREATE POLICY service ON idempotency_keys TO gridx_service USING (true)
--;;
CREATE POLICY owner ON idempotency_keys TO gridx_owner USING (true)
--;;
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_keys TO gridx_service
""")


def downgrade() -> None:
    """Remove the ground."""
    run("""
DROP TABLE idempotency_keys
--;;
DROP TABLE outbox
--;;
DROP TABLE outbox_topics
--;;
DROP FUNCTION outbox_notify()
""")

# SPDX-License-Identifier: Apache-2.0
"""Reports of the audit: kept for ever, each a checkpoint for the next."""

from backend.migrations.sql import run

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Create the table; gridx_audit may add to it and write nothing else."""
    run("""
CREATE TABLE audit_reports (
    id uuid PRIMARY KEY,
    chain smallint NOT NULL REFERENCES chains (id),
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL CHECK (finished_at >= started_at),
    final_block bigint NOT NULL CHECK (final_block >= 0),
    differences integer NOT NULL CHECK (differences >= 0),
    report jsonb NOT NULL,
    requested_by uuid
)
--;;
COMMENT ON TABLE audit_reports IS 'Public; report->checkpoint must be found again by every later audit'
--;;
CREATE INDEX audit_reports_newest ON audit_reports (finished_at DESC)
--;;
CREATE FUNCTION audit_reports_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit_reports is append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$
--;;
CREATE TRIGGER audit_reports_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_reports
    FOR EACH STATEMENT EXECUTE FUNCTION audit_reports_refuse_change()
--;;
GRANT SELECT ON audit_reports TO gridx_api, gridx_service, gridx_audit
--;;
GRANT INSERT ON audit_reports TO gridx_audit
""")


def downgrade() -> None:
    """Drop the table."""
    run("""
DROP TABLE audit_reports
--;;
DROP FUNCTION audit_reports_refuse_change()
""")

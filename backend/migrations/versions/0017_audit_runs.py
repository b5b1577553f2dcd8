# SPDX-License-Identifier: Apache-2.0
"""Audits that somebody asked for, with their progress; and orphaned observations found without reading all others."""

from backend.migrations.sql import run

revision = "0017"
down_revision = "0016"

AUDITS = """
    (SELECT current_setting('gridx.org_role', true)) = 'super_admin' OR EXISTS (
        SELECT FROM memberships AS m WHERE m.role = 'auditor'
            AND m.user_id = (SELECT nullif(current_setting('gridx.user_id', true), '')::uuid))
"""


def upgrade() -> None:
    """Create the table; auditors of any organisation read it, the service writes it."""
    run(f"""
CREATE TABLE audit_runs (
    id uuid PRIMARY KEY,
    requested_by uuid NOT NULL,
    requested_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('QUEUED', 'RUNNING', 'DONE', 'FAILED')),
    step text CHECK (length(step) <= 40),
    step_done bigint NOT NULL DEFAULT 0 CHECK (step_done >= 0),
    step_total bigint NOT NULL DEFAULT 0 CHECK (step_total >= 0),
    started_at timestamptz,
    seen_at timestamptz NOT NULL,
    finished_at timestamptz CHECK ((finished_at IS NULL) = (state IN ('QUEUED', 'RUNNING'))),
    report_id uuid REFERENCES audit_reports CHECK ((report_id IS NOT NULL) = (state = 'DONE')),
    failure text CHECK ((failure IS NOT NULL) = (state = 'FAILED') AND length(failure) <= 500)
)
--;;
COMMENT ON COLUMN audit_runs.seen_at IS 'last sign of life; a run that is silent for long is given up'
--;;
CREATE INDEX audit_runs_newest ON audit_runs (requested_at DESC, id)
--;;
ALTER TABLE audit_runs ENABLE ROW LEVEL SECURITY
--;;
ALTER TABLE audit_runs FORCE ROW LEVEL SECURITY
--;;
CREATE POLICY auditors ON audit_runs FOR SELECT TO gridx_api USING ({AUDITS})
--;;
CREATE POLICY service ON audit_runs TO gridx_service USING (true)
--;;
CREATE POLICY owner ON audit_runs TO gridx_owner USING (true)
--;;
GRANT SELECT ON audit_runs TO gridx_api
--;;
GRANT SELECT, INSERT, UPDATE ON audit_runs TO gridx_service
--;;
CREATE INDEX chain_events_orphaned ON chain_events (orphaned_at DESC) WHERE orphaned_at IS NOT NULL
""")


def downgrade() -> None:
    """Remove the table and the index."""
    run("""
DROP INDEX chain_events_orphaned
--;;
DROP TABLE audit_runs
""")

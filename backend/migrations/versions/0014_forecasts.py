# SPDX-License-Identifier: Apache-2.0
"""Forecasts: the last good answer to each question that a person has asked the AI service."""

from backend.migrations.sql import run

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Create the table; each user sees and keeps only their own."""
    run("""
CREATE TABLE forecast_answers (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    question bytea NOT NULL CHECK (length(question) = 32),
    route text NOT NULL CHECK (length(route) <= 100),
    answer bytea NOT NULL CHECK (length(answer) BETWEEN 2 AND 4194304),
    answered_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, question)
)
--;;
COMMENT ON TABLE forecast_answers IS 'Last good answers of the AI service, shown with their age while it is away'
--;;
COMMENT ON COLUMN forecast_answers.question IS 'SHA-256 of route, parameters and body, each in one order'
--;;
CREATE INDEX forecast_answers_age ON forecast_answers (user_id, answered_at)
--;;
ALTER TABLE forecast_answers ENABLE ROW LEVEL SECURITY
--;;
ALTER TABLE forecast_answers FORCE ROW LEVEL SECURITY
--;;
CREATE POLICY own ON forecast_answers TO gridx_api
    USING (user_id = (SELECT nullif(current_setting('gridx.user_id', true), '')::uuid))
--;;
CREATE POLICY service ON forecast_answers TO gridx_service USING (true)
--;;
CREATE POLICY owner ON forecast_answers TO gridx_owner USING (true)
--;;
GRANT SELECT, INSERT, UPDATE, DELETE ON forecast_answers TO gridx_api, gridx_service
""")


def downgrade() -> None:
    """Remove the table."""
    run("DROP TABLE forecast_answers")

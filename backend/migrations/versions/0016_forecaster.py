# SPDX-License-Identifier: Apache-2.0
"""The forecasting service reads a community's houses and readings as one of its members, in a role that only reads.

Its user belongs to the platform: it has no password and signs in with an API key alone. New communities have it among
their members; an operator who does not want forecasts ends the membership.
"""

from backend.migrations.sql import run

revision = "0016"
down_revision = "0015"

FORECASTER = "00000000-0000-7000-8000-00000000f0ca"
ROLES = ("member", "operator", "auditor", "customer", "funder", "om")
ORG = "(SELECT nullif(current_setting('gridx.org_id', true), '')::uuid)"
ROLE = "(SELECT current_setting('gridx.org_role', true))"
FORECASTS = f"org_id = {ORG} AND {ROLE} = 'forecaster'"


def _allow(roles: tuple[str, ...]) -> None:
    listed = ", ".join(f"'{role}'" for role in roles)
    for table in ("memberships", "invitations"):
        run(f"ALTER TABLE {table} DROP CONSTRAINT {table}_role_check")
        run(f"ALTER TABLE {table} ADD CONSTRAINT {table}_role_check CHECK (role IN ({listed}))")


def _without_row_security(statement: str, *tables: str) -> None:
    """Run a statement as the owner, whom forced row security would stop."""
    for table in tables:
        run(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    run(statement)
    for table in tables:
        run(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def upgrade() -> None:
    """Create the user and its memberships, and let the role read houses and readings."""
    _allow((*ROLES, "forecaster"))
    _without_row_security(
        f"""
INSERT INTO users (id, name, created_at) VALUES ('{FORECASTER}', 'Forecasting service', now())
--;;
INSERT INTO memberships (org_id, user_id, role, created_at)
    SELECT id, '{FORECASTER}', 'forecaster', now() FROM organizations WHERE kind = 'community'
""",  # noqa: S608 constants of this file
        "users",
        "memberships",
        "organizations",
    )
    run(f"CREATE POLICY api_forecasts ON houses FOR SELECT TO gridx_api USING ({FORECASTS})")
    run(f"""
CREATE POLICY api_forecasts ON energy_production FOR SELECT TO gridx_api
    USING (house_id IN (SELECT h.id FROM houses AS h WHERE h.{FORECASTS}))
""")


def downgrade() -> None:
    """Take the user, its keys and its memberships away."""
    run("DROP POLICY api_forecasts ON energy_production")
    run("DROP POLICY api_forecasts ON houses")
    _without_row_security(
        f"""
DELETE FROM api_keys WHERE user_id = '{FORECASTER}'
--;;
DELETE FROM invitations WHERE role = 'forecaster'
--;;
DELETE FROM memberships WHERE role = 'forecaster'
--;;
DELETE FROM users WHERE id = '{FORECASTER}'
""",  # noqa: S608 constants of this file
        "users",
        "memberships",
        "api_keys",
        "invitations",
    )
    _allow(ROLES)

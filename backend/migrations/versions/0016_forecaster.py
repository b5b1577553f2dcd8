# SPDX-License-Identifier: Apache-2.0
"""The forecasting service reads a community's houses and readings as one of its members, in a role that only reads.

Its user belongs to the platform (`accounts.forecaster`): no password, only an API key. New communities have it among
their members; an operator who does not want forecasts ends the membership.
"""

from backend.migrations.sql import run

revision = "0016"
down_revision = "0015"

ROLES = ("member", "operator", "auditor", "customer", "funder", "om")
ORG = "(SELECT nullif(current_setting('gridx.org_id', true), '')::uuid)"
ROLE = "(SELECT current_setting('gridx.org_role', true))"
FORECASTS = f"org_id = {ORG} AND {ROLE} = 'forecaster'"


def _allow(roles: tuple[str, ...]) -> None:
    listed = ", ".join(f"'{role}'" for role in roles)
    for table in ("memberships", "invitations"):
        run(f"ALTER TABLE {table} DROP CONSTRAINT {table}_role_check")
        run(f"ALTER TABLE {table} ADD CONSTRAINT {table}_role_check CHECK (role IN ({listed}))")


def upgrade() -> None:
    """Let the role exist, and read houses and readings."""
    _allow((*ROLES, "forecaster"))
    run(f"CREATE POLICY api_forecasts ON houses FOR SELECT TO gridx_api USING ({FORECASTS})")
    run(f"""
CREATE POLICY api_forecasts ON energy_production FOR SELECT TO gridx_api
    USING (house_id IN (SELECT h.id FROM houses AS h WHERE h.{FORECASTS}))
""")  # noqa: S608 constants of this file


def downgrade() -> None:
    """Take the role and its memberships away."""
    run("DROP POLICY api_forecasts ON energy_production")
    run("DROP POLICY api_forecasts ON houses")
    for table in ("memberships", "invitations"):
        run(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        run(f"DELETE FROM {table} WHERE role = 'forecaster'")  # noqa: S608 constants of this file
        run(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    _allow(ROLES)

# SPDX-License-Identifier: Apache-2.0
"""What PostgreSQL's catalogue says about row-level security, whatever the migrations meant."""

import re

import pytest
from sqlalchemy import text

from tests.backend.tenancy_cases import DEFINER_FUNCTIONS, GLOBAL_KEYS, OPEN_POLICIES, PUBLIC_TABLES

ROLES = ("gridx_owner", "gridx_api", "gridx_service", "gridx_audit")
TENANT_COLUMNS = {"org_id", "user_id", "owner_id", "house_id", "account", "community"}


@pytest.fixture
def ask(owner_db):
    """Rows of a catalogue query."""

    async def rows(query, **values):
        async with owner_db.begin() as session:
            return (await (await session.connection()).execute(text(query), values)).all()

    return rows


async def secured(ask):
    found = await ask(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " AND relkind IN ('r', 'p') AND relrowsecurity"
    )
    return {row.relname for row in found}


async def test_tables__that_the_api_may_read__force_row_security_or_are_declared_public(ask):
    found = await ask(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        " AND NOT (relrowsecurity AND relforcerowsecurity) AND has_any_column_privilege('gridx_api', oid, 'SELECT')"
    )

    assert {row.relname for row in found} - PUBLIC_TABLES.keys() == set()


async def test_tables__declared_public__exist_without_row_security(ask):
    everything = await ask(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
    )

    assert PUBLIC_TABLES.keys() - {row.relname for row in everything} == set()
    assert PUBLIC_TABLES.keys() & await secured(ask) == set()


async def test_tables__with_row_security__force_it_on_their_owner_too(ask):
    found = await ask("SELECT relname FROM pg_class WHERE relrowsecurity AND NOT relforcerowsecurity")

    assert found == []


async def test_tables__with_rows_of_people_or_organisations__have_row_security(ask):
    found = await ask(
        "SELECT DISTINCT c.relname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid"
        " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity"
        " AND a.attname IN ('user_id', 'org_id', 'owner_id', 'house_id')"
        " AND has_any_column_privilege('gridx_api', c.oid, 'SELECT')"
    )

    assert {row.relname for row in found} - PUBLIC_TABLES.keys() == set()


async def test_policies__for_the_api__are_never_open_unless_declared(ask):
    found = await ask(
        "SELECT tablename, policyname, cmd, qual, with_check FROM pg_policies"
        " WHERE schemaname = 'public' AND ('gridx_api' = ANY(roles) OR 'public' = ANY(roles))"
        " AND (qual = 'true' OR with_check = 'true')"
    )

    assert {f"{row.tablename}.{row.policyname}" for row in found} - OPEN_POLICIES.keys() == set()


async def test_policies__for_the_api__read_who_acts_once_per_statement(ask):
    found = await ask(
        "SELECT tablename, policyname, coalesce(qual, '') || ' ' || coalesce(with_check, '') AS rule FROM pg_policies"
        " WHERE schemaname = 'public' AND 'gridx_api' = ANY(roles)"
    )
    bare = {
        f"{row.tablename}.{row.policyname}"
        for row in found
        if re.search(r"current_setting\(", re.sub(r"\( SELECT [\w(]*current_setting\(", "", row.rule))
    }

    assert found
    assert bare == set()


async def test_policies__for_other_roles__are_for_the_known_roles_only(ask):
    found = await ask("SELECT DISTINCT unnest(roles)::text AS role FROM pg_policies WHERE schemaname = 'public'")

    assert {row.role for row in found} <= set(ROLES)


async def test_views__all__run_with_the_rights_of_whoever_asks(ask):
    found = await ask(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'v'"
        " AND NOT coalesce(reloptions, '{}') && ARRAY['security_invoker=true', 'security_invoker=on']"
    )

    assert found == []


async def test_materialised_views__over_tenant_tables__do_not_exist(ask):
    found = await ask("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'm'")

    assert found == []


async def test_definer_functions__touch_no_tenant_table_but_the_declared(ask):
    tables = await secured(ask)
    found = await ask(
        "SELECT proname, prosrc, coalesce(proconfig, '{}') AS settings FROM pg_proc"
        " WHERE pronamespace = 'public'::regnamespace AND prosecdef"
    )

    touched = {row.proname: {table for table in tables if re.search(rf"\b{table}\b", row.prosrc)} for row in found}
    beyond = {name: used - DEFINER_FUNCTIONS.get(name, set()) for name, used in touched.items()}
    assert {name: used for name, used in beyond.items() if used} == {}
    assert [row.proname for row in found if not any(one.startswith("search_path=") for one in row.settings)] == []


async def test_unique_keys__of_tenant_tables__lead_with_the_tenant(ask):
    found = await ask(
        "SELECT i.indexrelid::regclass::text AS name, c.relname AS relation, i.indisprimary AS is_primary,"
        " ARRAY(SELECT coalesce(a.attname::text, '(expression)')"
        "       FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (n, place)"
        "       LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.n AND k.n > 0"
        "       ORDER BY k.place) AS columns"
        " FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid"
        " WHERE i.indisunique AND c.relrowsecurity AND c.relnamespace = 'public'::regnamespace"
    )

    wrong = {
        row.name: row.columns
        for row in found
        if row.columns[0] not in TENANT_COLUMNS
        and not (row.is_primary and row.columns == ["id"])
        and row.name not in GLOBAL_KEYS
    }
    assert wrong == {}


async def test_roles__of_gridx__are_powerless_beyond_their_grants(ask):
    found = await ask(
        "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = ANY(:roles)",
        roles=list(ROLES),
    )
    memberships = await ask(
        "SELECT m.rolname FROM pg_auth_members JOIN pg_roles AS m ON m.oid = member WHERE m.rolname = ANY(:roles)",
        roles=list(ROLES),
    )

    assert {row.rolname for row in found} == set(ROLES)
    assert [row.rolname for row in found if any(row[1:])] == []
    assert memberships == []


async def test_tables__all__belong_to_the_owner_role(ask):
    found = await ask(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v')"
        " AND relowner <> 'gridx_owner'::regrole"
    )

    assert found == []


async def test_audit_role__may_write_nothing_but_its_reports(ask):
    found = await ask(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        " AND (has_table_privilege('gridx_audit', oid, 'INSERT, UPDATE, DELETE, TRUNCATE')"
        "      OR has_any_column_privilege('gridx_audit', oid, 'INSERT, UPDATE'))"
    )

    assert {row.relname for row in found} == {"audit_reports"}

# SPDX-License-Identifier: Apache-2.0
"""Users, wallets, organisations, memberships, credentials and the audit log, each behind row-level security.

Policies of gridx_api read who acts from `gridx.user_id`, `gridx.org_id` and `gridx.org_role`; unset sees nothing.
Sign-in has no user yet, so each look-up names the one row it wants: `gridx.sign_in_email`, `gridx.sign_in_wallet`
(hex of an address whose signature was checked) or `gridx.sign_in_token` (hex of a secret's SHA-256).
"""

from backend.migrations.sql import run

revision = "0002"
down_revision = "0001"

ME = "(SELECT nullif(current_setting('gridx.user_id', true), '')::uuid)"
ORG = "(SELECT nullif(current_setting('gridx.org_id', true), '')::uuid)"
ROLE = "(SELECT current_setting('gridx.org_role', true))"
EMAIL = "(SELECT nullif(current_setting('gridx.sign_in_email', true), ''))"
WALLET = "(SELECT decode(nullif(current_setting('gridx.sign_in_wallet', true), ''), 'hex'))"
HASH = "(SELECT decode(nullif(current_setting('gridx.sign_in_token', true), ''), 'hex'))"

PLATFORM = f"{ROLE} = 'super_admin'"
OPERATES = f"org_id = {ORG} AND {ROLE} = 'operator'"
OVERSEES = f"org_id = {ORG} AND {ROLE} IN ('operator', 'auditor')"
MEMBER_OF_MINE = f"""{ROLE} = 'operator' AND EXISTS (
        SELECT FROM memberships AS m WHERE m.org_id = {ORG} AND m.user_id = {{table}}.{{column}})"""

TABLES = (
    "users",
    "wallets",
    "wallet_nonces",
    "wallet_replacements",
    "organizations",
    "memberships",
    "invitations",
    "refresh_tokens",
    "siwe_nonces",
    "api_keys",
    "audit_log",
)

PEOPLE = """
CREATE TABLE users (
    id uuid PRIMARY KEY,
    name text NOT NULL CHECK (name <> '' AND length(name) <= 120),
    email text UNIQUE CHECK (email = lower(email) AND length(email) <= 254),
    role text NOT NULL DEFAULT 'both' CHECK (role IN ('seller', 'buyer', 'both')),
    password_hash text,
    is_super_admin boolean NOT NULL DEFAULT false,
    leaderboard_name text CHECK (leaderboard_name <> '' AND length(leaderboard_name) <= 60),
    created_at timestamptz NOT NULL,
    deleted_at timestamptz,
    CONSTRAINT users_password_needs_email CHECK (password_hash IS NULL OR email IS NOT NULL),
    CONSTRAINT users_deleted_forgets_the_person CHECK (
        deleted_at IS NULL OR (email IS NULL AND password_hash IS NULL AND leaderboard_name IS NULL
                               AND name = 'deleted user' AND NOT is_super_admin))
)
--;;
COMMENT ON COLUMN users.leaderboard_name IS 'Shown on public boards; NULL: an anonymous name is shown'
--;;
CREATE TABLE wallets (
    id uuid PRIMARY KEY,
    address bytea NOT NULL CHECK (octet_length(address) = 20),
    user_id uuid REFERENCES users,
    valid_from timestamptz NOT NULL,
    valid_to timestamptz,
    CHECK (valid_to >= valid_from)
)
--;;
COMMENT ON TABLE wallets IS 'Who owned an address in [valid_from, valid_to); judged at the block of a trade'
--;;
CREATE UNIQUE INDEX wallets_one_owner ON wallets (address) WHERE valid_to IS NULL
--;;
CREATE INDEX wallets_by_address ON wallets (address, valid_from DESC)
--;;
CREATE INDEX wallets_by_user ON wallets (user_id)
--;;
CREATE TABLE wallet_nonces (
    nonce bytea NOT NULL CHECK (octet_length(nonce) = 32),
    user_id uuid NOT NULL REFERENCES users,
    address bytea NOT NULL CHECK (octet_length(address) = 20),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, nonce)
)
--;;
CREATE TABLE wallet_replacements (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users,
    old_address bytea NOT NULL CHECK (octet_length(old_address) = 20),
    new_address bytea NOT NULL CHECK (octet_length(new_address) = 20),
    requested_at timestamptz NOT NULL,
    effective_at timestamptz NOT NULL,
    cancelled_at timestamptz,
    completed_at timestamptz,
    CHECK (effective_at >= requested_at + interval '24 hours'),
    CHECK (completed_at IS NULL OR (cancelled_at IS NULL AND completed_at >= effective_at))
)
--;;
CREATE UNIQUE INDEX wallet_replacements_one_open ON wallet_replacements (user_id, old_address)
    WHERE cancelled_at IS NULL AND completed_at IS NULL
"""

ORGANISATIONS = """
CREATE TABLE organizations (
    id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('community', 'company')),
    name text NOT NULL CHECK (name <> '' AND length(name) <= 120),
    slug text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    domain text UNIQUE,
    settings jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(settings) = 'object'),
    active boolean NOT NULL DEFAULT true,
    emission_region text,
    currency text NOT NULL DEFAULT 'INR' CHECK (currency ~ '^[A-Z]{3}$'),
    time_zone text NOT NULL DEFAULT 'UTC',
    delivery_minutes smallint CHECK (delivery_minutes IN (15, 30, 60)),
    community_number bigint UNIQUE CHECK (community_number BETWEEN 1 AND 4294967295),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT organizations_community_is_complete CHECK (
        CASE kind WHEN 'community' THEN emission_region IS NOT NULL AND delivery_minutes IS NOT NULL
        ELSE community_number IS NULL END)
)
--;;
CREATE TABLE memberships (
    org_id uuid NOT NULL REFERENCES organizations,
    user_id uuid NOT NULL REFERENCES users,
    role text NOT NULL CHECK (role IN ('member', 'operator', 'auditor', 'customer', 'funder', 'om')),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, user_id)
)
--;;
CREATE INDEX memberships_by_user ON memberships (user_id)
--;;
CREATE TABLE invitations (
    org_id uuid NOT NULL REFERENCES organizations,
    user_id uuid NOT NULL REFERENCES users,
    role text NOT NULL CHECK (role IN ('member', 'operator', 'auditor', 'customer', 'funder', 'om')),
    invited_by uuid NOT NULL REFERENCES users,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, user_id)
)
--;;
CREATE INDEX invitations_by_user ON invitations (user_id)
"""

CREDENTIALS = """
CREATE TABLE refresh_tokens (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users,
    family_id uuid NOT NULL,
    token_hash bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    issued_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    revoked_at timestamptz
)
--;;
COMMENT ON COLUMN refresh_tokens.used_at IS 'When it was rotated; presented again after that, the family is revoked'
--;;
CREATE INDEX refresh_tokens_by_family ON refresh_tokens (family_id)
--;;
CREATE INDEX refresh_tokens_by_user ON refresh_tokens (user_id)
--;;
CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_at)
--;;
CREATE TABLE siwe_nonces (
    cookie_hash bytea PRIMARY KEY CHECK (octet_length(cookie_hash) = 32),
    nonce_hash bytea NOT NULL CHECK (octet_length(nonce_hash) = 32),
    expires_at timestamptz NOT NULL
)
--;;
CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users,
    org_id uuid REFERENCES organizations,
    name text NOT NULL CHECK (name <> '' AND length(name) <= 120),
    prefix text NOT NULL,
    key_hash bytea NOT NULL UNIQUE CHECK (octet_length(key_hash) = 32),
    scopes text[] NOT NULL CHECK (cardinality(scopes) BETWEEN 1 AND 40),
    ip_allow text[] NOT NULL DEFAULT '{}' CHECK (cardinality(ip_allow) <= 100),
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz
)
--;;
CREATE INDEX api_keys_by_user ON api_keys (user_id)
--;;
CREATE TABLE audit_log (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    user_id uuid,
    org_id uuid,
    action text NOT NULL CHECK (action ~ '^[a-z_]+\\.[a-z_]+$'),
    subject_type text NOT NULL,
    subject_id text,
    details jsonb NOT NULL DEFAULT '{}',
    request_id text
)
--;;
COMMENT ON TABLE audit_log IS 'Every mutation: ids and facts, never names or secrets; append-only'
--;;
CREATE INDEX audit_log_by_user ON audit_log (user_id, at DESC)
--;;
CREATE INDEX audit_log_by_org ON audit_log (org_id, at DESC)
--;;
CREATE INDEX audit_log_by_time ON audit_log (at)
"""


def _policy(table: str, verb: str, *, using: str | None = None, check: str | None = None) -> str:
    clauses = f"USING ({using})" if using else ""
    clauses += f" WITH CHECK ({check})" if check else ""
    return f"CREATE POLICY api_{verb.lower()} ON {table} FOR {verb} TO gridx_api {clauses}"


def _people_policies() -> list[str]:
    of_user = MEMBER_OF_MINE.format(table="users", column="id")
    of_wallet = MEMBER_OF_MINE.format(table="wallets", column="user_id")
    claimable = f"(user_id IS NULL AND address = {WALLET})"
    return [
        _policy("users", "SELECT", using=f"id = {ME} OR email = {EMAIL} OR {PLATFORM} OR ({of_user})"),
        _policy("users", "INSERT", check=f"id = {ME} AND NOT is_super_admin"),
        _policy("users", "UPDATE", using=f"id = {ME}"),
        _policy("wallets", "SELECT", using=f"user_id = {ME} OR address = {WALLET} OR {PLATFORM} OR ({of_wallet})"),
        _policy("wallets", "INSERT", check=f"user_id = {ME} AND address = {WALLET}"),
        _policy("wallets", "UPDATE", using=f"user_id = {ME} OR {claimable}", check=f"user_id = {ME}"),
        _policy("wallet_nonces", "ALL", using=f"user_id = {ME}"),
        _policy("wallet_replacements", "ALL", using=f"user_id = {ME}"),
    ]


def _organisation_policies() -> list[str]:
    mine = "EXISTS (SELECT FROM {t} AS m WHERE m.org_id = organizations.id AND m.user_id = " + ME + ")"
    invited = (
        f"user_id = {ME} AND EXISTS (SELECT FROM invitations AS i WHERE i.org_id = memberships.org_id"
        f" AND i.user_id = {ME} AND i.role = memberships.role)"
    )
    belongs = f"{mine.format(t='memberships')} OR {mine.format(t='invitations')}"
    operates = f"id = {ORG} AND {ROLE} = 'operator'"
    return [
        _policy("organizations", "SELECT", using=f"{PLATFORM} OR {operates} OR {belongs}"),
        _policy("organizations", "INSERT", check=PLATFORM),
        _policy("organizations", "UPDATE", using=f"{PLATFORM} OR ({operates})"),
        _policy("memberships", "SELECT", using=f"user_id = {ME} OR {PLATFORM} OR ({OVERSEES})"),
        _policy("memberships", "INSERT", check=f"{PLATFORM} OR ({invited})"),
        _policy("memberships", "UPDATE", using=f"{PLATFORM} OR ({OPERATES})"),
        _policy("memberships", "DELETE", using=f"user_id = {ME} OR {PLATFORM} OR ({OPERATES})"),
        _policy("invitations", "SELECT", using=f"user_id = {ME} OR ({OPERATES})"),
        _policy("invitations", "INSERT", check=f"invited_by = {ME} AND {OPERATES}"),
        _policy("invitations", "DELETE", using=f"user_id = {ME} OR ({OPERATES})"),
    ]


def _credential_policies() -> list[str]:
    return [
        _policy("refresh_tokens", "SELECT", using=f"user_id = {ME} OR token_hash = {HASH}"),
        _policy("refresh_tokens", "INSERT", check=f"user_id = {ME}"),
        _policy("refresh_tokens", "UPDATE", using=f"user_id = {ME}"),
        _policy("siwe_nonces", "ALL", using=f"cookie_hash = {HASH}"),
        _policy("api_keys", "SELECT", using=f"user_id = {ME} OR key_hash = {HASH} OR ({OVERSEES})"),
        _policy("api_keys", "INSERT", check=f"user_id = {ME}"),
        _policy("api_keys", "UPDATE", using=f"user_id = {ME} OR ({OPERATES})"),
        _policy("audit_log", "SELECT", using=f"user_id = {ME} OR {PLATFORM} OR ({OVERSEES})"),
        _policy("audit_log", "INSERT", check=f"user_id = {ME}"),
    ]


GRANTS = """
GRANT SELECT ON users, wallets, wallet_nonces, wallet_replacements, organizations, memberships, invitations,
    refresh_tokens, siwe_nonces, api_keys, audit_log TO gridx_api
--;;
GRANT INSERT, UPDATE (name, email, role, password_hash, leaderboard_name, deleted_at) ON users TO gridx_api
--;;
GRANT INSERT, UPDATE (user_id, valid_to) ON wallets TO gridx_api
--;;
GRANT INSERT, DELETE ON wallet_nonces, siwe_nonces, invitations TO gridx_api
--;;
GRANT INSERT, UPDATE (cancelled_at) ON wallet_replacements TO gridx_api
--;;
GRANT INSERT, UPDATE (name, domain, settings, active, emission_region, currency, time_zone, delivery_minutes,
    updated_at) ON organizations TO gridx_api
--;;
GRANT INSERT, UPDATE (role), DELETE ON memberships TO gridx_api
--;;
GRANT INSERT, UPDATE (used_at, revoked_at) ON refresh_tokens TO gridx_api
--;;
GRANT INSERT, UPDATE (revoked_at, last_used_at) ON api_keys TO gridx_api
--;;
GRANT INSERT ON audit_log TO gridx_api
--;;
GRANT SELECT, INSERT, UPDATE, DELETE ON users, wallets, wallet_nonces, wallet_replacements, organizations, memberships,
    invitations, refresh_tokens, siwe_nonces, api_keys TO gridx_service
--;;
GRANT SELECT, INSERT, DELETE ON audit_log TO gridx_service
--;;
GRANT SELECT ON wallets, wallet_replacements, organizations, memberships, invitations, audit_log TO gridx_audit
--;;
GRANT SELECT (id, name, role, is_super_admin, leaderboard_name, created_at, deleted_at) ON users TO gridx_audit
"""


def upgrade() -> None:
    """Create the tables, close them, then open what each role needs."""
    for script in (PEOPLE, ORGANISATIONS, CREDENTIALS):
        run(script)
    for table in TABLES:
        run(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        run(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        run(f"CREATE POLICY service ON {table} TO gridx_service USING (true)")
        run(f"CREATE POLICY audit ON {table} FOR SELECT TO gridx_audit USING (true)")
    for policy in (*_people_policies(), *_organisation_policies(), *_credential_policies()):
        run(policy)
    run(GRANTS)


def downgrade() -> None:
    """Remove the tables, dependants first."""
    for table in reversed(TABLES):
        run(f"DROP TABLE {table} CASCADE")

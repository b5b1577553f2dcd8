# SPDX-License-Identifier: Apache-2.0
"""The door of accounts: every verb that other domains and the edges may call."""

from backend.accounts.auditlog import entries as audit_entries
from backend.accounts.auditlog import record
from backend.accounts.config import Accounts, make_accounts
from backend.accounts.forecaster import FORECASTER_ID, equip_forecaster
from backend.accounts.keys import authenticate as authenticate_key
from backend.accounts.keys import create as create_key
from backend.accounts.keys import list_mine as list_keys
from backend.accounts.keys import revoke as revoke_key
from backend.accounts.memberships import accept as accept_invitation
from backend.accounts.memberships import add_member, list_members, people_of
from backend.accounts.memberships import invite as invite_member
from backend.accounts.memberships import list_mine as list_memberships
from backend.accounts.memberships import remove as remove_member
from backend.accounts.memberships import set_role as set_member_role
from backend.accounts.organizations import (
    NewOrganization,
    communities,
    create_organization,
    get_organization,
    list_organizations,
    update_organization,
)
from backend.accounts.people import (
    change_password,
    create_super_admin,
    delete_user,
    get_user,
    list_users,
    set_email,
    update_user,
)
from backend.accounts.principals import PrincipalReader
from backend.accounts.queries import owners_at, wallet_history
from backend.accounts.retention import expire_audit_log, expire_credentials
from backend.accounts.sessions import end_one_of, end_session, end_session_by_token, list_sessions, refresh
from backend.accounts.sign_in import (
    NewUser,
    SignedIn,
    WalletProof,
    new_nonce,
    register,
    sign_in_with_password,
    sign_in_with_wallet,
)
from backend.accounts.signatures import signed_by
from backend.accounts.wallets import (
    Replacing,
    cancel_replacement,
    challenge,
    claim_addresses,
    complete_replacements,
    link,
    list_wallets,
    owners_of,
)

__all__ = [
    "FORECASTER_ID",
    "Accounts",
    "NewOrganization",
    "NewUser",
    "PrincipalReader",
    "Replacing",
    "SignedIn",
    "WalletProof",
    "accept_invitation",
    "add_member",
    "audit_entries",
    "authenticate_key",
    "cancel_replacement",
    "challenge",
    "change_password",
    "claim_addresses",
    "communities",
    "complete_replacements",
    "create_key",
    "create_organization",
    "create_super_admin",
    "delete_user",
    "end_one_of",
    "end_session",
    "end_session_by_token",
    "equip_forecaster",
    "expire_audit_log",
    "expire_credentials",
    "get_organization",
    "get_user",
    "invite_member",
    "link",
    "list_keys",
    "list_members",
    "list_memberships",
    "list_organizations",
    "list_sessions",
    "list_users",
    "list_wallets",
    "make_accounts",
    "new_nonce",
    "owners_at",
    "owners_of",
    "people_of",
    "record",
    "refresh",
    "register",
    "remove_member",
    "revoke_key",
    "set_email",
    "set_member_role",
    "sign_in_with_password",
    "sign_in_with_wallet",
    "signed_by",
    "update_organization",
    "update_user",
    "wallet_history",
]

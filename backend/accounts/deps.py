# SPDX-License-Identifier: Apache-2.0
"""FastAPI dependencies that say who asks and for which organisation.

They read from `app.state`: `db`, `service_db`, `accounts` (an `Accounts`), `principals` (a `PrincipalReader`), and
`call_contract` where there is a node.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from backend.accounts import keys
from backend.accounts.config import Accounts
from backend.accounts.errors import (
    OrganizationNeeded,
    OrganizationNotFound,
    RoleMissing,
    ScopeMissing,
    TokenInvalid,
)
from backend.accounts.tokens import API_KEY_PREFIX, Claims
from backend.accounts.types import CallContract, OrgRole, Principal
from backend.core.clock import utc_now
from backend.core.db import Actor, Database
from backend.core.errors import Forbidden, Refusal, Unauthenticated
from backend.core.limits import client_ip

SCHEME = "Credential"  # how the OpenAPI document names a bearer credential
_SAFE = ("GET", "HEAD", "OPTIONS")
_READING = ("/api/events/ticket", "/api/ai/")  # POSTs that only let somebody watch or ask
_PEOPLE_ONLY = ("auth", "users", "organizations", "api-keys")  # no key changes accounts, or it could mint others
SIGNED_IN = (Unauthenticated, TokenInvalid)  # for `refusals(*SIGNED_IN, …)`


async def database(request: Request) -> Database:
    """The pool of gridx_api: row-level security applies."""
    db: Database = request.app.state.db
    return db


async def service_database(request: Request) -> Database:
    """The pool of gridx_service: only for work that is nobody's in particular."""
    db: Database = request.app.state.service_db
    return db


async def call_contract_of(request: Request) -> CallContract | None:
    """How to ask a wallet's contract about a signature (EIP-1271); None without a node."""
    call: CallContract | None = getattr(request.app.state, "call_contract", None)
    return call


def accounts_of(request: Request) -> Accounts:
    """How this installation signs people in."""
    accounts: Accounts = request.app.state.accounts
    return accounts


async def _accounts(request: Request) -> Accounts:
    return accounts_of(request)


Db = Annotated[Database, Depends(database)]
ServiceDb = Annotated[Database, Depends(service_database)]
NodeCall = Annotated[CallContract | None, Depends(call_contract_of)]
AccountsConfig = Annotated[Accounts, Depends(_accounts)]


def _claims(request: Request, token: str) -> Claims:
    known: tuple[str, Claims] | None = getattr(request.state, "claims", None)
    if known is not None and known[0] == token:
        return known[1]
    claims = accounts_of(request).signer.verify(token, now=utc_now())
    request.state.claims = (token, claims)
    return claims


def _credential(request: Request) -> str | None:
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and value.strip():
        return value.strip()
    return request.headers.get("x-api-key")


def identify(request: Request) -> str | None:
    """Whom to count a request for, without asking the database: the token's user, or the owner of a key that held
    in the last minute. None: count it by address."""
    credential = _credential(request)
    if credential is None:
        return None
    if credential.startswith(API_KEY_PREFIX):
        owner = accounts_of(request).recent_keys.owner_of(credential, utc_now())
        return str(owner) if owner else None
    try:
        return str(_claims(request, credential).user_id)
    except Refusal:
        return None


async def _by_key(request: Request, key: str) -> Principal:
    accounts = accounts_of(request)
    found = await keys.authenticate(request.app.state.db, key, client_ip=client_ip(request), now=utc_now())
    owner: Principal | None = await request.app.state.principals.read(found.user_id)
    if owner is None:
        raise TokenInvalid
    accounts.recent_keys.remember(key, found.user_id, utc_now())
    principal = replace(
        owner, is_super_admin=False, scopes=found.scopes, api_key_id=found.api_key_id, bound_org=found.org_id
    )
    if found.org_id is not None:
        kept = tuple(held for held in owner.memberships if held.org_id == found.org_id)
        principal = replace(principal, memberships=kept)
    _check_scope(request, principal)
    return principal


def _check_scope(request: Request, principal: Principal) -> None:
    """A key needs `read` or `write`, or the same for the area (the path's first part under /api)."""
    area = request.url.path.removeprefix("/api/").split("/")[0]
    verb = "read" if request.method in _SAFE or request.url.path.startswith(_READING) else "write"
    scopes = principal.scopes or frozenset()
    if request.url.path == "/api/api-keys/introspection":
        wanted = {"api-keys:introspect"}
    elif verb == "write" and area in _PEOPLE_ONLY:
        raise Forbidden("An API key cannot change accounts; sign in instead")
    else:
        wanted = {verb, f"{area}:{verb}"}
    if not wanted & scopes:
        raise ScopeMissing(needed=sorted(wanted))


class _SignedIn(SecurityBase):
    """Says who is signed in, or None without a credential. A credential that does not hold is refused, not ignored.

    One dependency instead of a chain of them: the framework's cost of each is felt in every request.
    """

    scheme_name = SCHEME

    def __init__(self) -> None:
        self.model = HTTPBearer(description="Access token (JWT) or API key")

    async def __call__(self, request: Request) -> Principal | None:
        known: Principal | None = getattr(request.state, "principal", None)
        credential = _credential(request)
        if known is not None or not credential:
            return known
        if credential.startswith(API_KEY_PREFIX):
            principal = await _by_key(request, credential)
        else:
            claims = _claims(request, credential)
            found = await request.app.state.principals.read(claims.user_id, claims.session_id)
            if found is None:
                raise TokenInvalid
            principal = found
        request.state.principal = principal
        return principal


class _MustBeSignedIn(_SignedIn):
    """Like `_SignedIn`; raises Unauthenticated without a credential."""

    async def __call__(self, request: Request) -> Principal:
        principal = await super().__call__(request)
        if principal is None:
            raise Unauthenticated
        return principal


optional_user = _SignedIn()
current_user = _MustBeSignedIn()
OptionalUser = Annotated[Principal | None, Depends(optional_user)]
CurrentUser = Annotated[Principal, Depends(current_user)]


def _named_org(request: Request) -> UUID | None:
    named = request.path_params.get("org_id") or request.headers.get("x-org-id")
    if not named:
        return None
    try:
        return UUID(str(named))
    except ValueError as error:
        raise OrganizationNotFound from error


def _in_org(principal: Principal, org_id: UUID) -> Actor:
    role = principal.role_in(org_id)
    if role is None or (principal.bound_org is not None and principal.bound_org != org_id):
        raise OrganizationNotFound(org_id=org_id)
    return Actor(user_id=principal.user_id, org_id=org_id, org_role=role)


async def acting(request: Request, principal: CurrentUser) -> Actor:
    """The user, in the named organisation or in the only one that they belong to, else in none."""
    named = _named_org(request)
    if named is not None:
        return _in_org(principal, named)
    if len(principal.memberships) == 1:
        return _in_org(principal, principal.memberships[0].org_id)
    return principal.actor()


async def org_scope(request: Request, principal: CurrentUser) -> Actor:
    """The user in one organisation: the path's, else `X-Org-Id`, else the only membership.

    Raises OrganizationNotFound for one that the user does not belong to, OrganizationNeeded when it is not clear.
    """
    actor = await acting(request, principal)
    if actor.org_id is None:
        raise OrganizationNeeded
    return actor


Acting = Annotated[Actor, Depends(acting)]
OrgScope = Annotated[Actor, Depends(org_scope)]


def require_org_role(*roles: str) -> Callable[[Actor], Awaitable[Actor]]:
    """A dependency like `org_scope` that also demands one of `roles`, e.g. `Depends(require_org_role("operator"))`."""
    accepted = frozenset(OrgRole(role).value for role in roles)

    async def dependency(actor: OrgScope) -> Actor:
        if actor.org_role not in accepted:
            raise RoleMissing(needed=sorted(accepted), role=actor.org_role)
        return actor

    return dependency


async def super_admin(principal: CurrentUser) -> Principal:
    """The platform's administrator; raises Forbidden."""
    if not principal.is_super_admin:
        raise Forbidden("Only a super admin may do this")
    return principal


SuperAdmin = Annotated[Principal, Depends(super_admin)]

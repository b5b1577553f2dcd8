# SPDX-License-Identifier: Apache-2.0
"""/api/users: people, their wallets and their memberships."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from backend.accounts import service
from backend.accounts.deps import SIGNED_IN, AccountsConfig, Acting, CurrentUser, Db, NodeCall, ServiceDb
from backend.accounts.errors import (
    EmailTaken,
    LastOperator,
    MembershipExists,
    MembershipNotFound,
    PasswordWeak,
    ReplacementNotFound,
    ReplacementOpen,
    SessionNotFound,
    SignatureInvalid,
    UserNotFound,
    WalletBusy,
    WalletNonceInvalid,
    WalletNotFound,
    WalletTaken,
    WrongCredentials,
)
from backend.accounts.models import User
from backend.accounts.routers.auth import GUESSING
from backend.accounts.schemas import (
    ChallengeIn,
    EmailIn,
    LinkIn,
    MemberOut,
    MembershipsOut,
    PasswordIn,
    ReplacementOut,
    SessionOut,
    UserIn,
    UserOut,
    WalletOut,
    WalletsOut,
)
from backend.accounts.types import Principal, UnfinishedTrades
from backend.core.clock import utc_now
from backend.core.db import Actor, Database
from backend.core.envelope import EnvelopeRoute, Paged, PageQuery
from backend.core.errors import Forbidden, TooMany, Unavailable, refusals

router = APIRouter(prefix="/api/users", tags=["users"], route_class=EnvelopeRoute)


def unfinished_trades_of(request: Request) -> UnfinishedTrades:
    """How to ask the market whether a wallet has trades that are not final; raises Unavailable without a market."""
    ask: UnfinishedTrades | None = getattr(request.app.state, "unfinished_trades", None)
    if ask is None:
        raise Unavailable("The market does not answer")
    return ask


def _shown(found: tuple[User, list[bytes]]) -> UserOut:
    return UserOut.of(*found)


@router.get("", responses=refusals(*SIGNED_IN))
async def list_users(actor: Acting, principal: CurrentUser, page: PageQuery, db: Db) -> Paged[UserOut]:
    """Oneself; for an operator the members of the acting organisation; for a super admin everyone."""
    by = principal.actor() if principal.is_super_admin else actor
    found, total = await service.list_users(db, actor=by, offset=page.offset, limit=page.limit)
    return Paged(items=[_shown(one) for one in found], page=page.page, limit=page.limit, total=total)


@router.get("/me", responses=refusals(*SIGNED_IN))
async def get_me(principal: CurrentUser, db: Db) -> UserOut:
    """The signed-in user."""
    return _shown(await service.get_user(db, principal.user_id, actor=Actor(user_id=principal.user_id)))


@router.put("/me", responses=refusals(*SIGNED_IN))
async def update_me(body: UserIn, principal: CurrentUser, db: Db) -> UserOut:
    """Change name, role or leaderboard name."""
    return await _update(db, principal.user_id, body, principal)


@router.delete("/me", status_code=204, responses=refusals(*SIGNED_IN, LastOperator))
async def delete_me(principal: CurrentUser, db: Db, service_db: ServiceDb) -> Response:
    """Delete the account: what names the person is forgotten, sessions end, wallets close."""
    return await _delete(principal.user_id, principal, db, service_db)


@router.put(
    "/me/password",
    status_code=204,
    dependencies=GUESSING,
    responses=refusals(*SIGNED_IN, WrongCredentials, PasswordWeak, TooMany),
)
async def change_password(body: PasswordIn, principal: CurrentUser, db: Db) -> Response:
    """Change the password; every other session ends."""
    await service.change_password(
        db,
        principal.user_id,
        current=body.current_password,
        new=body.new_password,
        keep_session=principal.session_id,
        now=utc_now(),
    )
    return Response(status_code=204)


@router.put(
    "/me/email",
    dependencies=GUESSING,
    responses=refusals(*SIGNED_IN, WrongCredentials, PasswordWeak, EmailTaken, TooMany),
)
async def set_email(body: EmailIn, principal: CurrentUser, db: Db) -> UserOut:
    """Set or change the e-mail; every other session ends. A user without a password gets the one that is given."""
    return _shown(
        await service.set_email(
            db,
            principal.user_id,
            email=body.email,
            password=body.password,
            keep_session=principal.session_id,
            now=utc_now(),
        )
    )


@router.get("/me/sessions", responses=refusals(*SIGNED_IN))
async def list_sessions(principal: CurrentUser, db: Db) -> list[SessionOut]:
    """Where the user is signed in, the session used last first."""
    found = await service.list_sessions(db, user_id=principal.user_id, now=utc_now())
    return [
        SessionOut(
            id=one.id,
            started_at=one.started_at,
            refreshed_at=one.refreshed_at,
            expires_at=one.expires_at,
            user_agent=one.user_agent,
            is_current=one.id == principal.session_id,
        )
        for one in found
    ]


@router.delete("/me/sessions/{session_id}", status_code=204, responses=refusals(*SIGNED_IN, SessionNotFound))
async def end_session(session_id: UUID, principal: CurrentUser, db: Db) -> Response:
    """End a session; its access tokens and live updates end at once."""
    await service.end_one_of(db, user_id=principal.user_id, session_id=session_id, now=utc_now())
    return Response(status_code=204)


@router.get("/me/wallets", responses=refusals(*SIGNED_IN))
async def list_wallets(principal: CurrentUser, db: Db) -> WalletsOut:
    """Present and former wallets, and replacements that wait."""
    wallets, waiting = await service.list_wallets(db, principal.user_id)
    return WalletsOut(
        wallets=[WalletOut.model_validate(wallet) for wallet in wallets],
        replacements=[ReplacementOut.model_validate(one) for one in waiting],
    )


@router.post("/me/wallets/challenge", status_code=201, responses=refusals(*SIGNED_IN))
async def challenge_wallet(
    body: ChallengeIn, principal: CurrentUser, db: Db, accounts: AccountsConfig
) -> dict[str, Any]:
    """The EIP-712 typed data `LinkWallet{userId, nonce, expiry}` for the wallet to sign (eth_signTypedData_v4)."""
    return await service.challenge(db, accounts, user_id=principal.user_id, address=body.address, now=utc_now())


@router.post(
    "/me/wallets",
    status_code=201,
    responses={
        **refusals(
            *SIGNED_IN,
            SignatureInvalid,
            WalletNonceInvalid,
            WalletTaken,
            WalletNotFound,
            WalletBusy,
            ReplacementOpen,
            Unavailable,
        ),
        202: {"description": "The old wallet did not sign: the replacement waits 24 hours", "model": WalletsOut},
    },
)
async def link_wallet(
    body: LinkIn,
    request: Request,
    response: Response,
    principal: CurrentUser,
    db: Db,
    accounts: AccountsConfig,
    call: NodeCall,
) -> WalletsOut:
    """Link the wallet of the challenge. Replacing needs the old wallet's signature too, or waits 24 hours (202)."""
    replacing = None
    if body.replaces is not None:
        replacing = service.Replacing(body.replaces, body.old_signature, unfinished_trades_of(request))
    waiting = await service.link(
        db,
        accounts,
        user_id=principal.user_id,
        nonce=body.nonce,
        signature=body.signature,
        replacing=replacing,
        call_contract=call,
        now=utc_now(),
    )
    if waiting is not None:
        response.status_code = 202
    return await list_wallets(principal, db)


@router.delete(
    "/me/wallets/replacements/{replacement_id}", status_code=204, responses=refusals(*SIGNED_IN, ReplacementNotFound)
)
async def cancel_replacement(replacement_id: UUID, principal: CurrentUser, db: Db) -> Response:
    """Stop a replacement that waits."""
    await service.cancel_replacement(db, replacement_id, user_id=principal.user_id, now=utc_now())
    return Response(status_code=204)


@router.get("/me/memberships", responses=refusals(*SIGNED_IN))
async def list_memberships(principal: CurrentUser, db: Db) -> MembershipsOut:
    """Where the user belongs, and the invitations that wait for an answer."""
    held, offered = await service.list_memberships(db, principal.user_id)
    return MembershipsOut(
        memberships=[MemberOut.model_validate(one, from_attributes=True) for one in held],
        invitations=[
            MemberOut(org_id=one.org_id, user_id=one.user_id, role=one.role, created_at=one.created_at)
            for one in offered
        ],
    )


@router.post(
    "/me/memberships/{invited_to}/acceptance",
    status_code=201,
    responses=refusals(*SIGNED_IN, MembershipNotFound, MembershipExists),
)
async def accept_invitation(invited_to: UUID, principal: CurrentUser, db: Db) -> MemberOut:
    """Accept the invitation of an organisation."""
    return MemberOut.model_validate(
        await service.accept_invitation(db, invited_to, user_id=principal.user_id, now=utc_now())
    )


@router.get("/{user_id}", responses=refusals(*SIGNED_IN, UserNotFound))
async def get_user(user_id: UUID, actor: Acting, principal: CurrentUser, db: Db) -> UserOut:
    """A user: oneself, a member of the acting organisation (operators), anyone (super admin)."""
    by = principal.actor() if principal.is_super_admin else actor
    return _shown(await service.get_user(db, user_id, actor=by))


@router.put("/{user_id}", responses=refusals(*SIGNED_IN, UserNotFound, Forbidden))
async def update_user(user_id: UUID, body: UserIn, principal: CurrentUser, db: Db, service_db: ServiceDb) -> UserOut:
    """Change oneself; a super admin may change anyone."""
    return await _update(_writable(user_id, principal, db, service_db), user_id, body, principal)


@router.delete("/{user_id}", status_code=204, responses=refusals(*SIGNED_IN, UserNotFound, Forbidden, LastOperator))
async def delete_user(user_id: UUID, principal: CurrentUser, db: Db, service_db: ServiceDb) -> Response:
    """Delete oneself; a super admin may delete anyone."""
    return await _delete(user_id, principal, db, service_db)


def _writable(user_id: UUID, principal: Principal, db: Database, service_db: Database) -> Database:
    if principal.is_super_admin:
        return service_db
    if user_id != principal.user_id:
        raise UserNotFound(user_id=user_id)
    return db


async def _update(db: Database, user_id: UUID, body: UserIn, principal: Principal) -> UserOut:
    changes = body.model_dump(exclude_unset=True, mode="json")
    return _shown(await service.update_user(db, user_id, changes, by=principal.user_id, now=utc_now()))


async def _delete(user_id: UUID, principal: Principal, db: Database, service_db: Database) -> Response:
    writable = _writable(user_id, principal, db, service_db)
    await service.delete_user(writable, user_id, by=principal.user_id, now=utc_now())
    return Response(status_code=204)

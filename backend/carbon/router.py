# SPDX-License-Identifier: Apache-2.0
"""HTTP edge of the carbon ledger: wallets, spending, certificates and the public leaderboard."""

import asyncio
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse

from backend.accounts.deps import SIGNED_IN, Acting, CurrentUser, Db, NodeCall, OptionalUser, ServiceDb
from backend.accounts.types import Principal
from backend.carbon import certificates, service
from backend.carbon.aliases import Aliases
from backend.carbon.documents import Document, Retirement, Transference, digest, typed_data
from backend.carbon.errors import (
    CommunityNotFound,
    DocumentExpired,
    DocumentNotFound,
    DocumentReplayed,
    ForeignWallet,
    HolderNotNamed,
    InsufficientCarbon,
    NoChain,
    RecipientWrong,
    SequenceTaken,
    SignatureWrong,
    WalletNotFound,
)
from backend.carbon.orders import EXPIRES_AFTER_S
from backend.carbon.queries import MovementFilter
from backend.carbon.schemas import (
    CarbonWalletOut,
    CertificateOut,
    DocumentOut,
    MovementOut,
    MovementType,
    MyPlaceOut,
    NamedHolderOut,
    PlaceOut,
    PositiveKg,
    PreparedOut,
    Reason,
    RetirementIn,
    TransferIn,
    certificate_out,
    document_out,
    movement_out,
    place_out,
    wallet_out,
)
from backend.carbon.types import ALL_COMMUNITIES, Period
from backend.core.clock import utc_now
from backend.core.db import Actor, Database
from backend.core.envelope import EnvelopeRoute, Paged, PageParams, PageQuery
from backend.core.errors import refusals
from backend.core.units import Address, Moment

router = APIRouter(prefix="/api/carbon-wallet", tags=["carbon"], route_class=EnvelopeRoute)
_SPENDING = (
    *SIGNED_IN, ForeignWallet, NoChain, DocumentExpired, SignatureWrong, DocumentReplayed, SequenceTaken,
    InsufficientCarbon,
)  # fmt: skip
_PREPARING = (*SIGNED_IN, ForeignWallet, NoChain)

AccountQuery = Annotated[Address, Query(description="the wallet that spends")]
KgQuery = Annotated[PositiveKg, Query(alias="carbonKg")]
DayQuery = Annotated[date | None, Query(description="any day of the period; default: today in the community")]
CommunityQuery = Annotated[int, Query(ge=0, le=2**32 - 1, description="number of a community; 0: everybody")]


async def _aliases(request: Request) -> Aliases:
    aliases: Aliases = request.app.state.aliases
    return aliases


Naming = Annotated[Aliases, Depends(_aliases)]


@router.get("/leaderboard", responses=refusals(CommunityNotFound))
async def leaderboard(
    page: PageQuery,
    principal: OptionalUser,
    db: ServiceDb,
    naming: Naming,
    period: Period = Period.ALL,
    community: CommunityQuery = ALL_COMMUNITIES,
    day: DayQuery = None,
) -> Paged[PlaceOut]:
    """Who saved the most carbon in a period of delivery: earned minus reversed; transfers do not count. Public."""
    board, places, total = await service.leaderboard(db, period, community, page, day=day, now=utc_now())
    me = principal.user_id if principal else None
    shown = [place_out(board, place, me, naming) for place in places]
    return Paged(items=shown, page=page.page, limit=page.limit, total=total)


@router.get("/leaderboard/me", responses=refusals(*SIGNED_IN, CommunityNotFound))
async def my_place(
    principal: CurrentUser,
    db: ServiceDb,
    naming: Naming,
    period: Period = Period.ALL,
    community: CommunityQuery = ALL_COMMUNITIES,
    day: DayQuery = None,
) -> MyPlaceOut:
    """The signed-in user's rank and the places around it."""
    board, places = await service.around(db, principal.user_id, period, community, day=day, now=utc_now())
    shown = [place_out(board, place, principal.user_id, naming) for place in places]
    return MyPlaceOut(
        period=board.period,
        period_start=board.start,
        community=board.community,
        rank=next((place.rank for place in shown if place.is_me), None),
        places=shown,
    )


@router.get("/leaderboard/people/{user_id}", responses=refusals(HolderNotNamed))
async def get_named_holder(user_id: UUID, db: ServiceDb, naming: Naming) -> NamedHolderOut:
    """One who chose to be named: the present places. Their trades are `GET /api/energy-trades?userId=`. Public."""
    name, places = await service.named_holder(db, user_id, now=utc_now())
    shown = [place_out(board, place, None, naming) for board, place in places]
    return NamedHolderOut(user_id=user_id, name=name, places=shown)


@router.get("/certificates/{document_id}", responses=refusals(DocumentNotFound))
async def get_certificate(document_id: UUID, request: Request, db: Db) -> CertificateOut:
    """Verify a retirement: whoever holds its certificate may look. Public."""
    return certificate_out(await _certificate(document_id, request, db))


@router.get("/certificates/{document_id}/page", response_class=HTMLResponse, responses=refusals(DocumentNotFound))
async def get_certificate_page(document_id: UUID, request: Request, db: Db) -> HTMLResponse:
    """The certificate as a printable page. Public."""
    return HTMLResponse(certificates.page(await _certificate(document_id, request, db)))


@router.get(
    "/certificates/{document_id}/pdf",
    response_class=Response,
    responses={200: {"content": {"application/pdf": {}}}, **refusals(DocumentNotFound)},
)
async def get_certificate_pdf(document_id: UUID, request: Request, db: Db) -> Response:
    """The certificate as a PDF. Public."""
    content = await asyncio.to_thread(certificates.pdf, await _certificate(document_id, request, db))
    name = f'inline; filename="carbon-retirement-{document_id}.pdf"'
    return Response(content, media_type="application/pdf", headers={"Content-Disposition": name})


@router.get("/{user_id}", responses=refusals(*SIGNED_IN, WalletNotFound))
async def get_wallet(user_id: UUID, actor: Acting, principal: CurrentUser, db: Db) -> CarbonWalletOut:
    """Balances by wallet: one's own, or a member's for the community's operator."""
    return wallet_out(user_id, await service.balances(db, user_id, actor=_reader(actor, principal)))


@router.get("/{user_id}/transactions", responses=refusals(*SIGNED_IN, WalletNotFound))
async def list_transactions(
    user_id: UUID,
    page: PageQuery,
    actor: Acting,
    principal: CurrentUser,
    db: Db,
    kind: Annotated[MovementType | None, Query(alias="type")] = None,
    since: Annotated[Moment | None, Query(alias="from", description="booked, inclusive")] = None,
    until: Annotated[Moment | None, Query(alias="to", description="booked, exclusive")] = None,
) -> Paged[MovementOut]:
    """Transfers of the user's wallets, newest first."""
    wanted = MovementFilter(type=kind, since=since, until=until)
    found, total = await service.movements(db, user_id, wanted, page, actor=_reader(actor, principal))
    return Paged(items=[movement_out(item) for item in found], page=page.page, limit=page.limit, total=total)


@router.get("/{user_id}/retirements", responses=refusals(*SIGNED_IN, WalletNotFound))
async def list_retirements(
    user_id: UUID, page: PageQuery, actor: Acting, principal: CurrentUser, db: Db
) -> Paged[DocumentOut]:
    """What the user's wallets retired, newest first."""
    return await _documents(db, user_id, "retirement", page, _reader(actor, principal))


@router.get("/{user_id}/transfers", responses=refusals(*SIGNED_IN, WalletNotFound))
async def list_transfers(
    user_id: UUID, page: PageQuery, actor: Acting, principal: CurrentUser, db: Db
) -> Paged[DocumentOut]:
    """What the user's wallets gave away, newest first."""
    return await _documents(db, user_id, "transfer", page, _reader(actor, principal))


@router.get("/{user_id}/retirements/prepared", responses=refusals(*_PREPARING))
async def prepare_retirement(
    user_id: UUID,
    account: AccountQuery,
    carbon_kg: KgQuery,
    reason: Annotated[Reason, Query()],
    me: CurrentUser,
    db: Db,
) -> PreparedOut:
    """The next retirement of a wallet, ready to be signed within the hour."""
    actor = _owner(me, user_id)
    domain, head = await service.prepare(db, account, actor=actor)
    expiry = int(utc_now().timestamp()) + EXPIRES_AFTER_S
    order = Retirement(account, carbon_kg, reason, head.sequence + 1, head.hash, expiry)
    return _prepared(order, expiry, digest(domain, order), typed_data(domain, order))


@router.get("/{user_id}/transfers/prepared", responses=refusals(*_PREPARING))
async def prepare_transfer(
    user_id: UUID,
    account: AccountQuery,
    carbon_kg: KgQuery,
    recipient: Annotated[Address, Query()],
    me: CurrentUser,
    db: Db,
) -> PreparedOut:
    """The next transfer of a wallet, ready to be signed within the hour."""
    actor = _owner(me, user_id)
    domain, head = await service.prepare(db, account, actor=actor)
    expiry = int(utc_now().timestamp()) + EXPIRES_AFTER_S
    order = Transference(account, recipient, carbon_kg, head.sequence + 1, head.hash, expiry)
    return _prepared(order, expiry, digest(domain, order), typed_data(domain, order))


@router.post("/{user_id}/retirements", status_code=201, responses=refusals(*_SPENDING))
async def retire(
    user_id: UUID, body: RetirementIn, request: Request, principal: CurrentUser, db: Db, call: NodeCall
) -> CertificateOut:
    """Retire available carbon for ever, by a document that the wallet signed; answers with the certificate."""
    order = Retirement(body.account, body.carbon_kg, body.reason, body.sequence, body.previous_hash, body.expiry)
    signature = bytes.fromhex(body.signature[2:])
    booked = await service.retire(
        db, order, signature, actor=_owner(principal, user_id), call_contract=call, now=utc_now()
    )
    return certificate_out(await _certificate(booked.document_id, request, db))


@router.post("/{user_id}/transfers", status_code=201, responses=refusals(*_SPENDING, RecipientWrong))
async def transfer(user_id: UUID, body: TransferIn, principal: CurrentUser, db: Db, call: NodeCall) -> DocumentOut:
    """Give available carbon to another wallet or a community's reserve, by a document that the wallet signed."""
    order = Transference(body.account, body.recipient, body.carbon_kg, body.sequence, body.previous_hash, body.expiry)
    actor = _owner(principal, user_id)
    booked = await service.transfer(
        db, order, bytes.fromhex(body.signature[2:]), actor=actor, call_contract=call, now=utc_now()
    )
    return document_out(await service.document(db, booked.document_id, actor=actor))


def _reader(actor: Actor, principal: Principal) -> Actor:
    return principal.actor() if principal.is_super_admin and principal.scopes is None else actor


def _owner(principal: Principal, user_id: UUID) -> Actor:
    if principal.user_id != user_id:
        raise ForeignWallet
    return Actor(user_id=user_id)


def _prepared(order: Document, expiry: int, document_hash: bytes, typed: dict[str, object]) -> PreparedOut:
    return PreparedOut(
        account=order.account,
        sequence=order.sequence,
        previous_hash=order.previous_hash,
        expiry=expiry,
        document_hash=document_hash,
        typed_data=typed,
    )


async def _certificate(document_id: UUID, request: Request, db: Database) -> certificates.Certificate:
    return await service.certificate(db, document_id, public_url=request.app.state.settings.public_url)


async def _documents(db: Database, user_id: UUID, kind: str, page: PageParams, actor: Actor) -> Paged[DocumentOut]:
    found, total = await service.documents(db, user_id, kind, page, actor=actor)
    return Paged(items=[document_out(item) for item in found], page=page.page, limit=page.limit, total=total)

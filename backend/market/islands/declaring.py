# SPDX-License-Identifier: Apache-2.0
"""Islands begin and end by an operator's signature, and end by themselves when their time is over."""

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts import service as accounts
from backend.accounts.types import CallContract, Community, OrgRole
from backend.chain import service as chains
from backend.chain.types import Chain
from backend.core import outbox
from backend.core.clock import from_unix
from backend.core.db import Actor, Database
from backend.core.failpoints import failpoint
from backend.core.ids import uuid7
from backend.market.islands import capping, queries
from backend.market.islands.documents import Declaration, Document, Ending, digest, typed_data
from backend.market.islands.errors import (
    DeclarationReplayed,
    DocumentExpired,
    ForeignSigner,
    IslandNotFound,
    IslandOver,
    IslandStands,
    NotACommunity,
    OperatorOnly,
    PeriodRefused,
    SignatureWrong,
)
from backend.market.islands.events import IslandDeclared, IslandEnded
from backend.market.islands.types import LONGEST, Island

EXPIRES_AFTER = timedelta(hours=1)
"""How long a prepared document may be signed and sent; a signature that stays open longer is refused."""
EARLIEST = timedelta(minutes=5)
LATEST = timedelta(days=1)
"""An island starts at most so long before it is received, and at most so long after."""
log = structlog.get_logger()


async def declare(
    service_db: Database,
    declaration: Declaration,
    signature: bytes,
    *,
    actor: Actor,
    call_contract: CallContract | None,
    now: datetime,
) -> Island:
    """Make the acting operator's community an island; resting orders above the cap end, asking to sign again.

    Raises OperatorOnly, NotACommunity, ForeignSigner, DocumentExpired, PeriodRefused, SignatureWrong,
    DeclarationReplayed, IslandStands; Unavailable when a contract wallet has to be asked and the chain is away.
    """
    async with service_db.begin() as session:
        community = await community_of(session, actor)
        chain = await chains.get_chain(session)
    if declaration.community != community.number:
        raise NotACommunity(community=declaration.community, acting_for=community.number)
    _check_period(declaration, now)
    body_hash = await _check_signed(service_db, chain, declaration, signature, actor, call_contract, now)
    async with service_db.begin() as session:
        await queries.lock_community(session, community.number)
        earlier = await queries.declaration_known(session, body_hash)
        if earlier is not None:
            raise DeclarationReplayed(island_id=earlier)
        await _make_room(session, community, now)
        island = await queries.insert_island(
            session,
            (
                uuid7(), chain.id, community.org_id, community.number, community.delivery_minutes, declaration.reason,
                from_unix(declaration.starts_at), from_unix(declaration.ends_at),
                declaration.price_cap_micro_per_kwh, actor.user_id, now, declaration.operator, body_hash, signature,
            ),
            typed_data(chain, declaration),
        )  # fmt: skip
        closed = await capping.close_above_cap(session, island, now)
        await accounts.record(
            session, "island.declared", now=now, user_id=actor.user_id, org_id=island.org_id,
            subject=("island", island.id), reason=island.reason,
        )  # fmt: skip
        await outbox.add(
            session,
            IslandDeclared(
                island.id, island.community, island.reason, island.starts_at, island.ends_at,
                island.price_cap_micro_per_kwh, closed,
            ),
        )  # fmt: skip
        await failpoint("islands.declare.before_commit")
    log.warning("island.declared", community=island.community, until=island.ends_at.isoformat(), orders_closed=closed)
    return island


async def end(
    service_db: Database,
    island_id: UUID,
    ending: Ending,
    signature: bytes,
    *,
    actor: Actor,
    call_contract: CallContract | None,
    now: datetime,
) -> Island:
    """End an island before its time. Raises IslandNotFound, IslandOver, and what `declare` says of signatures."""
    async with service_db.begin() as session:
        await community_of(session, actor)
        chain = await chains.get_chain(session)
        found = await _own(session, island_id, actor)
    if ending.declaration != found.body_hash:
        raise SignatureWrong("The signed document ends another island")
    await _check_signed(service_db, chain, ending, signature, actor, call_contract, now)
    async with service_db.begin() as session:
        await queries.lock_community(session, found.community)
        island = await _own(session, island_id, actor, lock=True)
        if island.closed_at is not None or now >= island.until:
            raise IslandOver(ended_at=island.until)
        assert actor.user_id is not None
        await queries.end_island(
            session, island_id, at=now, by=actor.user_id, signer=ending.operator, body=typed_data(chain, ending),
            signature=signature,
        )  # fmt: skip
        await accounts.record(
            session, "island.ended", now=now, user_id=actor.user_id, org_id=island.org_id,
            subject=("island", island.id),
        )  # fmt: skip
        await outbox.add(session, IslandEnded(island.id, island.community, now, early=True))
        ended = await queries.island(session, island_id)
        assert ended is not None
        await failpoint("islands.end.before_commit")
    return ended


async def expire(session: AsyncSession, island: Island, now: datetime) -> bool:
    """Note and announce that an open island's time is over; False while it is not."""
    if island.closed_at is not None or now < island.until:
        return False
    await queries.close_island(session, island.id, island.until)
    await outbox.add(session, IslandEnded(island.id, island.community, island.until, early=False))
    return True


async def community_of(session: AsyncSession, actor: Actor) -> Community:
    """The community that the actor operates. Raises OperatorOnly, NotACommunity. For gridx_service."""
    if actor.user_id is None or actor.org_role != OrgRole.OPERATOR:
        raise OperatorOnly
    for community in (await accounts.communities(session)).values():
        if community.org_id == actor.org_id:
            return community
    raise NotACommunity


async def prepare(service_db: Database, actor: Actor) -> tuple[Chain, Community]:
    """What a document for the acting operator's community is made of. Raises OperatorOnly, NotACommunity."""
    async with service_db.begin() as session:
        return await chains.get_chain(session), await community_of(session, actor)


def _check_period(declaration: Declaration, now: datetime) -> None:
    starts_at, ends_at = from_unix(declaration.starts_at), from_unix(declaration.ends_at)
    lasts_s = declaration.ends_at - declaration.starts_at
    if not 0 < lasts_s <= LONGEST.total_seconds():
        raise PeriodRefused(lasts_hours=round(lasts_s / 3600, 2), longest_hours=72)
    if not now - EARLIEST <= starts_at <= now + LATEST or ends_at <= now:
        raise PeriodRefused(starts_at=starts_at.isoformat(), now=now.isoformat())


async def _check_signed(
    service_db: Database,
    chain: Chain,
    document: Document,
    signature: bytes,
    actor: Actor,
    call_contract: CallContract | None,
    now: datetime,
) -> bytes:
    """The document's hash. Raises ForeignSigner, DocumentExpired, SignatureWrong."""
    async with service_db.begin() as session:
        owners = await accounts.owners_of(session, [document.operator], now)
    if owners.get(document.operator) != actor.user_id:
        raise ForeignSigner
    if not now.timestamp() < document.expiry <= (now + EXPIRES_AFTER).timestamp() + 1:
        raise DocumentExpired(expiry=document.expiry)
    hashed = digest(chain, document)
    if not await accounts.signed_by(document.operator, hashed, signature, call_contract):
        raise SignatureWrong
    return hashed


async def _make_room(session: AsyncSession, community: Community, now: datetime) -> None:
    standing = await queries.open_island(session, community.org_id)
    if standing is not None and not await expire(session, standing, now):
        raise IslandStands(island_id=standing.id, until=standing.until.isoformat())


async def _own(session: AsyncSession, island_id: UUID, actor: Actor, *, lock: bool = False) -> Island:
    found = await queries.island(session, island_id, lock=lock)
    if found is None or found.org_id != actor.org_id:
        raise IslandNotFound(island_id=island_id)
    return found

# SPDX-License-Identifier: Apache-2.0
"""What people look up: balances, movements, documents, certificates and the public boards."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.carbon import boards, queries
from backend.carbon.boards import Board, Place
from backend.carbon.certificates import Certificate
from backend.carbon.documents import digest_of_body
from backend.carbon.errors import DocumentNotFound, HolderNotNamed, WalletNotFound
from backend.carbon.queries import Movement, MovementFilter, StoredDocument, WalletBalance
from backend.carbon.types import ALL_COMMUNITIES, Period, holder_of
from backend.core.crypto import recover
from backend.core.db import Actor, Database, raw
from backend.core.envelope import PageParams
from backend.core.units import format_hex
from backend.emissions import service as emissions
from backend.emissions.types import Factor

_NEIGHBOURS = 2
_SIGNED_PARTS = frozenset({"domain", "types", "primaryType", "message"})


async def balances(db: Database, user_id: UUID, *, actor: Actor) -> list[WalletBalance]:
    """Balances of the user's wallets: one's own, or those of members of the community that the actor operates.

    Raises WalletNotFound for anybody else's.
    """
    async with db.begin(actor) as session:
        return await _balances(session, user_id, actor)


async def movements(
    db: Database, user_id: UUID, wanted: MovementFilter, page: PageParams, *, actor: Actor
) -> tuple[list[Movement], int]:
    """A page of the user's transfers, newest first, and how many match. Raises WalletNotFound like `balances`."""
    async with db.begin(actor) as session:
        accounts = [held.account for held in await _balances(session, user_id, actor)]
        return await queries.movements(session, accounts, wanted, limit=page.limit, offset=page.offset)


async def credited(
    session: AsyncSession, user_id: UUID, wallets: Sequence[bytes], *, community: int, since: datetime, until: datetime
) -> int:
    """Grams that the user earned by deliveries of a community in `[since, until)`: earned less reversed and reduced.

    `wallets` are all that the user has or had; what they earned before they were known counts too.
    """
    holders = [user_id, *map(holder_of, wallets)]
    return await queries.credited(session, wallets, holders, community=community, since=since, until=until)


async def documents(
    db: Database, user_id: UUID, kind: str, page: PageParams, *, actor: Actor
) -> tuple[list[StoredDocument], int]:
    """A page of what the user's wallets signed, newest first. Raises WalletNotFound like `balances`."""
    async with db.begin(actor) as session:
        accounts = [held.account for held in await _balances(session, user_id, actor)]
        return await queries.list_documents(session, accounts, kind, limit=page.limit, offset=page.offset)


async def document(db: Database, document_id: UUID, *, actor: Actor) -> StoredDocument:
    """One document of the actor's wallets. Raises DocumentNotFound."""
    async with db.begin(actor) as session:
        found = await queries.get_document(session, document_id)
    if found is None:
        raise DocumentNotFound(document_id=document_id)
    return found


async def certificate(db: Database, document_id: UUID, *, public_url: str) -> Certificate:
    """The certificate of a retirement; whoever knows its id may see it. Raises DocumentNotFound."""
    async with db.begin(None, document_id=str(document_id)) as session:
        found = await queries.get_document(session, document_id)
        if found is None or found.kind != "retirement":
            raise DocumentNotFound(document_id=document_id)
        retired_g = await queries.retired_by(session, document_id)
        factors = await _factors(session, found.body.get("factors", []))
    message = found.body["message"]
    return Certificate(
        id=found.id,
        account=found.account,
        grams=int(message["grams"]),
        reason=message["reason"],
        retired_at=found.created_at,
        sequence=found.sequence,
        previous_hash=found.previous_hash,
        document_hash=found.body_hash,
        signature=found.signature,
        is_intact=_is_intact(found) and retired_g == int(message["grams"]),
        signed_by_key=recover(found.body_hash, found.signature) == found.account,
        factors=factors,
        verify_url=f"{public_url.rstrip('/')}/api/carbon-wallet/certificates/{document_id}/page",
        typed_data={name: part for name, part in found.body.items() if name in _SIGNED_PARTS},
    )


async def leaderboard(
    service_db: Database, period: Period, community: int, page: PageParams, *, day: date | None, now: datetime
) -> tuple[Board, list[Place], int]:
    """A page of a public board and how many are ranked. Raises CommunityNotFound.

    Reads as gridx_service, for the names of those who chose to be named; nothing else of a user leaves.
    """
    board = await boards.current_board(service_db.read, period, community, day=day, now=now)
    places, total = await boards.page(service_db.read, board, limit=page.limit, offset=page.offset)
    return board, places, total


async def around(
    service_db: Database, user_id: UUID, period: Period, community: int, *, day: date | None, now: datetime
) -> tuple[Board, list[Place]]:
    """The user's place with its neighbours; no places when the user is not ranked. Raises CommunityNotFound."""
    async with service_db.begin() as session:
        fetch = (await raw(session)).fetch
        board = await boards.current_board(fetch, period, community, day=day, now=now)
        mine = await boards.place_of(fetch, board, user_id)
        if mine is None:
            return board, []
        first = max(1, mine[0] - _NEIGHBOURS)
        places, _ = await boards.page(fetch, board, limit=mine[0] - first + 1 + _NEIGHBOURS, offset=first - 1)
        return board, places


async def named_holder(service_db: Database, user_id: UUID, *, now: datetime) -> tuple[str, list[tuple[Board, Place]]]:
    """The chosen name of a user and the present places among everybody. Raises HolderNotNamed.

    Reads as gridx_service, for the name of one who chose to be named.
    """
    async with service_db.begin() as session:
        fetch = (await raw(session)).fetch
        name = await queries.leaderboard_name(session, user_id)
        if name is None:
            raise HolderNotNamed(user_id=user_id)
        places: list[tuple[Board, Place]] = []
        for period in Period:
            board = await boards.current_board(fetch, period, ALL_COMMUNITIES, day=None, now=now)
            held = await boards.place_of(fetch, board, user_id)
            if held is not None:
                places.append((board, Place(held[0], user_id, name, net_g=held[1])))
    return name, places


async def issued(service_db: Database) -> int:
    """Grams that trades have earned and that were not taken back: the avoided-emission estimate of all trades.

    Corrections of communities' reserves are in it. Reads as gridx_service: issuance is nobody's wallet.
    """
    async with service_db.begin() as session:
        return await queries.issued(session)


async def _balances(session: AsyncSession, user_id: UUID, actor: Actor) -> list[WalletBalance]:
    held = await queries.balances(session, user_id)
    if not held and user_id != actor.user_id:
        raise WalletNotFound(user_id=user_id)
    return held


async def _factors(session: AsyncSession, named: list[dict[str, int]]) -> list[Factor]:
    found: list[Factor] = []
    for chain in sorted({item["chain"] for item in named}):
        known = await emissions.factors(session, chain, [item["factorId"] for item in named if item["chain"] == chain])
        found += [known[number] for number in sorted(known)]
    return found


def _is_intact(document: StoredDocument) -> bool:
    try:
        message = document.body["message"]
        named = (message["account"].lower(), int(message["sequence"]), message["previousHash"])
        kept = (format_hex(document.account), document.sequence, format_hex(document.previous_hash))
        return named == kept and digest_of_body(document.body) == document.body_hash
    except (KeyError, TypeError, ValueError):
        return False

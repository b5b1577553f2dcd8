# SPDX-License-Identifier: Apache-2.0
"""The verbs of the market that other parts call: post a trade, show one, list them."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from backend.accounts import service as accounts
from backend.accounts.types import OrgRole, Principal
from backend.carbon import service as carbon
from backend.core.db import Actor, Database
from backend.core.envelope import PageParams
from backend.core.memo import Memo
from backend.market import papers, queries
from backend.market.errors import ExportTooLarge, NotAParty, TradeNotFound, WalletsNeeded
from backend.market.posting import Posted, Poster
from backend.market.queries import TradeFilter, TradeTotals
from backend.market.types import (
    Claim,
    SubmissionState,
    SubmissionView,
    TradeKind,
    TradeOrder,
    TradeSide,
    TradeStatus,
    TradeView,
)

EXPORTED = 10_000
_NOT_INDEXED = (TradeOrder.LARGEST, TradeOrder.DEAREST)
_totals: Memo[int] = Memo(seconds=1)  # counting reads every row of a filter; a total may be a second old

_sums: Memo[tuple[TradeTotals, int]] = Memo(seconds=5)


@dataclass(frozen=True, slots=True)
class TradeListing:
    """What a list was asked for; `user_id` restricts it to that user's wallets, `wallet` to one of any user."""

    user_id: UUID | None = None
    wallet: bytes | None = None
    side: TradeSide | None = None
    status: TradeStatus | None = None
    kind: TradeKind | None = None
    since: datetime | None = None
    until: datetime | None = None
    order: TradeOrder = TradeOrder.NEWEST


async def post_trade(poster: Poster, principal: Principal, claim: Claim) -> Posted:
    """Post a trade as seller, buyer or operator of a community. The same call again has no second effect.

    Raises NotAParty, UnknownParty, TradeReverted, NotOurEvent, ClaimMismatch, SeveralTrades.
    """
    operates = principal.is_super_admin or any(held.role == OrgRole.OPERATOR for held in principal.memberships)
    if principal.user_id not in (claim.seller_id, claim.buyer_id) and not operates:
        raise NotAParty
    return await poster.post(claim)


async def list_trades(
    db: Database, service_db: Database, wanted: TradeListing, page: PageParams
) -> tuple[list[TradeView], int]:
    """Recorded trades in the order that was asked for, and how many there are. Raises WalletsNeeded.

    Trades are public by wallet address, and so is which user a trade names; `service_db` finds that user's wallets.
    """
    wallets: tuple[bytes, ...] | None = (wanted.wallet,) if wanted.wallet else None
    if wanted.user_id is not None:
        async with service_db.begin() as session:
            history = await accounts.wallet_history(session, [wanted.user_id])
        owned = [address for address, _, _ in history.get(wanted.user_id, ())]
        wallets = tuple(address for address in owned if wanted.wallet in (None, address))
    if wallets is None and (wanted.side is not None or wanted.order in _NOT_INDEXED):
        raise WalletsNeeded
    filtered = TradeFilter(
        wallets=wallets, side=wanted.side, status=wanted.status, kind=wanted.kind, since=wanted.since,
        until=wanted.until,
    )  # fmt: skip

    total = await _totals.get((db.dsn, filtered), lambda: queries.count_trades(db, filtered))
    return await queries.list_trades(db, filtered, page, wanted.order), total


async def totals(db: Database, service_db: Database) -> tuple[TradeTotals, int]:
    """Sums over all trades with consent, and the grams that they earned: public, and five seconds old at most."""

    async def sums() -> tuple[TradeTotals, int]:
        return await queries.totals(db), await carbon.issued(service_db)

    return await _sums.get(db.dsn, sums)


async def export_trades(db: Database, service_db: Database, wanted: TradeListing) -> str:
    """All trades of a list as CSV, one line a trade. Raises WalletsNeeded, ExportTooLarge."""
    trades, total = await list_trades(db, service_db, wanted, PageParams(1, EXPORTED))
    if total > EXPORTED:
        raise ExportTooLarge(trades=total, most=EXPORTED)
    return await asyncio.to_thread(papers.csv_of, trades)


async def export_submissions(db: Database, actor: Actor, states: tuple[SubmissionState, ...]) -> str:
    """The acting user's own claims in `states` as CSV, one line a claim. Raises ExportTooLarge."""
    claims, total = await list_submissions(db, actor, states, PageParams(1, EXPORTED))
    if total > EXPORTED:
        raise ExportTooLarge(trades=total, most=EXPORTED)
    return await asyncio.to_thread(papers.csv_of_claims, claims)


async def list_submissions(
    db: Database, actor: Actor, states: tuple[SubmissionState, ...], page: PageParams
) -> tuple[list[SubmissionView], int]:
    """The acting user's own claims in `states`."""
    async with db.begin(actor) as session:
        return await queries.list_submissions(session, states, page)


async def find_trade(db: Database, actor: Actor | None, key: UUID | bytes) -> TradeView | SubmissionView:
    """A trade by its key or its id on chain, or the acting user's own claim by the claim's key.

    A claim that is tied to a recorded trade answers with the trade. Raises TradeNotFound.
    """
    if isinstance(key, bytes):
        trade = await queries.newest_by_event(db, key)
    else:
        trade = await queries.trade_by_id(db, key)
    if trade is not None:
        return trade
    claim = None
    if isinstance(key, UUID):
        async with db.begin(actor) as session:
            claim = await queries.submission(session, key)
    if claim is None:
        raise TradeNotFound(id=key)
    if claim.trade_id is not None:
        trade = await queries.newest_by_event(db, claim.trade_id)
    return trade or claim

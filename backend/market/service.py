# SPDX-License-Identifier: Apache-2.0
"""The verbs of the market that other parts call: post a trade, show one, list them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from backend.accounts import service as accounts
from backend.accounts.types import OrgRole, Principal
from backend.carbon import service as carbon
from backend.core.db import Actor, Database
from backend.core.envelope import PageParams
from backend.core.memo import Memo
from backend.market import queries
from backend.market.errors import NotAParty, TradeNotFound
from backend.market.posting import Posted, Poster
from backend.market.queries import TradeFilter, TradeTotals
from backend.market.types import Claim, SubmissionState, SubmissionView, TradeStatus, TradeView

_totals: Memo[int] = Memo(seconds=1)  # counting reads every row of a filter; a total may be a second old

_sums: Memo[tuple[TradeTotals, int]] = Memo(seconds=5)


@dataclass(frozen=True, slots=True)
class TradeListing:
    """What a list was asked for; `user_id` restricts it to that user's wallets."""

    user_id: UUID | None = None
    status: TradeStatus | None = None
    since: datetime | None = None
    until: datetime | None = None


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
    """Recorded trades, newest first, and how many there are.

    Trades are public by wallet address, and so is which user a trade names; `service_db` finds that user's wallets.
    """
    wallets: tuple[bytes, ...] | None = None
    if wanted.user_id is not None:
        async with service_db.begin() as session:
            history = await accounts.wallet_history(session, [wanted.user_id])
        wallets = tuple(address for address, _, _ in history.get(wanted.user_id, ()))
    filtered = TradeFilter(wallets=wallets, status=wanted.status, since=wanted.since, until=wanted.until)

    total = await _totals.get((db.dsn, filtered), lambda: queries.count_trades(db, filtered))
    return await queries.list_trades(db, filtered, page), total


async def totals(db: Database, service_db: Database) -> tuple[TradeTotals, int]:
    """Sums over all trades with consent, and the grams that they earned: public, and five seconds old at most."""

    async def sums() -> tuple[TradeTotals, int]:
        return await queries.totals(db), await carbon.issued(service_db)

    return await _sums.get(db.dsn, sums)


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

# SPDX-License-Identifier: Apache-2.0
"""What happens when a gate closes: an auction's book is cleared once, and whatever rests in any book ends.

Exactly once: the row of the book is locked, and `closed_at` is set in the same transaction.
"""

from datetime import datetime

import structlog

from backend.chain import service as chains
from backend.core.db import Database
from backend.core.failpoints import failpoint
from backend.market.book import queries
from backend.market.book.matching import Turn
from backend.market.book.service import open_turns
from backend.market.book.types import BookKey
from backend.market.book.writing import write
from backend.market.clearing.auctions import clear_pay_as_bid, clear_uniform
from backend.market.clearing.receipts import receipt_of
from backend.market.clearing.types import Rule

AT_ONCE = 50
FAILPOINTS = ("book.auction_before_commit", "book.auction_after_commit")
_AUCTIONS = {Rule.UNIFORM: clear_uniform, Rule.PAY_AS_BID: clear_pay_as_bid}
log = structlog.get_logger()


async def clear_due(db: Database, chain: int, now: datetime) -> int:
    """Close the books whose gate has closed by `now`, at most AT_ONCE of them, and auction those that are auctioned.

    Any number of workers may do so at once. Returns how many books this call has closed. A book that cannot be closed
    keeps no other from it; its error is raised after them.
    """
    closed = 0
    failed: Exception | None = None
    for key in await queries.due_books(db, chain, now, limit=AT_ONCE):
        try:
            closed += await _close(db, key, now)
        except Exception as error:
            log.error(
                "book.not_closed", community=key.community, start=key.delivery_start.isoformat(), error=repr(error)
            )
            failed = error
    if failed is not None:
        raise failed
    return closed


async def _close(db: Database, key: BookKey, now: datetime) -> bool:
    async with db.begin() as session:
        turn = (await open_turns(session, [key]))[key]
        if turn.row.closed_at is not None:
            return False
        _auction(turn)
        turn.close(now)
        contract = (await chains.get_chain(session, key.chain)).contract_address
        await write(session, [turn], contract, now)
        await failpoint("book.auction_before_commit")
    await failpoint("book.auction_after_commit")
    log.info("book.closed", community=key.community, start=key.delivery_start.isoformat(), matches=len(turn.pairs))
    return True


def _auction(turn: Turn) -> None:
    """Clear a book of an auction, if offers and bids meet."""
    clear = _AUCTIONS.get(turn.row.rule)
    if clear is None:
        return
    orders = [order.clearing_order(order.rest_wh) for order in turn.memory.orders.values()]
    cleared = clear(orders, turn.row.fees)
    if cleared.matches:
        turn.settle(cleared.matches, receipt_of(turn.row.rule, orders, turn.row.fees, cleared=cleared))

# SPDX-License-Identifier: Apache-2.0
"""Orders, matches, reservations, receipts and money against the chain, when everything has settled or was taken out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import orjson

from backend.market.book import queries, service
from backend.market.book.engine import BY_OWNER
from backend.market.book.types import BookKey
from backend.market.clearing.continuous import ContinuousBook
from backend.market.clearing.fees import Fees
from backend.market.clearing.receipts import faults_of
from backend.market.clearing.types import Match, Order, Side
from tests.faults.trading import FOREIGN_NONCES
from tests.faults.world import World

MARKET_SUMS: tuple[tuple[str, str], ...] = (
    (
        "an order's matched energy is not that of its matches",
        """SELECT o.id, o.energy_wh, o.matched_wh, coalesce(sum(m.energy_wh), 0) AS sum_wh FROM orders o
           LEFT JOIN matches m ON o.id IN (m.offer_id, m.bid_id) AND m.state <> 'CANCELLED'
           WHERE o.venue = 'book' GROUP BY o.id
           HAVING o.matched_wh <> coalesce(sum(m.energy_wh), 0) OR coalesce(sum(m.energy_wh), 0) > o.energy_wh""",
    ),
    (
        "the sides of a book have not matched the same energy",
        """SELECT delivery_start, sum(matched_wh) FILTER (WHERE is_bid) AS bought_wh,
               sum(matched_wh) FILTER (WHERE NOT is_bid) AS sold_wh FROM orders WHERE venue = 'book'
           GROUP BY delivery_start
           HAVING coalesce(sum(matched_wh) FILTER (WHERE is_bid), 0)
               <> coalesce(sum(matched_wh) FILTER (WHERE NOT is_bid), 0)""",
    ),
    (
        "a match is not at its end",
        "SELECT id, state, settlement_nonce FROM matches WHERE state NOT IN ('FINAL', 'CANCELLED')",
    ),
    (
        "a final match is not its trade",
        """SELECT m.settlement_nonce, m.energy_wh, m.price_micro_per_kwh, t.energy_wh AS logged_wh,
               t.price_micro_per_kwh AS logged_price, t.status
           FROM matches m LEFT JOIN energy_trades t ON t.chain = m.chain AND t.trade_id = m.trade_id
           WHERE (m.state = 'FINAL' AND (t.status, t.energy_wh, t.price_micro_per_kwh, t.delivery_start)
                   IS DISTINCT FROM ROW('FINAL', m.energy_wh, m.price_micro_per_kwh, m.delivery_start))
               OR (m.state = 'CANCELLED' AND t.status <> 'ORPHANED')""",
    ),
    (
        "owners of a match are not those of its orders, or one person",
        """SELECT m.id FROM matches m JOIN orders o ON o.id = m.offer_id JOIN orders b ON b.id = m.bid_id
           WHERE o.user_id <> m.seller_id OR b.user_id <> m.buyer_id OR o.user_id = b.user_id""",
    ),
    (
        "an order's state is not what it traded",
        """SELECT id, state, reason, energy_wh, matched_wh, taken_wh FROM orders
           WHERE (state = 'FILLED') <> (matched_wh + taken_wh = energy_wh AND state NOT IN ('CANCELLED', 'CLOSED'))
               OR (state = 'OPEN' AND kind = 'market')""",
    ),
    (
        "energy taken of an offer is not that of its fills",
        """SELECT o.id, o.taken_wh, coalesce(sum(f.energy_wh), 0) AS sum_wh FROM orders o
           LEFT JOIN offer_fills f ON f.order_id = o.id AND f.undone_at IS NULL
           WHERE o.venue = 'direct' GROUP BY o.id HAVING o.taken_wh <> coalesce(sum(f.energy_wh), 0)""",
    ),
    (
        "a fill counts that is no trade",
        """SELECT encode(f.trade_id, 'hex') AS trade FROM offer_fills f
           LEFT JOIN energy_trades t ON t.chain = f.chain AND t.trade_id = f.trade_id
           WHERE f.undone_at IS NULL AND coalesce(t.status, 'ORPHANED') = 'ORPHANED'""",
    ),
    (
        "a reservation is held for ever",
        """SELECT o.id, o.reserved_wh, r.id AS reservation FROM orders o
           LEFT JOIN offer_reservations r ON r.order_id = o.id AND r.ended_at IS NULL
           WHERE o.reserved_wh <> 0 OR r.id IS NOT NULL""",
    ),
    (
        "a settled pair was not stored before it was sent",
        f"""SELECT t.tx_hash, m.settlement_nonce FROM matches m JOIN energy_trades t USING (chain, trade_id)
            WHERE m.state = 'FINAL' AND m.settlement_nonce < {FOREIGN_NONCES} AND NOT EXISTS (
                SELECT FROM relay_transactions r JOIN relay_matches c ON c.transaction_id = r.id
                WHERE r.tx_hash = t.tx_hash AND r.state = 'MINED' AND c.match_id = m.id)""",
    ),
    (
        "two transactions of one nonce are mined",
        """SELECT nonce, count(*) FROM relay_transactions WHERE state IN ('MINED', 'REVERTED')
           GROUP BY chain, signer, nonce HAVING count(*) > 1""",
    ),
    (
        "money does not sum to zero",
        """SELECT sum(amount) FROM (SELECT -amount_micro AS amount FROM money_entries
               UNION ALL SELECT amount_micro FROM money_entries) s HAVING sum(amount) <> 0""",
    ),
    (
        "a reversal of money is not the mirror of its entry",
        """SELECT e.id FROM money_entries e JOIN money_entries r ON r.reverses = e.id
           WHERE (r.debit_account, r.credit_account, r.amount_micro, r.kind, r.energy_wh)
               IS DISTINCT FROM ROW(e.credit_account, e.debit_account, e.amount_micro, e.kind, e.energy_wh)""",
    ),
    (
        "money that stands for a trade is not that of the energy supplied",
        """SELECT encode(s.trade_id, 'hex') AS trade, s.supplied_wh, t.price_micro_per_kwh, m.entries, m.amount_micro
           FROM (SELECT DISTINCT ON (chain, trade_id) * FROM trade_settlements
                 ORDER BY chain, trade_id, revision DESC) s
           JOIN energy_trades t USING (chain, trade_id)
           LEFT JOIN (SELECT chain, trade_id, count(*) AS entries, sum(amount_micro) AS amount_micro
                      FROM money_entries e WHERE kind = 'energy' AND reverses IS NULL
                          AND NOT EXISTS (SELECT FROM money_entries r WHERE r.reverses = e.id)
                      GROUP BY chain, trade_id) m USING (chain, trade_id)
           WHERE coalesce(m.entries, 0) > 1 OR coalesce(m.amount_micro, 0)
               <> div(s.supplied_wh::numeric * t.price_micro_per_kwh, 1000)""",
    ),
    (
        "fees of a delivered match are not booked",
        """SELECT m.settlement_nonce, m.seller_fee_micro, m.buyer_fee_micro, e.seller_fee, e.buyer_fee
           FROM matches m JOIN (SELECT DISTINCT ON (chain, trade_id) * FROM trade_settlements
                                ORDER BY chain, trade_id, revision DESC) s USING (chain, trade_id)
           LEFT JOIN (SELECT chain, trade_id, sum(amount_micro) FILTER (WHERE kind = 'seller_fee') AS seller_fee,
                          sum(amount_micro) FILTER (WHERE kind = 'buyer_fee') AS buyer_fee
                      FROM money_entries e WHERE reverses IS NULL
                          AND NOT EXISTS (SELECT FROM money_entries r WHERE r.reverses = e.id)
                      GROUP BY chain, trade_id) e USING (chain, trade_id)
           WHERE s.supplied_wh = m.energy_wh AND (m.seller_fee_micro, m.buyer_fee_micro)
               IS DISTINCT FROM ROW(coalesce(e.seller_fee, 0), coalesce(e.buyer_fee, 0))""",
    ),
    (
        "the relayer has stopped",
        "SELECT stopped_code, stopped_reason FROM relayers WHERE stopped_at IS NOT NULL",
    ),
)


async def compare_market(world: World, trades: Sequence[dict[str, Any]]) -> list[str]:
    """Every difference of the market, in words; `trades` are the chain's `EnergyTradeLogged`."""
    found = await _logged(world, trades)
    found += await _said(world)
    found += await _filled(world, trades)
    for book in await world.rows("SELECT chain, community, delivery_start FROM books ORDER BY delivery_start"):
        found += await _book(world, BookKey(*book))
    return found


async def _logged(world: World, trades: Sequence[dict[str, Any]]) -> list[str]:
    """Every pair that the chain logged for the market is a final match of this energy and price, and so back."""
    contract = world.base.deployment.address
    of_market = {
        trade["trade_id"]: (trade["energy_wh"], trade["price"])
        for trade in trades
        if trade["trade_id"][:20] == contract and int.from_bytes(trade["trade_id"][20:30], "big") < FOREIGN_NONCES
    }
    rows = await world.rows("SELECT trade_id, energy_wh, price_micro_per_kwh FROM matches WHERE state = 'FINAL'")
    held = {row.trade_id: (row.energy_wh, row.price_micro_per_kwh) for row in rows}
    return [
        f"match 0x{key.hex()} is {held.get(key)} in the book and {of_market.get(key)} on the chain"
        for key in held.keys() | of_market.keys()
        if held.get(key) != of_market.get(key)
    ][:5]


async def _said(world: World) -> list[str]:
    """What was acknowledged is stored, and as it was said; what was refused is not."""
    rows = {
        bytes(row.order_hash): row
        for row in await world.rows("SELECT id, order_hash, state, signature, user_id FROM orders")
    }
    market = world.market
    found = [f"the acknowledged order {key} is lost" for key, digest in market.ids.items() if digest not in rows]
    found += [f"an order refused with {code} is stored" for digest, code in market.refused.items() if digest in rows]
    found += [f"nobody handed in the order {row.id}" for digest, row in rows.items() if digest not in market.placed]
    for key in market.cancelled:
        row = rows.get(market.ids[key])
        if row is not None and row.state != "CANCELLED":
            found.append(f"the cancelled order {key} is {row.state}")
    return found[:5]


async def _filled(world: World, trades: Sequence[dict[str, Any]]) -> list[str]:
    """What the chain filled of each direct offer is what the database says was taken."""
    on_chain = {trade["trade_id"] for trade in trades}
    filled: Counter[bytes] = Counter()
    for digest, made in world.market.filled:
        if made.trade_id in on_chain:
            filled[digest] += made.energy_wh
    rows = await world.rows("SELECT order_hash, taken_wh FROM orders WHERE venue = 'direct'")
    return [
        f"of offer 0x{row.order_hash.hex()} {row.taken_wh} Wh are taken, {filled[row.order_hash]} Wh on the chain"
        for row in rows
        if row.taken_wh != filled[row.order_hash]
    ][:5]


# --- books ------------------------------------------------------------------------------------------------------------


async def _book(world: World, key: BookKey) -> list[str]:
    """A book is rebuilt from its rows, its receipts are cleared again, and, unless it was undone, it is run again."""
    place = {"start": key.delivery_start}
    orders = await world.rows(
        "SELECT * FROM orders WHERE delivery_start = :start AND venue = 'book' ORDER BY placed_version", **place
    )
    matches = await world.rows(
        """SELECT m.*, r.version, r.receipt FROM matches m JOIN match_receipts r ON r.id = m.receipt_id
           WHERE m.delivery_start = :start ORDER BY m.settlement_nonce""",
        **place,
    )
    view = await service.book_view(world.base.db, key)
    async with world.base.db.begin() as session:
        rebuilt = (await service.open_turns(session, [key]))[key].memory.book
        (row,) = (await queries.lock_books(session, [key])).values()
    pure = ContinuousBook(row.fees)
    for order in orders:
        if order.state == "OPEN":
            pure.restore(_order(order), order.energy_wh - order.matched_wh)
    found = []
    if not list(view.levels) == rebuilt.levels() == pure.levels():
        found.append(f"book {key.delivery_start} shows {view.levels}, its rows make {rebuilt.levels()}")
    wrong = [match.settlement_nonce for match in matches if faults_of(_json(match.receipt))]
    found += [f"receipts of {wrong} do not follow from their books"] if wrong else []
    if row.rule == "continuous" and all(match.state != "CANCELLED" for match in matches):
        found += _replay(key, row.fees, orders, matches)
    return found


def _json(value: Any) -> Any:
    return orjson.loads(value) if isinstance(value, str | bytes) else value


def _replay(key: BookKey, fees: Fees, orders: Sequence[Any], matches: Sequence[Any]) -> list[str]:
    """One run of the pure book over all placements and ends, by version, makes the same matches."""
    steps = [(row.placed_version, "place", row) for row in orders]
    steps += [
        (row.changed_version, "end", row)
        for row in orders
        if row.state in ("CANCELLED", "CLOSED") and (row.reason == BY_OWNER or row.kind == "limit")
    ]
    made: dict[int, list[Match]] = defaultdict(list)
    for row in matches:
        made[row.version].append(Match(str(row.bid_id), str(row.offer_id), row.energy_wh, row.price_micro_per_kwh))
    book, replayed = ContinuousBook(fees), {}
    for version, act, row in sorted(steps, key=lambda each: each[0]):
        if act == "end":
            book.cancel(str(row.id))
        elif found := book.place(_order(row), rests=row.kind == "limit"):
            replayed[version] = found
    if replayed != made:
        return [f"book {key.delivery_start} matched {dict(made)}, a run of the pure book {replayed}"[:1500]]
    return []


def _order(row: Any) -> Order:
    return Order(
        id=str(row.id), side=Side.BID if row.is_bid else Side.OFFER, energy_wh=row.energy_wh,
        price_micro=row.price_micro_per_kwh, time=row.placed_version, house=str(row.house_id),
        owner=str(row.user_id), zone=row.zone, min_fill_wh=row.min_fill_wh,
    )  # fmt: skip

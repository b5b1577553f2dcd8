# SPDX-License-Identifier: Apache-2.0
"""Clears every receipt again and holds it against the orders, matches and settled trades of the database.

A receipt must follow from its own book, its book from the stored orders, the matches from the receipt, and a pair that
was settled on chain must be its match, to the last watt-hour and micro-unit. Books are read a few at a time, so memory
is bounded by the largest.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from backend.audit.clearing import Pair, borne, cleared_again
from backend.audit.database import Row, Snapshot
from backend.audit.differences import Code, Difference, Findings
from backend.audit.encoding import hex_of
from backend.audit.priority import Order, Rested, left_out_of_auction

BOOKS_AT_ONCE = 8
FACTS = ("rule", "fees", "orders", "incoming")

_OF_BOOK = "x.chain = $1 AND x.community = k.community AND x.delivery_start = k.delivery_start"
_BOOKS = f"""
SELECT k.community, extract(epoch FROM k.delivery_start)::bigint AS delivery_start, b.rule,
    b.community_fee_micro_per_kwh AS community_fee, b.grid_fee_micro_per_kwh AS grid_fees,
    (SELECT jsonb_agg(jsonb_build_array(x.id, x.is_bid, x.energy_wh, x.price_micro_per_kwh, x.placed_version, x.zone,
        x.min_fill_wh, x.user_id, x.state, x.changed_version)) FROM orders AS x WHERE {_OF_BOOK} AND x.venue = 'book'
    ) AS orders,
    (SELECT jsonb_agg(jsonb_build_array(x.id, x.version, x.rule, encode(x.book_hash, 'hex'), x.receipt)
        ORDER BY x.version) FROM match_receipts AS x WHERE {_OF_BOOK}) AS receipts,
    (SELECT jsonb_agg(jsonb_build_array(x.id, x.receipt_id, x.bid_id, x.offer_id, x.energy_wh, x.price_micro_per_kwh,
        x.seller_fee_micro, x.buyer_fee_micro, x.seller_id, x.buyer_id, x.state, x.settlement_nonce,
        encode(x.trade_id, 'hex'))) FROM matches AS x WHERE {_OF_BOOK}) AS matches
FROM (SELECT community, delivery_start FROM books WHERE chain = $1
    UNION SELECT community, delivery_start FROM match_receipts WHERE chain = $1
    UNION SELECT community, delivery_start FROM matches WHERE chain = $1) AS k
LEFT JOIN books AS b ON b.chain = $1 AND b.community = k.community AND b.delivery_start = k.delivery_start
ORDER BY k.delivery_start, k.community
"""  # noqa: S608 built from constants
_SETTLED = """
SELECT t.trade_id, t.energy_wh, t.price_micro_per_kwh, t.seller_address, t.buyer_address, t.seller_meter, t.buyer_meter,
    extract(epoch FROM t.delivery_start)::bigint AS delivery_start, m.id AS match_id, m.state,
    m.energy_wh AS matched_wh, m.price_micro_per_kwh AS matched_price, offer.maker AS seller, bid.maker AS buyer,
    offer.meter AS offer_meter,
    bid.meter AS bid_meter, extract(epoch FROM m.delivery_start)::bigint AS matched_start
FROM energy_trades AS t
LEFT JOIN matches AS m ON m.chain = t.chain AND m.trade_id = t.trade_id
LEFT JOIN orders AS offer ON offer.id = m.offer_id
LEFT JOIN orders AS bid ON bid.id = m.bid_id
WHERE t.chain = $1 AND t.kind = 2 AND t.status <> 'ORPHANED'
ORDER BY t.block_number, t.log_index
"""
_FINAL_WITHOUT_TRADE = """
SELECT m.trade_id FROM matches AS m WHERE m.chain = $1 AND m.state = 'FINAL' AND NOT EXISTS (
    SELECT FROM energy_trades AS t WHERE t.chain = m.chain AND t.trade_id = m.trade_id AND t.status <> 'ORPHANED')
"""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A stored receipt; `paper` is its JSON."""

    name: str
    version: int
    rule: str
    book_hash: str
    paper: Any


@dataclass(frozen=True, slots=True)
class Match:
    """A stored match."""

    name: str
    receipt: str
    bid: str
    offer: str
    energy_wh: int
    price_micro: int
    seller_fee_micro: int
    buyer_fee_micro: int
    seller: str
    buyer: str
    state: str
    nonce: int
    trade_id: str


class Reclearing:
    """The market's part of one audit; `contract` is the address whose settlement nonces make trade ids."""

    def __init__(self, snapshot: Snapshot, chain: int, contract: bytes, findings: Findings) -> None:
        self.snapshot = snapshot
        self.chain = chain
        self.contract = contract
        self.findings = findings
        self.receipts = 0

    async def run(self) -> int:
        """Check all receipts, matches and settled pairs; differences go to the findings. Returns how many receipts."""
        async for row in self.snapshot.stream(_BOOKS, self.chain, prefetch=BOOKS_AT_ONCE):
            self.findings.extend(self._book(row))
        async for row in self.snapshot.stream(_SETTLED, self.chain):
            self.findings.extend(_settled(row))
        async for row in self.snapshot.stream(_FINAL_WITHOUT_TRADE, self.chain):
            note = "the match is said to be final, but no trade stands"
            self.findings.add(Difference(Code.MATCH_MISSING, hex_of(row["trade_id"]), "state", note=note))
        return self.receipts

    def _book(self, row: Row) -> Iterator[Difference]:
        orders = {values[0]: Order(*values) for values in row["orders"] or ()}
        receipts = {values[0]: Receipt(*values) for values in row["receipts"] or ()}
        matches = [Match(*values) for values in row["matches"] or ()]
        of_receipt: defaultdict[str, list[Match]] = defaultdict(list)
        for match in matches:
            of_receipt[match.receipt].append(match)
            if match.receipt not in receipts:
                yield Difference(Code.MATCH_UNEXPLAINED, match.name, "receipt_id", found=match.receipt)
            yield from self._match(match, orders)
        rested = Rested(_never_back(orders, matches))
        for receipt in receipts.values():
            self.receipts += 1
            subject = f"receipt {receipt.name}"
            try:
                yield from _receipt(subject, receipt, row, orders)
                yield from _explained(subject, receipt.paper, of_receipt[receipt.name])
                for name in _left_out(receipt, rested, orders):
                    note = "an order with a better claim was left out"
                    yield Difference(Code.RECEIPT_INCOMPLETE, subject, "orders", name, note=note)
            except (KeyError, TypeError, ValueError, AttributeError, StopIteration) as error:
                note = f"it cannot be cleared again: {error!r}"
                yield Difference(Code.RECEIPT_TAMPERED, subject, "receipt", note=note)
        yield from _overmatched(orders, matches)

    def _match(self, match: Match, orders: Mapping[str, Order]) -> Iterator[Difference]:
        """Parties and trade id of a match follow from its orders and its nonce."""
        trade_id = (self.contract + match.nonce.to_bytes(10, "big") + bytes(2)).hex()
        bid, offer = orders.get(match.bid), orders.get(match.offer)
        expected = {
            "trade_id": trade_id,
            "buyer_id": bid.user if bid and bid.is_bid else None,
            "seller_id": offer.user if offer and not offer.is_bid else None,
        }
        found = {"trade_id": match.trade_id, "buyer_id": match.buyer, "seller_id": match.seller}
        yield from _differing(Code.MATCH_TAMPERED, match.name, expected, found)


def _receipt(subject: str, receipt: Receipt, book: Row, orders: Mapping[str, Order]) -> Iterator[Difference]:
    """A receipt follows from its own book, and its book from what is stored."""
    paper = receipt.paper
    digest = sha256(_canonical({name: paper[name] for name in FACTS})).hexdigest()
    fees = {"communityFeeMicroPerKwh": book["community_fee"], "gridFeeMicroPerKwh": book["grid_fees"]}
    kept = {name: paper["fees"][name] for name in fees}
    pairs = [Pair(row["bid"], row["offer"], row["energyWh"], row["priceMicro"]) for row in paper["matches"]]
    expected = {"book_hash": digest, "bookHash": "0x" + digest, "rule": receipt.rule, "fees": fees}
    found = {"book_hash": receipt.book_hash, "bookHash": paper["bookHash"], "rule": paper["rule"], "fees": kept}
    yield from _differing(Code.RECEIPT_TAMPERED, subject, expected, found)
    if receipt.rule != book["rule"]:
        yield Difference(Code.RECEIPT_TAMPERED, subject, "rule", book["rule"], receipt.rule, "the book's rule")
    again = cleared_again(paper)
    for wrong, right in _unequal(pairs, again):
        yield Difference(Code.RECEIPT_TAMPERED, subject, "matches", right, wrong, "cleared again")
    prices = {pair.price_micro for pair in again}
    if paper["priceMicro"] is not None and {paper["priceMicro"]} != prices:
        yield Difference(Code.RECEIPT_TAMPERED, subject, "priceMicro", sorted(prices), paper["priceMicro"])
    yield from _orders_of(subject, paper, orders)


def _orders_of(subject: str, paper: Mapping[str, Any], orders: Mapping[str, Order]) -> Iterator[Difference]:
    """The orders of a receipt are the stored ones, with no more energy than they had; one owner is one user."""
    users: dict[str, str] = {}
    for row in paper["orders"]:
        stored = orders.get(row["id"])
        if stored is None:
            yield Difference(Code.RECEIPT_TAMPERED, subject, "orders", found=row["id"], note="no such order is stored")
            continue
        expected = {
            "side": "bid" if stored.is_bid else "offer",
            "priceMicro": stored.price_micro,
            "time": stored.time,
            "zone": stored.zone,
            "minFillWh": min(stored.min_fill_wh, row["energyWh"]),
            "owner": users.setdefault(row["owner"], stored.user),
        }
        found = {name: row[name] for name in expected} | {"owner": stored.user}
        yield from _differing(Code.RECEIPT_TAMPERED, f"{subject}, order {row['id']}", expected, found)
        if row["energyWh"] > stored.energy_wh:
            yield Difference(Code.RECEIPT_TAMPERED, subject, "energyWh", stored.energy_wh, row["energyWh"], row["id"])
    if len(set(users.values())) < len(users):
        yield Difference(Code.RECEIPT_TAMPERED, subject, "owner", note="one user stands there as two owners")


def _never_back(orders: Mapping[str, Order], matches: list[Match]) -> list[Order]:
    """Orders that no undone match has brought back into the book."""
    back = {name for match in matches if match.state == "CANCELLED" for name in (match.bid, match.offer)}
    return [order for order in orders.values() if order.name not in back]


def _left_out(receipt: Receipt, rested: Rested, orders: Mapping[str, Order]) -> Iterator[str]:
    """Ids of orders that a receipt should name and does not."""
    if receipt.rule != "continuous":
        yield from left_out_of_auction(receipt.version, receipt.paper, orders.values())
    elif receipt.paper["incoming"] in orders:
        yield from rested.left_out(receipt.version, receipt.paper, orders[receipt.paper["incoming"]])


def _explained(subject: str, paper: Mapping[str, Any], matches: list[Match]) -> Iterator[Difference]:
    """The stored matches are those of the receipt, with the fees of its zones."""
    zones = {row["id"]: row["zone"] for row in paper["orders"]}
    pairs = [Pair(row["bid"], row["offer"], row["energyWh"], row["priceMicro"]) for row in paper["matches"]]
    stored = {(match.bid, match.offer): match for match in matches}
    for wrong, right in _unequal([Pair(m.bid, m.offer, m.energy_wh, m.price_micro) for m in matches], pairs):
        match = stored.get((wrong.bid, wrong.offer)) if wrong else None
        code = Code.MATCH_MISSING if wrong is None else Code.MATCH_TAMPERED if right else Code.MATCH_UNEXPLAINED
        yield Difference(code, match.name if match else subject, "energy, price", right, wrong, f"by {subject}")
    fees = paper["fees"]
    for match in matches:
        if match.bid not in zones or match.offer not in zones:
            continue
        buyer, seller = zones[match.bid], zones[match.offer]
        pair_fee = fees.get("pairFeeMicroPerKwh", {}).get(f"{seller}|{buyer}", 0)
        expected = {
            "seller_fee_micro": match.energy_wh * borne(fees, seller=True, zone=seller) // 1000,
            "buyer_fee_micro": match.energy_wh * (borne(fees, seller=False, zone=buyer) + pair_fee) // 1000,
        }
        found = {"seller_fee_micro": match.seller_fee_micro, "buyer_fee_micro": match.buyer_fee_micro}
        yield from _differing(Code.MATCH_TAMPERED, match.name, expected, found)


def _overmatched(orders: Mapping[str, Order], matches: list[Match]) -> Iterator[Difference]:
    """Standing matches of an order are never more than it ordered."""
    sums: Counter[str] = Counter()
    for match in matches:
        if match.state != "CANCELLED":
            sums[match.bid] += match.energy_wh
            sums[match.offer] += match.energy_wh
    for name, energy_wh in sums.items():
        if name in orders and energy_wh > orders[name].energy_wh:
            yield Difference(Code.ORDER_OVERMATCHED, name, "energy_wh", orders[name].energy_wh, energy_wh)


def _settled(row: Row) -> Iterator[Difference]:
    """A pair settled on chain is a match of the book, as it was matched."""
    subject = hex_of(row["trade_id"])
    if row["match_id"] is None:
        yield Difference(Code.MATCH_UNKNOWN, subject, note="settled as a matched pair, but the book never matched it")
        return
    expected = {
        "energy_wh": row["matched_wh"], "price_micro_per_kwh": row["matched_price"], "seller_address": row["seller"],
        "buyer_address": row["buyer"], "seller_meter": row["offer_meter"], "buyer_meter": row["bid_meter"],
        "delivery_start": row["matched_start"],
    }  # fmt: skip
    found = {name: row[name] for name in expected}
    yield from _differing(Code.MATCH_SETTLED_OTHERWISE, subject, expected, found)
    if row["state"] == "CANCELLED":
        note = "the match is said to be cancelled"
        yield Difference(Code.MATCH_SETTLED_OTHERWISE, subject, "state", "settled", "CANCELLED", note)


def _differing(code: Code, subject: str, expected: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[Difference]:
    for name, value in expected.items():
        if found[name] != value:
            yield Difference(code, subject, name, value, found[name])


def _unequal(found: list[Pair], expected: list[Pair]) -> Iterator[tuple[Pair | None, Pair | None]]:
    """Pairs that are not on both lists; a pair of the same two orders with other figures comes as one."""
    wrong = list((Counter(found) - Counter(expected)).elements())
    for right in (Counter(expected) - Counter(found)).elements():
        same = next((pair for pair in wrong if pair[:2] == right[:2]), None)
        if same is not None:
            wrong.remove(same)
        yield same, right
    for pair in wrong:
        yield pair, None


def _canonical(value: object) -> bytes:
    """JSON with sorted keys and without spaces, in UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

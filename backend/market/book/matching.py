# SPDX-License-Identifier: Apache-2.0
"""What one transaction does to one book, worked out in memory: placements, matches, ends, levels. Pure.

Versions rise by one with each order that is placed, re-opened or given energy back, and by one for all that ends or is
auctioned together.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from backend.core.ids import uuid7
from backend.market.book.errors import AuctionTakesLimits, BookOutOfStep
from backend.market.book.memory import BookMemory
from backend.market.book.types import BookRow, OpenOrder, Placed, PlacedMatch
from backend.market.clearing.fees import Amounts, amounts_of
from backend.market.clearing.receipts import receipt_of
from backend.market.clearing.types import Level, Match, Rule, Side
from backend.market.orders.errors import ExpiryRefused, FactorRefused, GateClosed
from backend.market.orders.types import NewOrder, OrderKind, OrderState

Receipt = dict[str, Any]
UNMATCHED = "order.unmatched"


@dataclass(slots=True)
class Change:
    """An order that this transaction changes: how it stood (None: it is new), and how it stands at the end."""

    order: OpenOrder
    new: NewOrder | None
    was_matched_wh: int
    version: int
    state: OrderState = OrderState.OPEN
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """A match that was made."""

    id: UUID
    receipt_id: UUID
    offer: OpenOrder
    bid: OpenOrder
    energy_wh: int
    price_micro_per_kwh: int
    amounts: Amounts

    def seen_by(self, *, is_bid: bool) -> PlacedMatch:
        """The match as the bid's or the offer's owner sees it."""
        fee = self.amounts.buyer_fee_micro if is_bid else self.amounts.seller_fee_micro
        return PlacedMatch(self.id, self.energy_wh, self.price_micro_per_kwh, fee)


@dataclass(frozen=True, slots=True)
class Explained:
    """Why matches of one version have their price."""

    id: UUID
    version: int
    receipt: Receipt


class Turn:
    """One transaction's changes of one book. Its memory is right afterwards only if the transaction commits."""

    def __init__(self, row: BookRow, memory: BookMemory) -> None:
        if memory.version != row.version:
            raise BookOutOfStep(f"memory of {row.key} is at {memory.version}, the row at {row.version}")
        self.row = row
        self.memory = memory
        self.version = row.version
        self.factor_id = row.factor_id
        self.closed_at = row.closed_at
        self.changes: dict[str, Change] = {}
        self.pairs: list[Pair] = []
        self.explained: list[Explained] = []
        self._pairs_of: dict[str, list[Pair]] = {}
        self._levels: dict[tuple[Side, str, int], None] = {}

    def check(self, new: NewOrder, now: datetime) -> None:
        """Raise the refusal that the book itself has for an order."""
        row = self.row
        if not row.is_open(now):
            raise GateClosed(closes_at=row.closes_at)
        if new.expiry < row.closes_at:
            raise ExpiryRefused(expiry=new.expiry, gate_closes_at=row.closes_at)
        if self.factor_id is None:
            self.factor_id = new.factor_id
        if self.factor_id != new.factor_id:
            raise FactorRefused(factor_id=new.factor_id, factor_of_interval=self.factor_id)
        if row.rule is not Rule.CONTINUOUS and (new.kind is OrderKind.MARKET or new.min_fill_wh > 1):
            raise AuctionTakesLimits(rule=row.rule.value, kind=new.kind.value, min_fill_wh=new.min_fill_wh)

    def place(self, new: NewOrder) -> Placed:
        """Place a checked order: match it, let its rest wait (limit) or end (market); what that led to."""
        self.version += 1
        order = OpenOrder.of(new, self.version)
        change = self.changes[order.text_id] = Change(order, new, 0, self.version)
        self._meet(order)
        if order.rest_wh and order.kind is OrderKind.MARKET:
            self._end(order, OrderState.CANCELLED, UNMATCHED)
        return self._placed(change)

    def reopen(self, order: OpenOrder, energy_wh: int) -> None:
        """Matched energy is open again: it meets the book as it stands, what rests keeps its place in time."""
        self.version += 1
        change = self._change(order)
        change.state, change.reason = OrderState.OPEN, None
        order.matched_wh -= energy_wh
        self.memory.drop(order.text_id)
        self._touch(order)
        self._meet(order)

    def give_back(self, order: OpenOrder, energy_wh: int, *, state: OrderState, reason: str | None) -> None:
        """Take matched energy back from an order that stays or becomes `state`: nothing opens."""
        self.version += 1
        self._change(order)
        order.matched_wh -= energy_wh
        self._end(order, state, reason)

    def end(self, orders: Iterable[OpenOrder], *, state: OrderState = OrderState.CANCELLED, reason: str) -> None:
        """End open orders, all in one version."""
        self.version += 1
        for order in orders:
            self._end(order, state, reason)

    def close(self, now: datetime) -> None:
        """The gate closes: whatever rests ends."""
        self.closed_at = now
        self.end(list(self.memory.orders.values()), state=OrderState.CLOSED, reason=GateClosed.code)

    def settle(self, matches: Sequence[Match], receipt: Receipt) -> None:
        """Take the matches of an auction, all in one version. The memory is of no use but to `close` afterwards."""
        self.version += 1
        if matches:
            receipt_id = self._explain(receipt)
            for match in matches:
                self._pair(match, receipt_id)

    def levels(self) -> list[Level]:
        """Levels that changed, as they are now; none when the book has closed."""
        return [] if self.closed_at else [self.memory.book.level(*level) for level in self._levels]

    def _placed(self, change: Change) -> Placed:
        order = change.order
        rest = order.rest_wh if change.state is OrderState.OPEN else 0
        matches = tuple(pair.seen_by(is_bid=order.is_bid) for pair in self._pairs_of.get(order.text_id, ()))
        return Placed(order.id, change.state, change.reason, order.version, rest, matches)

    def _meet(self, order: OpenOrder) -> None:
        """Match an order that is not in memory; let what is left of a limit order rest."""
        memory, rests = self.memory, order.kind is OrderKind.LIMIT
        if self.row.rule is not Rule.CONTINUOUS:
            memory.put(order)
        else:
            incoming = order.clearing_order(order.rest_wh)
            around = memory.book.around(incoming)
            matches = memory.book.place(incoming, rests=rests)
            if matches:
                receipt = receipt_of(Rule.CONTINUOUS, around, self.row.fees, incoming=incoming)
                receipt_id = self._explain(receipt)
                for match in matches:
                    self._pair(match, receipt_id)
            if order.rest_wh and rests:
                memory.orders[order.text_id] = order
        if order.rest_wh and rests:
            self._touch(order)

    def _pair(self, match: Match, receipt_id: UUID) -> None:
        offer, bid = self._find(match.offer), self._find(match.bid)
        amounts = amounts_of(
            match,
            self.row.fees,
            seller_zone=offer.zone,
            buyer_zone=bid.zone,
            pair=self.row.rule is Rule.CONTINUOUS,
        )
        pair = Pair(uuid7(), receipt_id, offer, bid, match.energy_wh, match.price_micro, amounts)
        self.pairs.append(pair)
        for order in (offer, bid):
            change = self._change(order)
            order.matched_wh += match.energy_wh
            if order.text_id in self.memory.orders:
                self._touch(order)
            self._pairs_of.setdefault(order.text_id, []).append(pair)
            if not order.rest_wh:
                change.state = OrderState.FILLED
                self.memory.orders.pop(order.text_id, None)

    def _end(self, order: OpenOrder, state: OrderState, reason: str | None) -> None:
        change = self._change(order)
        change.state, change.reason = state, reason
        self.memory.drop(order.text_id)
        self._touch(order)

    def _change(self, order: OpenOrder) -> Change:
        change = self.changes.get(order.text_id)
        if change is None:
            change = self.changes[order.text_id] = Change(order, None, order.matched_wh, self.version)
        change.version = self.version
        return change

    def _find(self, text_id: str) -> OpenOrder:
        change = self.changes.get(text_id)
        return change.order if change else self.memory.orders[text_id]

    def _touch(self, order: OpenOrder) -> None:
        self._levels[(order.side, order.zone, order.price_micro_per_kwh)] = None

    def _explain(self, receipt: Receipt) -> UUID:
        explained = Explained(uuid7(), self.version, receipt)
        self.explained.append(explained)
        return explained.id

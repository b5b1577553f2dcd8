# SPDX-License-Identifier: Apache-2.0
"""Books for tests of clearing: drawn ones, with many ties, and the slow and obvious ways to say what is right."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence

from hypothesis import strategies as st

from backend.market.clearing.fees import Fees
from backend.market.clearing.types import Match, Order, Side

ZONES = ("", "north", "south")


def make_order(side: Side, number: int, **values: object) -> Order:
    """An order with plain values."""
    kept = {"energy_wh": 1_000, "price_micro": 100_000, "time": number, "house": f"house {side.value} {number}"}
    return Order(id=f"{side.value}-{number}", side=side, **{**kept, **values})  # type: ignore[arg-type]


@st.composite
def orders_of(draw: st.DrawFn, most: int = 6, *, houses: int = 4, min_fills: bool = False) -> list[Order]:
    """Up to `most` offers and bids with few prices, times and owners, so that ties and self-matches are common."""
    orders = []
    for side in Side:
        for number in range(draw(st.integers(0, most))):
            energy_wh = draw(st.integers(1, 6))
            house = f"house {draw(st.integers(1, houses))}"
            orders.append(
                Order(
                    id=f"{side.value}-{number}",
                    side=side,
                    energy_wh=energy_wh,
                    price_micro=draw(st.integers(0, 12)),
                    time=draw(st.integers(0, 2)),
                    house=house,
                    zone=draw(st.sampled_from(ZONES)),
                    min_fill_wh=draw(st.integers(0, energy_wh)) if min_fills else 0,
                )
            )
    return orders


@st.composite
def arrivals(draw: st.DrawFn) -> list[Order]:
    """Orders of both sides, with minimum fills, in the sequence in which they come."""
    return draw(st.permutations(draw(orders_of(10, min_fills=True))))


def fees_drawn() -> st.SearchStrategy[Fees]:
    """Fees of the size of the prices that are drawn."""
    pairs = st.dictionaries(st.tuples(st.sampled_from(ZONES), st.sampled_from(ZONES)), st.integers(0, 3), max_size=3)
    grid = st.dictionaries(st.sampled_from(ZONES), st.integers(0, 3), max_size=3)
    return st.builds(Fees, st.integers(0, 4), grid, pairs)


def most_energy(orders: Sequence[Order], fees: Fees) -> int:
    """The most that any one price can carry: at every price in turn, the largest flow between different owners."""
    prices = {fees.energy_price_micro(order) for order in orders}
    return max((_flow_at(orders, fees, price) for price in prices), default=0)


def willing(orders: Iterable[Order], fees: Fees, price: int) -> list[Order]:
    """Orders that would trade at a price of energy."""
    return [
        order
        for order in orders
        if (fees.energy_price_micro(order) <= price) == (order.side is Side.OFFER)
        or fees.energy_price_micro(order) == price
    ]


def _flow_at(orders: Sequence[Order], fees: Fees, price: int) -> int:
    """Largest flow from offers to bids of other owners, by shortest augmenting paths."""
    able = willing(orders, fees, price)
    spare: Counter[tuple[str, str]] = Counter()
    for order in able:
        if order.side is Side.BID:
            spare[(order.id, "sink")] = order.energy_wh
            continue
        spare[("source", order.id)] = order.energy_wh
        for other in able:
            if other.side is Side.BID and other.owner != order.owner:
                spare[(order.id, other.id)] = min(order.energy_wh, other.energy_wh)
    total = 0
    while path := _path(spare):
        fill = min(spare[edge] for edge in path)
        for tail, head in path:
            spare[(tail, head)] -= fill
            spare[(head, tail)] += fill
        total += fill
    return total


def _path(spare: Mapping[tuple[str, str], int]) -> list[tuple[str, str]]:
    came: dict[str, str] = {"source": ""}
    waiting = deque(["source"])
    while waiting:
        here = waiting.popleft()
        for (tail, head), left in spare.items():
            if tail == here and left and head not in came:
                came[head] = tail
                waiting.append(head)
    path, here = [], "sink"
    while came.get(here):
        path.append((came[here], here))
        here = came[here]
    return path


def assert_sound(matches: Iterable[Match], orders: Sequence[Order], fees: Fees, *, pairs: bool) -> None:
    """Nobody trades more than he ordered, with himself, or worse than his all-in limit."""
    by_id = {order.id: order for order in orders}
    traded: Counter[str] = Counter()
    for match in matches:
        bid, offer = by_id[match.bid], by_id[match.offer]
        assert (bid.side, offer.side) == (Side.BID, Side.OFFER)
        assert match.energy_wh > 0
        assert bid.owner != offer.owner
        toll = fees.pair_fee_micro_per_kwh(seller_zone=offer.zone, buyer_zone=bid.zone) if pairs else 0
        assert match.price_micro - fees.seller_micro_per_kwh(offer.zone) >= offer.price_micro
        assert match.price_micro + fees.buyer_micro_per_kwh(bid.zone) + toll <= bid.price_micro
        traded[bid.id] += match.energy_wh
        traded[offer.id] += match.energy_wh
    assert all(amount <= by_id[name].energy_wh for name, amount in traded.items())

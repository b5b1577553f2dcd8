# SPDX-License-Identifier: Apache-2.0
"""The delivery rule: properties over random intervals."""

from hypothesis import given
from hypothesis import strategies as st

from backend.market.settlement.delivery import Limits, Shortfall, Sold, deliver, limits_of

METERS = st.integers(1, 4)
ENERGY = st.integers(0, 10_000)
TRADES = st.lists(st.tuples(METERS, METERS, st.integers(1, 5_000)), max_size=12)
LIMITS = st.fixed_dictionaries(
    {meter: st.builds(Limits, st.none() | ENERGY, st.none() | ENERGY) for meter in range(1, 5)}
)


def _sold(rows: list[tuple[int, int, int]]) -> list[Sold]:
    return [Sold(bytes([index]) * 32, seller, buyer, energy) for index, (seller, buyer, energy) in enumerate(rows)]


@given(TRADES, LIMITS)
def test_deliver__anything__credits_no_meter_beyond_its_limit(
    rows: list[tuple[int, int, int]], limits: dict[int, Limits]
) -> None:
    trades = _sold(rows)

    settled = deliver(trades, limits)

    for meter, limit in limits.items():
        sold = sum(d.delivered_wh for d, t in zip(settled, trades, strict=True) if t.seller_meter == meter)
        bought = sum(d.delivered_wh for d, t in zip(settled, trades, strict=True) if t.buyer_meter == meter)
        assert sold <= (limit.sale_wh or 0)
        assert bought <= (limit.purchase_wh or 0)


@given(TRADES, LIMITS)
def test_deliver__anything__leaves_no_trade_short_that_could_be_served(
    rows: list[tuple[int, int, int]], limits: dict[int, Limits]
) -> None:
    trades = _sold(rows)

    settled = deliver(trades, limits)

    for place, (delivery, trade) in enumerate(zip(settled, trades, strict=True)):
        before = list(zip(settled[:place], trades[:place], strict=True))
        sold = sum(d.delivered_wh for d, t in before if t.seller_meter == trade.seller_meter)
        bought = sum(d.delivered_wh for d, t in before if t.buyer_meter == trade.buyer_meter)
        left = min(
            (limits[trade.seller_meter].sale_wh or 0) - sold, (limits[trade.buyer_meter].purchase_wh or 0) - bought
        )
        assert delivery.delivered_wh == min(trade.energy_wh, left)
        assert (delivery.shortfall is None) == (delivery.delivered_wh == trade.energy_wh)


@given(TRADES, LIMITS, st.integers(0, 12))
def test_deliver__in_two_parts__equals_one_part(
    rows: list[tuple[int, int, int]], limits: dict[int, Limits], cut: int
) -> None:
    trades = _sold(rows)

    whole = deliver(trades, limits)
    first = deliver(trades[:cut], limits)
    sold: dict[int, int] = {}
    bought: dict[int, int] = {}
    for delivery, trade in zip(first, trades[:cut], strict=True):
        sold[trade.seller_meter] = sold.get(trade.seller_meter, 0) + delivery.delivered_wh
        bought[trade.buyer_meter] = bought.get(trade.buyer_meter, 0) + delivery.delivered_wh
    second = deliver(trades[cut:], limits, sold_wh=sold, bought_wh=bought)

    assert [d.delivered_wh for d in first + second] == [d.delivered_wh for d in whole]


def test_limits_of__net_export__buys_nothing() -> None:
    assert limits_of(production_wh=900, export_wh=500, import_wh=300) == Limits(500, 0)


def test_limits_of__storage_discharges__sells_only_what_was_produced() -> None:
    assert limits_of(production_wh=200, export_wh=500, import_wh=0) == Limits(200, 0)


def test_limits_of__unknown__backs_nothing() -> None:
    assert limits_of(production_wh=None, export_wh=500, import_wh=None) == Limits(None, None)


def test_deliver__seller_without_reading__names_the_reason() -> None:
    settled = deliver(_sold([(1, 2, 100)]), {1: Limits(None, None), 2: Limits(None, 100)})

    assert settled[0].shortfall is Shortfall.NO_READING

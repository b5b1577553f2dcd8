# SPDX-License-Identifier: Apache-2.0
"""The rule of money: properties over random intervals, and each case of it in figures."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from backend.market.settlement.imbalance import (
    CommunityAccounts,
    Kind,
    Line,
    Metered,
    Prices,
    Traded,
    amount_of,
    lines_of,
    supply,
)

GRID, FEES = b"grid", b"fees"
COMMUNITY = CommunityAccounts(GRID, FEES)
PRICES = Prices(retail_micro_per_kwh=300_000, feed_in_micro_per_kwh=80_000)
PRICE = 200_000
ENERGY = st.integers(0, 10_000)
MICRO = st.integers(0, 2**41)
METERED = st.fixed_dictionaries(
    {meter: st.builds(Metered, st.none() | ENERGY, st.none() | ENERGY) for meter in range(1, 5)}
)


@st.composite
def intervals(draw: st.DrawFn) -> list[Traded]:
    """Trades between four houses, each with its own account."""
    rows = draw(st.lists(st.tuples(st.permutations(range(1, 5)), st.integers(1, 5_000), MICRO, MICRO), max_size=10))
    return [
        Traded(bytes([n]) * 32, bytes([s]), bytes([b]), s, b, wh, 1 + price % 2**40, fee % 9_999, fee % 7_777)
        for n, ((s, b, *_), wh, price, fee) in enumerate(rows)
    ]


def one(export_wh: int | None, import_wh: int | None, **changes: int) -> list[Line]:
    """Lines of 1,000 Wh that house 1 sold to house 2, which exported and imported this much."""
    trade = Traded(b"t", b"S", b"B", 1, 2, 1_000, PRICE, **changes)
    return lines_of([trade], {1: Metered(export_wh, 0), 2: Metered(0, import_wh)}, PRICES, COMMUNITY)


def paid(lines: list[Line]) -> dict[tuple[str, bytes, bytes], tuple[int, int]]:
    return {(line.kind.value, line.debit, line.credit): (line.energy_wh, line.amount_micro) for line in lines}


def net_of(lines: list[Line], account: bytes) -> int:
    received = sum(line.amount_micro for line in lines if line.credit == account)
    return received - sum(line.amount_micro for line in lines if line.debit == account)


@given(intervals(), METERED, st.builds(Prices, MICRO, MICRO))
def test_lines_of__anything__sum_to_zero_and_fit_the_ledger(
    trades: list[Traded], metered: dict[int, Metered], prices: Prices
) -> None:
    lines = lines_of(trades, metered, prices, COMMUNITY)

    accounts = {line.debit for line in lines} | {line.credit for line in lines}
    assert sum(net_of(lines, account) for account in accounts) == 0
    assert all(0 <= line.amount_micro < 2**63 and line.energy_wh > 0 and line.debit != line.credit for line in lines)


@given(intervals(), METERED)
def test_lines_of__anything__pays_each_metered_wh_once(trades: list[Traded], metered: dict[int, Metered]) -> None:
    lines = lines_of(trades, metered, PRICES, COMMUNITY)

    exported: Counter[int] = Counter()
    imported: Counter[int] = Counter()
    by_id = {trade.trade_id: trade for trade in trades}
    for line in lines:
        if line.kind is Kind.ENERGY:
            exported[by_id[line.trade_id or b""].seller_meter] += line.energy_wh
            imported[by_id[line.trade_id or b""].buyer_meter] += line.energy_wh
        elif line.kind is Kind.FEED_IN:
            exported[line.meter or 0] += line.energy_wh
        elif line.kind is Kind.RETAIL:
            imported[line.meter or 0] += line.energy_wh
    for meter in {meter for trade in trades for meter in (trade.seller_meter, trade.buyer_meter)}:
        assert exported[meter] == (metered[meter].export_wh or 0)
        assert imported[meter] == (metered[meter].import_wh or 0)


@given(intervals(), METERED)
def test_lines_of__anything__has_one_line_a_kind_and_trade_or_meter(
    trades: list[Traded], metered: dict[int, Metered]
) -> None:
    lines = lines_of(trades, metered, PRICES, COMMUNITY)

    keys = [(line.kind, line.trade_id, line.meter) for line in lines]
    assert len(keys) == len(set(keys))
    assert lines == lines_of(trades, metered, PRICES, COMMUNITY)
    for trade, delivered in zip(trades, supply(trades, metered), strict=True):
        claimed = sum(
            line.energy_wh
            for line in lines
            if line.trade_id == trade.trade_id and line.kind in (Kind.ENERGY, Kind.SHORTFALL)
        )
        both_lacked = min(delivered.seller_lacked_wh, delivered.buyer_lacked_wh)
        assert claimed + both_lacked == trade.energy_wh


@given(intervals(), METERED, METERED)
def test_lines_of__any_readings__keep_what_earlier_trades_were_supplied_from_later_ones(
    trades: list[Traded], metered: dict[int, Metered], other: dict[int, Metered]
) -> None:
    whole = supply(trades, metered)

    for cut in range(len(trades)):
        assert supply(trades[:cut], metered) == whole[:cut]
    assert len(supply(trades, other)) == len(trades)


@given(st.integers(0, 1_500), st.integers(0, 1_500), st.integers(1, 400_000))
def test_lines_of__one_side_at_fault__makes_the_other_whole(export_wh: int, import_wh: int, price: int) -> None:
    trade = Traded(b"t", b"S", b"B", 1, 2, 1_000, price)
    lines = lines_of([trade], {1: Metered(export_wh, 0), 2: Metered(0, import_wh)}, PRICES, COMMUNITY)

    used, given_out = min(import_wh, 1_000), min(export_wh, 1_000)
    rest = amount_of(max(0, import_wh - 1_000), PRICES.retail), amount_of(max(0, export_wh - 1_000), PRICES.feed_in)
    if export_wh < import_wh and price <= PRICES.retail:
        assert abs(-net_of(lines, b"B") - amount_of(used, price) - rest[0]) <= 3
    if import_wh < export_wh and price >= PRICES.feed_in:
        assert abs(net_of(lines, b"S") - amount_of(given_out, price) - rest[1]) <= 3


def test_lines_of__delivered__buyer_pays_seller_and_fees_go_to_the_community() -> None:
    lines = one(1_000, 1_000, seller_fee_micro=5_000, buyer_fee_micro=7_001)

    assert paid(lines) == {
        ("energy", b"B", b"S"): (1_000, 200_000),
        ("seller_fee", b"S", FEES): (1_000, 5_000),
        ("buyer_fee", b"B", FEES): (1_000, 7_001),
    }


def test_lines_of__seller_short__pays_what_retail_costs_more_and_fees_shrink() -> None:
    lines = one(400, 1_000, seller_fee_micro=5_000, buyer_fee_micro=7_001)

    assert paid(lines) == {
        ("energy", b"B", b"S"): (400, 80_000),
        ("seller_fee", b"S", FEES): (400, 2_000),
        ("buyer_fee", b"B", FEES): (400, 2_800),
        ("shortfall", b"S", b"B"): (600, 60_000),
        ("retail", b"B", GRID): (600, 180_000),
    }


def test_lines_of__buyer_used_less__pays_what_feed_in_brings_less() -> None:
    lines = one(1_000, 400)

    assert paid(lines) == {
        ("energy", b"B", b"S"): (400, 80_000),
        ("shortfall", b"B", b"S"): (600, 72_000),
        ("feed_in", GRID, b"S"): (600, 48_000),
    }


def test_lines_of__both_lacked__only_the_difference_is_owed() -> None:
    assert paid(one(300, 500)) == {
        ("energy", b"B", b"S"): (300, 60_000),
        ("shortfall", b"S", b"B"): (200, 20_000),
        ("retail", b"B", GRID): (200, 60_000),
    }
    assert paid(one(0, 0)) == {}


def test_lines_of__price_outside_the_tariffs__costs_no_less_than_nothing() -> None:
    dear = Traded(b"t", b"S", b"B", 1, 2, 1_000, 400_000)

    lines = lines_of([dear], {1: Metered(0, 0), 2: Metered(0, 1_000)}, PRICES, COMMUNITY)

    assert paid(lines) == {("shortfall", b"S", b"B"): (1_000, 0), ("retail", b"B", GRID): (1_000, 300_000)}


def test_lines_of__more_exported_than_sold__the_rest_is_fed_in() -> None:
    assert paid(one(1_600, 1_250)) == {
        ("energy", b"B", b"S"): (1_000, 200_000),
        ("feed_in", GRID, b"S"): (600, 48_000),
        ("retail", b"B", GRID): (250, 75_000),
    }


def test_lines_of__no_reading__backs_nothing_and_is_no_exchange_with_the_grid() -> None:
    assert paid(one(None, 1_000)) == {
        ("shortfall", b"S", b"B"): (1_000, 100_000),
        ("retail", b"B", GRID): (1_000, 300_000),
    }
    assert paid(one(None, None)) == {}

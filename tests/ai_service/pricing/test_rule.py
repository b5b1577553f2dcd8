# SPDX-License-Identifier: Apache-2.0
"""The reference rule of prices."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_service.pricing.rule import Rule, price_of
from ai_service.pricing.schemas import PriceOut


@pytest.mark.parametrize(
    ("demand", "price"),
    [("0", "4.50"), ("1.999999999", "4.50"), ("2.0", "5.00"), ("4", "5.00"), ("4.000000001", "5.50"), ("1e6", "5.50")],
)
def test_price_of__a_demand__is_the_base_with_its_step(demand, price):
    found = price_of(Decimal(demand), Rule())

    assert PriceOut.of(found).price == price


def test_price_of__small_demand__says_why():
    found = price_of(Decimal("1.50"), Rule())

    assert found.explanation == "Base 5.00, -0.50: demand of 1.5 kWh is below 2.0 kWh"
    assert found.step == "low"


@given(st.decimals(0, 10, places=3), st.decimals(0, 10, places=3))
def test_price_of__more_demand__is_never_cheaper_and_adds_up(one, other):
    less, more = price_of(min(one, other), Rule()), price_of(max(one, other), Rule())

    assert less.amount <= more.amount
    assert less.amount == less.base + less.adjustment


@pytest.mark.parametrize(
    "facts",
    [{"low_below_kwh": Decimal(5)}, {"low_step": Decimal(-1)}, {"base": Decimal("0.1")}],
)
def test_rule__that_contradicts_itself__is_refused(facts):
    with pytest.raises(ValueError):
        Rule(**facts)

# SPDX-License-Identifier: Apache-2.0
"""Energy, price and carbon at the edges: exact both ways, refused when they do not fit."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from backend.core.units import (
    MAX_STORED,
    format_address,
    format_scaled,
    kwh_to_wh,
    parse_address,
    parse_scaled,
    price_to_micro,
)

WHOLE = st.integers(-MAX_STORED, MAX_STORED)
DECIMALS = st.integers(0, 6)


@given(WHOLE, DECIMALS)
def test_parse__what_format_wrote__is_the_same_amount(whole: int, decimals: int) -> None:
    assert parse_scaled(format_scaled(whole, decimals=decimals), decimals=decimals, unit="x") == whole


@given(st.decimals(-1000, 1000, places=5), DECIMALS)
def test_parse__any_decimal__is_exact_or_refused(value: Decimal, decimals: int) -> None:
    scaled = value.scaleb(decimals)

    if scaled == scaled.to_integral_value():
        assert parse_scaled(str(value), decimals=decimals, unit="x") == int(scaled)
    else:
        with pytest.raises(PydanticCustomError, match="at most"):
            parse_scaled(str(value), decimals=decimals, unit="x")


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "-inf", "1e999", "", " ", "1,5", "0x10", True, None, [], {}, "1" * 61, "１"]
)
def test_kwh_to_wh__not_a_decimal_number__is_refused(value: object) -> None:
    with pytest.raises(PydanticCustomError):
        kwh_to_wh(value)


@pytest.mark.parametrize("value", [2**63, "9223372036854775.808", "1e30"])
def test_kwh_to_wh__larger_than_stored__is_refused(value: object) -> None:
    with pytest.raises(PydanticCustomError, match="larger"):
        kwh_to_wh(value)


def test_price_to_micro__json_float__is_read_as_written() -> None:
    assert price_to_micro(0.1) == 100_000
    assert price_to_micro(5.25) == 5_250_000


def test_parse_address__mistyped_checksum__is_refused() -> None:
    right = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"

    assert format_address(parse_address(right.lower())) == right
    with pytest.raises(PydanticCustomError, match="checksum"):
        parse_address(right.replace("A", "a", 1))

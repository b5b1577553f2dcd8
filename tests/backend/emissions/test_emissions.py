# SPDX-License-Identifier: Apache-2.0
"""Factors: their arithmetic, their mirror, their public list."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.emissions import service
from backend.emissions.carbon import MAX_MG_PER_KWH, carbon_g, mg_per_kwh_from_lb_per_mwh
from backend.emissions.errors import FactorNotFound
from backend.emissions.registry import CAMX_2023_AVERAGE, CAMX_2023_NON_BASELOAD, CITED_FACTORS
from backend.emissions.types import FOREVER, Basis, FactorRow, region_bytes, region_text

CHAIN = 1
ENERGY = st.integers(0, 2**63 - 1)
FACTOR = st.integers(0, MAX_MG_PER_KWH)
RATE = st.decimals(min_value=0, max_value=6_000, allow_nan=False, allow_infinity=False, places=3)


def row(factor_id: int = 1, **changes: Any) -> FactorRow:
    known: dict[str, Any] = {
        "region": "CAMX", "basis": 2, "mg_per_kwh": 470_442, "valid_from": 1_767_225_600, "valid_to": 2**64 - 1,
        "effective_at": 1_767_225_600, "source": "EPA", "vintage": "2023", "document_hash": b"\x01" * 32,
        "block_number": 10, "log_index": 0,
    }  # fmt: skip
    return FactorRow(factor_id=factor_id, **(known | changes))


@given(energy_wh=ENERGY, mg_per_kwh=FACTOR)
def test_carbon_g__any_claim__is_the_exact_product_rounded_down(energy_wh, mg_per_kwh):
    assert 0 <= energy_wh * mg_per_kwh - carbon_g(energy_wh, mg_per_kwh) * 10**6 < 10**6


@given(parts=st.lists(ENERGY, max_size=10), mg_per_kwh=FACTOR)
def test_carbon_g__parts_of_a_delivery__never_claim_more_than_the_whole(parts, mg_per_kwh):
    claimed = sum(carbon_g(part, mg_per_kwh) for part in parts)

    assert claimed <= carbon_g(sum(parts), mg_per_kwh) <= claimed + len(parts)


@given(energy_wh=ENERGY, more=st.integers(0, 10**9), mg_per_kwh=FACTOR)
def test_carbon_g__more_energy__never_less_carbon(energy_wh, more, mg_per_kwh):
    assert carbon_g(energy_wh + more, mg_per_kwh) >= carbon_g(energy_wh, mg_per_kwh)


@pytest.mark.parametrize(("energy_wh", "mg_per_kwh"), [(-1, 1), (1, -1)])
def test_carbon_g__negative__is_refused(energy_wh, mg_per_kwh):
    with pytest.raises(ValueError, match="negative"):
        carbon_g(energy_wh, mg_per_kwh)


@given(rate=RATE)
def test_mg_per_kwh__any_published_rate__is_less_than_half_a_milligram_off(rate):
    exact = Fraction(rate) * Fraction("453.59237")

    assert abs(mg_per_kwh_from_lb_per_mwh(rate) - exact) < Fraction(1, 2)


@given(first=RATE, second=RATE)
def test_mg_per_kwh__higher_rate__never_a_lower_factor(first, second):
    assume(first <= second)

    assert mg_per_kwh_from_lb_per_mwh(first) <= mg_per_kwh_from_lb_per_mwh(second)


@pytest.mark.parametrize("rate", ["NaN", "Infinity", "-0.001", "7000", "1e30"])
def test_mg_per_kwh__rate_that_cannot_be__is_refused(rate):
    with pytest.raises(ValueError, match=r"rate|limit"):
        mg_per_kwh_from_lb_per_mwh(Decimal(rate))


def test_registry__california_2023__is_what_egrid_published():
    assert (CAMX_2023_NON_BASELOAD.lb_per_mwh, CAMX_2023_NON_BASELOAD.mg_per_kwh) == (Decimal("1037.147"), 470_442)
    assert (CAMX_2023_AVERAGE.lb_per_mwh, CAMX_2023_AVERAGE.mg_per_kwh) == (Decimal("438.203"), 198_766)
    assert [cited.basis for cited in CITED_FACTORS] == [Basis.NON_BASELOAD, Basis.AVERAGE]


def test_registration__cited_factor__gives_the_contracts_arguments():
    arguments = CAMX_2023_NON_BASELOAD.registration(
        factor_id=5, valid_from=datetime(2026, 1, 1, tzinfo=UTC), valid_to=datetime(2027, 1, 1, tzinfo=UTC),
        document_hash=b"\x02" * 32,
    )  # fmt: skip

    assert arguments[:6] == (5, b"CAMX", 2, 470_442, 1_767_225_600, 1_798_761_600)
    assert arguments[6:] == (CAMX_2023_NON_BASELOAD.source, "2023", b"\x02" * 32)
    assert "http" not in CAMX_2023_NON_BASELOAD.source


@given(region=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=4))
def test_region__printable_name__comes_back(region):
    assert region_text(region_bytes(region)) == region


@pytest.mark.parametrize("raw", [bytes(4), b"\x00CAM", b"\xff\xff\xff\xff"])
def test_region_text__unprintable__is_shown_as_hex(raw):
    assert region_text(raw) == "0x" + raw.hex()


async def test_factors__recorded__are_found(service_db):
    async with service_db.begin() as session:
        await service.record_factors(session, CHAIN, [row(1), row(2, basis=1)])
        await service.record_factors(session, CHAIN, [row(1)])

        found = await service.factors(session, CHAIN, [1, 2, 3])
        one = await service.factor(session, CHAIN, 1)

    assert sorted(found) == [1, 2]
    assert (one.mg_per_kwh, one.basis, one.valid_to) == (470_442, Basis.NON_BASELOAD, FOREVER)
    assert one.covers(datetime(2500, 1, 1, tzinfo=UTC))
    assert not one.covers(datetime(2025, 12, 31, tzinfo=UTC))


async def test_factor__unknown__is_not_found(service_db):
    async with service_db.begin() as session:
        with pytest.raises(FactorNotFound):
            await service.factor(session, CHAIN, 9)


async def test_record_factors__registered_anew_after_a_reorganisation__takes_the_new_content(service_db):
    async with service_db.begin() as session:
        await service.record_factors(session, CHAIN, [row(1)])

        await service.record_factors(session, CHAIN, [row(1, mg_per_kwh=7, block_number=12)])

        assert (await service.factor(session, CHAIN, 1)).mg_per_kwh == 7


async def test_forget_above__blocks_that_vanished__take_their_factors_along(service_db):
    async with service_db.begin() as session:
        await service.record_factors(session, CHAIN, [row(1), row(2, block_number=11)])
        await service.record_factors(session, CHAIN + 1, [row(2, block_number=11)])

        await service.forget_above(session, CHAIN, 10)

        assert list(await service.factors(session, CHAIN, [1, 2])) == [1]
        assert list(await service.factors(session, CHAIN + 1, [2])) == [2]


async def test_record_factors__text_that_the_database_cannot_hold__is_made_storable(service_db):
    async with service_db.begin() as session:
        await service.record_factors(session, CHAIN, [row(1, source="EPA\x00\ud800")])

        assert (await service.factor(session, CHAIN, 1)).source == "EPA\ufffd?"


@pytest.mark.parametrize("changes", [{"basis": 3}, {"region": ""}, {"document_hash": b""}, {"mg_per_kwh": 2**31}])
def test_factor_row__what_the_contract_never_emits__is_refused(changes):
    with pytest.raises(ValueError, match="factor"):
        row(1, **changes)


@pytest.mark.parametrize("statement", ["DELETE FROM emission_factors", "UPDATE emission_factors SET mg_per_kwh = 1"])
async def test_emission_factors__api_role_writes__is_refused(db, statement):
    with pytest.raises(DBAPIError, match="permission denied"):
        async with db.begin() as session:
            await session.execute(text(statement))


async def test_list_factors__public__filters_and_pages(client, service_db):
    async with service_db.begin() as session:
        rows = [row(1), row(2, basis=1), row(3, region="ERCT", valid_to=1_798_761_600)]
        await service.record_factors(session, CHAIN, rows)

    everything = (await client.get("/api/emission-factors", params={"limit": 2})).json()
    filtered = (await client.get("/api/emission-factors", params={"region": "CAMX", "basis": "nonBaseload"})).json()

    assert everything["meta"]["pagination"] == {"page": 1, "limit": 2, "total": 3}
    [factor] = filtered["data"]
    assert (factor["factorId"], factor["mgPerKwh"], factor["validTo"]) == (1, 470_442, None)
    assert (factor["source"], factor["vintage"], factor["documentHash"]) == ("EPA", "2023", "0x" + "01" * 32)


async def test_list_factors__unknown_basis__is_invalid(client):
    answer = await client.get("/api/emission-factors", params={"basis": "marginal"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "request.invalid")

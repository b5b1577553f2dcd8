# SPDX-License-Identifier: Apache-2.0
"""The rules of a single reading, and the signature under it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from backend.core.crypto import address_of
from backend.sites.attestation import reading_digest, sign_reading, signers
from backend.sites.rules import problem_of, production_limit_wh
from backend.sites.types import Draft, House, RowProblem

from .conftest import METER_KEY, NOON, NOW, draft

ID = UUID("01900000-0000-7000-8000-000000000001")
HOUSE = House(ID, ID, ID, capacity_w=4_000, reading_minutes=15, meter=7, signing_key=None)
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def problem(made: Draft) -> RowProblem | None:
    return problem_of(made, HOUSE, NOW)


@pytest.mark.parametrize(
    ("values", "field", "code"),
    [
        ({"minutes": 30}, "minutes", "reading.interval"),
        ({"start": NOON + timedelta(minutes=5)}, "start", "reading.off_grid"),
        ({"start": NOON + timedelta(microseconds=1)}, "start", "reading.off_grid"),
        ({"start": datetime(1999, 12, 31, tzinfo=UTC)}, "start", "reading.too_old"),
        ({"start": NOW}, "start", "reading.future"),
        ({"start": NOW - timedelta(minutes=15) + timedelta(minutes=15)}, "start", "reading.future"),
        ({"production_wh": None}, "productionKwh", "reading.empty"),
        ({"production_wh": 1_251}, "productionKwh", "reading.above_capacity"),
        ({"production_wh": -1}, "productionKwh", "reading.out_of_range"),
        ({"consumption_wh": 2_500_001}, "consumptionKwh", "reading.out_of_range"),
        ({"export_wh": 2**62}, "exportKwh", "reading.out_of_range"),
        ({"import_wh": -5}, "importKwh", "reading.out_of_range"),
    ],
)
def test_problem_of__broken_rule__names_field_and_remedy(values, field, code):
    found = problem(draft(**({"house_id": ID} | values)))

    assert found is not None
    assert (found.field, found.code) == (field, code)
    assert found.message


@pytest.mark.parametrize(
    "values",
    [
        {"production_wh": 1_250},
        {"production_wh": 0},
        {"minutes": 15},
        {"start": NOW - timedelta(minutes=15)},
        {"production_wh": None, "import_wh": 0},
        {"start": datetime(2026, 6, 1, 17, 30, tzinfo=UTC).astimezone()},
    ],
)
def test_problem_of__at_the_limit__passes(values):
    assert problem(draft(**({"house_id": ID} | values))) is None


@given(capacity_w=st.integers(0, 10**8), minutes=st.sampled_from([1, 5, 15, 30, 60]))
def test_production_limit_wh__any_capacity__is_the_exact_bound_rounded_up(capacity_w, minutes):
    limit = production_limit_wh(capacity_w, minutes)

    assert 0 <= limit * 6_000 - capacity_w * minutes * 125 < 6_000


QUANTITIES = st.tuples(*[st.none() | st.integers(0, 2**63 - 1)] * 4)


@given(
    meter=st.integers(1, 2**63 - 1), seconds=st.integers(0, 2**32 - 1), revision=st.integers(0, 2**31 - 1),
    quantities=QUANTITIES,
)  # fmt: skip
def test_reading_digest__any_reading__is_what_a_wallet_library_signs(meter, seconds, revision, quantities):
    typed = {
        "types": {
            "EIP712Domain": [{"name": "name", "type": "string"}, {"name": "version", "type": "string"}],
            "Reading": [
                {"name": name, "type": kind}
                for name, kind in [
                    ("meter", "uint64"), ("start", "uint64"), ("minutes", "uint16"), ("revision", "uint32"),
                    ("known", "uint8"), ("productionWh", "uint64"), ("consumptionWh", "uint64"),
                    ("exportWh", "uint64"), ("importWh", "uint64"),
                ]
            ],
        },
        "primaryType": "Reading",
        "domain": {"name": "GridX Readings", "version": "1"},
        "message": {
            "meter": meter, "start": seconds, "minutes": 15, "revision": revision,
            "known": sum(2**place for place in range(4) if quantities[place] is not None),
            "productionWh": quantities[0] or 0, "consumptionWh": quantities[1] or 0,
            "exportWh": quantities[2] or 0, "importWh": quantities[3] or 0,
        },
    }  # fmt: skip
    digest = reading_digest(
        meter=meter, start=datetime.fromtimestamp(seconds, UTC), minutes=15, revision=revision, quantities=quantities
    )

    signature = Account.sign_message(encode_typed_data(full_message=typed), METER_KEY).signature

    assert signers([(digest, bytes(signature))]) == [address_of(METER_KEY)]


@given(first=QUANTITIES, second=QUANTITIES)
def test_reading_digest__different_quantities__differ(first, second):
    one = reading_digest(meter=1, start=NOON, minutes=15, revision=0, quantities=first)
    other = reading_digest(meter=1, start=NOON, minutes=15, revision=0, quantities=second)

    assert (one == other) == (first == second)


def test_signers__malleated_signature__is_nobodys():
    quantities = (1, None, None, None)
    digest = reading_digest(meter=1, start=NOON, minutes=15, revision=0, quantities=quantities)
    good = sign_reading(METER_KEY, meter=1, start=NOON, minutes=15, quantities=quantities)
    high_s = (ORDER - int.from_bytes(good[32:64], "big")).to_bytes(32, "big")
    malleated = good[:32] + high_s + bytes([55 - good[64]])

    assert signers([(digest, good), (digest, malleated), (digest, good[:64])]) == [address_of(METER_KEY), None, None]

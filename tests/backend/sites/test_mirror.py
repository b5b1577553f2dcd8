# SPDX-License-Identifier: Apache-2.0
"""The mirror of meters and communities follows the chain, forwards and back."""

from __future__ import annotations

from typing import Any

import pytest

from backend.sites import service
from backend.sites.types import ChainCommunity, CommunityRow, Meter, MeterRow

CHAIN = 3
OWNER, KEY = b"\xaa" * 20, b"\xdd" * 20


def meter_row(meter: int, block: int, **changes: Any) -> MeterRow:
    known: dict[str, Any] = {"owner_address": OWNER, "community": 7, "device_key": KEY}
    return MeterRow(
        meter=meter, region="CAMX", delivery_minutes=15, block_number=block, log_index=0, **(known | changes)
    )


async def test_meters__recorded__are_found_in_bulk(service_db):
    async with service_db.begin() as session:
        await service.record_meters(session, CHAIN, [meter_row(1, 10), meter_row(2, 11, device_key=bytes(20))])

        found = await service.meters(session, CHAIN, [1, 2, 3, 1])

    assert found == {
        1: Meter(CHAIN, 1, OWNER, 7, "CAMX", 15, KEY),
        2: Meter(CHAIN, 2, OWNER, 7, "CAMX", 15, None),
    }


async def test_meters__other_chain__are_not_mixed_up(service_db):
    async with service_db.begin() as session:
        await service.record_meters(session, CHAIN, [meter_row(1, 10)])

        assert await service.meters(session, CHAIN + 1, [1]) == {}


async def test_record_meters__again_with_other_content__takes_the_new_event(service_db):
    async with service_db.begin() as session:
        await service.record_meters(session, CHAIN, [meter_row(1, 10)])
        await service.record_meters(session, CHAIN, [meter_row(1, 12, owner_address=b"\xbb" * 20)])

        found = await service.meters(session, CHAIN, [1])

    assert found[1].owner_address == b"\xbb" * 20


async def test_forget_above__blocks_that_vanished__take_their_rows_along(service_db):
    async with service_db.begin() as session:
        await service.record_meters(session, CHAIN, [meter_row(1, 10), meter_row(2, 11)])
        await service.record_communities(
            session, CHAIN, [CommunityRow(7, "CAMX", 15, 10, 0), CommunityRow(8, "X", 60, 12, 0)]
        )
        await service.record_meters(session, CHAIN + 1, [meter_row(2, 99)])

        await service.forget_above(session, CHAIN, 10)

        assert list(await service.meters(session, CHAIN, [1, 2])) == [1]
        assert await service.communities(session, CHAIN, [7, 8]) == {7: ChainCommunity(CHAIN, 7, "CAMX", 15)}
        assert list(await service.meters(session, CHAIN + 1, [2])) == [2]


@pytest.mark.parametrize(
    "changes",
    [{"owner_address": b"\x01"}, {"community": 2**32}, {"device_key": b"\x01"}],
)
def test_meter_row__what_the_contract_never_emits__is_refused(changes):
    with pytest.raises(ValueError, match=r"meter|device key"):
        meter_row(1, 10, **changes)


@pytest.mark.parametrize("meter", [0, 2**63])
def test_meter_row__reference_out_of_range__is_refused(meter):
    with pytest.raises(ValueError, match="reference"):
        meter_row(meter, 10)

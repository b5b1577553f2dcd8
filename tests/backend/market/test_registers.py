# SPDX-License-Identifier: Apache-2.0
"""Mirrors of the contract's registers follow the chain that won."""

from tests.backend.audit.stage import COMMUNITY
from tests.backend.market.conftest import Town


async def _meters(town: Town) -> list[int]:
    return [row.meter for row in await town.rows("SELECT meter FROM chain_meters ORDER BY meter")]


async def test_follow__enrolment_reorganised_away__meter_is_forgotten_and_others_stay(town: Town) -> None:
    owner = town.stage.anvil.accounts[5].address
    town.stage.send(0, town.stage.contract.functions.enrolMeter(105, owner, COMMUNITY, "0x" + "00" * 20))
    await town.confirm()
    before = await _meters(town)

    town.stage.anvil.rpc("anvil_reorg", 3, [])
    await town.confirm()

    assert before == [101, 102, 103, 104, 105]
    assert await _meters(town) == [101, 102, 103, 104]

# SPDX-License-Identifier: Apache-2.0
"""Random sequences against the real processes. `SEED=` draws others; a failure prints what repeats it."""

from __future__ import annotations

import os

import pytest

from tests.faults.conftest import WORLDS
from tests.faults.sequence import run_sequence
from tests.faults.world import World

SEQUENCES = 26
SEED = int(os.environ.get("SEED") or 1)


@pytest.mark.timeout(300)
@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(
    "number",
    [pytest.param(number, marks=pytest.mark.xdist_group(f"world-{number % WORLDS}")) for number in range(SEQUENCES)],
)
async def test_everything__random_sequence_of_trades_claims_and_faults__agrees_afterwards(
    world: World, number: int
) -> None:
    await run_sequence(world, SEED, number)

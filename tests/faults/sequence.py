# SPDX-License-Identifier: Apache-2.0
"""One seeded sequence: random steps, then healing, then the comparison. A failure prints the seed and the steps."""

from __future__ import annotations

import time
from random import Random

from tests.faults import carbon_steps as _carbon  # noqa: F401  # its steps are drawn like the others
from tests.faults import market_steps as _market  # noqa: F401  # and so are these
from tests.faults.compare import compare
from tests.faults.steps import STEPS, pause
from tests.faults.world import Broken, World

STEP_COUNT = 30
RESTART_SHARE = 0.3


async def run_sequence(world: World, seed: int, number: int, *, steps: int = STEP_COUNT) -> float:
    """Run sequence `number` of `seed`; returns its seconds. Raises Broken with everything that helps to find the cause.

    What is drawn depends on seed and number alone; what the processes make of it meanwhile, also on their speed.
    """
    random = Random(f"{seed}:{number}")
    started = time.monotonic()
    world.begin()
    try:
        done = 0
        while done < steps:
            chosen = random.choices(list(STEPS), list(STEPS.values()))[0]
            said = await chosen(world, random)
            if said is not None:
                done += 1
                world.steps.append(said)
            await pause(random)
        world.steps.append("healed")
        await world.heal(random, restart=random.random() < RESTART_SHARE)
        differences = world.broken + await compare(world)
    except Exception as error:
        differences = [*world.broken, f"{type(error).__name__}: {error}"]
        raise Broken(_account(world, seed, number, differences)) from error
    if differences:
        raise Broken(_account(world, seed, number, differences))
    return time.monotonic() - started


def _account(world: World, seed: int, number: int, differences: list[str]) -> str:
    steps = "\n".join(f"{place:>4}  {said}" for place, said in enumerate(world.steps, 1))
    wrong = "\n".join(f"  - {difference}" for difference in differences)
    bugs = "".join(f"\na bug, as logged: {line}" for line in world.base.processes.bugs())
    return f"sequence {number} of SEED={seed} broke:\n{wrong}\nits steps were:\n{steps}{bugs}"

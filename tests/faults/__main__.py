# SPDX-License-Identifier: Apache-2.0
"""`make faults N=1000 SEED=7`: many sequences, a line of progress each. A world lives for 25 of them.

`--only NUMBER` repeats one sequence in a fresh world; without it a failing sequence is repeated with its world.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time

from tests.faults.sequence import STEP_COUNT, run_sequence
from tests.faults.world import Broken, open_world

WORLD_SEQUENCES = 25


async def run(*, seed: int, numbers: range, steps: int) -> int:
    """Run sequences; 1 at the first that breaks."""
    started = time.monotonic()
    for first in range(numbers.start, numbers.stop, WORLD_SEQUENCES):
        async with open_world() as world:
            for number in range(first, min(first + WORLD_SEQUENCES, numbers.stop)):
                try:
                    seconds = await run_sequence(world, seed, number, steps=steps)
                except Broken as broken:
                    print(broken, file=sys.stderr)
                    print(f"repeat with: make faults SEED={seed} N={number + 1}", file=sys.stderr)
                    return 1
                print(
                    f"sequence {number + 1 - numbers.start}/{len(numbers)}  {seconds:5.1f} s  head {world.chain.head()}"
                    f"  {world.audited} trades  {world.orphaned} reversed  {time.monotonic() - started:7.0f} s in all",
                    flush=True,
                )
    print(f"{len(numbers)} sequences of {steps} steps with SEED={seed}: no difference")
    return 0


def main() -> int:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--steps", type=int, default=STEP_COUNT)
    parser.add_argument("--only", type=int, default=None)
    given = parser.parse_args()
    numbers = range(given.runs) if given.only is None else range(given.only, given.only + 1)
    print(f"SEED={given.seed}", flush=True)
    return asyncio.run(run(seed=given.seed, numbers=numbers, steps=given.steps))


if __name__ == "__main__":
    sys.exit(main())

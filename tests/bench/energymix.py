# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.bench.energymix`: time to solve a day and a year of hours, 8 sources and a battery; JSON last."""

import json
from time import perf_counter, process_time

from ai_service.energymix.optimum import least_cost
from tests.ai_service.energymix.problems import make_town

REPEATS = {24: 20, 8_760: 1}


def main() -> None:
    """Print the best wall and processor time of each size."""
    figures = {}
    for steps, repeats in REPEATS.items():
        town, wall, cpu = make_town(steps), [], []
        for _ in range(repeats):
            started, used = perf_counter(), process_time()
            least_cost(town)
            wall.append(perf_counter() - started)
            cpu.append(process_time() - used)
        figures[str(steps)] = {"wall_ms": round(min(wall) * 1000, 1), "processor_ms": round(min(cpu) * 1000, 1)}
        print(f"{steps:>5} hours: {figures[str(steps)]}")
    print(json.dumps({"energymix": figures}))


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""Killed at any of its places, an island's process leaves either all of a step or nothing; the next one goes on."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

from backend.market import islands
from backend.market.islands import service
from backend.market.islands.checking import check
from backend.market.islands.documents import Ending, seconds
from backend.market.islands.running import FAILPOINTS
from tests.backend.market.islands.run_once import declare, end, killed_at, run_islands

KILLED = -9


async def test_island__killed_at_each_of_its_places__goes_on_as_if_nothing_had_happened(isle, databases):
    async def dies(failpoint, verb, *arguments):
        return await killed_at(failpoint, databases.service, verb, *arguments)

    declaration = isle.declaration()
    signed = (declaration, isle.signed(declaration), isle.operator, isle.now)
    await isle.equip()
    await isle.expect(1, 2_000, 1_000)
    assert await dies("islands.declare.before_commit", declare, *signed) == KILLED
    assert await isle.events("islands.declared.v1") == []
    island = await isle.declare(declaration)

    assert await dies("islands.allocate.before_commit", run_islands, isle.now) == KILLED
    assert await isle.square.rows("SELECT 1 FROM storage_states") == []
    await isle.run()

    engine = isle.square.engine()
    for _ in range(2):
        await isle.square.sell(engine, 2)
        await isle.square.buy(engine, 3)
        assert await dies("islands.queue.before_commit", run_islands, isle.now) == KILLED
        await isle.run()

    later = isle.now + timedelta(minutes=1)
    ending = Ending(declaration.operator, island.body_hash, seconds(later) + 600)
    signature = isle.signed(ending)
    assert await dies(
        "islands.end.before_commit", end, island.id, ending, signature, isle.operator, later
    ) == KILLED  # fmt: skip
    assert await isle.events("islands.ended.v1") == []
    await end(isle.db, island.id, ending, signature, isle.operator, later)

    report = await service.report(isle.db, island.id, actor=isle.operator)
    assert check(report) == []
    assert (report["intents"]["count"], len(report["runs"])) == (2, 2)


def test_failpoints__of_the_sources__are_all_listed():
    (folder,) = islands.__path__
    found = {name for file in Path(folder).glob("*.py") for name in re.findall(r'failpoint\("(.*?)"', file.read_text())}

    assert found == set(FAILPOINTS)

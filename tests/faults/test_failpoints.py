# SPDX-License-Identifier: Apache-2.0
"""Every failpoint of the product kills its process once, on the way through a life of trades; nothing is lost.

The names are read from the sources: a failpoint that this life does not pass makes its test fail. Those of `ELSEWHERE`
are passed by lives that the tests of their own parts lead.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import text

from backend.market.book import engine
from backend.market.islands import running as islands
from backend.market.relayer import relayer
from scripts.embedded.process import ROOT
from tests.backend.audit.stage import DELIVERY
from tests.backend.market.book.test_processes import DEATHS
from tests.faults.compare import compare
from tests.faults.conftest import WORLDS
from tests.faults.ground import FINALITY_DEPTH
from tests.faults.market_steps import auction
from tests.faults.processes import Child
from tests.faults.steps import failpoints
from tests.faults.trading import INTERVAL_S
from tests.faults.world import World

ELSEWHERE = {
    "tests.backend.market.book.test_processes": engine.FAILPOINTS,
    "tests.backend.market.relayer.test_transactions": relayer.FAILPOINTS,
    "tests.backend.market.islands.test_killed": islands.FAILPOINTS,
}
CASES = [
    (process, name)
    for process, names in failpoints().items()
    for name in names
    if name not in itertools.chain(*ELSEWHERE.values())
]
SETTINGS = {"follower.after_agreement": {"GRIDX_SECOND_NODE": "true"}}  # passed only where two nodes have to agree
READ_INTERVAL = 2_000
KILLED = -9


async def _read(world: World, interval: int) -> None:
    """Houses 1 to 5 export and import a little in an interval: less than is traded."""
    start = datetime.fromtimestamp(DELIVERY + INTERVAL_S * interval, UTC)
    async with world.base.db.begin() as session:
        for house in world.town.houses.values():
            await session.execute(
                text("""INSERT INTO energy_production (house_id, start_at, end_at, minutes, production_wh,
                            consumption_wh, export_wh, import_wh, source, attestation, recorded_at)
                        VALUES (:house, :start, :end, 15, 900, 100, 700, 800, 'test', 'operator', now())
                        ON CONFLICT DO NOTHING"""),
                {"house": house, "start": start, "end": start + timedelta(minutes=15)},
            )


async def _follow(world: World, child: Child) -> None:
    """Wait until the processes have seen all, or until the one that is to die is dead."""
    for _ in range(400):
        if not child.running or not await world.lag():
            return
        await asyncio.sleep(0.02)


async def _wait_for_gate(world: World, random: Random) -> None:
    """Orders that suit each other rest in a book that is auctioned, and its gate closes; a reservation is too old."""
    await auction(world, random)
    await world.heard()
    await _trade_directly(world, random)
    closing = (
        "UPDATE books SET closes_at = now() - interval '1 second' WHERE rule <> 'continuous' AND closed_at IS NULL"
    )
    async with world.base.db.begin() as session:
        await session.execute(text(closing))
        lapsing = "UPDATE offer_reservations SET reserved_at = reserved_at - age, expires_at = expires_at - age"
        await session.execute(text(f"{lapsing} FROM (SELECT interval '20 minutes' AS age) AS long"))


async def _trade_directly(world: World, random: Random) -> None:
    """Somebody offers energy directly, somebody else reserves some of it."""
    market = world.market
    offer = market.wish(random, account=1, side="offer", venue="direct", energy_wh=2_000, start=market.starts()[1])
    await market.place(offer)
    for offer_id in list(market.direct)[-1:]:
        await market.reserve(offer_id, 2, 500)


async def _live(world: World, process: str, name: str, start: Callable[[], Child], random: Random) -> Child:
    """Everything that can happen to trades: made, consented, claimed, lost with their blocks, mined again, final.

    `process` is started anew, armed, when trades wait for it; life ends where it dies, so that no reorganisation
    mends what was lost.
    """
    trading, chain, processes = world.trading, world.chain, world.base.processes
    if process == "gates":
        await _wait_for_gate(world, random)
        return start()
    if name.startswith(("orders.", "offers.")):
        processes.kill(process)
        child = start()
        await world.answers(unless=child)
        await _trade_directly(world, random)
        return child
    if process != "settle":
        processes.kill(process)
    filled = trading.fill(random, seller=1, buyer=2, interval=READ_INTERVAL, energy_wh=2_000)
    trading.fill(random, seller=1, buyer=5, interval=READ_INTERVAL)
    logged = trading.log(random, parties=(3, 4))
    trading.enrol()
    chain.mine()
    trading.confirm(random, logged)
    chain.mine(2)
    child = processes.children["follower"] if process == "settle" else start()
    await world.answers(unless=child)
    await _follow(world, child)
    for made, person in ((filled, 2), (logged, 3), (filled, 1)):
        await world.claim(made, person, by_id=False)
    if not child.running:
        return child
    chain.reorganise(4, random, lossless=True)
    await _follow(world, child)
    if not child.running:
        return child
    late = trading.fill(random, seller=2, buyer=3, interval=READ_INTERVAL)
    if process != "follower":
        processes.kill("follower")  # so that the api is first to see a trade
    chain.mine(2)
    await world.claim(late, 3, by_id=True)
    if process != "follower":
        follower = processes.start("follower")
        child = follower if process == "settle" else child
    chain.mine(FINALITY_DEPTH)
    await _read(world, READ_INTERVAL)
    await _follow(world, child)
    return start() if process == "settle" else child


def test_failpoints__of_the_sources__are_each_tried_once() -> None:
    sources = [name for names in failpoints().values() for name in names]
    dying = [name for _, name in CASES] + list(itertools.chain(*ELSEWHERE.values()))

    assert sorted(sources) == sorted(dying)
    assert all(Path(ROOT, *module.split(".")).with_suffix(".py").exists() for module in ELSEWHERE)
    assert {death.partition(":")[0] for death in DEATHS} == set(engine.FAILPOINTS)


@pytest.mark.timeout(180)
@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(
    ("process", "name"),
    [
        pytest.param(process, name, id=name, marks=pytest.mark.xdist_group(f"world-{place % WORLDS}"))
        for place, (process, name) in enumerate(CASES)
    ],
)
async def test_die__at_a_failpoint__another_process_ends_what_was_begun(world: World, process: str, name: str) -> None:
    settings = dict(SETTINGS.get(name, {}))
    if settings:
        settings["RPC_URL"] = f"{world.base.node.url},{world.base.anvil.rpc_url}"
    random = Random(name)
    world.begin()

    def start() -> Child:
        return world.base.processes.start(process, failpoint=name, **settings)

    child = await _live(world, process, name, start, random)
    code = await asyncio.to_thread(child.wait, 10)
    await world.heal(random)

    assert code == KILLED, f"{process} never came to {name}: {world.market.declined + world.broken}"
    assert world.broken + await compare(world) == []

# SPDX-License-Identifier: Apache-2.0
"""What can happen in a sequence, each step drawn by its weight. A step returns what it did in words, None: nothing."""

from __future__ import annotations

import ast
import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path
from random import Random

from scripts.embedded.process import ROOT
from tests.faults.node import FAULTS
from tests.faults.processes import wait_for
from tests.faults.town import HANDED_OVER, PERSONS
from tests.faults.trading import Made
from tests.faults.world import SERVICES, World

Step = Callable[[World, Random], Awaitable[str | None]]
STEPS: dict[Step, int] = {}
PROCESS_OF = {
    "posting": "api", "book": "api", "orders": "api", "offers": "api", "relay": "relay", "relayer": "relayer",
    "settling": "settle", "islands": "islands",
}  # fmt: skip
LIES = ("energy", "price", "buyer", "seller")


def step(weight: int) -> Callable[[Step], Step]:
    """Register a step with its weight."""

    def register(function: Step) -> Step:
        STEPS[function] = weight
        return function

    return register


@cache
def failpoints() -> dict[str, list[str]]:
    """Every failpoint by the process that passes it, read from the sources."""
    found: dict[str, set[str]] = {}
    for path in sorted(Path(ROOT, "backend").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "failpoint":
                (argument,) = node.args
                assert isinstance(argument, ast.Constant), f"{path}: a failpoint's name is not a text"
                name = str(argument.value)
                found.setdefault(process_of(name), set()).add(name)
    return {process: sorted(names) for process, names in found.items()}


def process_of(name: str) -> str:
    """The process that passes a failpoint; `settle`, `gates` and `islands` are tasks of the worker."""
    if name.startswith(("book.auction_", "offers.lapse_")):
        return "gates"
    return PROCESS_OF.get(name.partition(".")[0], "follower")


# --- trades -----------------------------------------------------------------------------------------------------------


@step(14)
async def fill(world: World, random: Random) -> str:
    """A buyer fills an offer; both of its parties may be one person."""
    made = world.trading.fill(random)
    if random.random() < 0.4:
        _claim_truly(world, made, random)
    return made.sent.label


@step(3)
async def fill_own(world: World, random: Random) -> str:
    """A person buys from his own second wallet, or from a wallet that changes hands."""
    seller, buyer = random.choice([(1, 5), (5, 1), (3, HANDED_OVER), (HANDED_OVER, 4)])
    return world.trading.fill(random, seller=seller, buyer=buyer).sent.label


@step(6)
async def log(world: World, random: Random) -> str:
    """One party logs a trade."""
    return world.trading.log(random).sent.label


@step(4)
async def batch(world: World, random: Random) -> str:
    """Several events in one transaction."""
    return world.trading.batch(random).sent.label


@step(3)
async def match(world: World, random: Random) -> str:
    """A matched pair is settled on chain."""
    return world.trading.match(random).sent.label


@step(8)
async def confirm(world: World, random: Random) -> str | None:
    """Consent, true or false."""
    sent = world.trading.confirm(random)
    return sent.label if sent else None


@step(4)
async def enrol(world: World, random: Random) -> str | None:
    """A new meter."""
    sent = world.trading.enrol()
    return sent.label if sent else None


@step(1)
async def foreign(world: World, random: Random) -> str:
    """Somebody posts a hash of another contract."""
    sent = world.trading.foreign(random)
    made = Made(sent, 1, 2, 1000, 240_000, None, False)
    world.say(world.claim(made, random.choice(PERSONS), by_id=False, lie="transaction"))
    return f"{sent.label}, and it is claimed as a trade"


# --- claims -----------------------------------------------------------------------------------------------------------


def _claim_truly(world: World, made: Made, random: Random) -> str:
    parties = [world.town.owner(account, world.chain.time) for account in (made.seller, made.buyer)]
    persons = [person for person in parties if person is not None]
    if len(persons) < 2:
        return "nobody"
    who = random.choice([persons[:1], persons[1:], persons, persons * 3])
    for person in who:
        world.say(world.claim(made, person, by_id=random.random() < 0.5))
    return f"persons {who}"


@step(14)
async def claim(world: World, random: Random) -> str | None:
    """The hash of a trade is posted by seller, buyer, or both at once."""
    if not world.trading.made:
        return None
    made = random.choice(world.trading.made[-12:])
    return f"{made.sent.label} is claimed by {_claim_truly(world, made, random)}"


@step(6)
async def lie(world: World, random: Random) -> str | None:
    """A stranger, or a party, says something false about a trade."""
    if not world.trading.made:
        return None
    made, person, lie_ = random.choice(world.trading.made[-12:]), random.choice(PERSONS), random.choice(LIES)
    owners = {world.town.owner(made.seller, at) for at in (0, 2**40)}
    owners |= {world.town.owner(made.buyer, at) for at in (0, 2**40)}
    if person in owners or made.sent.label.startswith("batch"):
        lie_ = "energy" if not made.sent.label.startswith("batch") else "price"
    world.say(world.claim(made, person, by_id=made.sent.label.startswith("batch"), lie=lie_))
    return f"person {person} claims {made.sent.label} with a false {lie_}"


@step(3)
async def claim_of_another_time(world: World, random: Random) -> str:
    """A wallet changed hands: its owner before and its owner since both claim its trade."""
    made = world.trading.fill(random, seller=HANDED_OVER, buyer=random.choice((1, 2)))
    for at in (0, 2**40):
        world.say(world.claim(made, world.town.owner(HANDED_OVER, at) or 0, by_id=False, at=at))
    return f"{made.sent.label} is claimed by both who ever owned the seller's wallet"


@step(5)
async def claim_first(world: World, random: Random) -> str:
    """The api hears of a confirmed trade while no follower runs: it records what the follower has not seen."""
    world.note_end("follower")
    world.base.processes.kill("follower")
    seller, buyer = random.sample((1, 2, 3, 4), 2)
    made = world.trading.fill(random, seller=seller, buyer=buyer)
    world.chain.mine(2)
    who = _claim_truly(world, made, random)
    return f"the follower is killed; {made.sent.label}, confirmed, is claimed by {who}"


@step(4)
async def claim_early(world: World, random: Random) -> str:
    """A hash is posted before the node knows its transaction, which may never come."""
    made = (
        world.trading.fill(random, release=False) if random.random() < 0.6 else world.trading.log(random, release=False)
    )
    return f"{made.sent.label} is claimed early by {_claim_truly(world, made, random)}"


@step(1)
async def claim_nothing(world: World, random: Random) -> str:
    """A hash that no transaction has."""
    base = world.trading.fill(random, seller=1, buyer=2)
    nothing = Made(type(base.sent)(0, 0, "", random.randbytes(32), "nothing"), 1, 2, 1000, 240_000, None, False)
    world.say(world.claim(nothing, random.choice((1, 2)), by_id=False))
    return "a hash that nobody has is claimed"


# --- the chain --------------------------------------------------------------------------------------------------------


@step(20)
async def mine(world: World, random: Random) -> str:
    """One to three blocks."""
    blocks = random.choice((1, 1, 2, 3))
    world.chain.mine(blocks)
    return f"{blocks} blocks mined up to {world.chain.head()}"


@step(9)
async def reorganise(world: World, random: Random) -> str | None:
    """Depth 1, 3, or past the confirmation depth; most often of blocks that the follower has recorded."""
    if random.random() < 0.7:
        world.trading.fill(random, seller=random.choice((1, 2)), buyer=random.choice((3, 4)))
        world.chain.mine(2)
        await recorded(world)
    depth = min(random.choice((1, 3, 3, 5, 7)), world.chain.deepest())
    return f"reorganised: {world.chain.reorganise(depth, random)}" if depth > 0 else None


async def recorded(world: World) -> None:
    """Give the follower, if it lives and its node is well, half a second to come up to the chain."""
    for _ in range(25):
        if world.base.node.fault or not world.base.processes.children["follower"].running:
            return
        if not await world.lag():
            return
        await asyncio.sleep(0.02)


@step(3)
async def release(world: World, random: Random) -> str | None:
    """A transaction that was held back or dropped reaches the node."""
    held = [key for key in world.chain.waiting() if key not in world.chain.released]
    if not held:
        return None
    sent = world.chain.slots[random.choice(held)][-1]
    world.chain.release(sent)
    return f"{sent.label} reaches the node"


# --- processes --------------------------------------------------------------------------------------------------------


@step(7)
async def kill(world: World, random: Random) -> str:
    """kill -9; most often it is started again at once."""
    name = random.choice(SERVICES)
    world.note_end(name)
    world.base.processes.kill(name)
    if random.random() < 0.3:
        return f"{name} is killed"
    world.base.processes.start(name)
    return f"{name} is killed and started"


@step(5)
async def arm(world: World, random: Random) -> str:
    """A process is started with a failpoint, to die there by itself."""
    name = random.choice(SERVICES)
    point = f"{random.choice(failpoints()[name])}:{random.choice((1, 1, 2))}"
    world.note_end(name)
    world.base.processes.start(name, failpoint=point)
    return f"{name} is started, to die at {point}"


@step(6)
async def revive(world: World, random: Random) -> str | None:
    """What is dead starts again."""
    dead = [name for name in SERVICES if not world.base.processes.children[name].running]
    for name in dead:
        world.note_end(name)
        world.base.processes.start(name)
    return f"started again: {dead}" if dead else None


@step(3)
async def stop_postgres(world: World, random: Random) -> str:
    """PostgreSQL goes, in order or at once, and comes back."""
    server = world.base.postgres
    how = random.choice((signal.SIGINT, signal.SIGQUIT))
    server.process.signal(how)
    await asyncio.to_thread(wait_for, lambda: not server.process.running, timeout_s=30)
    await asyncio.sleep(random.choice((0.0, 0.3)))
    await asyncio.to_thread(server.start)
    await world.base.reconnect()  # our own connections are lost as well
    return f"PostgreSQL was stopped with {how.name} and came back"


@step(2)
async def stop_redis(world: World, random: Random) -> str:
    """Redis goes and comes back."""
    await asyncio.to_thread(world.base.redis.stop)
    await asyncio.sleep(random.choice((0.0, 0.3)))
    await asyncio.to_thread(world.base.redis.start)
    return "Redis was stopped and came back"


@step(5)
async def node_fails(world: World, random: Random) -> str:
    """The node misbehaves until it is well again."""
    fault = random.choice(FAULTS)
    world.base.node.fail(fault, head=world.chain.block(max(1, world.chain.head() - random.randint(0, 4))))
    return f"the node is {fault}"


@step(4)
async def node_lies(world: World, random: Random) -> str:
    """The node leaves out or alters the logs of the very blocks that are followed now."""
    fault = random.choice(("silent_logs", "forged_logs"))
    world.base.node.fail(fault)
    made = world.trading.fill(random)
    world.chain.mine(3)
    await asyncio.sleep(0.2)
    return f"the node is {fault} while {made.sent.label} is confirmed"


@step(9)
async def node_is_well(world: World, random: Random) -> str | None:
    """The node answers rightly again."""
    fault = world.base.node.fault
    world.base.node.heal()
    return f"the node is not {fault} any more" if fault else None


async def pause(random: Random) -> None:
    """Let the processes work for a moment of random length."""
    await asyncio.sleep(random.choice((0.0, 0.0, 0.01, 0.03, 0.1)))


def seed_of(default: int) -> int:
    """`SEED` of the environment, else `default`."""
    return int(os.environ.get("SEED") or default)

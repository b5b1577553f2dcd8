# SPDX-License-Identifier: Apache-2.0
"""What can happen in the market of a sequence: orders, direct offers, bad input, gates, the relayer and its chain."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

from sqlalchemy import text

from backend.core.clock import utc_now
from backend.market.book.service import lock_book
from backend.market.book.types import BookKey
from backend.market.orders.typed_data import Domain
from tests.backend.audit.stage import COMMUNITY
from tests.faults.market import TRADERS, Signed, Wish, wrong_clock
from tests.faults.steps import failpoints, recorded, step
from tests.faults.town import CAPACITY_W, OWNER_OF, RELAYER
from tests.faults.trading import INTERVAL_S
from tests.faults.world import World

ENDOWMENT_WEI = 10**20
RISEN_FEE_WEI = 50 * 10**9

# --- orders and offers ------------------------------------------------------------------------------------------------


@step(14)
async def place(world: World, random: Random) -> str:
    """Somebody hands in a signed order: resting or at the market, sometimes with a least fill."""
    energy_wh = random.randint(1, 3_000)
    values = random.choice(({}, {}, {}, {"kind": "market"}, {"min_fill_wh": energy_wh // 2}))
    wish = world.market.wish(random, energy_wh=energy_wh, **values)
    world.say(world.market.place(wish))
    return wish.words()


@step(14)
async def meet(world: World, random: Random) -> str:
    """Two persons hand in orders that suit each other."""
    wishes = world.market.crossing(random, **random.choice(({}, {"kind": "limit", "min_fill_wh": 400})))
    world.say(world.market.place(*wishes))
    return f"{wishes[0].words()} meets {wishes[1].words()}"


@step(3)
async def wash(world: World, random: Random) -> str:
    """A person tries to trade with himself, from one of his wallets to the other."""
    offer, bid = world.market.crossing(random)
    accounts = random.choice(((1, 5), (5, 1)))
    wishes = replace(offer, account=accounts[0]), replace(bid, account=accounts[1])
    world.say(world.market.place(*wishes))
    return f"{wishes[0].words()} faces {wishes[1].words()}"


@step(5)
async def offer_directly(world: World, random: Random) -> str:
    """A direct offer."""
    wish = world.market.wish(random, side="offer", venue="direct", start=random.choice(world.market.starts()[:3]))
    world.say(world.market.place(wish))
    return wish.words()


def _offer(world: World, random: Random) -> tuple[str, Signed] | None:
    """One of the latest direct offers."""
    latest = list(world.market.direct.items())[-6:]
    return random.choice(latest) if latest else None


def _buyer(random: Random, offer: Signed) -> int:
    return random.choice([one for one in TRADERS if one != offer.account])


@step(7)
async def take(world: World, random: Random) -> str | None:
    """A buyer reserves energy of a direct offer and fills it on chain; he may be the seller himself."""
    found = _offer(world, random)
    if found is None:
        return None
    offer_id, offer = found
    account, energy_wh = _buyer(random, offer), random.randint(1, offer.order.energy_wh)
    world.say(_claimed_take(world, offer_id, account, energy_wh))
    return f"{account} takes {energy_wh} Wh of the offer {offer_id}"


async def _claimed_take(world: World, offer_id: str, account: int, energy_wh: int) -> None:
    made = await world.market.take(offer_id, account, energy_wh)
    if made is not None:
        await world.claim(made, OWNER_OF[account], by_id=True)


@step(3)
async def take_at_once(world: World, random: Random) -> str | None:
    """Two takers ask for the whole of one offer at the same instant."""
    found = _offer(world, random)
    if found is None:
        return None
    offer_id, offer = found
    takers = random.sample([one for one in (1, 2, 3, 4) if OWNER_OF[one] != OWNER_OF[offer.account]], 2)
    world.say(_race(world, offer_id, takers, offer.order.energy_wh))
    return f"{takers} both want the whole offer {offer_id}"


async def _race(world: World, offer_id: str, takers: list[int], energy_wh: int) -> None:
    shown = await asyncio.gather(*(world.market.reserve(offer_id, account, energy_wh) for account in takers))
    if all(shown):
        world.broken.append(f"{takers} both got the whole offer {offer_id}")
    for account, reservation in zip(takers, shown, strict=True):
        if reservation is not None:
            world.market.fill(world.market.direct[offer_id], account, energy_wh, int(reservation["nonce"]))


@step(3)
async def fill_unreserved(world: World, random: Random) -> str | None:
    """Somebody who knows an offer's signature fills it, or too much of it, although it may be reserved by others."""
    found = _offer(world, random)
    if found is None:
        return None
    _, offer = found
    account, nonce = _buyer(random, offer), 2**40 + world.trading.fresh_nonce()
    energy_wh = random.choice((random.randint(1, offer.order.energy_wh), offer.order.energy_wh + 1))
    return world.market.fill(offer, account, energy_wh, nonce).sent.label


@step(5)
async def cancel(world: World, random: Random) -> str | None:
    """The owner of an order takes it back, off chain."""
    ids = list(world.market.ids)[-10:]
    if not ids:
        return None
    order_id = random.choice(ids)
    world.say(world.market.cancel(order_id))
    return f"order {order_id} is cancelled"


def _resting(world: World, random: Random) -> Signed | None:
    """One of the latest orders; it may be matched, and the match under way."""
    latest = list(world.market.ids.values())[-8:]
    return world.market.placed[random.choice(latest)] if latest else None


@step(4)
async def cancel_on_chain(world: World, random: Random) -> str | None:
    """A maker cancels an order on chain, perhaps while its match is on its way there: its pair fails in the batch."""
    signed = _resting(world, random)
    return world.market.cancel_on_chain(signed) if signed else None


@step(3)
async def fill_on_chain(world: World, random: Random) -> str | None:
    """An order of the book is filled on chain, perhaps while it is matched."""
    signed = _resting(world, random)
    if signed is None or signed.order.taker != world.market.domain.contract:
        return None
    return world.market.settle_behind_its_back(random, signed)


# --- bad input --------------------------------------------------------------------------------------------------------


@step(12)
async def hand_in_wrong(world: World, random: Random) -> str:
    """An order that must be refused and not stored."""
    wish = world.market.wish(random, start=random.choice(world.market.starts()[:3]))
    fault = random.choice(
        ("expired", "replayed", "over-filled", "for another chain", "for another contract", "by a stranger",
         "after gate closure", "with a wrong clock", "in a slot of its own")
    )  # fmt: skip
    by = random.choice([person for person in (1, 2, 3, 4) if person != OWNER_OF[wish.account]])
    world.say(_hand_in_wrong(world, wish, fault, by, random.randrange(1, 5_000)))
    return f"{wish.words()}, {fault}"


async def _hand_in_wrong(world: World, wish: Wish, fault: str, stranger: int, number: int) -> None:
    market = world.market
    good = await market.draft(wish)
    if good is None:
        return
    order, domain = good.order, market.domain

    def again(**changes: object) -> Signed:
        return market.sign(good.account, replace(order, **changes))  # type: ignore[arg-type]

    if fault == "expired":
        await market.refuse(again(expiry=int(utc_now().timestamp()) - number), "order.expired")
    elif fault == "replayed":
        if await market.hand_in(good, fault) is not None:
            await market.refuse(good, "order.replayed")
    elif fault == "over-filled":
        await market.refuse(again(energy_wh=CAPACITY_W // 4 + number), "order.capacity")
    elif fault == "for another chain":
        other = Domain(domain.chain_id + number, domain.contract, domain.salt)
        await market.refuse(market.sign(good.account, order, domain=other), "order.signature")
    elif fault == "for another contract":
        other = Domain(domain.chain_id, bytes(19) + b"\1", domain.salt)
        await market.refuse(market.sign(good.account, order, domain=other), "order.signature")
    elif fault == "by a stranger":
        await market.refuse(good, "order.maker", person=stranger)
    elif fault == "after gate closure":
        late = order.delivery_start - INTERVAL_S * (8 + number % 50)
        await market.refuse(again(delivery_start=late), "order.gate_closed")
    elif fault == "with a wrong clock":
        await market.refuse(good, "order.clock", client_time=wrong_clock(utc_now()))
    else:
        await market.refuse(again(slot=(7_000 + number % 900) << 3), "order.lane")


@step(2)
async def read_negative(world: World, random: Random) -> str:
    """A meter says that it measured less than nothing."""
    house, start = random.choice(sorted(world.town.houses)), random.choice(world.market.starts()[:2])
    body = {
        "houseId": str(world.town.houses[house]), "start": datetime.fromtimestamp(start, UTC).isoformat(),
        "exportKwh": str(-random.randint(1, 9)),
    }  # fmt: skip
    world.say(_read_negative(world, OWNER_OF[house], body))
    return f"house {house} reads {body['exportKwh']} kWh of export"


async def _read_negative(world: World, person: int, body: dict[str, str]) -> None:
    answer = await world.api.ask("POST", "/api/energy-production", person, json=body)
    if answer is not None and answer.status_code not in (422, 503):
        world.broken.append(f"a negative reading was answered {answer.status_code}: {answer.text[:300]}")


# --- gates ------------------------------------------------------------------------------------------------------------


@step(3)
async def close_gate(world: World, random: Random) -> str:
    """The gate of this sequence's own interval closes; sometimes the worker dies at it."""
    start = datetime.fromtimestamp(world.market.starts()[-1], UTC)
    async with world.base.db.begin() as session:
        closing = "UPDATE books SET closes_at = :past WHERE delivery_start = :start AND closes_at > :past"
        await session.execute(text(closing), {"past": utc_now() - timedelta(seconds=1), "start": start})
    point = random.choice(("", *failpoints()["gates"]))
    world.base.processes.start("gates", failpoint=point)
    return f"the gate of {start} closes{f', where the worker dies at {point}' if point else ''}"


@step(4)
async def auction(world: World, random: Random) -> str:
    """The next interval of this sequence is auctioned; people hand in orders for it."""
    rule = random.choice(("uniform", "pay-as-bid"))
    world.market.fresh += 1
    start = world.market.starts()[-1]
    wishes = [world.market.wish(random, start=start) for _ in range(2)]
    wishes += world.market.crossing(random, start=start)
    setting = text("UPDATE community_markets SET rule = :rule")
    async with world.base.db.begin() as session:
        await session.execute(setting, {"rule": rule})
        await lock_book(session, BookKey(world.base.chain_key, COMMUNITY, datetime.fromtimestamp(start, UTC)))
        await session.execute(setting, {"rule": "continuous"})
    world.say(world.market.place(*wishes))
    return f"{rule}: {'; '.join(wish.words() for wish in wishes)}"


# --- the relayer ------------------------------------------------------------------------------------------------------


@step(9)
async def settle_pairs(world: World, random: Random) -> str:
    """The relayer gets time to send what is matched, and its batch is mined."""
    blocks = random.choice((1, 2, 3))
    await sent(world)
    world.chain.mine(blocks)
    return f"pairs are sent; {blocks} blocks mined up to {world.chain.head()}"


@step(5)
async def reorganise_batch(world: World, random: Random) -> str | None:
    """A block with a settled batch is lost after it was recorded."""
    world.say(world.market.place(*world.market.crossing(random)))
    await world.heard()
    await sent(world)
    world.chain.mine(2)
    await recorded(world)
    depth = min(random.choice((2, 3, 5)), world.chain.deepest())
    return f"under a batch: {world.chain.reorganise(depth, random)}" if depth > 0 else None


async def sent(world: World) -> None:
    """Give the relayer, if it lives and its node is well, half a second to send what waits."""
    for _ in range(25):
        if world.base.node.fault or not world.base.processes.children["relayer"].running:
            return
        waiting = await world.value(
            """SELECT (SELECT count(*) FROM matches WHERE state = 'MATCHED')
                   + (SELECT count(*) FROM relay_transactions WHERE state = 'SIGNED')"""
        )
        if not waiting:
            return
        await asyncio.sleep(0.02)


@step(3)
async def spend_all(world: World, random: Random) -> str:
    """The relayer's key runs out of funds, perhaps between two of its steps."""
    wei = random.choice((0, 0, 10**15))
    world.chain.endow(RELAYER, wei)
    return f"the relayer has {wei} wei left"


@step(3)
async def refill(world: World, random: Random) -> str:
    """The relayer's key gets ether."""
    world.chain.endow(RELAYER, ENDOWMENT_WEI)
    return "the relayer gets ether"


@step(2)
async def lose_pool(world: World, random: Random) -> str:
    """The node forgets the relayer's transaction."""
    await sent(world)
    world.chain.lose_pool(random)
    return "the node forgets what waits"


@step(2)
async def fees_rise(world: World, random: Random) -> str:
    """Blocks cost more than the relayer has offered, until it offers more."""
    await world.heard()
    await sent(world)
    world.chain.ask_fee(RISEN_FEE_WEI)
    for _ in range(4):
        world.chain.mine()
        await asyncio.sleep(0.06)
    world.chain.ask_fee(0)
    return f"fees rose and fell again; head is {world.chain.head()}"


@step(1)
async def usurp(world: World, random: Random) -> str:
    """Another program sends with the relayer's key."""
    await sent(world)
    world.chain.endow(RELAYER, ENDOWMENT_WEI)
    said = world.chain.usurp(RELAYER)
    return f"somebody else uses {said}"

# SPDX-License-Identifier: Apache-2.0
"""The order book's chapters: signed orders matched, settled on chain by the relayer, closed on readings, followed live.

The homes trade two quarters of an hour in a community of their own (see `street`): one by auction, one continuously.
Their wallets sign only; the relayer pays for the chain.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from statistics import median
from typing import Any

from backend.core.units import micro_to_price, wh_to_kwh
from scripts.demo import moving_in
from scripts.demo.aftermath import FINALITY_BLOCKS
from scripts.demo.api_client import ApiRefused
from scripts.demo.community import FEED_IN_MICRO, RETAIL_MICRO
from scripts.demo.scene import Household, Scene, StoryBroken, expect, together, until
from scripts.demo.street import LATEST_GATE, MINUTES, QUARTER, Wish, street_of, wishes
from scripts.live_events import follow

COMMUNITY = 2
TOPICS = "trades,market,orders"
AUCTION_S = 6
COMMUNITY_FEE_MICRO = 6_000
TARIFFS = {
    "retailPricePerKwh": micro_to_price(RETAIL_MICRO), "feedInPricePerKwh": micro_to_price(FEED_IN_MICRO),
    "communityFeePerKwh": micro_to_price(COMMUNITY_FEE_MICRO), "minPricePerKwh": micro_to_price(FEED_IN_MICRO),
    "maxPricePerKwh": micro_to_price(RETAIL_MICRO),
}  # fmt: skip
Signed = dict[str, Any]


@dataclass(slots=True)
class Trading:
    """What became of the orders: figures for the summary, sentences for the screen."""

    pairs: int = 0
    matched_wh: int = 0
    gas_pair_median: int = 0
    transactions: int = 0
    accepted: int = 0
    refused: int = 0
    events: dict[str, int] = field(default_factory=dict)


async def trade(scene: Scene, api_url: str) -> Trading:
    """All chapters of the order book, from enrolment to the statement. Raises what a chapter finds wrong."""
    street = Scene(
        screen=scene.screen,
        community=street_of(scene.community, datetime.now(UTC)),
        chain=scene.chain,
        contract=scene.contract,
        factor=scene.factor,
        operator=scene.operator,
        registrar=scene.registrar,
        households=[],
        number=COMMUNITY,
    )
    homes = zip(street.community.homes, scene.households, strict=True)
    street.households = [Household(home, old.api, old.wallet) for home, old in homes]
    await _open(street)
    done, seen = Trading(), Counter[str]()
    listening = asyncio.Event()
    watcher = street.households[0]
    live = asyncio.create_task(_watch(api_url, watcher, seen, listening))
    try:
        await listening.wait()
        await _order(street, done)
        trades = await _settle(street, done)
        await _check_events(street, done, seen)
    finally:
        live.cancel()
        with suppress(asyncio.CancelledError):
            await live
    scene.gas_other += street.gas_other
    await _explain(street, trades)
    return done


async def _open(street: Scene) -> None:
    """A second community with quarters of an hour; each home gets a second meter there."""
    starts = street.community.starts
    street.screen.say(
        f"  {len(street.households)} homes again, in a community of {MINUTES}-minute intervals with a gate that closes "
        f"after delivery: {starts[0]:%H:%M} and {starts[1]:%H:%M} UTC, each a quarter of an evening hour of the data"
    )
    with street.screen.chapter(
        "order book opened: community, tariffs, fee, meters, houses", len(street.households)
    ) as advance:
        await moving_in.found(street, name="Fontana evening street", slug="fontana-evening")
        await _rule(street, "continuous", int(LATEST_GATE.total_seconds()))
        await moving_in.register_meters(street)

        async def come(household: Household) -> None:
            await moving_in.admit(street, household)
            await moving_in.settle_in(household)

        await together(come, street.households, advance)


async def _rule(street: Scene, rule: str, gate_s: int) -> None:
    """Set the market's rule and how long after its begin an interval still takes orders."""
    await street.operator.put(
        f"/api/organizations/{street.org_id}/market", {**TARIFFS, "rule": rule, "gateClosureS": -gate_s}
    )


async def _watch(api_url: str, watcher: Household, seen: Counter[str], listening: asyncio.Event) -> None:
    async for message in follow(api_url, TOPICS, token=watcher.api.token):
        if message["type"] == "hello":
            listening.set()
        elif message["type"] == "event":
            seen[message["topic"]] += 1


async def _order(street: Scene, done: Trading) -> None:
    """Everybody signs; one interval is auctioned at its gate, the other trades continuously meanwhile."""
    wanted = wishes(street.community)
    with street.screen.chapter("orders drafted by the backend, signed by the wallets", len(wanted)) as advance:
        signed = await together(lambda wish: _sign(street, wish), wanted, advance)
    orders = dict(zip(wanted, signed, strict=True))
    seller = next(wish for wish in wanted if wish.interval == 1 and not wish.is_bid)
    capacity_wh = street.households[seller.home].home.capacity_w * MINUTES // 60
    too_much = await _sign(street, replace(seller, energy_wh=capacity_wh))
    auctioned, continuous = street.community.starts
    with street.screen.chapter("orders handed in", len(wanted)) as advance:
        gate_s = int((datetime.now(UTC) - auctioned).total_seconds()) + AUCTION_S
        await _rule(street, "uniform", gate_s)
        await _hand_in(street, orders, done, advance, interval=0)
        await _rule(street, "continuous", int(LATEST_GATE.total_seconds()))
        await _hand_in(street, orders, done, advance, interval=1)
    home = street.households[seller.home]
    await _refused(street, home, too_much, "more than the panels deliver, with the offer before", "order.capacity")
    await _refused(street, home, orders[seller], "the same signature twice", "order.replayed")
    done.refused = 2
    with street.screen.chapter(f"the gate of {auctioned:%H:%M} closes: one price for all of its orders"):
        since, to = auctioned.isoformat(), continuous.isoformat()
        found = await until(
            lambda: street.operator.all_pages(
                "/api/market/auctions", **{"community": COMMUNITY, "from": since, "to": to}
            ),
            lambda auctions: len(auctions) == 1,
            "the auction is held",
        )
    price, volume = found[0]["pricePerKwh"], found[0]["volumeKwh"]
    street.screen.say(f"    {volume} kWh at {price} USD/kWh")


async def _sign(street: Scene, wish: Wish) -> Signed:
    """Have an order drafted and sign it; what is handed in."""
    household = street.households[wish.home]
    draft = await household.api.post(
        "/api/market/orders/drafts",
        {
            "houseId": household.house_id, "side": "bid" if wish.is_bid else "offer",
            "deliveryStart": street.community.starts[wish.interval].isoformat(),
            "energyKwh": wh_to_kwh(wish.energy_wh), "pricePerKwh": micro_to_price(wish.price_micro),
        },
    )  # fmt: skip
    typed = draft.data["typedData"]
    return {"order": typed["message"], "signature": household.wallet.sign_typed(typed)}


async def _hand_in(street: Scene, orders: Mapping[Wish, Signed], done: Trading, advance: Any, *, interval: int) -> None:
    mine = [wish for wish in orders if wish.interval == interval]

    async def place(wish: Wish) -> None:
        await street.households[wish.home].api.post("/api/market/orders", orders[wish])

    await together(place, mine, advance)
    done.accepted += len(mine)


async def _refused(street: Scene, home: Household, order: Signed, what: str, code: str) -> None:
    """An order that must be refused with `code`; its reason is shown."""
    try:
        await home.api.post("/api/market/orders", order)
    except ApiRefused as refused:
        expect(refused.code == code, f"{what} is refused with {code}", refused)
        street.screen.say(f"    refused: {what}: {refused}")
    else:
        raise StoryBroken(f"expected that {what} is refused; it was accepted")


async def _matches(street: Scene) -> list[dict[str, Any]]:
    return await street.operator.all_pages("/api/market/matches")


async def _settle(street: Scene, done: Trading) -> list[Mapping[str, Any]]:
    """The relayer settles, the follower records, meters are read, intervals are closed; returns the trades."""
    with street.screen.chapter("matched pairs settled on chain by the relayer"):
        matches = await until(
            lambda: _matches(street),
            lambda found: bool(found) and all(match["state"] in ("CONFIRMED", "FINAL") for match in found),
            "every pair is confirmed on chain",
        )
    trades = await _note_gas(street, done, matches)
    with street.screen.chapter("meters read, intervals closed on readings", len(street.households)) as advance:
        await together(
            lambda home: moving_in.upload(street, home), street.households, advance, at_once=moving_in.UPLOADS_AT_ONCE
        )
        await street.chain.rpc("anvil_mine", hex(FINALITY_BLOCKS))
        since, to = street.community.starts[0].isoformat(), datetime.now(UTC).isoformat()
        await until(
            lambda: street.operator.all_pages(
                "/api/market/intervals", **{"community": COMMUNITY, "from": since, "to": to}
            ),
            lambda found: [interval["state"] for interval in found[:2]] == ["settled"] * 2,
            "both intervals are settled",
        )
    matches = await _matches(street)
    states = Counter(match["state"] for match in matches)
    expect(states.keys() == {"FINAL"}, "all pairs are final", dict(states))
    return trades


async def _note_gas(street: Scene, done: Trading, matches: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Gas of each pair: its transaction's, shared by the pairs in it. Returns the trades that the pairs became."""
    answers = await together(lambda match: street.operator.get(f"/api/energy-trades/{match['tradeId']}"), matches)
    trades: list[Mapping[str, Any]] = [answer.data for answer in answers]
    pairs = Counter(str(trade["txHash"]) for trade in trades)
    receipts = await street.chain.receipts(list(pairs))
    gas = {receipt["transactionHash"]: int(receipt["gasUsed"], 16) for receipt in receipts}
    done.pairs, done.transactions = len(matches), len(pairs)
    done.gas_pair_median = int(median(gas[tx_hash] // count for tx_hash, count in pairs.items() for _ in range(count)))
    done.matched_wh = sum(int(Decimal(match["energyKwh"]) * 1000) for match in matches)
    street.screen.say(
        f"    {done.pairs} pairs, {wh_to_kwh(done.matched_wh)} kWh in {done.transactions} transactions; "
        f"gas a pair: {done.gas_pair_median:,} (median)"
    )
    return trades


async def _check_events(street: Scene, done: Trading, seen: Counter[str]) -> None:
    wanted = {"trades", "book", "prices", "orders"}

    async def count() -> Counter[str]:
        return seen

    await until(count, lambda found: found.keys() >= wanted, f"live events of {', '.join(sorted(wanted))} were seen")
    done.events = dict(sorted(seen.items()))
    counts = ", ".join(f"{number} of {topic}" for topic, number in done.events.items())
    street.screen.say(f"  live events that {street.households[0].home.name} saw over the WebSocket: {counts}")


async def _explain(street: Scene, trades: Sequence[Mapping[str, Any]]) -> None:
    """Why an auction's and a placement's prices are what they are; the statement of a home that bought and sold."""
    say = street.screen.say
    for start in street.community.starts:
        span = {"from": start.isoformat(), "to": (start + QUARTER).isoformat()}
        match = (await street.operator.get("/api/market/matches", **span)).data[0]
        receipt = (await street.operator.get(f"/api/market/matches/{match['id']}/receipt")).data["receipt"]
        say(f"  why {match['pricePerKwh']} USD/kWh ({receipt['rule']}, {start:%H:%M}): {receipt['why']}")
    sides = [Counter(str(trade[side]) for trade in trades) for side in ("sellerId", "buyerId")]
    household = max(street.households, key=lambda home: sorted(side[home.api.user_id] for side in sides))
    month = (await household.api.get("/api/market/statements")).data[0]["month"]
    statement = (await household.api.get(f"/api/market/statements/{month}")).data
    total = statement["total"]
    say(
        f"  statement of {household.home.name}, {month}: bought {_side(total['bought'])}, sold {_side(total['sold'])}, "
        f"fees {total['fees']} USD, net {total['net']} USD, savings {statement['savings']} USD"
    )


def _side(side: Mapping[str, Any]) -> str:
    return f"{side['energyKwh']} kWh for {side['amount']} USD"

# SPDX-License-Identifier: Apache-2.0
"""Last chapters: finality, settlement on readings, wallets checked, a retirement, a transfer, the leaderboard."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from scripts.demo.cast import Cast
from scripts.demo.scene import Household, Scene, StoryBroken, Trade, expect, together, until

FINALITY_BLOCKS = 10
SHOWN_PLACES = 10
RETIRED_G, TRANSFERRED_G = 1_000, 500


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the trades came to: energy in Wh, carbon in grams."""

    traded_wh: int
    delivered_wh: int
    credited_g: int
    short: dict[str, int]


async def finish(scene: Scene, parts: Cast) -> Outcome:
    """Blocks are mined until all trades are final; the worker settles them on readings; every figure is checked."""
    trades = {trade.trade_id: trade for trade in scene.trades}
    with scene.screen.chapter("trades final and settled on readings", len(trades)) as advance:
        await scene.chain.rpc("anvil_mine", hex(FINALITY_BLOCKS))
        done = 0

        async def progress() -> list[dict[str, Any]]:
            nonlocal done
            found = await scene.operator.all_pages("/api/energy-trades")
            settled = sum(_is_done(trade) for trade in found)
            advance(settled - done)
            done = settled
            return found

        found = await until(
            progress, lambda seen: len(seen) == len(trades) and all(map(_is_done, seen)), "all are final and settled"
        )
    return _check_trades(scene, parts, trades, {trade["tradeId"]: trade for trade in found})


def _is_done(trade: dict[str, Any]) -> bool:
    return trade["status"] == "final" and trade["settledAt"] is not None


def _check_trades(scene: Scene, parts: Cast, trades: dict[str, Trade], found: dict[str, dict[str, Any]]) -> Outcome:
    expect(found.keys() == trades.keys(), "exactly the trades that were made are recorded", sorted(found))
    delivered: dict[str, int] = {}
    for trade_id, trade in trades.items():
        seen = found[trade_id]
        delivered[trade_id] = _wh(seen["deliveredKwh"])
        short_wh = parts.missing_wh if trade.deal == parts.oversold else 0
        wanted = trade.deal.energy_wh, trade.deal.energy_wh - short_wh, "oversold" if short_wh else None, None
        got = _wh(seen["energyKwh"]), delivered[trade_id], seen["shortfall"], seen["ineligibleReason"]
        expect(got == wanted, f"trade {trade_id} traded, delivered, fell short and earned as {wanted}", got)
    return Outcome(
        traded_wh=sum(trade.deal.energy_wh for trade in trades.values()),
        delivered_wh=sum(delivered.values()),
        credited_g=sum(scene.grams(energy_wh) for energy_wh in delivered.values()),
        short={trade_id: energy_wh for trade_id, energy_wh in delivered.items()
               if energy_wh < trades[trade_id].deal.energy_wh},
    )  # fmt: skip


async def check_wallets(scene: Scene, outcome: Outcome) -> dict[str, int]:
    """Every wallet holds exactly what its deliveries earned, and nothing is pending; grams by user id."""
    earned: Counter[str] = Counter()
    for trade in scene.trades:
        energy_wh = outcome.short.get(trade.trade_id, trade.deal.energy_wh)
        earned[scene.buyer(trade.deal).api.user_id] += scene.grams(energy_wh)

    async def check(household: Household) -> None:
        user = household.api.user_id
        wallet = (await household.api.get(f"/api/carbon-wallet/{user}")).data
        got = _grams(wallet["pendingKg"]), _grams(wallet["availableKg"])
        expect(got == (0, earned[user]), f"{household.home.name} has 0 g pending, {earned[user]} g available", got)

    with scene.screen.chapter("carbon wallets checked", len(scene.households)) as advance:
        await together(check, scene.households, advance)
    return dict(earned)


async def spend(scene: Scene, earned: dict[str, int]) -> str:
    """The richest wallet retires some carbon, the next gives some away; returns the certificate's address."""
    ranked = sorted(scene.households, key=lambda home: -earned.get(home.api.user_id, 0))
    richest, giver = ranked[0], ranked[1]
    if earned.get(giver.api.user_id, 0) < 2:
        raise StoryBroken(f"expected that two homes have earned carbon; only {richest.home.name} has")
    heir = ranked[2] if len(ranked) > 2 else richest
    retired_g = min(RETIRED_G, earned[richest.api.user_id] // 2)
    given_g = min(TRANSFERRED_G, earned[giver.api.user_id] // 2)
    changes = {home.api.user_id: 0 for home in ranked}
    changes[richest.api.user_id] -= retired_g
    changes[giver.api.user_id] -= given_g
    changes[heir.api.user_id] += given_g
    with scene.screen.chapter("one wallet retires carbon, one gives some away, both by signature"):
        certificate = await send_document(
            richest, "retirements", retired_g, reason="Retired in the GridX demonstration"
        )
        expect(certificate["intact"] is True, "the certificate is intact", certificate)
        await send_document(giver, "transfers", given_g, recipient=heir.wallet.address)
        for home in (richest, giver, heir):
            wallet = (await home.api.get(f"/api/carbon-wallet/{home.api.user_id}")).data
            wanted = earned.get(home.api.user_id, 0) + changes[home.api.user_id]
            got = _grams(wallet["availableKg"])
            expect(got == wanted, f"{home.home.name} has {wanted} g available afterwards", got)
    return str(certificate["verifyUrl"])


async def send_document(household: Household, what: str, grams: int, **fields: str) -> dict[str, Any]:
    """Have a document prepared, sign its typed data with the wallet, and send it."""
    path = f"/api/carbon-wallet/{household.api.user_id}/{what}"
    order = {"account": household.wallet.address, "carbonKg": f"{Decimal(grams) / 1000}", **fields}
    prepared = (await household.api.get(f"{path}/prepared", **order)).data
    signature = household.wallet.sign_typed(prepared["typedData"])
    link = {name: prepared[name] for name in ("sequence", "previousHash", "expiry")}
    answer: dict[str, Any] = (await household.api.post(path, {**order, **link, "signature": signature})).data
    return answer


async def leaderboard(scene: Scene, outcome: Outcome) -> list[dict[str, Any]]:
    """The public leaderboard of all time; its sum is what was credited. Returns all places."""
    places = await scene.operator.all_pages("/api/carbon-wallet/leaderboard", period="all")
    total = sum(_grams(place["carbonKg"]) for place in places)
    expect(total == outcome.credited_g, f"the leaderboard adds up to {outcome.credited_g} g", total)
    ranks = [place["rank"] for place in places]
    expect(ranks == sorted(ranks), "the leaderboard is in order", ranks)
    return places


def _wh(kwh: str) -> int:
    return int(Decimal(kwh) * 1000)


def _grams(kg: str) -> int:
    return int(Decimal(kg) * 1000)

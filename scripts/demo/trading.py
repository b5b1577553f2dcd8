# SPDX-License-Identifier: Apache-2.0
"""Middle chapters: signed offers, fills by the buyers' wallets, trades posted, and the three special ones."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from backend.core.units import micro_to_price, wh_to_kwh
from scripts.demo.api_client import Answer, ApiRefused
from scripts.demo.cast import Cast, offered
from scripts.demo.chain_client import ANYBODY, Call, Order, encode_call, fill_id, fill_offer
from scripts.demo.community import Deal
from scripts.demo.scene import Household, Scene, StoryBroken, Trade, expect, together, until

ORDER_LIFE = timedelta(days=7)
SENT_AT_ONCE = 100
CONFIRMED = ("confirmed", "final")
Offers = dict[tuple[int, int], tuple[Order, bytes]]


def sign_offers(scene: Scene, deals: Sequence[Deal]) -> Offers:
    """One signed offer of each seller and interval, by (interval, seller). Each interval has a lane of its own."""
    offers: Offers = {}
    for (interval, seller), energy_wh in offered(deals).items():
        household = scene.households[seller]
        start = scene.community.starts[interval]
        price = next(deal.price_micro for deal in deals if (deal.interval, deal.seller) == (interval, seller))
        order = Order(
            maker=household.wallet.address,
            taker=ANYBODY,
            is_bid=False,
            meter=household.meter,
            delivery_start=int(start.timestamp()),
            expiry=int((start + ORDER_LIFE).timestamp()),
            energy_wh=energy_wh,
            min_fill_wh=0,
            price_micro=price,
            factor_id=scene.factor.id,
            slot=interval << 3,
            delivery_minutes=scene.community.minutes,
        )
        offers[interval, seller] = order, household.wallet.sign_digest(scene.contract.order_digest(order))
    return offers


async def fill(scene: Scene, deals: Sequence[Deal], offers: Offers) -> list[Trade]:
    """The buyers' wallets buy from the offers; returns the mined trades, which also join the scene."""
    calls, ids = [], []
    for deal in deals:
        order, signature = offers[deal.interval, deal.seller]
        buyer = scene.buyer(deal)
        nonce = buyer.wallet.next_trade_nonce()
        data = fill_offer(order, signature, nonce=nonce, energy_wh=deal.energy_wh, buyer_meter=buyer.meter)
        calls.append((buyer.wallet, Call(scene.contract.address, data)))
        ids.append(fill_id(buyer.wallet.address, nonce))
    raw = await scene.chain.sign_all(calls, chain_id=scene.contract.chain_id)
    hashes = await scene.chain.send_raw(raw)
    trades = list(map(Trade, deals, ids, hashes, raw))
    await note_receipts(scene, trades)
    scene.trades += trades
    return trades


async def note_receipts(scene: Scene, trades: Sequence[Trade]) -> None:
    """Wait until the trades are mined and note block and gas."""
    receipts = await scene.chain.receipts([trade.tx_hash for trade in trades])
    for trade, receipt in zip(trades, receipts, strict=True):
        trade.block, trade.gas_used = int(receipt["blockNumber"], 16), int(receipt["gasUsed"], 16)


def claim_of(scene: Scene, trade: Trade, **changes: Any) -> dict[str, Any]:
    """What is posted for a trade."""
    deal = trade.deal
    claim = {
        "sellerId": scene.seller(deal).api.user_id,
        "buyerId": scene.buyer(deal).api.user_id,
        "energyKwh": wh_to_kwh(deal.energy_wh),
        "pricePerKwh": micro_to_price(deal.price_micro),
        "txHash": trade.tx_hash,
    }
    return claim | changes


async def post(scene: Scene, trade: Trade, poster: Household | None = None) -> Answer:
    """Post a trade as its buyer, or as somebody else."""
    api = (poster or scene.buyer(trade.deal)).api
    answer = await api.post("/api/energy-trades", claim_of(scene, trade))
    expect(answer.status in (201, 202), "a posted trade is recorded or pending", answer.status)
    return answer


async def look(scene: Scene, trade: Trade) -> dict[str, Any]:
    """The trade as everybody sees it; `status` is `unknown` as long as it is not recorded."""
    try:
        data: dict[str, Any] = (await scene.operator.get(f"/api/energy-trades/{trade.trade_id}")).data
    except ApiRefused as refused:
        if refused.status == 404:
            return {"status": "unknown"}
        raise
    return data


async def trade_all(scene: Scene, parts: Cast, offers: Offers) -> None:
    """The ordinary trades: filled in batches, posted by their buyers, one with a wrong claim first."""
    trades: list[Trade] = []
    with scene.screen.chapter("offers filled on chain by the buyers' wallets", len(parts.ordinary)) as advance:
        for first in range(0, len(parts.ordinary), SENT_AT_ONCE):
            batch = parts.ordinary[first : first + SENT_AT_ONCE]
            trades += await fill(scene, batch, offers)
            advance(len(batch))
    refused = next(trade for trade in trades if trade.deal == parts.refused)
    await claim_wrongly(scene, refused)
    with scene.screen.chapter("trades posted by their buyers", len(trades)) as advance:
        await together(lambda trade: post(scene, trade), trades, advance)


async def claim_wrongly(scene: Scene, trade: Trade) -> None:
    """A buyer claims twice the energy: the API must refuse with 409 and record nothing for it."""
    with scene.screen.chapter("a claim of twice the energy is refused"):
        await until(
            lambda: scene.chain.head(), lambda head: head > trade.block, "the trade is two blocks deep on the chain"
        )
        wrong = claim_of(scene, trade, energyKwh=wh_to_kwh(2 * trade.deal.energy_wh))
        try:
            answer = await scene.buyer(trade.deal).api.post("/api/energy-trades", wrong)
        except ApiRefused as refused:
            found = refused.status, refused.code
            expect(found == (409, "trade.mismatch"), "the wrong claim is refused with 409 trade.mismatch", refused)
        else:
            raise StoryBroken(f"the wrong claim was taken: {answer.status} {answer.data}")


async def oversell(scene: Scene, parts: Cast, offers: Offers) -> Trade:
    """The last buyer of an offer gets more than the seller's meter will have exported."""
    title = f"{scene.seller(parts.oversold).home.name} sells {parts.missing_wh} Wh more than it exports"
    with scene.screen.chapter(title):
        trade = (await fill(scene, [parts.oversold], offers))[0]
        await post(scene, trade)
    return trade


async def log_alone(scene: Scene, parts: Cast) -> Trade:
    """A seller logs a trade alone, which earns nothing until its buyer confirms it on chain."""
    deal = parts.logged
    seller, buyer = scene.seller(deal), scene.buyer(deal)
    contract = scene.contract
    with scene.screen.chapter(f"{seller.home.name} logs a trade alone, {buyer.home.name} confirms it on chain"):
        arguments = (seller.wallet.address, buyer.wallet.address, deal.energy_wh, deal.price_micro)
        data = encode_call("logEnergyTrade(address,address,uint256,uint256)", *arguments)
        trade_id = await _next_trade_id(scene, seller)
        raw = await scene.chain.sign_all([(seller.wallet, Call(contract.address, data))], chain_id=contract.chain_id)
        trade = Trade(deal, trade_id, (await scene.chain.send_raw(raw))[0], raw[0])
        await note_receipts(scene, [trade])
        scene.trades.append(trade)
        await post(scene, trade, seller)
        seen = await until(lambda: look(scene, trade), lambda t: t["status"] in CONFIRMED, "the trade is confirmed")
        alone = seen["kind"], seen["consented"], seen["carbonSavedKg"]
        expect(alone[:2] == ("logged", False) and float(alone[2]) == 0, "alone it earns nothing", seen)
        start = int(scene.start(deal).timestamp())
        terms = (bytes.fromhex(trade_id[2:]), seller.meter, buyer.meter, start, scene.factor.id)
        data = encode_call("confirmTrade(bytes32,uint64,uint64,uint32,uint32)", *terms)
        raw = await scene.chain.sign_all([(buyer.wallet, Call(contract.address, data))], chain_id=contract.chain_id)
        receipts = await scene.chain.receipts(await scene.chain.send_raw(raw))
        scene.gas_other += int(receipts[0]["gasUsed"], 16)
        seen = await until(lambda: look(scene, trade), lambda t: bool(t["consented"]), "the confirmed trade counts")
        expect(seen["ineligibleReason"] is None, "the confirmed trade earns carbon", seen)
    return trade


async def _next_trade_id(scene: Scene, seller: Household) -> str:
    data = encode_call("nextTradeId(address)", seller.wallet.address)
    return str(await scene.chain.rpc("eth_call", {"to": scene.contract.address, "data": "0x" + data.hex()}, "latest"))


async def reorganise(scene: Scene, parts: Cast, offers: Offers) -> Trade:
    """A confirmed trade vanishes with its block, is shown as orphaned, is sent again and confirmed again."""
    buyer = scene.buyer(parts.orphaned)
    with scene.screen.chapter("the chain is reorganised: one trade is orphaned and mined again"):
        trade = (await fill(scene, [parts.orphaned], offers))[0]
        await post(scene, trade)
        first = await until(lambda: look(scene, trade), lambda t: t["status"] in CONFIRMED, "the trade is confirmed")
        expect(await _bookings(buyer, trade) == ["earned"], "it has earned carbon")
        await _drop_blocks(scene, trade)
        orphaned = await until(
            lambda: look(scene, trade), lambda t: t["status"] == "orphaned", "the vanished trade is shown as orphaned"
        )
        expect(orphaned["orphanedAt"] is not None, "the orphaned trade says when it vanished", orphaned)
        booked = await _bookings(buyer, trade)
        expect(booked == ["earned", "reversed"], "its carbon is taken back", booked)
        again = await scene.chain.send_raw([trade.raw])
        expect(again == [trade.tx_hash], "the same transaction is sent again", again)
        await note_receipts(scene, [trade])
        second = await until(lambda: look(scene, trade), lambda t: t["status"] in CONFIRMED, "it is confirmed again")
        expect(second["blockHash"] != first["blockHash"], "it is confirmed in another block", second["blockHash"])
        booked = await _bookings(buyer, trade)
        expect(booked[:3] == ["earned", "reversed", "earned"], "its carbon is credited again", booked)
    return trade


async def _bookings(household: Household, trade: Trade) -> list[str]:
    """Kinds of the transfers that the ledger booked for a trade, the oldest first."""
    found = await household.api.all_pages(f"/api/carbon-wallet/{household.api.user_id}/transactions")
    return [movement["kind"] for movement in reversed(found) if movement["tradeId"] == trade.trade_id]


async def _drop_blocks(scene: Scene, trade: Trade) -> None:
    """Replace the trade's block and all after it by empty ones, while no new block can come between."""
    chain = scene.chain
    await chain.rpc("evm_setIntervalMining", 0)
    try:
        depth = await chain.head() - trade.block + 1
        final = int((await chain.rpc("eth_getBlockByNumber", "finalized", False))["number"], 16)
        expect(trade.block > final, "the block is not final yet", f"block {trade.block}, final {final}")
        await chain.rpc("anvil_reorg", depth, [])
        receipt = await chain.rpc("eth_getTransactionReceipt", trade.tx_hash)
        expect(receipt is None, "the reorganisation drops the transaction", receipt)
    finally:
        await chain.rpc("evm_setIntervalMining", 1)

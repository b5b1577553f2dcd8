# SPDX-License-Identifier: Apache-2.0
"""The book matches, the relayer settles, the follower confirms, the audit agrees: nothing is written by a test."""

from __future__ import annotations

from datetime import UTC, datetime

from backend.audit.compare import Request, audit
from backend.audit.fetch import Options
from backend.market.book.engine import Engine
from backend.market.orders.last_look import last_look
from tests.backend.market.conftest import FINALITY_DEPTH
from tests.backend.market.relayer.conftest import Trading


async def test_trade__matched_by_the_book__is_settled_and_a_counterpart_finds_another_when_its_own_is_gone(
    trading: Trading,
) -> None:
    engine = Engine(trading.town.db, trading.town.chain, last_look)
    gone = trading.orders.new(1, price_micro_per_kwh=200_000)
    stays = trading.orders.new(3, price_micro_per_kwh=230_000, energy_wh=700)
    bid = trading.orders.new(2, is_bid=True, price_micro_per_kwh=240_000)
    for order in (gone, stays, bid):
        await engine.place(order)
    trading.cancel(gone, 1)

    await trading.settle()  # the pair is taken out, and the bid meets the offer that rests
    await trading.settle()
    await trading.settle()

    rows = await trading.town.rows("SELECT state, offer_id, energy_wh, trade_id FROM matches ORDER BY settlement_nonce")
    assert [(row.state, row.offer_id, row.energy_wh) for row in rows] == [
        ("CANCELLED", gone.id, 1_000),
        ("FINAL", stays.id, 700),
    ]
    assert await trading.logged() == [rows[1].trade_id]
    assert await trading.order(bid) == ("OPEN", None, 700)
    assert (await trading.order(gone))[:2] == ("CANCELLED", "order_cancelled")
    assert (await trading.order(stays))[0] == "FILLED"
    report = await audit(_request(trading), clock=lambda: datetime.now(UTC))
    assert (report.findings.total, report.totals.trades) == (0, 1), report.findings.listed


def _request(trading: Trading) -> Request:
    return Request(
        rpc_urls=[trading.anvil.rpc_url],
        database_url=trading.databases.audit,
        deployment=trading.town.stage.deployment,
        options=Options(finality_depth=FINALITY_DEPTH),
        wait_s=0,
    )

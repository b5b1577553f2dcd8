# SPDX-License-Identifier: Apache-2.0
"""The audit serves intervals again: it agrees with settlement on random ones, and finds what was changed since."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
from hypothesis import given
from sqlalchemy import text

from backend.audit import deliveries
from backend.audit.compare import Request, audit
from backend.audit.deliveries import Paid, Reading, Tariffs, Traded
from backend.audit.fetch import Options
from backend.core.crypto import address_of
from backend.market.settlement.money import accounts_of
from backend.market.settlement.outcome import Candidate, outcome_of
from backend.sites.attestation import sign_reading
from backend.sites.types import IntervalReading
from tests.backend.audit.stage import COMMUNITY
from tests.backend.market.conftest import AFTER, FINALITY_DEPTH, START, Town, town
from tests.backend.market.settlement.test_outcome import PRICES, READINGS, intervals
from tests.backend.market.settlement.town import priced

__all__ = ["priced", "town"]
DEVICE = b"\x42" * 32


@given(intervals(), READINGS)
def test_serve__random_intervals__agrees_with_what_settlement_books(
    trades: list[Candidate], readings: dict[int, IntervalReading]
) -> None:
    outcome = outcome_of(trades, readings, PRICES, accounts_of(COMMUNITY))

    said = [
        Reading(meter, 0, 15, one.production_wh, None, one.export_wh, one.import_wh, "operator", 0, None, None)
        for meter, one in readings.items()
    ]
    meters = deliveries.metered(said, 15, dict.fromkeys(readings, 15))
    supplied = {revision.trade_id: revision.supplied_wh for revision in outcome.revisions}
    again = [
        Traded(
            item.trade_id.hex(), item.traded.seller.hex(), item.traded.buyer.hex(), item.traded.seller_meter,
            item.traded.buyer_meter, item.traded.energy_wh, item.traded.price_micro_per_kwh,
            item.traded.seller_fee_micro, item.traded.buyer_fee_micro, item.is_eligible, item.is_paid, 0, 0,
        )
        for item in trades
    ]  # fmt: skip
    served = deliveries.serve(again, meters)
    tariffs = Tariffs(PRICES.retail, PRICES.feed_in)
    due = deliveries.entries_due(again, served, meters, tariffs, COMMUNITY)

    assert [part.delivered_wh for part in served] == [delivery.delivered_wh for delivery in outcome.delivered]
    assert {item.trade_id: part.supplied_wh for item, part in zip(trades, served, strict=True) if item.is_paid} == {
        item.trade_id: supplied[item.trade_id] for item in trades if item.is_paid
    }
    assert due == Counter(
        Paid(
            line.kind.value, line.debit.hex(), line.credit.hex(), line.amount_micro, line.energy_wh,
            line.trade_id.hex() if line.trade_id else None, line.meter,
        )
        for line in outcome.lines
    )  # fmt: skip


async def _differences(town: Town, databases: Any) -> list[tuple[str, str]]:
    request = Request(
        rpc_urls=[town.stage.anvil.rpc_url],
        database_url=databases.audit,
        deployment=town.stage.deployment,
        options=Options(finality_depth=FINALITY_DEPTH),
        wait_s=0,
    )
    report = await audit(request, clock=lambda: datetime.now(UTC))
    return sorted((found.code.value, found.field) for found in report.findings)


async def _sign(town: Town, person: int, **quantities: int) -> None:
    """Have a meter's device sign what its house read."""
    values = tuple(quantities.get(name) for name in ("production", "consumption", "export", "import"))
    signature = sign_reading(DEVICE, meter=100 + person, start=START, minutes=15, revision=1, quantities=values)
    async with town.db.begin() as session:
        await session.execute(
            text("UPDATE houses SET device_key = :key WHERE id = :house"),
            {"key": address_of(DEVICE), "house": town.houses[person]},
        )
        await session.execute(
            text("""INSERT INTO energy_production (house_id, start_at, end_at, minutes, production_wh, export_wh,
                        attestation, signature, revision, recorded_at)
                    VALUES (:house, :at, :until, 15, :production, :export, 'device', :by, 1, :now)
                 """),
            {
                "house": town.houses[person],
                "at": START,
                "until": START + timedelta(minutes=15),
                "by": signature,
                "now": AFTER,
                **quantities,
            },
        )


async def test_audit__money_delivery_or_reading_changed__is_found(priced: Town, databases: Any) -> None:
    priced.stage.fill(1, 2, 2000)
    priced.stage.fill(3, 2, 1000)
    await priced.confirm(FINALITY_DEPTH)
    await _sign(priced, 1, production=3000, export=1500)
    await priced.read(2, **{"import": 2700})
    await priced.read(3, production=900, export=900)
    await priced.settle()
    await priced.reread(2, **{"import": 2300})
    await priced.settle()
    tamper = await asyncpg.connect(databases.superuser)
    await tamper.execute("SET session_replication_role = replica")

    clean = await _differences(priced, databases)
    found = []
    for change, undo in (
        ("SET export_wh = 1501 WHERE export_wh = 1500", "SET export_wh = 1500 WHERE export_wh = 1501"),
        ("SET import_wh = 2299 WHERE import_wh = 2300", "SET import_wh = 2300 WHERE import_wh = 2299"),
    ):
        await tamper.execute(f"UPDATE energy_production {change}")
        found.append(await _differences(priced, databases))
        await tamper.execute(f"UPDATE energy_production {undo}")
    await tamper.execute("UPDATE money_entries SET amount_micro = amount_micro + 1 WHERE reverses IS NOT NULL")
    found.append(await _differences(priced, databases))
    await tamper.close()

    assert clean == []
    assert ("reading.forged", "signature") in found[0]
    assert {code for code, _ in found[1]} == {"delivery.wrong", "money.wrong"}
    assert {code for code, _ in found[2]} == {"money.wrong"}

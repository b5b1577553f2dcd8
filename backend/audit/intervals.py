# SPDX-License-Identifier: Apache-2.0
"""Compares deliveries and the ledger of money with what trades, readings and the published rule say."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from backend.audit import deliveries
from backend.audit.database import Row, Snapshot
from backend.audit.deliveries import Paid, Reading, Tariffs, Traded
from backend.audit.differences import Code, Difference, Findings

CORRECTABLE = timedelta(days=700)
"""Readings of older intervals may have been deleted."""
UNDER_WAY = timedelta(minutes=10)
"""A reading that came after the settlement, and less long ago than this, may not have been taken into account yet."""
MOST_PRICE = 2**40 - 1

_INTERVALS = """
SELECT i.community, i.delivery_start, extract(epoch FROM i.delivery_start)::bigint AS start, i.delivery_minutes,
    i.version, i.settled_at, i.retail_price_micro_per_kwh AS retail, i.feed_in_price_micro_per_kwh AS feed_in,
    t.trades, r.readings, r.newest, e.entries
FROM settled_intervals AS i
CROSS JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_array(encode(t.trade_id, 'hex'),
        encode(coalesce(uuid_send(t.seller_id), t.seller_address), 'hex'),
        encode(coalesce(uuid_send(t.buyer_id), t.buyer_address), 'hex'), t.seller_meter, t.buyer_meter, t.energy_wh,
        t.price_micro_per_kwh, coalesce(m.seller_fee_micro, 0), coalesce(m.buyer_fee_micro, 0),
        t.ineligible_reason IS NULL,
        coalesce(t.ineligible_reason, 'unknown_factor') IN ('unknown_factor', 'average_factor')
            AND coalesce(uuid_send(t.seller_id), t.seller_address) <> coalesce(uuid_send(t.buyer_id), t.buyer_address),
        t.delivered_wh,
        (SELECT s.supplied_wh FROM trade_settlements AS s WHERE s.chain = t.chain AND s.trade_id = t.trade_id
         ORDER BY s.revision DESC LIMIT 1)) ORDER BY f.version, t.block_number, t.log_index) AS trades,
        array_agg(t.seller_meter) || array_agg(t.buyer_meter) AS meters
    FROM trade_settlements AS f JOIN energy_trades AS t ON t.chain = f.chain AND t.trade_id = f.trade_id
    LEFT JOIN matches AS m ON m.chain = t.chain AND m.trade_id = t.trade_id
    WHERE f.community = i.community AND f.chain = i.chain AND f.delivery_start = i.delivery_start AND f.revision = 0
) AS t
CROSS JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_array(h.meter, h.reading_minutes, extract(epoch FROM p.start_at)::bigint,
        p.production_wh, p.consumption_wh, p.export_wh, p.import_wh, p.attestation, p.revision,
        encode(p.signature, 'hex'), encode(coalesce(c.device_key, h.device_key), 'hex'))) AS readings,
        max(p.recorded_at) AS newest
    FROM houses AS h LEFT JOIN chain_meters AS c ON c.chain = i.chain AND c.meter = h.meter
    JOIN energy_production AS p ON p.house_id = h.id AND p.start_at >= i.delivery_start
        AND p.start_at < i.delivery_start + i.delivery_minutes * interval '1 minute'
    WHERE h.meter = ANY(t.meters)
) AS r
CROSS JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_array(e.kind, encode(e.debit_account, 'hex'), encode(e.credit_account, 'hex'),
        e.amount_micro, e.energy_wh, encode(e.trade_id, 'hex'), e.meter)) AS entries
    FROM money_entries AS e
    WHERE e.community = i.community AND e.chain = i.chain AND e.delivery_start = i.delivery_start
        AND e.reverses IS NULL AND NOT EXISTS (SELECT FROM money_entries AS x WHERE x.reverses = e.id)
) AS e
WHERE i.chain = $1 AND i.delivery_start > $2 AND i.readings_changed_at IS NULL
ORDER BY i.community, i.delivery_start
"""
_REVERSALS = """
SELECT r.id FROM money_entries AS r JOIN money_entries AS e ON e.id = r.reverses
WHERE (r.kind, r.debit_account, r.credit_account, r.amount_micro, r.energy_wh)
        <> (e.kind, e.credit_account, e.debit_account, e.amount_micro, e.energy_wh)
    OR (r.community, r.chain, r.delivery_start) <> (e.community, e.chain, e.delivery_start)
    OR (r.trade_id, r.meter) IS DISTINCT FROM (e.trade_id, e.meter) OR e.reverses IS NOT NULL
ORDER BY r.id LIMIT $1
"""


async def compare_intervals(snapshot: Snapshot, chain: int, findings: Findings, now: datetime) -> None:
    """Each settled interval against its trades and readings; those whose readings just changed wait for the next."""
    async for row in snapshot.stream(_INTERVALS, chain, now - CORRECTABLE):
        newest = row["newest"]
        if newest is not None and newest > row["settled_at"] and newest > now - UNDER_WAY:
            continue
        _compare(row, findings)
    for row in await snapshot.rows(_REVERSALS, findings.limit):
        note = "takes back something else than its entry"
        findings.add(Difference(Code.MONEY_WRONG, f"entry {row['id']}", "reverses", note=note))


def _compare(row: Row, findings: Findings) -> None:
    trades = [Traded(*values) for values in row["trades"] or ()]
    lengths = dict.fromkeys((meter for each in trades for meter in (each.seller_meter, each.buyer_meter)), 0)
    readings = [_reading(values) for values in row["readings"] or ()]
    for reading in readings:
        lengths[reading.meter] = reading.minutes
        if reading.attestation == "device" and not deliveries.is_signed(reading):
            subject = f"reading of meter {reading.meter} at {reading.start}"
            findings.add(Difference(Code.READING_FORGED, subject, "signature", note="not by the meter's key"))
    meters = deliveries.metered(readings, row["delivery_minutes"], lengths)
    served = deliveries.serve(trades, meters)
    for trade, part in zip(trades, served, strict=True):
        if trade.delivered_wh != part.delivered_wh:
            subject, found = "0x" + trade.trade, trade.delivered_wh
            findings.add(Difference(Code.DELIVERY_WRONG, subject, "delivered_wh", part.delivered_wh, found))
        if row["version"] and trade.supplied_wh != part.supplied_wh:
            subject, found = "0x" + trade.trade, trade.supplied_wh
            findings.add(Difference(Code.DELIVERY_WRONG, subject, "supplied_wh", part.supplied_wh, found))
    if not row["version"]:
        return  # settled before there was a ledger of money
    tariffs = Tariffs(min(row["retail"], MOST_PRICE), min(row["feed_in"], MOST_PRICE))
    due = deliveries.entries_due(trades, served, meters, tariffs, row["community"])
    standing = Counter(Paid(*values) for values in row["entries"] or ())
    subject = f"money of community {row['community']} at {row['delivery_start'].isoformat()}"
    for entry in (due - standing).elements():
        findings.add(Difference(Code.MONEY_WRONG, subject, entry.kind, _text(entry), None, "due, not booked"))
    for entry in (standing - due).elements():
        findings.add(Difference(Code.MONEY_WRONG, subject, entry.kind, None, _text(entry), "booked, not due"))


def _reading(values: list[Any]) -> Reading:
    meter, minutes, start, production, consumption, export, imported, attestation, revision, signature, key = values
    return Reading(
        meter, start, minutes, production, consumption, export, imported, attestation, revision,
        None if signature is None else bytes.fromhex(signature), None if key is None else bytes.fromhex(key),
    )  # fmt: skip


def _text(entry: Paid) -> str:
    of = f"trade 0x{entry.trade}" if entry.trade else f"meter {entry.meter}"
    return f"{entry.amount_micro} for {entry.energy_wh} Wh of {of} from {entry.debit} to {entry.credit}"

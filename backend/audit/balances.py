# SPDX-License-Identifier: Apache-2.0
"""Compares wallets, statistics, boards and people inside the database with what they must follow from.

A wallet must be the sum of its transfers, and its total must be what chain, deliveries and signed documents say; a
board must be the sum of the ledger by holder and day; a trade's users must own its wallets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backend.audit.database import Row, Snapshot
from backend.audit.differences import Code, Difference, Findings
from backend.audit.encoding import hex_of

BUCKETS = ("pending_g", "available_g", "earned_g", "received_g", "spent_g", "reversed_g")

_SUMS = """
WITH sides AS (
    SELECT debit_account AS account,
        CASE debit_bucket WHEN 0 THEN -grams ELSE 0 END AS pending_g,
        CASE debit_bucket WHEN 1 THEN -grams ELSE 0 END AS available_g,
        0 AS earned_g, 0 AS received_g,
        CASE WHEN kind IN ('retired', 'transferred') THEN grams ELSE 0 END AS spent_g,
        CASE WHEN kind IN ('reversed', 'reduced') THEN grams ELSE 0 END AS reversed_g
    FROM carbon_transactions
    UNION ALL
    SELECT credit_account,
        CASE credit_bucket WHEN 0 THEN grams ELSE 0 END,
        CASE credit_bucket WHEN 1 THEN grams ELSE 0 END,
        CASE kind WHEN 'earned' THEN grams ELSE 0 END,
        CASE kind WHEN 'transferred' THEN grams ELSE 0 END, 0, 0
    FROM carbon_transactions
), sums AS (
    SELECT account, sum(pending_g)::bigint AS pending_g, sum(available_g)::bigint AS available_g,
        sum(earned_g)::bigint AS earned_g, sum(received_g)::bigint AS received_g, sum(spent_g)::bigint AS spent_g,
        sum(reversed_g)::bigint AS reversed_g
    FROM sides GROUP BY account
)
"""
_WALLETS = (
    _SUMS
    + "SELECT account, "
    + ", ".join(f"coalesce(s.{name}, 0) AS {name}, coalesce(w.{name}, 0) AS found_{name}" for name in BUCKETS)
    + """
FROM sums AS s FULL JOIN carbon_wallet AS w USING (account)
WHERE account <> '\\x00' AND ("""
    + " OR ".join(f"coalesce(s.{name}, 0) <> coalesce(w.{name}, 0)" for name in BUCKETS)
    + ")"
)
_TOTALS = """
WITH unsure AS (
    SELECT c.debit_account, c.credit_account, c.grams FROM carbon_transactions AS c
    LEFT JOIN energy_trades AS t ON t.chain = c.chain AND t.trade_id = c.trade_id
    WHERE c.trade_id IS NOT NULL
        AND (c.chain <> $1 OR t.block_number > $2 OR t.status = 'ORPHANED' OR t.trade_id = ANY($3::bytea[]))
), moves AS (
    SELECT debit_account AS account, -grams AS grams FROM unsure
    UNION ALL SELECT credit_account, grams FROM unsure
), net AS (SELECT account, sum(grams)::bigint AS grams FROM moves GROUP BY account)
SELECT account, coalesce(w.pending_g, 0) + coalesce(w.available_g, 0) - coalesce(n.grams, 0) AS found_g
FROM carbon_wallet AS w FULL JOIN net AS n USING (account) WHERE octet_length(account) = 20
"""
_UNFOUNDED = """
SELECT id, kind::text AS kind, trade_id, grams, debit_account, credit_account FROM carbon_transactions AS c
WHERE CASE WHEN kind IN ('retired', 'transferred', 'corrected') THEN document_id IS NULL
    ELSE trade_id IS NULL
        OR NOT EXISTS (SELECT FROM energy_trades AS t WHERE t.chain = c.chain AND t.trade_id = c.trade_id) END
ORDER BY id LIMIT $1
"""
_ORPHANED = """
WITH left_over AS (
    SELECT c.trade_id,
        sum(CASE c.kind WHEN 'earned' THEN grams WHEN 'released' THEN 0 ELSE -grams END)::bigint AS left_g,
        sum(grams) FILTER (WHERE c.kind = 'released')::bigint AS released_g
    FROM carbon_transactions AS c JOIN energy_trades AS t ON t.chain = c.chain AND t.trade_id = c.trade_id
    WHERE t.chain = $1 AND t.status = 'ORPHANED' GROUP BY c.trade_id
)
SELECT trade_id, left_g, released_g FROM left_over WHERE left_g <> 0 OR released_g > 0 LIMIT $2
"""
_BOARDS = """
WITH ledger AS (
    SELECT coalesce(l.user_id, c.holder_id) AS holder_id, c.community, c.delivery_date,
        sum(CASE c.kind WHEN 'earned' THEN c.grams ELSE -c.grams END) AS net_g
    FROM carbon_transactions AS c LEFT JOIN leaderboard_holders AS l ON l.holder_id = c.holder_id
    WHERE c.kind IN ('earned', 'reversed', 'reduced') GROUP BY 1, 2, 3
), queued AS (
    SELECT coalesce(l.user_id, q.holder_id) AS holder_id, q.community, q.delivery_date, -sum(q.net_g) AS net_g
    FROM leaderboard_queue AS q LEFT JOIN leaderboard_holders AS l ON l.holder_id = q.holder_id GROUP BY 1, 2, 3
), parts AS (
    SELECT p.period, p.period_start, m.community, m.holder_id, m.net_g FROM ledger AS m
    CROSS JOIN LATERAL (VALUES ('day', m.delivery_date), ('all', date '1970-01-01'),
        ('week', date_trunc('week', m.delivery_date::timestamp)::date),
        ('month', date_trunc('month', m.delivery_date::timestamp)::date)) AS p (period, period_start)
    UNION ALL
    SELECT p.period, p.period_start, m.community, m.holder_id, m.net_g FROM queued AS m
    CROSS JOIN LATERAL (VALUES ('week', date_trunc('week', m.delivery_date::timestamp)::date),
        ('month', date_trunc('month', m.delivery_date::timestamp)::date)) AS p (period, period_start)
), expected AS (
    SELECT period, period_start, board AS community, holder_id, sum(net_g)::bigint AS net_g FROM parts
    CROSS JOIN LATERAL (VALUES (community), (0)) AS c (board) GROUP BY 1, 2, 3, 4
)
SELECT coalesce(e.period, b.period::text) AS period, coalesce(e.period_start, b.period_start) AS period_start,
    coalesce(e.community, b.community) AS community, coalesce(e.holder_id, b.holder_id) AS holder_id,
    coalesce(e.net_g, 0) AS expected_g, coalesce(b.net_g, 0) AS found_g
FROM expected AS e FULL JOIN leaderboard AS b
    ON b.period::text = e.period AND b.period_start = e.period_start AND b.community = e.community
    AND b.holder_id = e.holder_id
WHERE coalesce(e.net_g, 0) <> coalesce(b.net_g, 0) LIMIT $1
"""
_CORRECTED = """
SELECT t.community::bigint AS community,
    sum(div(t.delivered_wh::numeric * f.mg_per_kwh, 1000000)
        - div(first.delivered_wh::numeric * f.mg_per_kwh, 1000000))::bigint AS grams
FROM trade_settlements AS first
JOIN energy_trades AS t ON t.chain = first.chain AND t.trade_id = first.trade_id
JOIN emission_factors AS f ON f.chain = t.chain AND f.factor_id = t.factor_id
WHERE first.chain = $1 AND first.revision = 0 AND t.claim_g > 0 AND t.ineligible_reason IS NULL GROUP BY t.community
"""
_PEOPLE = """
SELECT t.trade_id, p.name, p.user_id, p.address FROM energy_trades AS t
CROSS JOIN LATERAL (VALUES ('seller_id', t.seller_id, t.seller_address), ('buyer_id', t.buyer_id, t.buyer_address))
    AS p (name, user_id, address)
WHERE t.chain = $1 AND p.user_id IS NOT NULL
    AND NOT EXISTS (SELECT FROM wallets AS w WHERE w.address = p.address AND w.user_id = p.user_id) LIMIT $2
"""
_STATISTICS = """
WITH expected AS (
    SELECT seller_address AS address, count(*) AS trades, sum(energy_wh)::bigint AS energy_wh,
        sum(div(energy_wh::numeric * price_micro_per_kwh, 1000)) AS revenue_micro
    FROM energy_trades WHERE status <> 'ORPHANED' AND consented AND ineligible_reason IS NULL GROUP BY 1
)
SELECT address, coalesce(e.trades, 0) AS trades, coalesce(s.trades, 0) AS found_trades,
    coalesce(e.energy_wh, 0) AS energy_wh, coalesce(s.energy_wh, 0) AS found_energy_wh,
    coalesce(e.revenue_micro, 0) AS revenue_micro, coalesce(s.revenue_micro, 0) AS found_revenue_micro
FROM expected AS e FULL JOIN seller_statistics AS s USING (address)
WHERE coalesce(e.trades, 0) <> coalesce(s.trades, 0) OR coalesce(e.energy_wh, 0) <> coalesce(s.energy_wh, 0)
    OR coalesce(e.revenue_micro, 0) <> coalesce(s.revenue_micro, 0) LIMIT $1
"""


async def compare_balances(
    snapshot: Snapshot, chain: int, last_block: int, late: Sequence[bytes], expected_g: Mapping[bytes, int],
    findings: Findings,
) -> None:  # fmt: skip
    """Wallets against their transfers, and their totals against `expected_g` (grams by wallet from chain, deliveries
    and documents); what newer trades moved is taken off first."""
    flagged = set()
    async for row in snapshot.stream(_WALLETS):
        flagged.add(row["account"])
        for name in BUCKETS:
            if row[name] != row[f"found_{name}"]:
                subject = account_name(row["account"])
                findings.add(Difference(Code.BALANCE_WRONG, subject, name, row[name], row[f"found_{name}"]))
    remaining = {account: grams for account, grams in expected_g.items() if grams}
    async for row in snapshot.stream(_TOTALS, chain, last_block, list(late)):
        expected = remaining.pop(row["account"], 0)
        if expected != row["found_g"] and row["account"] not in flagged:
            _wrong_total(findings, row["account"], expected, row["found_g"])
    for account, grams in remaining.items():
        if account not in flagged:
            _wrong_total(findings, account, grams, 0)


def _wrong_total(findings: Findings, account: bytes, expected: int, found: int) -> None:
    note = "what chain and signed documents add up to"
    findings.add(Difference(Code.BALANCE_WRONG, account_name(account), "total_g", expected, found, note))


def account_name(account: bytes) -> str:
    """An account as reports show it."""
    if account == b"\x00":
        return "issuance"
    if account == b"\x01":
        return "retired"
    if len(account) == 5:
        return f"reserve of community {int.from_bytes(account[1:], 'big')}"
    return hex_of(account)


async def compare_transfers(snapshot: Snapshot, chain: int, findings: Findings) -> None:
    """Transfers that no recorded trade stands for, and orphans that kept carbon."""
    for row in await snapshot.rows(_UNFOUNDED, findings.limit):
        subject = hex_of(row["trade_id"]) if row["trade_id"] else f"transfer {row['id']}"
        findings.add(Difference(Code.TRANSFER_UNFOUNDED, subject, row["kind"], None, row["grams"], str(row["id"])))
    for row in await snapshot.rows(_ORPHANED, chain, findings.limit):
        left = row["left_g"] if row["left_g"] else row["released_g"]
        findings.add(Difference(Code.TRANSFER_WRONG, hex_of(row["trade_id"]), "left of an orphaned trade", 0, left))


async def compare_corrections(snapshot: Snapshot, chain: int, ordered_g: Mapping[int, int], findings: Findings) -> None:
    """What deliveries changed after their release is what signed corrections order, community by community."""
    changed_g = {row["community"]: row["grams"] for row in await snapshot.rows(_CORRECTED, chain)}
    for community in sorted(changed_g.keys() | ordered_g.keys()):
        expected, found = changed_g.get(community, 0), ordered_g.get(community, 0)
        if expected != found:
            subject, note = f"corrections of community {community}", "by deliveries, and by signed corrections"
            findings.add(Difference(Code.TRANSFER_WRONG, subject, "grams", expected, found, note))


async def compare_boards(snapshot: Snapshot, findings: Findings) -> None:
    """Every board is the sum of the ledger; week and month together with what waits in the queue."""
    for row in await snapshot.rows(_BOARDS, findings.limit):
        subject = f"{row['period']} {row['period_start']} community {row['community']} holder {row['holder_id']}"
        findings.add(Difference(Code.LEADERBOARD_WRONG, subject, "net_g", row["expected_g"], row["found_g"]))


async def compare_people(snapshot: Snapshot, chain: int, findings: Findings) -> None:
    """Users named by a trade own its wallets; seller statistics are the sum of the trades that count."""
    for row in await snapshot.rows(_PEOPLE, chain, findings.limit):
        findings.add(
            Difference(Code.TRADE_TAMPERED, hex_of(row["trade_id"]), row["name"], row["address"], str(row["user_id"]))
        )
    for row in await snapshot.rows(_STATISTICS, findings.limit):
        _wrong_statistics(row, findings)


def _wrong_statistics(row: Row, findings: Findings) -> None:
    for name in ("trades", "energy_wh", "revenue_micro"):
        expected: Any = row[name]
        if expected != row[f"found_{name}"]:
            subject = f"statistics of {hex_of(row['address'])}"
            findings.add(Difference(Code.STATISTICS_WRONG, subject, name, expected, row[f"found_{name}"]))

# SPDX-License-Identifier: Apache-2.0
"""Compares the database's trades, with their ledger transfers, against the trades rebuilt from the chain."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from backend.audit.database import Row, Snapshot, json_bytes
from backend.audit.decode import Undecodable
from backend.audit.differences import LISTED, Code, Difference, Findings
from backend.audit.encoding import hex_of
from backend.audit.ledger import Booked, Entry, check, settlement
from backend.audit.merging import merged
from backend.audit.rebuild import History, Trade
from backend.audit.spool import Spool

_COLUMNS = """
t.trade_id, t.kind, t.seller_address, t.buyer_address, t.energy_wh, t.price_micro_per_kwh, t.carbon_logged_g,
t.factor_id, t.seller_meter, t.buyer_meter, t.community, extract(epoch FROM t.delivery_start)::bigint AS delivery_start,
t.delivery_minutes, t.delivery_date, t.consented, t.ineligible_reason, t.claim_g, t.delivered_wh, t.settled_at,
t.status, t.cycle, t.block_number, t.block_hash, t.tx_hash, t.log_index,
extract(epoch FROM t.block_time)::bigint AS block_time,
t.seller_id, t.buyer_id, t.consent_block_number, t.consent_block_hash, t.consent_tx_hash,
(SELECT array_agg(s.delivered_wh ORDER BY s.revision) FROM trade_settlements AS s
 WHERE s.chain = t.chain AND s.trade_id = t.trade_id) AS deliveries,
(SELECT jsonb_agg(jsonb_build_array(c.kind, c.debit_account, c.debit_bucket, c.credit_account, c.credit_bucket, c.grams,
    c.cycle, c.document_id, c.community, extract(epoch FROM c.delivery_start)::bigint))
 FROM carbon_transactions AS c WHERE c.chain = t.chain AND c.trade_id = t.trade_id) AS entries
"""
_STANDING = f"""
SELECT {_COLUMNS} FROM energy_trades AS t
WHERE t.chain = $1 AND t.status <> 'ORPHANED' AND t.block_number <= $2
ORDER BY t.block_number, t.log_index, t.trade_id
"""  # noqa: S608 built from constants
BY_ID = f"SELECT {_COLUMNS} FROM energy_trades AS t WHERE t.chain = $1 AND t.trade_id = ANY($2::bytea[])"  # noqa: S608
_OBSERVED = """
SELECT t.trade_id FROM unnest($2::bytea[], $3::bytea[], $4::int[]) AS t (trade_id, block_hash, log_index)
JOIN chain_events AS e ON e.chain = $1 AND e.block_hash = t.block_hash AND e.log_index = t.log_index
WHERE substring(e.topics FROM 33 FOR 32) = t.trade_id
"""


@dataclass(slots=True)
class TradeTotals:
    """What the comparison of trades hands on: grams per wallet that chain and deliveries say, and counts."""

    compared: int = 0
    expected_g: defaultdict[bytes, int] = field(default_factory=lambda: defaultdict(int))
    energy_wh: int = 0
    claim_g: int = 0
    consented: int = 0


class TradeComparison:
    """One comparison. `late` holds ids whose consent came after the audited block: their consent is not judged yet.
    `block_hash` gives the canonical hash of a block."""

    def __init__(
        self,
        snapshot: Snapshot,
        chain: int,
        history: History,
        findings: Findings,
        *,
        late: frozenset[bytes],
        block_hash: Callable[[int], Awaitable[bytes | None]],
    ) -> None:
        self.snapshot = snapshot
        self.chain = chain
        self.history = history
        self.findings = findings
        self.late = late
        self.block_hash = block_hash
        self.totals = TradeTotals()
        self._missing: dict[bytes, Trade] = {}
        self._extra: dict[bytes, Row] = {}
        self._tail: list[bytes] = []

    async def run(self, spool: Spool, last_block: int) -> TradeTotals:
        """Compare all trades up to `last_block`; differences go to the findings."""
        rows = self.snapshot.stream(_STANDING, self.chain, last_block)
        async for trade, row in merged(self._trades(spool), _position, rows, _row_position):
            if trade is not None:
                self._count(trade)
            if trade is not None and row is not None and row["trade_id"] == trade.trade_id:
                self._tail.clear()
                self._compare(trade, row)
                continue
            if trade is not None:
                self._lacks(trade)
            if row is not None:
                self._has_more(row)
        await self._reconcile()
        return self.totals

    def _trades(self, spool: Spool) -> Iterator[Trade]:
        topic = self.history.decoder.topics["EnergyTradeLogged"]
        for log in spool:
            if log.topics[:1] != (topic,):
                continue
            try:
                trade = self.history.judge(log)
            except Undecodable:
                continue
            if trade.storable:
                yield trade

    def _count(self, trade: Trade) -> None:
        self.totals.compared += 1
        self.totals.energy_wh += trade.energy_wh
        self.totals.consented += trade.consented
        if trade.trade_id not in self.late:
            self.totals.claim_g += trade.claim_g
            if trade.claim_g:
                self.totals.expected_g[trade.buyer] += trade.claim_g

    def _lacks(self, trade: Trade) -> None:
        if len(self._missing) < LISTED:
            self._tail.append(trade.trade_id)
            self._missing[trade.trade_id] = trade
        else:
            self.findings.add(Difference(Code.TRADE_MISSING, hex_of(trade.trade_id)))

    def _has_more(self, row: Row) -> None:
        if len(self._extra) < LISTED:
            self._extra[row["trade_id"]] = row
        else:
            self.findings.add(Difference(Code.TRADE_EXTRA, hex_of(row["trade_id"])))

    def _compare(self, trade: Trade, row: Row) -> None:
        subject = hex_of(trade.trade_id)
        for name, expected in expected_row(trade).items():
            if trade.trade_id in self.late and name in _CONSENT_FIELDS:
                continue
            found = row[name]
            if expected == found:
                continue
            if name == "ineligible_reason" and self._is_same_person(trade, row):
                continue
            self.findings.add(Difference(Code.TRADE_TAMPERED, subject, name, expected, found))
        if row["status"] == "ORPHANED":
            self.findings.add(Difference(Code.TRADE_TAMPERED, subject, "status", "FINAL", "ORPHANED"))
        self._check_date(trade, row)
        if trade.trade_id not in self.late:
            self._check_ledger(trade, row)

    @staticmethod
    def _is_same_person(trade: Trade, row: Row) -> bool:
        """Both wallets belong to one user, which only the database knows: the operator takes the claim back then, by a
        signed document. That the wallets are that user's is checked for all rows at once (`compare_people`)."""
        same = row["seller_id"] is not None and row["seller_id"] == row["buyer_id"]
        return bool(same and trade.reason is None and row["ineligible_reason"] == "same_user")

    def _check_date(self, trade: Trade, row: Row) -> None:
        """The calendar day is that of some time zone at the start of delivery."""
        day = row["delivery_date"]
        if day is None or trade.delivery_start is None or trade.community is None:
            return
        behind = trade.delivery_start - (day.toordinal() - _EPOCH) * 86_400
        if not -14 * 3600 <= behind < 86_400 + 12 * 3600:
            self.findings.add(
                Difference(Code.TRADE_TAMPERED, hex_of(trade.trade_id), "delivery_date", trade.delivery_start, day)
            )

    def _check_ledger(self, trade: Trade, row: Row) -> None:
        factor = self.history.factors.get(trade.factor_id)
        delivered_wh = self._first_delivered(row)
        booked = Booked(row["status"], row["cycle"], delivered_wh, refused=self._is_same_person(trade, row))
        rate = factor.mg_per_kwh if factor else 0
        for what, expected, found in check(trade, booked, entries_of(row), rate):
            self._wrong(trade, what, expected, found)
        self.totals.expected_g[trade.buyer] -= settlement(trade, booked, rate)[1]

    def _first_delivered(self, row: Row) -> int | None:
        """What carbon was released by; the deliveries since are corrections, and the last of them is the trade's."""
        if not row["settled_at"]:
            return None
        deliveries = row["deliveries"] or [row["delivered_wh"]]
        if deliveries[-1] != row["delivered_wh"]:
            subject = hex_of(row["trade_id"])
            found = row["delivered_wh"]
            self.findings.add(Difference(Code.TRADE_TAMPERED, subject, "delivered_wh", deliveries[-1], found))
        return int(deliveries[0])

    def _wrong(self, trade: Trade, what: str, expected: Any, found: Any) -> None:
        self.findings.add(Difference(Code.TRANSFER_WRONG, hex_of(trade.trade_id), what, expected, found))

    async def _reconcile(self) -> None:
        """Rows that stand elsewhere than their log are tampered; what is left is missing, extra, or a hidden orphan."""
        elsewhere = await self.snapshot.rows(BY_ID, self.chain, list(self._missing)) if self._missing else []
        for row in elsewhere:
            self._extra.pop(row["trade_id"], None)
            self._compare(self._missing.pop(row["trade_id"]), row)
        for trade_id in self._missing:
            self.findings.add(Difference(Code.TRADE_MISSING, hex_of(trade_id), note=_place(self._missing[trade_id])))
        gone = len(self._tail)
        if gone > 1 and self._missing.keys() >= set(self._tail):
            note, compared = "every trade after a point is missing", self.totals.compared
            self.findings.add(Difference(Code.HISTORY_TRUNCATED, "database", "trades", compared, compared - gone, note))
        if self._extra:
            await self._name_extras()

    async def _name_extras(self) -> None:
        """An observed log whose block lost is an orphan that should be shown as one; the rest was made up."""
        keys = list(self._extra)
        observed = await self.snapshot.rows(
            _OBSERVED, self.chain, keys, [self._extra[key]["block_hash"] for key in keys],
            [self._extra[key]["log_index"] for key in keys],
        )  # fmt: skip
        orphans = {row["trade_id"] for row in observed}
        for key in keys:
            row = self._extra[key]
            lost = key in orphans and await self.block_hash(row["block_number"]) != row["block_hash"]
            code = Code.TRADE_ORPHAN_NOT_SHOWN if lost else Code.TRADE_EXTRA
            note = f"block {row['block_number']} log {row['log_index']}"
            self.findings.add(Difference(code, hex_of(key), "status", None, row["status"], note))


_EPOCH = 719_163
_CONSENT_FIELDS = frozenset(
    {
        "factor_id", "seller_meter", "buyer_meter", "community", "delivery_start", "delivery_minutes", "consented",
        "ineligible_reason", "claim_g", "consent_block_number", "consent_block_hash", "consent_tx_hash",
    }
)  # fmt: skip


def _position(trade: Trade) -> tuple[int, int]:
    return trade.log.block_number, trade.log.log_index


def _row_position(row: Row) -> tuple[int, int]:
    return row["block_number"], row["log_index"]


def _place(trade: Trade) -> str:
    return f"block {trade.log.block_number} log {trade.log.log_index}"


def expected_row(trade: Trade) -> dict[str, Any]:
    """The columns of `energy_trades` that the chain decides."""
    consent = trade.consent.log if trade.consent else None
    return {
        "kind": trade.kind,
        "seller_address": trade.seller,
        "buyer_address": trade.buyer,
        "energy_wh": trade.energy_wh,
        "price_micro_per_kwh": trade.price_micro_per_kwh,
        "carbon_logged_g": trade.carbon_logged_g,
        "factor_id": trade.factor_id,
        "seller_meter": trade.seller_meter,
        "buyer_meter": trade.buyer_meter,
        "community": trade.community,
        "delivery_start": trade.delivery_start,
        "delivery_minutes": trade.delivery_minutes,
        "consented": trade.consented,
        "ineligible_reason": trade.reason,
        "claim_g": trade.claim_g,
        "block_number": trade.log.block_number,
        "block_hash": trade.log.block_hash,
        "tx_hash": trade.log.tx_hash,
        "log_index": trade.log.log_index,
        "block_time": trade.log.block_time,
        "consent_block_number": consent.block_number if consent else None,
        "consent_block_hash": consent.block_hash if consent else None,
        "consent_tx_hash": consent.tx_hash if consent else None,
    }


def entries_of(row: Row) -> list[Entry]:
    """The transfers that the query gathered for a trade."""
    return [
        Entry(
            kind, json_bytes(debit) or b"", debit_bucket, json_bytes(credit) or b"", credit_bucket, grams, cycle,
            document, community, start,
        )
        for kind, debit, debit_bucket, credit, credit_bucket, grams, cycle, document, community, start in (
            row["entries"] or ()
        )
    ]  # fmt: skip

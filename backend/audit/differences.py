# SPDX-License-Identifier: Apache-2.0
"""What an audit can find: stable codes, and one row per difference. The codes are a promise and keep their names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

LISTED = 10_000


class Code(StrEnum):
    """Kinds of difference; the text is what reports, exit messages and tests name."""

    TRADE_TAMPERED = "trade.tampered"
    TRADE_MISSING = "trade.missing"
    TRADE_EXTRA = "trade.extra"
    TRADE_ORPHAN_NOT_SHOWN = "trade.orphan_not_shown"
    OBSERVATION_TAMPERED = "observation.tampered"
    OBSERVATION_MISSING = "observation.missing"
    OBSERVATION_EXTRA = "observation.extra"
    REGISTER_TAMPERED = "register.tampered"
    REGISTER_MISSING = "register.missing"
    REGISTER_EXTRA = "register.extra"
    BALANCE_WRONG = "balance.wrong"
    TRANSFER_WRONG = "ledger.wrong_transfer"
    TRANSFER_UNFOUNDED = "ledger.unfounded_transfer"
    DOCUMENT_FORGED = "document.forged"
    DOCUMENT_CHAIN_BROKEN = "document.chain_broken"
    DELIVERY_WRONG = "delivery.wrong"
    READING_FORGED = "reading.forged"
    MONEY_WRONG = "money.wrong"
    LEADERBOARD_WRONG = "leaderboard.wrong"
    STATISTICS_WRONG = "statistics.wrong"
    RECEIPT_TAMPERED = "receipt.tampered"
    RECEIPT_INCOMPLETE = "receipt.incomplete"
    MATCH_TAMPERED = "match.tampered"
    MATCH_UNEXPLAINED = "match.unexplained"
    MATCH_MISSING = "match.missing"
    MATCH_UNKNOWN = "match.unknown"
    MATCH_SETTLED_OTHERWISE = "match.settled_otherwise"
    ORDER_OVERMATCHED = "order.overmatched"
    LOG_WITHHELD = "node.log_withheld"
    LOG_FALSE = "node.log_false"
    HEADER_FALSE = "node.header_false"
    RECEIPTS_FALSE = "node.receipts_false"
    NODES_DISAGREE = "node.disagree"
    HISTORY_TRUNCATED = "history.truncated"
    HISTORY_HEAD = "history.head_mismatch"
    CHECKPOINT_CONTRADICTED = "checkpoint.contradicted"


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference. `subject` names the row (trade id, account, block); `expected` is what chain and signed
    documents say, `found` what the database (or the node) says; None where there is nothing."""

    code: Code
    subject: str
    field: str = ""
    expected: Any = None
    found: Any = None
    note: str = ""

    def row(self) -> dict[str, Any]:
        """The difference as JSON carries it."""
        return {
            "code": self.code.value,
            "subject": self.subject,
            "field": self.field,
            "expected": _plain(self.expected),
            "found": _plain(self.found),
            "note": self.note,
        }


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "0x" + bytes(value).hex()
    return str(value)


@dataclass
class Findings:
    """Collects differences: all are counted, the first `limit` are listed, so memory stays bounded."""

    limit: int = LISTED
    listed: list[Difference] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, difference: Difference) -> None:
        """Count one difference, and list it while there is room."""
        self.counts[difference.code.value] += 1
        if len(self.listed) < self.limit:
            self.listed.append(difference)

    def extend(self, differences: Iterable[Difference]) -> None:
        """Add many."""
        for difference in differences:
            self.add(difference)

    @property
    def total(self) -> int:
        """How many were found, listed or not."""
        return sum(self.counts.values())

    def __iter__(self) -> Iterator[Difference]:
        return iter(self.listed)

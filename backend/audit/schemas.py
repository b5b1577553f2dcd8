# SPDX-License-Identifier: Apache-2.0
"""What the audit's routes answer with."""

from typing import Any, Literal
from uuid import UUID

from backend.core.envelope import ApiModel


class AuditOut(ApiModel):
    """The last report. `report` has the format `gridx-audit-1` (the JSON that `gridx audit --json` writes)."""

    id: UUID
    report: dict[str, Any]


class AuditStarted(ApiModel):
    """An audit was asked for; its report will be the next one of GET /api/blockchain/audit."""

    status: Literal["queued"] = "queued"


class TradeVerdictOut(ApiModel):
    """Whether a recorded trade is what the chain says.

    `verdict` is `differs` as soon as `falsehoods` names something; `nodes` counts those that hold the trade's blocks.
    """

    trade_id: str
    verdict: Literal["verified", "differs"]
    nodes: int
    block_number: int | None
    block_hash: str | None
    tx_hash: str | None
    claim_grams: str
    consented: bool
    falsehoods: list[str]
    checked: list[str]

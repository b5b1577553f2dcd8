# SPDX-License-Identifier: Apache-2.0
"""What the audit's routes answer with."""

from datetime import datetime
from typing import Any, Literal, cast
from uuid import UUID

from pydantic import Field

from backend.audit.runs import STEPS, Run
from backend.core.envelope import ApiModel
from backend.core.units import Hash32


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


class AuditRunOut(ApiModel):
    """An audit that somebody asked for.

    `step` is one of `steps`, which an audit does in this order; of `chain` the blocks are counted (`stepDone` of
    `stepTotal`). `differences`, `finalBlock` and `verdict` are those of the report, once it is there.
    """

    id: UUID
    requested_by: UUID
    requested_at: datetime
    state: Literal["queued", "running", "done", "failed"]
    step: str | None
    step_done: int
    step_total: int
    steps: list[str]
    started_at: datetime | None
    finished_at: datetime | None
    failure: str | None
    final_block: int | None
    differences: int | None
    verdict: str | None

    @classmethod
    def of(cls, run: Run) -> "AuditRunOut":
        """From the record."""
        return cls(
            **{name: getattr(run, name) for name in cls.model_fields if name not in ("state", "steps")},
            state=cast(Any, run.state.lower()),
            steps=list(STEPS),
        )


class AuditRunWithReport(ApiModel):
    """One audit and its report (format `gridx-audit-1`), null until it is done."""

    run: AuditRunOut
    report: dict[str, Any] | None


class OrphanOut(ApiModel):
    """A trade whose block lost: its block then, the block that stands there now, and where the trade stands today."""

    trade_id: Hash32
    tx_hash: Hash32
    block_number: int
    block_hash: Hash32
    block_time: datetime
    orphaned_at: datetime
    canonical_hash: Hash32 | None = Field(description="block that stands at blockNumber now; null: kept no more")
    present_number: int | None = Field(description="block in which the trade was logged again; null: never")
    present_hash: Hash32 | None
    present_tx: Hash32 | None

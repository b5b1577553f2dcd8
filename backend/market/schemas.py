# SPDX-License-Identifier: Apache-2.0
"""What trades look like over HTTP."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from backend.core.envelope import ApiModel
from backend.core.units import Address, CarbonKg, EnergyKwh, EnergyKwhIn, Hash32, PriceIn, PricePerKwh
from backend.market.types import SubmissionState, SubmissionView, TradeKind, TradeStatus, TradeView

Status = Literal["pending", "confirmed", "final", "failed", "orphaned"]
Kind = Literal["logged", "filled", "matched"]
KINDS: dict[TradeKind, Kind] = {
    TradeKind.UNILATERAL: "logged",
    TradeKind.FILLED: "filled",
    TradeKind.MATCHED: "matched",
}
_STATES: dict[SubmissionState, Status] = {
    SubmissionState.INTENT: "pending",
    SubmissionState.SUBMITTED: "pending",
    SubmissionState.MINED: "pending",
    SubmissionState.RECORDED: "confirmed",
    SubmissionState.REVERTED: "failed",
    SubmissionState.MISMATCHED: "failed",
    SubmissionState.REPLACED: "failed",
    SubmissionState.DROPPED: "failed",
}
_STATUS: dict[TradeStatus, Status] = {
    TradeStatus.CONFIRMED: "confirmed",
    TradeStatus.FINAL: "final",
    TradeStatus.ORPHANED: "orphaned",
}
STATES_OF = {
    wanted: tuple(state for state, status in _STATES.items() if status == wanted) for wanted in ("pending", "failed")
}
KIND_OF = {shown: stored for stored, shown in KINDS.items()}
STATUS_OF = {status: stored for stored, status in _STATUS.items()}
MAX_TRADE_WH = 2**32 - 1


class TradeIn(ApiModel):
    """A claim: this transaction logged this trade. `tradeId` picks one of several events of the transaction."""

    seller_id: UUID
    buyer_id: UUID
    energy_kwh: Annotated[EnergyKwhIn, Field(gt=0, le=MAX_TRADE_WH)]
    price_per_kwh: Annotated[PriceIn, Field(gt=0)]
    tx_hash: Hash32
    trade_id: Hash32 | None = None


class TradeOut(ApiModel):
    """A trade, or a posted claim that waits for one.

    `carbonSavedKg` is the avoided-emission estimate of the whole trade by factor `factorId`; what was delivered less
    is reduced once the interval is settled (`deliveredKwh`).
    """

    id: UUID
    trade_id: Hash32 | None = None
    status: Status
    reason: str | None = None
    kind: Kind | None = None
    consented: bool = False
    ineligible_reason: str | None = None
    community: int | None = Field(
        default=None, description="in which it earns carbon; its currency is that of the price"
    )
    seller_id: UUID | None
    buyer_id: UUID | None
    seller_address: Address | None = None
    buyer_address: Address | None = None
    energy_kwh: EnergyKwh
    price_per_kwh: PricePerKwh
    carbon_saved_kg: CarbonKg = 0
    factor_id: int | None = None
    delivery_start: datetime | None = None
    delivery_minutes: int | None = None
    delivered_kwh: EnergyKwh | None = None
    shortfall: str | None = Field(default=None, description="oversold, not_imported or no_reading: why not all of it")
    settled_at: datetime | None = None
    tx_hash: Hash32
    block_number: int | None = None
    block_hash: Hash32 | None = None
    log_index: int | None = None
    block_time: datetime | None = None
    confirmations: int
    required_confirmations: int | None = Field(description="null: the chain's finalized block decides")
    recorded_at: datetime | None = None
    final_at: datetime | None = None
    orphaned_at: datetime | None = None
    explorer_url: str | None = None


class TotalsOut(ApiModel):
    """Sums over recorded trades with the consent of both parties; orphaned ones are not in them.

    `carbonSavedKg` is an avoided-emission estimate, less what was taken back when less was delivered.
    """

    trades: int
    sellers: int
    energy_kwh: EnergyKwh
    carbon_saved_kg: CarbonKg


def trade_out(trade: TradeView, *, required: int | None, explorer: str | None) -> TradeOut:
    """A recorded trade as it travels; the record was checked when it was made, and is not checked again."""
    return TradeOut.model_construct(
        id=trade.id,
        trade_id=trade.trade_id,
        status=_STATUS[trade.status],
        kind=KINDS[trade.kind],
        consented=trade.consented,
        ineligible_reason=trade.ineligible_reason,
        community=trade.community,
        seller_id=trade.seller_id,
        buyer_id=trade.buyer_id,
        seller_address=trade.seller,
        buyer_address=trade.buyer,
        energy_kwh=trade.energy_wh,
        price_per_kwh=trade.price_micro_per_kwh,
        carbon_saved_kg=trade.claim_g,
        factor_id=trade.factor_id or None,
        delivery_start=trade.delivery_start,
        delivery_minutes=trade.delivery_minutes,
        delivered_kwh=trade.delivered_wh,
        shortfall=trade.shortfall,
        settled_at=trade.settled_at,
        tx_hash=trade.tx_hash,
        block_number=trade.block_number,
        block_hash=trade.block_hash,
        log_index=trade.log_index,
        block_time=trade.block_time,
        confirmations=trade.confirmations,
        required_confirmations=required,
        recorded_at=trade.recorded_at,
        final_at=trade.final_at,
        orphaned_at=trade.orphaned_at,
        explorer_url=explorer_link(explorer, trade.tx_hash),
    )


def status_of(claim: SubmissionView) -> Status:
    """Where a claim that has no recorded trade stands: what is recorded meanwhile is on its way."""
    return _STATES[claim.state] if claim.state is not SubmissionState.RECORDED else "pending"


def submission_out(claim: SubmissionView, *, required: int | None, explorer: str | None) -> TradeOut:
    """A posted claim that has no recorded trade."""
    status = status_of(claim)
    return TradeOut(
        id=claim.id,
        status=status,
        reason=claim.reason if status == "failed" else None,
        seller_id=claim.seller_id,
        buyer_id=claim.buyer_id,
        energy_kwh=claim.energy_wh,
        price_per_kwh=claim.price_micro_per_kwh,
        tx_hash=claim.tx_hash,
        confirmations=claim.confirmations,
        required_confirmations=required,
        explorer_url=explorer_link(explorer, claim.tx_hash),
    )


def explorer_link(explorer: str | None, tx_hash: bytes) -> str | None:
    """Address of the transaction in the chain's explorer, when there is one."""
    return f"{explorer.rstrip('/')}/tx/0x{tx_hash.hex()}" if explorer else None

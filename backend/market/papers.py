# SPDX-License-Identifier: Apache-2.0
"""Trades and posted claims as files: one line each, amounts exact, times in UTC. Pure."""

from collections.abc import Iterable
from datetime import datetime

from backend.core.cells import csv_text
from backend.core.units import format_address, format_hex, grams_to_kg, micro_to_price, wh_to_kwh
from backend.market.schemas import KINDS, status_of
from backend.market.types import SubmissionView, TradeView

_HEADER = (
    "tradeId", "status", "kind", "seller", "buyer", "energyKwh", "pricePerKwh", "carbonSavedKg", "deliveredKwh",
    "deliveryStart", "deliveryMinutes", "factorId", "blockTime", "blockNumber", "blockHash", "txHash", "logIndex",
)  # fmt: skip
_CLAIM_HEADER = (
    "claimId", "status", "reason", "sellerId", "buyerId", "energyKwh", "pricePerKwh", "txHash", "tradeId",
    "confirmations", "postedAt", "changedAt",
)  # fmt: skip


def csv_of(trades: Iterable[TradeView]) -> str:
    """A header and a line for each trade."""
    return csv_text(_HEADER, (_row(trade) for trade in trades))


def csv_of_claims(claims: Iterable[SubmissionView]) -> str:
    """A header and a line for each claim; its reason is a code and stands where it has failed."""
    return csv_text(_CLAIM_HEADER, (_claim_row(claim) for claim in claims))


def _claim_row(claim: SubmissionView) -> list[object]:
    return [
        claim.id, status_of(claim), claim.reason or "", claim.seller_id, claim.buyer_id, wh_to_kwh(claim.energy_wh),
        micro_to_price(claim.price_micro_per_kwh), format_hex(claim.tx_hash),
        "" if claim.trade_id is None else format_hex(claim.trade_id), claim.confirmations, _utc(claim.created_at),
        _utc(claim.updated_at),
    ]  # fmt: skip


def _row(trade: TradeView) -> list[object]:
    delivered = "" if trade.delivered_wh is None else wh_to_kwh(trade.delivered_wh)
    return [
        format_hex(trade.trade_id), trade.status.value.lower(), KINDS[trade.kind], format_address(trade.seller),
        format_address(trade.buyer), wh_to_kwh(trade.energy_wh), micro_to_price(trade.price_micro_per_kwh),
        grams_to_kg(trade.claim_g), delivered, _utc(trade.delivery_start), trade.delivery_minutes or "",
        trade.factor_id or "", _utc(trade.block_time), trade.block_number, format_hex(trade.block_hash),
        format_hex(trade.tx_hash), trade.log_index,
    ]  # fmt: skip


def _utc(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat().replace("+00:00", "Z")

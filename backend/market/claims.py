# SPDX-License-Identifier: Apache-2.0
"""Compares what a client says about a transaction with what the chain says. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from backend.market.errors import ClaimMismatch, NotOurEvent, SeveralTrades
from backend.market.types import Claim, OnChain

Trade = TypeVar("Trade", bound=OnChain)


@dataclass(frozen=True, slots=True)
class Parties:
    """Wallets that belonged to the claimed seller and buyer."""

    seller_wallets: frozenset[bytes]
    buyer_wallets: frozenset[bytes]


def pick(claim: Claim, parties: Parties, trades: Sequence[Trade]) -> Trade:
    """The one trade of a transaction that the claim describes.

    Raises NotOurEvent (no trade at all), ClaimMismatch (none fits; the details say what differs) and SeveralTrades.
    """
    if not trades:
        raise NotOurEvent(tx_hash=claim.tx_hash)
    candidates = [trade for trade in trades if claim.event_id in (None, trade.trade_id)]
    if not candidates:
        raise ClaimMismatch("The transaction logs no trade with this tradeId", trade_id=claim.event_id)
    fitting = [trade for trade in candidates if not differences(claim, parties, trade)]
    if len(fitting) > 1:
        raise SeveralTrades(trade_ids=[trade.trade_id for trade in fitting])
    if not fitting:
        raise ClaimMismatch(**differences(claim, parties, candidates[0]))
    return fitting[0]


def differences(claim: Claim, parties: Parties, trade: OnChain) -> Mapping[str, str]:
    """What the claim says otherwise than the chain: field → explanation; empty when they agree."""
    found = {}
    if trade.seller not in parties.seller_wallets:
        found["seller_id"] = f"the chain's seller 0x{trade.seller.hex()} is no wallet of this user"
    if trade.buyer not in parties.buyer_wallets:
        found["buyer_id"] = f"the chain's buyer 0x{trade.buyer.hex()} is no wallet of this user"
    if trade.energy_wh != claim.energy_wh:
        found["energy_kwh"] = f"the chain says {trade.energy_wh} Wh, the claim {claim.energy_wh} Wh"
    if trade.price_micro_per_kwh != claim.price_micro_per_kwh:
        found["price_per_kwh"] = (
            f"the chain says {trade.price_micro_per_kwh} micro-units, the claim {claim.price_micro_per_kwh}"
        )
    return found

# SPDX-License-Identifier: Apache-2.0
"""Values of the relayer: options, pairs that wait, stored transactions, what a node says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from backend.market.orders.typed_data import Order

GWEI = 10**9
ETHEREUM_TRANSACTION_GAS = 2**24


class TransactionState(StrEnum):
    """State of a stored transaction. REPLACED may still be mined; MINED and REVERTED may still be rolled back."""

    SIGNED = "SIGNED"
    SENT = "SENT"
    REPLACED = "REPLACED"
    MINED = "MINED"
    REVERTED = "REVERTED"
    LOST = "LOST"


class Answer(StrEnum):
    """What a node says to a transaction that is broadcast."""

    TAKEN = "taken"  # or known already
    NONCE_TOO_LOW = "nonce_too_low"
    UNDERPRICED = "underpriced"
    NO_FUNDS = "no_funds"
    REFUSED = "refused"


class Stop(StrEnum):
    """Why nothing is sent for now. It ends by itself when its cause does."""

    LOW_BALANCE = "low_balance"
    DAILY_BUDGET = "daily_budget"
    FEES_TOO_HIGH = "fees_too_high"
    CONTRACT_REFUSES = "contract_refuses"
    CHAIN_HALTED = "chain_halted"


@dataclass(frozen=True, slots=True)
class RelayerOptions:
    """How to relay. A batch is sent when its oldest pair has waited `interval_s` or `batch_pairs` wait.

    `gas_cap` is the chain's limit of one transaction. `daily_gas` and `daily_wei` (None: no limit) bound what a UTC day
    may cost, at worst; below `min_balance_wei` nothing is sent. A transaction that waits `bump_blocks` blocks or
    `bump_s` seconds is replaced by one that pays more, never more than `max_fee_wei` a unit of gas. What a node refused
    is offered again every `retry_s`.
    """

    interval_s: float = 5.0
    batch_pairs: int = 100
    gas_cap: int = ETHEREUM_TRANSACTION_GAS
    max_fee_wei: int = 2_000 * GWEI
    min_priority_fee_wei: int = GWEI
    bump_blocks: int = 6
    bump_s: float = 30.0
    daily_gas: int | None = None
    daily_wei: int | None = None
    min_balance_wei: int = 5 * 10**16
    max_pending: int = 4
    retry_s: float = 3.0
    poll_interval_s: float = 0.5
    finality_depth: int | None = None


@dataclass(frozen=True, slots=True)
class PairedOrder:
    """One side of a pair: the order as its maker signed it. `placed_version` is its age in the book."""

    id: UUID
    order: Order
    order_hash: bytes
    signature: bytes = field(repr=False)
    placed_version: int


@dataclass(frozen=True, slots=True)
class Pair:
    """A match on its way to the chain."""

    match_id: UUID
    nonce: int
    trade_id: bytes
    energy_wh: int
    price_micro_per_kwh: int
    matched_at: datetime
    offer: PairedOrder
    bid: PairedOrder

    @property
    def orders(self) -> tuple[PairedOrder, PairedOrder]:
        """Both orders, the offer first."""
        return self.offer, self.bid

    @property
    def younger(self) -> PairedOrder:
        """The order that came later."""
        return max(self.orders, key=lambda order: (order.placed_version, order.id))


@dataclass(frozen=True, slots=True)
class Refused:
    """Why the contract would not log a pair: the name and the facts of its error, and which orders end for it."""

    reason: str
    facts: Mapping[str, object]
    blamed: Mapping[UUID, str]


@dataclass(frozen=True, slots=True)
class Fees:
    """EIP-1559 fees, wei a unit of gas."""

    max_fee_wei: int
    priority_fee_wei: int


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A type-2 transaction before it is signed; it sends no ether to anybody but its signer."""

    chain_id: int
    nonce: int
    gas: int
    fees: Fees
    to: bytes
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Stored:
    """A row of `relay_transactions`."""

    id: UUID
    nonce: int
    tx_hash: bytes
    raw: bytes = field(repr=False)
    gas: int
    fees: Fees
    pairs: int
    state: TransactionState
    replaced_by: UUID | None
    block_number: int | None
    block_hash: bytes | None
    refused: str | None


@dataclass(frozen=True, slots=True)
class Ground:
    """What the chain offers now: head, its base fee and gas limit, our balance and next nonce there."""

    head: int
    time: int
    base_fee_wei: int
    gas_limit: int
    next_nonce: int
    balance_wei: int


class Outcome(StrEnum):
    """What an attempt to send a batch came to."""

    EMPTY = "empty"
    NOT_DUE = "not_due"
    BUSY = "busy"
    SENT = "sent"
    STOPPED = "stopped"

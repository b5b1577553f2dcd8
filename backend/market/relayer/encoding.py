# SPDX-License-Identifier: Apache-2.0
"""The contract's words: calldata of a settlement, reasons of a refusal, and what a stored transaction holds. Pure."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

import rlp
from eth_abi.abi import decode, encode

from backend.chain.deployment import contract_abi
from backend.core.crypto import keccak
from backend.market.orders.typed_data import FIELDS
from backend.market.relayer.types import Fees, Pair, PairedOrder, Refused, Unsigned

_ORDER = f"({','.join(kind for kind, _ in FIELDS)})"
_MATCH = f"({_ORDER},{_ORDER},bytes,bytes,uint80,uint32,uint40)"
_SETTLE = keccak(f"settleMatched({_MATCH}[])".encode())[:4]
_CHECK = keccak(f"checkMatch({_MATCH})".encode())[:4]
_HAS_ROLE = keccak(b"hasRole(bytes32,address)")[:4]
SETTLER_ROLE = keccak(b"SETTLER_ROLE")
PREFIX = "EnergyTradeLog"
NONCE_USED = "nonce_used"
FILL_TOO_SMALL = "fill_too_small"
_SELECTOR = re.compile(r"0x([0-9a-fA-F]{8})")


def settle_call(pairs: Sequence[Pair]) -> bytes:
    """Calldata of `settleMatched`."""
    return _SETTLE + encode([f"{_MATCH}[]"], [[_words(pair) for pair in pairs]])


def check_call(pair: Pair) -> bytes:
    """Calldata of `checkMatch`."""
    return _CHECK + encode([_MATCH], [_words(pair)])


def role_call(account: bytes) -> bytes:
    """Calldata of `hasRole(SETTLER_ROLE, account)`."""
    return _HAS_ROLE + encode(["bytes32", "address"], [SETTLER_ROLE, _address(account)])


def check_answer(answer: bytes) -> bytes:
    """The encoded error in an answer of `checkMatch`; empty when the pair would be logged."""
    (reason,) = decode(["bytes"], answer)
    return bytes(reason)


def read_refusal(reason: bytes, pair: Pair) -> Refused:
    """Why a pair would not be logged, and which of its orders are to blame; `reason` is the contract's encoded error.

    An error that blames no order by its facts lies between the two: then the younger one has to go. A fill that is too
    small blames nobody: another pair of that order was taken out, and both may be matched anew. So does a used nonce.
    """
    name, facts = _error(reason)
    short = short_name(name)
    if short in (FILL_TOO_SMALL, NONCE_USED):
        return Refused(short, facts, {})
    blamed = [order for order in pair.orders if _is_blamed(facts, order)] or [pair.younger]
    return Refused(short, facts, {order.id: short for order in blamed})


def expired(pair: Pair, time: int) -> Refused:
    """The refusal of a pair of which an order has expired at `time`."""
    blamed: Mapping[UUID, str] = {order.id: "order_expired" for order in pair.orders if order.order.expiry <= time}
    return Refused("order_expired", {"time": time}, blamed)


def selector_name(selector: bytes) -> str:
    """The error with this selector, in short; its hex when the contract has none."""
    known = _errors().get(selector)
    return short_name(known[0]) if known else "0x" + selector.hex()


def name_in(message: str) -> str | None:
    """The contract's error that a node's message quotes, in short; None: it quotes none."""
    for found in _SELECTOR.findall(message):
        if known := _errors().get(bytes.fromhex(found)):
            return short_name(known[0])
    return None


def short_name(name: str) -> str:
    """`EnergyTradeLogOrderExpired` → `order_expired`: the reason as it is stored."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.removeprefix(PREFIX)).lower()


def read_transaction(raw: bytes) -> Unsigned:
    """The call in a signed type-2 transaction."""
    chain_id, nonce, priority, highest, gas, to, _, data, *_ = rlp.decode(raw[1:])
    fees = Fees(max_fee_wei=_number(highest), priority_fee_wei=_number(priority))
    return Unsigned(_number(chain_id), _number(nonce), _number(gas), fees, bytes(to), bytes(data))


def _words(pair: Pair) -> tuple[Any, ...]:
    return (
        pair.offer.order.values(),
        pair.bid.order.values(),
        pair.offer.signature,
        pair.bid.signature,
        pair.nonce,
        pair.energy_wh,
        pair.price_micro_per_kwh,
    )


@cache
def _errors() -> dict[bytes, tuple[str, list[str], list[str]]]:
    """The contract's errors by selector: name, names and types of the facts."""
    found = {}
    for entry in contract_abi():
        if entry["type"] == "error":
            kinds = [part["type"] for part in entry["inputs"]]
            selector = keccak(f"{entry['name']}({','.join(kinds)})".encode())[:4]
            found[selector] = (entry["name"], [part["name"] for part in entry["inputs"]], kinds)
    return found


def _error(reason: bytes) -> tuple[str, dict[str, object]]:
    known = _errors().get(reason[:4])
    if known is None:
        return "0x" + reason[:4].hex(), {}
    name, names, kinds = known
    return name, dict(zip(names, decode(kinds, reason[4:]), strict=True))


def _is_blamed(facts: Mapping[str, object], paired: PairedOrder) -> bool:
    """Whether the facts of an error point at this order: each that is a field of orders has this one's value."""
    order = paired.order
    fields: dict[str, object] = {
        "maker": _address(order.maker),
        "taker": _address(order.taker),
        "meter": order.meter,
        "expiry": order.expiry,
        "digest": paired.order_hash,
        "factorId": order.factor_id,
        "slot": order.slot,
        "deliveryMinutes": order.delivery_minutes,
    }
    told = {name: value for name, value in facts.items() if name in fields}
    return bool(told) and all(fields[name] == value for name, value in told.items())


def _address(raw: bytes) -> str:
    return "0x" + raw.hex()


def _number(raw: Any) -> int:
    return int.from_bytes(bytes(raw), "big")

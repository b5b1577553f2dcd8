# SPDX-License-Identifier: Apache-2.0
"""Receipts: why a price is the price. A receipt holds the book as it stood, from which anybody can clear again.

Everything in it follows from its `rule`, `fees`, `orders` and `incoming`; `bookHash` is the SHA-256 of these four as
canonical JSON. In an auction `orders` is the whole book; in the continuous book it is one placement: the incoming
order, the resting orders that it looked at, the next one and the best of its own side. Owners are numbered, not named.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from backend.market.clearing.auctions import clear_pay_as_bid, clear_uniform
from backend.market.clearing.continuous import ContinuousBook
from backend.market.clearing.explaining import explain_auction, explain_placement
from backend.market.clearing.fees import Fees
from backend.market.clearing.types import Cleared, Match, Order, Rule, Side
from backend.market.clearing.wire import canonical, fees_from, fees_row, order_from

FORMAT = "gridx-receipt-1"
FACTS = ("rule", "fees", "orders", "incoming")


class ReceiptInvalid(ValueError):
    """A receipt that cannot be read; the text says why."""


def receipt_of(
    rule: Rule,
    orders: Iterable[Order],
    fees: Fees,
    *,
    incoming: Order | None = None,
    cleared: Cleared | None = None,
) -> dict[str, Any]:
    """The receipt of a clearing, as a JSON object.

    Auctions: `orders` is the whole book, `cleared` spares clearing it again. Continuous: `incoming` is the placed order
    and `orders` what `ContinuousBook.around` said before it was placed.
    """
    book = sorted(orders, key=lambda order: order.id)
    if rule is Rule.CONTINUOUS:
        if incoming is None:
            raise ReceiptInvalid("a receipt of the continuous book needs the incoming order")
        matches = _placed(book, fees, incoming)
        outcome = explain_placement(book, fees, incoming, matches)
        book = sorted([*book, incoming], key=lambda order: order.id)
    else:
        cleared = cleared or _cleared(rule, book, fees)
        matches = list(cleared.matches)
        outcome = explain_auction(cleared, fees, book)
    facts = _facts(rule, book, fees, incoming)
    return {
        "format": FORMAT,
        **facts,
        "bookHash": _hash(facts),
        "levels": _levels(book),
        "matches": [
            {"bid": bid, "offer": offer, "energyWh": energy_wh, "priceMicro": price}
            for bid, offer, energy_wh, price in matches
        ],
        "volumeWh": sum(match.energy_wh for match in matches),
        **outcome,
    }


def reclear(receipt: Mapping[str, Any]) -> list[Match]:
    """The matches that the book of a receipt gives, cleared anew. Raises ReceiptInvalid."""
    rule, orders, fees, incoming = _read(receipt)
    if incoming is not None:
        return _placed(orders, fees, incoming)
    return list(_cleared(rule, orders, fees).matches)


def _no_receipt(error: Exception) -> str:
    return f"not a receipt: {f'the field {error} is missing' if isinstance(error, KeyError) else error}"


def book_hash(receipt: Mapping[str, Any]) -> bytes:
    """The hash of the book that a receipt holds, computed anew (32 bytes). Raises ReceiptInvalid."""
    try:
        return bytes.fromhex(_hash({name: receipt[name] for name in FACTS})[2:])
    except (KeyError, TypeError) as error:
        raise ReceiptInvalid(_no_receipt(error)) from error


def hash_of_book(rule: Rule, orders: Iterable[Order], fees: Fees) -> str:
    """The hash of a whole book, `0x` and 64 hexadecimal digits; the sequence of `orders` does not matter."""
    return _hash(_facts(rule, sorted(orders, key=lambda order: order.id), fees, None))


def faults_of(receipt: Mapping[str, Any]) -> list[str]:
    """Names of the parts of a receipt that do not follow from its book; empty when it holds. Raises ReceiptInvalid.

    `why` says in words what the other parts say in numbers: that there is a sentence is checked, its wording is not,
    so that a receipt of a release which put it otherwise holds as it did.
    """
    rule, orders, fees, incoming = _read(receipt)
    right = receipt_of(rule, orders, fees, incoming=incoming)
    if isinstance(receipt.get("why"), str):
        right["why"] = receipt["why"]
    return sorted(name for name in right.keys() | receipt.keys() if right.get(name) != receipt.get(name))


def _cleared(rule: Rule, orders: Sequence[Order], fees: Fees) -> Cleared:
    return clear_uniform(orders, fees) if rule is Rule.UNIFORM else clear_pay_as_bid(orders, fees)


def _placed(resting: Iterable[Order], fees: Fees, incoming: Order) -> list[Match]:
    book = ContinuousBook(fees)
    for order in resting:
        book.restore(order, order.energy_wh)
    return book.place(incoming)


def _facts(rule: Rule, orders: Sequence[Order], fees: Fees, incoming: Order | None) -> dict[str, Any]:
    owners: dict[str, str] = {}
    return {
        "rule": rule.value,
        "fees": fees_row(fees, pairs=rule is Rule.CONTINUOUS),
        "orders": [_order_row(order, owners.setdefault(order.owner, str(len(owners) + 1))) for order in orders],
        "incoming": None if incoming is None else incoming.id,
    }


def _order_row(order: Order, owner: str) -> dict[str, Any]:
    return {
        "id": order.id,
        "side": order.side.value,
        "energyWh": order.energy_wh,
        "priceMicro": order.price_micro,
        "time": order.time,
        "owner": owner,
        "zone": order.zone,
        "minFillWh": order.min_fill_wh,
    }


def _levels(orders: Iterable[Order]) -> list[dict[str, Any]]:
    """Energy and orders by side, zone and limit: offers from the cheapest, bids from the dearest."""
    sums: dict[tuple[bool, int, str], list[int]] = {}
    for order in orders:
        is_bid = order.side is Side.BID
        rank = -order.price_micro if is_bid else order.price_micro
        level = sums.setdefault((is_bid, rank, order.zone), [0, 0])
        level[0] += order.energy_wh
        level[1] += 1
    return [
        {"side": "bid" if is_bid else "offer", "zone": zone, "priceMicro": abs(rank), "energyWh": wh, "orders": count}
        for (is_bid, rank, zone), (wh, count) in sorted(sums.items())
    ]


def _hash(facts: Mapping[str, Any]) -> str:
    return "0x" + sha256(canonical(facts)).hexdigest()


def _read(receipt: Mapping[str, Any]) -> tuple[Rule, list[Order], Fees, Order | None]:
    """Rule, orders, fees and incoming order of a receipt; the incoming one is not among the orders."""
    try:
        rule, fees = Rule(receipt["rule"]), fees_from(receipt["fees"])
        orders = {row["id"]: _order(row) for row in receipt["orders"]}
        incoming = None if receipt["incoming"] is None else orders.pop(receipt["incoming"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReceiptInvalid(_no_receipt(error)) from error
    if (rule is Rule.CONTINUOUS) != (incoming is not None):
        raise ReceiptInvalid("an incoming order belongs to receipts of the continuous book, and to no others")
    return rule, list(orders.values()), fees, incoming


def _order(row: Mapping[str, Any]) -> Order:
    return order_from(
        {
            "id": row["id"],
            "side": row["side"],
            "energy_wh": row["energyWh"],
            "price_micro": row["priceMicro"],
            "time": row["time"],
            "house": row["owner"],
            "zone": row["zone"],
            "min_fill_wh": row["minFillWh"],
        }
    )

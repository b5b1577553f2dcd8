# SPDX-License-Identifier: Apache-2.0
"""What the ledger must say of one trade, given what the trade is worth. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.audit.rebuild import Trade

ISSUANCE = b"\x00"
RETIRED = b"\x01"
PENDING, AVAILABLE = 0, 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One transfer of a trade. `delivery_start` is in seconds since 1970."""

    kind: str
    debit: bytes
    debit_bucket: int
    credit: bytes
    credit_bucket: int
    grams: int
    cycle: int
    document: str | None
    community: int | None
    delivery_start: int | None


@dataclass(frozen=True, slots=True)
class Booked:
    """What the database's trade row says that decides about transfers. `delivered_wh` None: not settled yet; `refused`:
    both wallets are one person's, so the operator takes the whole claim back."""

    status: str
    cycle: int
    delivered_wh: int | None
    refused: bool = False


Wrong = tuple[str, Any, Any]


def check(trade: Trade, booked: Booked, entries: Sequence[Entry], mg_per_kwh: int) -> Iterator[Wrong]:
    """What is wrong with a trade's transfers: (what, expected, found), nothing when all is right.

    The claim stands in `earned`, from issuance to the buyer's pending balance, in the present cycle; earlier cycles
    sum to zero. A settled trade has released floor(delivered × factor) and reduced the rest; another has neither.
    """
    sums: Mapping[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for entry in entries:
        sums[entry.cycle][entry.kind] += entry.grams
        yield from _form(trade, entry, is_present=entry.cycle == booked.cycle)
    for cycle, kinds in sorted(sums.items()):
        if cycle == booked.cycle:
            continue
        if cycle > booked.cycle:
            yield f"cycle {cycle}", None, dict(kinds)
        elif kinds["earned"] != kinds["reversed"] + kinds["reduced"] or kinds["released"]:
            yield f"reversed in cycle {cycle}", kinds["earned"] - kinds["reduced"], kinds["reversed"]
    present = sums[booked.cycle]
    if present["earned"] != trade.claim_g:
        yield "earned", trade.claim_g, present["earned"]
        return
    if present["reversed"]:
        yield "reversed", 0, present["reversed"]
    released, reduced = settlement(trade, booked, mg_per_kwh)
    if booked.delivered_wh is not None and booked.status != "FINAL":
        yield "settled", "once FINAL", booked.status
    if present["released"] != released:
        yield "released", released, present["released"]
    if present["reduced"] != reduced:
        yield "reduced", reduced, present["reduced"]


def settlement(trade: Trade, booked: Booked, mg_per_kwh: int) -> tuple[int, int]:
    """Grams released and reduced of a trade, by what was delivered of it."""
    if booked.refused:
        return 0, trade.claim_g
    if booked.delivered_wh is None or not trade.claim_g:
        return 0, 0
    released = min(trade.claim_g, booked.delivered_wh * mg_per_kwh // 1_000_000)
    return released, trade.claim_g - released


def _form(trade: Trade, entry: Entry, *, is_present: bool) -> Iterator[Wrong]:
    """An entry has the accounts and the delivery of its trade; those of earlier cycles belong to another content."""
    shapes = {
        "earned": (ISSUANCE, AVAILABLE, trade.buyer, PENDING),
        "reversed": (trade.buyer, PENDING, ISSUANCE, AVAILABLE),
        "reduced": (trade.buyer, PENDING, ISSUANCE, AVAILABLE),
        "released": (trade.buyer, PENDING, trade.buyer, AVAILABLE),
    }
    shape = shapes.get(entry.kind)
    if shape is None:
        yield "kind", "earned, released, reversed or reduced", entry.kind
        return
    if not is_present:
        return
    debit, debit_bucket, credit, credit_bucket = shape
    if (entry.debit, entry.debit_bucket) != (debit, debit_bucket):
        yield f"{entry.kind} debit", debit, entry.debit
    if (entry.credit, entry.credit_bucket) != (credit, credit_bucket):
        yield f"{entry.kind} credit", credit, entry.credit
    if entry.community != trade.community:
        yield f"{entry.kind} community", trade.community, entry.community
    if entry.delivery_start != trade.delivery_start:
        yield f"{entry.kind} delivery start", trade.delivery_start, entry.delivery_start

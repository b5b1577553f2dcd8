# SPDX-License-Identifier: Apache-2.0
"""Serves every settled interval again from its trades and readings: deliveries, and the money that follows. Pure.

Written from the published rule (backend/decisions/imbalance.md), not from the code that books. Readings attested by a
device must carry its key's signature; one that does not is named, and counts for what it says.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from backend.audit.encoding import keccak
from backend.audit.signatures import signer_of

_READING = keccak(
    b"Reading(uint64 meter,uint64 start,uint16 minutes,uint32 revision,uint8 known,"
    b"uint64 productionWh,uint64 consumptionWh,uint64 exportWh,uint64 importWh)"
)
_DOMAIN = keccak(
    keccak(b"EIP712Domain(string name,string version)") + keccak(b"GridX Readings") + keccak(b"1"),
)


class Reading(NamedTuple):
    """A stored reading. `key` is the device key of its meter; quantities are Wh, None is unknown."""

    meter: int
    start: int
    minutes: int
    production_wh: int | None
    consumption_wh: int | None
    export_wh: int | None
    import_wh: int | None
    attestation: str
    revision: int
    signature: bytes | None
    key: bytes | None


class Traded(NamedTuple):
    """A settled trade, in the order in which it is served, with what is stored of it."""

    trade: str
    seller: str
    buyer: str
    seller_meter: int
    buyer_meter: int
    energy_wh: int
    price_micro_per_kwh: int
    seller_fee_micro: int
    buyer_fee_micro: int
    is_eligible: bool
    is_paid: bool
    delivered_wh: int
    supplied_wh: int


class Paid(NamedTuple):
    """An entry of money: payer, payee, micro-units and Wh, of a trade (0x-hex) or of a meter's rest."""

    kind: str
    debit: str
    credit: str
    amount_micro: int
    energy_wh: int
    trade: str | None
    meter: int | None


@dataclass(frozen=True, slots=True)
class Metered:
    """What a meter attested in the interval, Wh; None where anything is missing."""

    production_wh: int | None
    export_wh: int | None
    import_wh: int | None


@dataclass(frozen=True, slots=True)
class Tariffs:
    """Retail and feed-in price of the interval, micro-units per kWh."""

    retail: int
    feed_in: int


@dataclass(frozen=True, slots=True)
class Served:
    """What a trade gets: for carbon and for money, and what either side lacked of the latter, Wh."""

    delivered_wh: int
    supplied_wh: int
    seller_lacked_wh: int
    buyer_lacked_wh: int


def is_signed(reading: Reading) -> bool:
    """Whether the meter's key signed exactly this reading."""
    quantities = (reading.production_wh, reading.consumption_wh, reading.export_wh, reading.import_wh)
    known = sum(1 << place for place, quantity in enumerate(quantities) if quantity is not None)
    words = (
        reading.meter,
        reading.start,
        reading.minutes,
        reading.revision,
        known,
        *(each or 0 for each in quantities),
    )
    struct = keccak(_READING + b"".join(word.to_bytes(32, "big") for word in words))
    signer = signer_of(keccak(b"\x19\x01" + _DOMAIN + struct), reading.signature or b"")
    return signer is not None and signer == reading.key


def metered(readings: Sequence[Reading], minutes: int, lengths: Mapping[int, int]) -> dict[int, Metered]:
    """Sums of each meter of `lengths` (its readings' minutes); declared readings attest nothing."""
    held: dict[int, list[Reading]] = defaultdict(list)
    for reading in readings:
        if reading.attestation in ("device", "operator"):
            held[reading.meter].append(reading)
    return {meter: _sums(held[meter], minutes, length) for meter, length in lengths.items()}


def _sums(readings: Sequence[Reading], minutes: int, length: int) -> Metered:
    def total(quantities: list[int | None]) -> int | None:
        known = [quantity for quantity in quantities if quantity is not None]
        return sum(known) if length and len(known) * length == minutes else None

    return Metered(
        total([reading.production_wh for reading in readings]),
        total([reading.export_wh for reading in readings]),
        total([reading.import_wh for reading in readings]),
    )


def serve(trades: Sequence[Traded], meters: Mapping[int, Metered]) -> list[Served]:
    """First in, first out: carbon by production, export and import, money by export and import."""
    carbon_sale, carbon_purchase = Counter[int](), Counter[int]()
    sale, purchase = Counter[int](), Counter[int]()
    for meter, said in meters.items():
        sale[meter], purchase[meter] = said.export_wh or 0, said.import_wh or 0
        carbon_sale[meter] = min(said.production_wh or 0, said.export_wh or 0)
        carbon_purchase[meter] = 0 if (said.export_wh or 0) > (said.import_wh or 0) else said.import_wh or 0
    served = []
    for trade in trades:
        delivered = 0
        if trade.is_eligible:
            left = carbon_sale[trade.seller_meter], carbon_purchase[trade.buyer_meter]
            delivered = min(trade.energy_wh, *left)
            carbon_sale[trade.seller_meter] -= delivered
            carbon_purchase[trade.buyer_meter] -= delivered
        if not trade.is_paid:
            served.append(Served(delivered, 0, 0, 0))
            continue
        has, takes = sale[trade.seller_meter], purchase[trade.buyer_meter]
        supplied = min(trade.energy_wh, has, takes)
        sale[trade.seller_meter] -= supplied
        purchase[trade.buyer_meter] -= supplied
        lacked = max(0, trade.energy_wh - has), max(0, trade.energy_wh - takes)
        served.append(Served(delivered, supplied, *lacked))
    return served


def entries_due(
    trades: Sequence[Traded], served: Sequence[Served], meters: Mapping[int, Metered], tariffs: Tariffs, number: int
) -> Counter[Paid]:
    """Every entry that must stand for an interval of the community with this number."""
    grid, fees = (prefix + number.to_bytes(4, "big").hex() for prefix in ("03", "04"))
    due: Counter[Paid] = Counter()
    holders: dict[int, str] = {}
    sold, bought = Counter[int](), Counter[int]()
    for trade, part in zip(trades, served, strict=True):
        if trade.is_paid:
            due.update(_of_trade(trade, part, tariffs, fees))
            holders.setdefault(trade.seller_meter, trade.seller)
            holders.setdefault(trade.buyer_meter, trade.buyer)
            sold[trade.seller_meter] += part.supplied_wh
            bought[trade.buyer_meter] += part.supplied_wh
    for meter, holder in holders.items():
        fed_in = (meters[meter].export_wh or 0) - sold[meter]
        other = (meters[meter].import_wh or 0) - bought[meter]
        if fed_in > 0:
            due[Paid("feed_in", grid, holder, fed_in * tariffs.feed_in // 1000, fed_in, None, meter)] += 1
        if other > 0:
            due[Paid("retail", holder, grid, other * tariffs.retail // 1000, other, None, meter)] += 1
    return due


def _of_trade(trade: Traded, part: Served, tariffs: Tariffs, fees: str) -> Iterator[Paid]:
    energy_wh, price = part.supplied_wh, trade.price_micro_per_kwh
    if energy_wh:
        yield Paid("energy", trade.buyer, trade.seller, energy_wh * price // 1000, energy_wh, trade.trade, None)
    for kind, payer, whole in (
        ("seller_fee", trade.seller, trade.seller_fee_micro),
        ("buyer_fee", trade.buyer, trade.buyer_fee_micro),
    ):
        fee = whole * energy_wh // trade.energy_wh
        if fee:
            yield Paid(kind, payer, fees, fee, energy_wh, trade.trade, None)
    short = part.seller_lacked_wh - part.buyer_lacked_wh
    if short > 0:
        amount = short * max(0, tariffs.retail - price) // 1000
        yield Paid("shortfall", trade.seller, trade.buyer, amount, short, trade.trade, None)
    if short < 0:
        amount = -short * max(0, price - tariffs.feed_in) // 1000
        yield Paid("shortfall", trade.buyer, trade.seller, amount, -short, trade.trade, None)

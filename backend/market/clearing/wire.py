# SPDX-License-Identifier: Apache-2.0
"""Clearing as JSON: orders and matches as lines of a file, fees as a file, and the canonical form that is hashed.

A line: `id, side ("offer" or "bid"), energy_wh, price_micro, time, house, owner, zone, min_fill_wh`; the last two and
`owner` (default: the house) may be left out, and the house where the owner is given. Fees, each optional:
`{"communityFeeMicroPerKwh": 0, "gridFeeMicroPerKwh": {"zone": 0}, "pairFeeMicroPerKwh": {"seller's|buyer's": 0}}`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from backend.market.clearing.fees import Fees, FeesInvalid
from backend.market.clearing.types import Match, Order, OrderInvalid, Side

MAX_TEXT = 200
_NUMBERS = ("energy_wh", "price_micro", "time")
_TEXTS = ("id", "house", "owner", "zone")
_KNOWN = frozenset({*_NUMBERS, *_TEXTS, "side", "min_fill_wh"})


class LineInvalid(ValueError):
    """A line that is no order; the text says which line, which value and what was expected."""


def read_orders(lines: Iterable[str | bytes]) -> list[Order]:
    """Orders of a JSON-lines file; empty lines are passed over. Raises LineInvalid at the first bad line."""
    orders: list[Order] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            order = order_from(orjson.loads(line))
        except orjson.JSONDecodeError as error:
            raise LineInvalid(f"line {number}: not JSON: {error}") from error
        except OrderInvalid as error:
            raise LineInvalid(f"line {number}: {error}") from error
        if order.id in seen:
            raise LineInvalid(f"line {number}: id {order.id!r} stands in line {seen[order.id]} already")
        seen[order.id] = number
        orders.append(order)
    return orders


def order_from(row: object) -> Order:
    """An order from its JSON object. Raises OrderInvalid."""
    if not isinstance(row, dict):
        raise OrderInvalid("an order is a JSON object")
    unknown = sorted(set(row) - _KNOWN)
    if unknown:
        raise OrderInvalid(f"unknown field {unknown[0]!r}; known are {', '.join(sorted(_KNOWN))}")
    side = row.get("side")
    if side not in ("offer", "bid"):
        raise OrderInvalid(f"side is {side!r}; it must be 'offer' or 'bid'")
    house = _text(row, "house") or _text(row, "owner")
    if not house or not _text(row, "id"):
        raise OrderInvalid("an order needs an id and a house")
    energy_wh, price_micro, time = (_integer(row, name) for name in _NUMBERS)
    return Order(
        id=_text(row, "id"),
        side=Side(side),
        energy_wh=energy_wh,
        price_micro=price_micro,
        time=time,
        house=house,
        owner=_text(row, "owner"),
        zone=_text(row, "zone"),
        min_fill_wh=_integer(row, "min_fill_wh") if row.get("min_fill_wh") is not None else 0,
    )


def _integer(row: Mapping[str, Any], name: str) -> int:
    value = row.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise OrderInvalid(f"{name} is {value!r}; it must be an integer")
    return value


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise OrderInvalid(f"{name} is {value!r:.80}; it must be text of at most {MAX_TEXT} characters")
    return value


def match_row(match: Match) -> dict[str, Any]:
    """A match as a JSON object of a line."""
    return match._asdict()


def fees_row(fees: Fees, *, pairs: bool = True) -> dict[str, Any]:
    """Fees as a JSON object; without pair fees where they do not exist."""
    row: dict[str, Any] = {
        "communityFeeMicroPerKwh": fees.community_micro_per_kwh,
        "gridFeeMicroPerKwh": dict(fees.grid_micro_per_kwh),
    }
    if pairs:
        row["pairFeeMicroPerKwh"] = {
            f"{seller}|{buyer}": fee for (seller, buyer), fee in fees.pair_micro_per_kwh.items()
        }
    return row


def fees_from(row: object) -> Fees:
    """Fees from their JSON object. Raises FeesInvalid."""
    if not isinstance(row, dict):
        raise FeesInvalid("fees are a JSON object")
    unknown = sorted(set(row) - set(fees_row(Fees())))
    if unknown:
        raise FeesInvalid(f"unknown field {unknown[0]!r}; known are {', '.join(fees_row(Fees()))}")
    pairs = {}
    for zones, fee in _fees(row, "pairFeeMicroPerKwh").items():
        if zones.count("|") != 1:
            raise FeesInvalid(f"pairFeeMicroPerKwh names {zones!r}; a pair is 'zone of the seller|zone of the buyer'")
        seller, _, buyer = zones.partition("|")
        pairs[(seller, buyer)] = fee
    community = row.get("communityFeeMicroPerKwh", 0)
    return Fees(_fee("communityFeeMicroPerKwh", community), _fees(row, "gridFeeMicroPerKwh"), pairs)


def _fees(row: Mapping[str, Any], name: str) -> dict[str, int]:
    fees = row.get(name, {})
    if not isinstance(fees, dict):
        raise FeesInvalid(f"{name} is {fees!r:.80}; it must be a JSON object of zones and fees")
    return {zone: _fee(f"{name} of {zone!r}", fee) for zone, fee in fees.items()}


def _fee(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise FeesInvalid(f"{name} is {value!r:.80}; it must be an integer, micro-units per kWh")
    return value


def canonical(value: object) -> bytes:
    """JSON of integers, texts, lists and objects in its one canonical form: keys sorted, no spaces, UTF-8."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)

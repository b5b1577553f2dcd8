# SPDX-License-Identifier: Apache-2.0
"""Events of `EnergyTradeLog` read by offset (a general ABI decoder is twenty times slower). Pure.

What cannot be stored is refused here by name, so that an absurd log becomes a rejected observation.
"""

from backend.chain.types import Log
from backend.core.clock import from_unix
from backend.core.crypto import keccak
from backend.market.errors import LogNotStorable
from backend.market.types import Terms, TradeConfirmed, TradeKind, TradeLogged

TRADE_LOGGED = keccak(b"EnergyTradeLogged(bytes32,address,address,uint256,uint256,uint256,uint256,uint256)")
TRADE_CONFIRMED = keccak(b"EnergyTradeConfirmed(bytes32,address,uint256)")
_INT64 = 2**63 - 1
_LONGEST_DELIVERY_MINUTES = 1440


def decode_logged(log: Log) -> TradeLogged:
    """The trade in `log`. Raises LogNotStorable for amounts that no honest trade has."""
    if len(log.topics) != 4 or len(log.data) != 160:
        raise LogNotStorable("The log does not have the shape of a trade", log_index=log.log_index)
    words = [int.from_bytes(log.data[start : start + 32], "big") for start in range(0, 160, 32)]
    energy_wh, price, carbon, _, details = words
    if not (0 < energy_wh <= _INT64 and 0 < price <= _INT64 and carbon <= _INT64):
        raise LogNotStorable(
            "An amount is out of range", energy_wh=energy_wh, price_micro_per_kwh=price, carbon_g=carbon
        )
    kind = details & 0xFF
    if kind > TradeKind.MATCHED:
        raise LogNotStorable("The trade's kind is unknown", kind=kind)
    return TradeLogged(
        log=log,
        trade_id=log.topics[1],
        kind=TradeKind(kind),
        seller=_address(log.topics[2]),
        buyer=_address(log.topics[3]),
        energy_wh=energy_wh,
        price_micro_per_kwh=price,
        carbon_logged_g=carbon,
        factor_id=_factor(details),
        terms=None if kind == TradeKind.UNILATERAL else _terms(details),
        block_time=from_unix(log.block_time),
    )


def decode_confirmed(log: Log) -> TradeConfirmed:
    """The confirmation in `log`. Raises LogNotStorable like `decode_logged`."""
    if len(log.topics) != 3 or len(log.data) != 32:
        raise LogNotStorable("The log does not have the shape of a confirmation", log_index=log.log_index)
    return TradeConfirmed(
        log=log,
        trade_id=log.topics[1],
        confirmer=_address(log.topics[2]),
        terms=_terms(int.from_bytes(log.data, "big")),
    )


def _address(topic: bytes) -> bytes:
    if topic[:12] != bytes(12):
        raise LogNotStorable("A topic is not an address", topic=topic)
    return topic[12:]


def _factor(details: int) -> int:
    return details >> 40 & 0xFFFF_FFFF


def _terms(details: int) -> Terms:
    minutes = details >> 72 & 0xFFFF
    seller_meter = details >> 184 & 0xFFFF_FFFF_FFFF_FFFF
    buyer_meter = details >> 120 & 0xFFFF_FFFF_FFFF_FFFF
    if not 0 < minutes <= _LONGEST_DELIVERY_MINUTES or max(seller_meter, buyer_meter) > _INT64:
        raise LogNotStorable("The terms are out of range", minutes=minutes, seller_meter=seller_meter)
    return Terms(
        seller_meter=seller_meter,
        buyer_meter=buyer_meter,
        delivery_start=from_unix(details >> 88 & 0xFFFF_FFFF),
        delivery_minutes=minutes,
        factor_id=_factor(details),
    )

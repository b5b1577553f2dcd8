# SPDX-License-Identifier: Apache-2.0
"""Energy, price and carbon: whole numbers inside, exact decimals at the edges, never floats.

Inside: watt-hours, micro-units of currency per kWh, grams CO2e. Outside: kWh and kg with three decimals,
prices with six, as JSON strings. More decimals than the unit holds is a refusal, not a rounding.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator, Field, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from backend.core.crypto import keccak

MAX_STORED = 2**63 - 1
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_HASH = re.compile(r"0x[0-9a-fA-F]{64}")


def parse_scaled(value: Any, *, decimals: int, unit: str) -> int:
    """`value` (JSON number or string) as a whole number of 10^-decimals units.

    Raises PydanticCustomError for NaN, infinities, more decimals than the unit holds, and what int64 cannot hold.
    """
    number = _decimal(value, unit)
    if number.adjusted() > 30:
        raise PydanticCustomError("unit.too_large", "{unit} is larger than can be stored", {"unit": unit})
    scaled = number.scaleb(decimals)
    if scaled != scaled.to_integral_value():
        raise PydanticCustomError(
            "unit.too_fine", "{unit} holds at most {decimals} decimals", {"unit": unit, "decimals": decimals}
        )
    whole = int(scaled)
    if not -MAX_STORED <= whole <= MAX_STORED:
        raise PydanticCustomError("unit.too_large", "{unit} is larger than can be stored", {"unit": unit})
    return whole


def _decimal(value: Any, unit: str) -> Decimal:
    refused = PydanticCustomError("unit.not_a_number", "{unit} must be a decimal number", {"unit": unit})
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise refused
    text = repr(value) if isinstance(value, float) else str(value).strip()
    if len(text) > 60 or _NUMBER.fullmatch(text) is None:
        raise refused
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise refused from error


def format_scaled(whole: int, *, decimals: int) -> str:
    """The exact decimal text of `whole` units of 10^-decimals, without trailing zeros."""
    text = format(Decimal(whole).scaleb(-decimals), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def kwh_to_wh(kwh: Any) -> int:
    """kWh to Wh, exactly."""
    return parse_scaled(kwh, decimals=3, unit="kWh")


def wh_to_kwh(wh: int) -> str:
    """Wh as kWh text, exactly."""
    return format_scaled(wh, decimals=3)


def price_to_micro(price: Any) -> int:
    """A price per kWh in currency to micro-units, exactly."""
    return parse_scaled(price, decimals=6, unit="price")


def micro_to_price(micro: int) -> str:
    """Micro-units as price text, exactly."""
    return format_scaled(micro, decimals=6)


def grams_to_kg(grams: int) -> str:
    """Grams as kg text, exactly."""
    return format_scaled(grams, decimals=3)


def _scaled(decimals: int, unit: str, example: str) -> Any:
    return Annotated[
        int,
        BeforeValidator(lambda value: parse_scaled(value, decimals=decimals, unit=unit)),
        WithJsonSchema({"anyOf": [{"type": "string", "format": "decimal"}, {"type": "number"}], "examples": [example]}),
    ]


def _shown(decimals: int, example: str) -> Any:
    return Annotated[
        int,
        PlainSerializer(lambda whole: format_scaled(whole, decimals=decimals), return_type=str),
        WithJsonSchema({"type": "string", "format": "decimal", "examples": [example]}, mode="serialization"),
    ]


def _hex_bytes(value: Any, pattern: re.Pattern[str], what: str) -> bytes:
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise PydanticCustomError("hex.invalid", "not {what}", {"what": what})
    return bytes.fromhex(value[2:])


def parse_address(value: Any) -> bytes:
    """20 bytes from 0x + 40 hex digits; mixed case must carry a right EIP-55 checksum."""
    raw = _hex_bytes(value, _ADDRESS, "an address (0x and 40 hex digits)")
    if isinstance(value, str):
        digits = value[2:]
        mixed = digits != digits.lower() and digits != digits.upper()
        if mixed and format_address(raw) != value:
            raise PydanticCustomError("address.checksum", "the address has a wrong checksum (EIP-55): mistyped?")
    return raw


@lru_cache(maxsize=100_000)
def format_address(address: bytes) -> str:
    """0x text with EIP-55 checksum."""
    digits = address.hex()
    nibbles = keccak(digits.encode()).hex()
    return "0x" + "".join(
        digit.upper() if nibble >= "8" else digit for digit, nibble in zip(digits, nibbles, strict=False)
    )


def format_hex(raw: bytes) -> str:
    """0x text."""
    return "0x" + raw.hex()


def printable(text: str) -> str:
    """`text`, if it is one line of printable characters; a validator of fields."""
    if not text.isprintable():
        raise PydanticCustomError("text.unprintable", "must be one line of printable text")
    return text


_EPOCH, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2106, 1, 1, tzinfo=UTC)
Moment = Annotated[AwareDatetime, Field(ge=_EPOCH, lt=_LATEST)]
"""A time that a client names, with its offset: what the contract's 32 bits of seconds can say."""

# Field types. `…In` types turn what a client sends into whole numbers; plain types turn whole numbers into text.
EnergyKwhIn = _scaled(3, "kWh", "1.5")
PriceIn = _scaled(6, "price", "5.25")
CarbonKgIn = _scaled(3, "kg", "0.8")
EnergyKwh = _shown(3, "1.5")
PricePerKwh = _shown(6, "5.25")
CarbonKg = _shown(3, "0.8")
Money = _shown(6, "12.345678")
Address = Annotated[
    bytes,
    BeforeValidator(parse_address),
    PlainSerializer(format_address, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^0x[0-9a-fA-F]{40}$"}),
]
Hash32 = Annotated[
    bytes,
    BeforeValidator(lambda value: _hex_bytes(value, _HASH, "a hash (0x and 64 hex digits)")),
    PlainSerializer(format_hex, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^0x[0-9a-fA-F]{64}$"}),
]

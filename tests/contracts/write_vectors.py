# SPDX-License-Identifier: Apache-2.0
"""Writes `vectors.json`: what every implementation of the log's encodings must reproduce.

`python -m tests.contracts.write_vectors` writes the file. The contract tests check it against Solidity; Python and
browser code check themselves against it. Integers are decimal strings (JavaScript cannot hold them all), bytes are
0x-hex: `domain` and `orders` (EIP-712 digest and a signature of each), `tradeIds`, `details`, `carbon`, and `history`:
a run of events with the head and the count after each.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_keys import keys
from eth_utils.crypto import keccak

from tests.contracts.support import (
    CONFIRMED_TOPIC,
    LOGGED_TOPIC,
    TOP_NONCE_BIT,
    ZERO_ADDRESS,
    Details,
    Domain,
    Order,
    carbon_grams,
    next_head,
    struct_hash,
    trade_id,
)

FILE = Path(__file__).parent / "vectors.json"
DOMAIN = Domain(31337, "0x00000000000000000000000000000000DeaDBeef", keccak(b"GridX vector salt"))
SELLER_KEY, BUYER_KEY = keccak(b"GridX vector seller"), keccak(b"GridX vector buyer")
SELLER, BUYER = (keys.PrivateKey(key).public_key.to_checksum_address() for key in (SELLER_KEY, BUYER_KEY))
START = 1_790_000_100
FIRST_TIME = 2_100_000_000

ORDERS = (
    (SELLER_KEY, Order(maker=SELLER, meter=4_242, deliveryStart=START, expiry=START + 604_800, slot=9)),
    (
        BUYER_KEY,
        Order(
            maker=BUYER,
            taker=DOMAIN.contract,
            isBid=True,
            meter=2**63 - 1,
            deliveryStart=START,
            expiry=START + 604_800,
            energyWh=2_500,
            minFillWh=250,
            pricePerKwh=123_456_789,
            factorId=7,
            slot=8_191 << 3 | 6,
            deliveryMinutes=60,
        ),
    ),
    (
        SELLER_KEY,
        Order(SELLER, BUYER, True, *(2**bits - 1 for bits in (64, 32, 32, 32, 32, 40, 32, 16, 16))),
    ),
    (BUYER_KEY, Order(ZERO_ADDRESS, ZERO_ADDRESS, False, 0, 0, 0, 0, 0, 0, 0, 0, 0)),
)
IDS = ((SELLER, 0, 0), (SELLER, TOP_NONCE_BIT | 12, 0), (BUYER, TOP_NONCE_BIT - 1, 65_534), (DOMAIN.contract, 77, 0))
DETAILS = (
    Details(0, factor_id=1),
    Details(1, 9, 0, 1, 15, START, 4_242, 2**63 - 1),
    Details(2, 65_535, 65_534, 2**32 - 1, 60, 2**32 - 1, 2**64 - 1, 2**64 - 2),
    Details(3, 0, 0, 7, 30, START, 1, 2),
    Details(*(0,) * 8),
)
CARBON = ((1, 1), (2_125, 470_442), (999_999, 1), (1_000_000, 1), (2**32 - 1, 3_000_000))
TRADES = (
    (trade_id(SELLER, TOP_NONCE_BIT), SELLER, BUYER, 1_234, 5_000_000, 470_442, Details(0, factor_id=1)),
    (trade_id(BUYER, 5), SELLER, BUYER, 2**32 - 1, 2**40 - 1, 3_000_000, DETAILS[1]),
    (trade_id(DOMAIN.contract, 9), SELLER, BUYER, 1, 1, 1, DETAILS[2]),
)


def _text(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, dict):
        return {key: _text(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_text(item) for item in value]
    return value


def _history() -> list[dict[str, Any]]:
    """Three trades, a second apart, and the confirmation of the first by its buyer."""
    head, entries = bytes(32), []
    for number, (name, seller, buyer, energy, price, mg_per_kwh, details) in enumerate(TRADES):
        time = FIRST_TIME + number
        values = [energy, price, carbon_grams(energy, mg_per_kwh), time, details.pack()]
        parties = [bytes(12) + bytes.fromhex(party[2:]) for party in (seller, buyer)]
        entries.append(([LOGGED_TOPIC, name, *parties], encode(["uint256"] * 5, values), {"mgPerKwh": mg_per_kwh}))
    confirmed = Details(3, 0, 0, 1, 15, START, 4_242, 4_243).pack()
    confirmer = bytes(12) + bytes.fromhex(BUYER[2:])
    entries.append(([CONFIRMED_TOPIC, TRADES[0][0], confirmer], confirmed.to_bytes(32, "big"), {}))
    found = []
    for topics, data, extra in entries:
        head = next_head(head, topics, data)
        found.append({"topics": topics, "data": data, "head": head, "count": len(found) + 1, **extra})
    return found


def vectors() -> dict[str, Any]:
    """The content of the file."""
    domain = {
        "name": DOMAIN.name,
        "version": DOMAIN.version,
        "chainId": DOMAIN.chain_id,
        "verifyingContract": DOMAIN.contract,
        "salt": DOMAIN.salt,
        "separator": DOMAIN.separator(),
    }
    orders = [
        {
            "order": asdict(order),
            "structHash": struct_hash(order),
            "digest": DOMAIN.digest(order),
            "signer": keys.PrivateKey(key).public_key.to_checksum_address(),
            "signature": DOMAIN.sign(order, key),
        }
        for key, order in ORDERS
    ]
    content = {
        "domain": domain,
        "orders": orders,
        "tradeIds": [
            {"namespace": namespace, "nonce": nonce, "index": index, "tradeId": trade_id(namespace, nonce, index)}
            for namespace, nonce, index in IDS
        ],
        "details": [asdict(details) | {"packed": details.pack()} for details in DETAILS],
        "carbon": [
            {"energyWh": energy, "mgPerKwh": rate, "grams": carbon_grams(energy, rate)} for energy, rate in CARBON
        ],
        "history": _history(),
    }
    return dict(_text(content))


def main() -> None:
    """Write the file."""
    FILE.write_text(json.dumps(vectors(), indent=1) + "\n")


if __name__ == "__main__":
    main()

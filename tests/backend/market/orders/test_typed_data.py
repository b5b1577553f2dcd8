# SPDX-License-Identifier: Apache-2.0
"""Hashes and typed data of orders, against the vector file that the contract's own tests share."""

import json
from pathlib import Path
from typing import Any

import pytest
from eth_account.messages import encode_typed_data

from backend.core.crypto import keccak, recover
from backend.market.orders.typed_data import Domain, message_of, order_hash, order_of, typed_data

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[3] / "contracts" / "vectors.json").read_text())


def _raw(value: str) -> bytes:
    return bytes.fromhex(value[2:])


def _domain() -> Domain:
    given = VECTORS["domain"]
    return Domain(int(given["chainId"]), _raw(given["verifyingContract"]), _raw(given["salt"]))


@pytest.mark.parametrize("vector", VECTORS["orders"])
def test_order_hash__orders_of_the_vector_file__is_what_was_signed(vector: dict[str, Any]) -> None:
    order, domain = order_of(vector["order"]), _domain()

    digest = order_hash(order, domain)

    assert domain.separator == _raw(VECTORS["domain"]["separator"])
    assert digest == _raw(vector["digest"])
    assert recover(digest, _raw(vector["signature"])) == _raw(vector["signer"])
    assert message_of(order) == vector["order"]


@pytest.mark.parametrize("vector", VECTORS["orders"])
def test_typed_data__read_by_a_wallets_library__hashes_alike(vector: dict[str, Any]) -> None:
    order, domain = order_of(vector["order"]), _domain()

    signable = encode_typed_data(full_message=json.loads(json.dumps(typed_data(order, domain))))

    assert keccak(b"\x19\x01" + signable.header + signable.body) == order_hash(order, domain)


@pytest.mark.parametrize(
    "change", [{"slot": "65536"}, {"slot": "-1"}, {"maker": "0x12"}, {"isBid": "true"}, {"energyWh": "1.5"}]
)
def test_order_of__value_outside_its_type__is_refused(change: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        order_of(VECTORS["orders"][0]["order"] | change)

# SPDX-License-Identifier: Apache-2.0
"""The vector file that contracts, recorder and browser share, against the recorder's own code."""

import json
from pathlib import Path
from typing import Any

import pytest

from backend.chain.history import History, fold
from backend.chain.types import Log
from backend.core.crypto import hash_typed, recover
from backend.core.units import parse_address
from backend.emissions.carbon import carbon_g
from backend.market.decoding import TRADE_LOGGED, decode_logged
from backend.market.errors import LogNotStorable
from backend.market.types import TradeKind

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "contracts" / "vectors.json").read_text())
ORDER = (
    ("address", "maker"), ("address", "taker"), ("bool", "isBid"), ("uint64", "meter"), ("uint32", "deliveryStart"),
    ("uint32", "expiry"), ("uint32", "energyWh"), ("uint32", "minFillWh"), ("uint40", "pricePerKwh"),
    ("uint32", "factorId"), ("uint16", "slot"), ("uint16", "deliveryMinutes"),
)  # fmt: skip


def _raw(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def _log(topics: list[bytes], data: bytes) -> Log:
    return Log(1, b"\x01" * 32, 1, b"\x02" * 32, 0, 0, tuple(topics), data)


def _logged(packed: int, *, energy_wh: int = 1, price: int = 1, carbon: int = 0) -> Log:
    words = (energy_wh, price, carbon, 0, packed)
    data = b"".join(word.to_bytes(32, "big") for word in words)
    return _log([TRADE_LOGGED, b"\x05" * 32, bytes(12) + b"\x01" * 20, bytes(12) + b"\x02" * 20], data)


@pytest.mark.parametrize("vector", VECTORS["orders"])
def test_hash_typed__orders_of_the_vector_file__have_its_digests_and_signers(vector: dict[str, Any]) -> None:
    given = VECTORS["domain"]
    domain = {
        "name": given["name"], "version": given["version"], "chainId": int(given["chainId"]),
        "verifyingContract": given["verifyingContract"], "salt": _raw(given["salt"]),
    }  # fmt: skip
    order = {
        name: value if isinstance(value, bool) or str(value).startswith("0x") else int(value)
        for name, value in vector["order"].items()
    }

    digest = hash_typed(domain, "Order", ORDER, order)

    assert digest == _raw(vector["digest"])
    assert recover(digest, _raw(vector["signature"])) == parse_address(vector["signer"])


@pytest.mark.parametrize("vector", [item for item in VECTORS["details"] if item["kind"] != "3"])
def test_decode__details_of_the_vector_file__are_read_or_refused(vector: dict[str, str]) -> None:
    expected = {name: int(value) for name, value in vector.items()}
    storable = max(expected["seller_meter"], expected["buyer_meter"]) < 2**63

    if not storable:
        with pytest.raises(LogNotStorable):
            decode_logged(_logged(expected["packed"]))
        return
    trade = decode_logged(_logged(expected["packed"]))

    assert (trade.kind, trade.factor_id) == (TradeKind(expected["kind"]), expected["factor_id"])
    if trade.terms is not None:
        assert (trade.terms.seller_meter, trade.terms.buyer_meter) == (
            expected["seller_meter"],
            expected["buyer_meter"],
        )
        assert trade.terms.delivery_minutes == expected["delivery_minutes"]
        assert trade.terms.delivery_start.timestamp() == expected["delivery_start"]


@pytest.mark.parametrize("vector", VECTORS["carbon"])
def test_carbon__of_the_vector_file__is_the_contracts(vector: dict[str, str]) -> None:
    assert carbon_g(int(vector["energyWh"]), int(vector["mgPerKwh"])) == int(vector["grams"])


@pytest.mark.parametrize(
    "amounts", [{"energy_wh": 2**63}, {"energy_wh": 0}, {"price": 2**200}, {"price": 0}, {"carbon": 2**255}]
)
def test_decode__absurd_amounts__are_refused_by_name(amounts: dict[str, int]) -> None:
    with pytest.raises(LogNotStorable):
        decode_logged(_logged(0, **amounts))


@pytest.mark.parametrize("size", [0, 31, 159, 161])
def test_decode__wrong_size__is_refused(size: int) -> None:
    log = _logged(0)

    with pytest.raises(LogNotStorable):
        decode_logged(_log(list(log.topics), bytes(size)))


def test_history__of_the_vector_file__has_its_heads() -> None:
    history = History()
    for vector in VECTORS["history"]:
        topics = b"".join(_raw(topic) for topic in vector["topics"])
        history = fold(history, [(topics, _raw(vector["data"]))])
        assert (history.count, history.head) == (int(vector["count"]), _raw(vector["head"]))

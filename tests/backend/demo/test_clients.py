# SPDX-License-Identifier: Apache-2.0
"""Signing and encoding as a wallet does, checked against another implementation."""

import json
from dataclasses import astuple
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import decode
from eth_account import Account
from eth_account.messages import encode_typed_data

from backend.accounts import siwe
from backend.core.crypto import recover
from backend.core.units import parse_address
from scripts.demo.api_client import siwe_message
from scripts.demo.chain_client import (
    ANYBODY,
    ORDER_FIELDS,
    ORDER_TUPLE,
    Call,
    Contract,
    Order,
    Wallet,
    encode_call,
    fill_id,
    fill_offer,
)

KEY = bytes(31) + b"\x07"
CONTRACT = Contract(31337, "0x5FbDB2315678afecb367f032d93F642f64180aa3", bytes(range(32)), {})


def _order(wallet: Wallet) -> Order:
    return Order(wallet.address, ANYBODY, False, 2**63 - 1, 1_717_484_400, 1_718_089_200, 1_500, 0, 165_000, 1, 24, 60)


def _typed_order(order: Order) -> dict[str, Any]:
    names = [name for _, name in ORDER_FIELDS]
    domain_types = ("name", "string"), ("version", "string"), ("chainId", "uint256")
    more = ("verifyingContract", "address"), ("salt", "bytes32")
    return {
        "domain": {
            "name": "GridX", "version": "1", "chainId": CONTRACT.chain_id, "verifyingContract": CONTRACT.address,
            "salt": CONTRACT.salt,
        },
        "types": {
            "EIP712Domain": [{"name": name, "type": kind} for name, kind in (*domain_types, *more)],
            "Order": [{"name": name, "type": kind} for kind, name in ORDER_FIELDS],
        },
        "primaryType": "Order",
        "message": dict(zip(names, astuple(order), strict=True)),
    }  # fmt: skip


def test_order_digest__as_typed_data__is_what_wallets_sign() -> None:
    wallet = Wallet(KEY)
    order = _order(wallet)

    signature = wallet.sign_digest(CONTRACT.order_digest(order))

    message = encode_typed_data(full_message=_typed_order(order))
    assert Account.recover_message(message, signature=signature) == wallet.address


def test_sign_typed__numbers_as_text__signs_the_numbers() -> None:
    wallet = Wallet(KEY)
    typed = _typed_order(_order(wallet))
    as_text = {**typed, "message": {**typed["message"], "energyWh": "1500", "meter": str(2**63 - 1)}}

    assert wallet.sign_typed(as_text) == wallet.sign_typed(typed)


def test_fill_offer__decoded__holds_order_and_amounts() -> None:
    order = _order(Wallet(KEY))

    data = fill_offer(order, b"\x01" * 65, nonce=9, energy_wh=700, buyer_meter=42)

    values = decode([ORDER_TUPLE, "bytes", "uint80", "uint32", "uint64"], data[4:])
    assert values == ((order.maker.lower(), *astuple(order)[1:]), b"\x01" * 65, 9, 700, 42)


def test_encode_call__known_function__has_its_selector() -> None:
    assert encode_call("transfer(address,uint256)", ANYBODY, 1)[:4].hex() == "a9059cbb"
    assert encode_call("pause()").hex() == "8456cb59"


def test_fill_id__caller_and_nonce__stand_in_their_places() -> None:
    wallet = Wallet(KEY)

    number = int(fill_id(wallet.address, 5), 16)

    assert (number >> 96, number >> 16 & (2**80 - 1), number & 0xFFFF) == (int(wallet.address, 16), 5, 0)


def test_sign_transaction__twice__uses_the_next_count_and_the_wallets_key() -> None:
    wallet = Wallet(KEY, count=3)
    call = Call(CONTRACT.address, b"\x01\x02")

    raw = [wallet.sign_transaction(call, chain_id=31337, gas=50_000, max_fee_wei=10**9) for _ in range(2)]

    assert [Account.recover_transaction(item) for item in raw] == [wallet.address] * 2
    assert raw[0] != raw[1]
    assert wallet.count == 5


def test_contract_of__abi_with_errors__knows_their_selectors() -> None:
    abi = [{"type": "error", "name": "Error", "inputs": [{"type": "string"}]}]
    described = {"chainId": 31337, "address": CONTRACT.address, "salt": "0x" + "00" * 32, "abi": abi}

    assert Contract.of(described).errors == {"08c379a0": "Error"}


def test_siwe_message__read_by_the_backend__says_who_and_where() -> None:
    wallet = Wallet(KEY)
    now = datetime(2026, 11, 21, 2, 4, tzinfo=UTC)

    text = siwe_message("http://127.0.0.1:3001", wallet.address, chain_id=31337, nonce="abcdefgh1", now=now)

    read = siwe.parse(text)
    assert (read.domain, read.uri, read.chain_id) == ("127.0.0.1:3001", "http://127.0.0.1:3001", 31337)
    assert (read.address, read.nonce, read.issued_at) == (parse_address(wallet.address), "abcdefgh1", now)


def test_sign_message__recovered__is_the_wallet() -> None:
    from backend.core.crypto import hash_personal

    wallet = Wallet(KEY)

    signature = bytes.fromhex(wallet.sign_message("hello")[2:])

    assert recover(hash_personal("hello"), signature) == parse_address(wallet.address)


VECTORS = json.loads((Path(__file__).parents[2] / "contracts" / "vectors.json").read_text())


def _value(kind: str, given: Any) -> Any:
    return int(given) if kind.startswith("uint") else given


@pytest.mark.parametrize("vector", VECTORS["orders"])
def test_order_digest__shared_vectors__are_met(vector: dict[str, Any]) -> None:
    domain = VECTORS["domain"]
    contract = Contract(int(domain["chainId"]), domain["verifyingContract"], bytes.fromhex(domain["salt"][2:]), {})
    order = Order(*(_value(kind, vector["order"][name]) for kind, name in ORDER_FIELDS))

    digest = contract.order_digest(order)

    assert "0x" + digest.hex() == vector["digest"]
    assert recover(digest, bytes.fromhex(vector["signature"][2:])) == parse_address(vector["signer"])


@pytest.mark.parametrize("vector", [vector for vector in VECTORS["tradeIds"] if int(vector["index"]) == 0])
def test_fill_id__shared_vectors__are_met(vector: dict[str, Any]) -> None:
    assert fill_id(vector["namespace"], int(vector["nonce"])) == vector["tradeId"]

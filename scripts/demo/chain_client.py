# SPDX-License-Identifier: Apache-2.0
"""What a wallet does: sign orders and documents (EIP-712), sign transactions, send them to a node, read receipts.

Keys never leave this process; the node only sees raw signed transactions.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

import httpx
from eth_abi.abi import encode
from eth_account import Account

from backend.core.crypto import address_of, domain_separator, keccak, sign, struct_hash
from backend.core.units import format_address

ORDER_FIELDS = (
    ("address", "maker"), ("address", "taker"), ("bool", "isBid"), ("uint64", "meter"), ("uint32", "deliveryStart"),
    ("uint32", "expiry"), ("uint32", "energyWh"), ("uint32", "minFillWh"), ("uint40", "pricePerKwh"),
    ("uint32", "factorId"), ("uint16", "slot"), ("uint16", "deliveryMinutes"),
)  # fmt: skip
ORDER_TUPLE = f"({','.join(kind for kind, _ in ORDER_FIELDS)})"
ANYBODY = "0x" + "00" * 20
TIP_WEI = 10**9
GAS_MARGIN_PERCENT = 25
TRANSFER_GAS = 21_000
POLL_S = 0.2


class ChainProblem(Exception):
    """The node refused, a transaction reverted or was not mined in time; the message says which."""


@dataclass(frozen=True, slots=True)
class Order:
    """An offer: `maker` sells up to `energy_wh` of the interval at this price. Order of fields as in the contract."""

    maker: str
    taker: str
    is_bid: bool
    meter: int
    delivery_start: int
    expiry: int
    energy_wh: int
    min_fill_wh: int
    price_micro: int
    factor_id: int
    slot: int
    delivery_minutes: int


@dataclass(frozen=True, slots=True)
class Contract:
    """The trade log as `/api/blockchain/contract` describes it. `salt` ties signatures to this very deployment."""

    chain_id: int
    address: str
    salt: bytes
    errors: Mapping[str, str]

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> Contract:
        """From the API's answer; the ABI gives names to the reasons of reverts."""
        errors = {
            keccak(_signature(item).encode())[:4].hex(): item["name"]
            for item in described["abi"]
            if item["type"] == "error"
        }
        salt = bytes.fromhex(described["salt"].removeprefix("0x"))
        return cls(int(described["chainId"]), described["address"], salt, errors)

    def order_digest(self, order: Order) -> bytes:
        """What the maker signs."""
        domain = {
            "name": "GridX", "version": "1", "chainId": self.chain_id, "verifyingContract": self.address,
            "salt": self.salt,
        }  # fmt: skip
        names = [name for _, name in ORDER_FIELDS]
        message = dict(zip(names, astuple(order), strict=True))
        return keccak(b"\x19\x01" + domain_separator(domain) + struct_hash("Order", ORDER_FIELDS, message))


def _signature(item: Mapping[str, Any]) -> str:
    return f"{item['name']}({','.join(field['type'] for field in item['inputs'])})"


@dataclass(frozen=True, slots=True)
class Call:
    """A transaction before it is signed."""

    to: str
    data: bytes = b""
    value: int = 0


class Wallet:
    """A key, and the next transaction count of its account."""

    def __init__(self, key: bytes | None = None, *, count: int = 0) -> None:
        self._key = key or secrets.token_bytes(32)
        self.address = format_address(address_of(self._key))
        self.count = count
        self._trades = 0

    def sign_digest(self, digest: bytes) -> bytes:
        """65-byte signature of a digest."""
        return sign(digest, self._key)

    def sign_message(self, text: str) -> str:
        """`personal_sign`: 0x-hex signature of a text."""
        from eth_account.messages import encode_defunct

        return "0x" + bytes(Account.sign_message(encode_defunct(text=text), self._key).signature).hex()

    def sign_typed(self, typed_data: Mapping[str, Any]) -> str:
        """`eth_signTypedData_v4`: 0x-hex signature of typed data whose numbers may be decimal text."""
        return "0x" + bytes(Account.sign_typed_data(self._key, full_message=with_numbers(typed_data)).signature).hex()

    def sign_transaction(self, call: Call, *, chain_id: int, gas: int, max_fee_wei: int) -> bytes:
        """The raw signed transaction with the account's next count."""
        transaction = {
            "type": 2, "chainId": chain_id, "nonce": self.count, "to": call.to, "value": call.value, "gas": gas,
            "data": call.data, "maxFeePerGas": max_fee_wei, "maxPriorityFeePerGas": TIP_WEI,
        }  # fmt: skip
        raw = bytes(Account.sign_transaction(transaction, self._key).raw_transaction)
        self.count += 1
        return raw

    def next_trade_nonce(self) -> int:
        """A nonce for `fillOffer` that this wallet has not used; neighbours share a storage word."""
        self._trades += 1
        return self._trades


def with_numbers(typed_data: Mapping[str, Any]) -> dict[str, Any]:
    """Typed data whose integer fields are integers, as libraries want them."""
    primary = str(typed_data["primaryType"])
    kinds = {field["name"]: field["type"] for field in typed_data["types"][primary]}
    message = {
        name: int(value) if kinds[name].startswith(("uint", "int")) else value
        for name, value in typed_data["message"].items()
    }
    return {**{name: typed_data[name] for name in ("domain", "types", "primaryType")}, "message": message}


def fill_id(buyer: str, nonce: int) -> str:
    """Id of the trade that `fillOffer` with this nonce logs: caller ‖ nonce ‖ index 0."""
    return f"0x{bytes.fromhex(buyer[2:]).hex()}{nonce:020x}0000"


def encode_call(signature: str, *arguments: Any) -> bytes:
    """Call data of a function such as `cancel(uint96,uint32,uint8)`."""
    kinds = _top_level(signature[signature.index("(") + 1 : -1])
    return keccak(signature.encode())[:4] + encode(kinds, arguments)


def _top_level(kinds: str) -> list[str]:
    parts, depth, part = [], 0, ""
    for character in kinds:
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append(part)
            part = ""
        else:
            part += character
    return [*parts, part] if part else parts


def fill_offer(order: Order, signature: bytes, *, nonce: int, energy_wh: int, buyer_meter: int) -> bytes:
    """Call data of `fillOffer`."""
    kinds = f"fillOffer({ORDER_TUPLE},bytes,uint80,uint32,uint64)"
    return encode_call(kinds, astuple(order), signature, nonce, energy_wh, buyer_meter)


class ChainClient:
    """A node over JSON-RPC."""

    def __init__(self, url: str, http: httpx.AsyncClient) -> None:
        self._url = url
        self._http = http
        self.errors: Mapping[str, str] = {}

    async def rpc(self, method: str, *parameters: Any) -> Any:
        """The result of one call; raises ChainProblem with the node's reason."""
        return (await self.batch([(method, parameters)]))[0]

    async def batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """Results of many calls in one request, in their order; raises ChainProblem with the first reason."""
        body = [
            {"jsonrpc": "2.0", "id": place, "method": method, "params": list(parameters)}
            for place, (method, parameters) in enumerate(calls)
        ]
        if not body:
            return []
        answer = (await self._http.post(self._url, json=body, timeout=60)).json()
        for item in answer:
            if "error" in item:
                raise ChainProblem(f"{calls[item['id']][0]}: {self._reason(item['error'])}")
        return [item["result"] for item in sorted(answer, key=lambda item: int(item["id"]))]

    def _reason(self, error: Mapping[str, Any]) -> str:
        name = self.errors.get(str(error.get("data") or "")[2:10])
        return name or str(error.get("message", error))

    async def head(self) -> int:
        """Number of the newest block."""
        return int(await self.rpc("eth_blockNumber"), 16)

    async def sign_all(self, calls: Sequence[tuple[Wallet, Call]], *, chain_id: int) -> list[bytes]:
        """Raw transactions, signed by their wallets in this order, each with the gas that the node estimates and more.

        Raises ChainProblem with the contract's error when one would revert now.
        """
        block = await self.rpc("eth_getBlockByNumber", "latest", False)
        max_fee_wei = 2 * int(block["baseFeePerGas"], 16) + TIP_WEI
        plain = [(place, call) for place, (_, call) in enumerate(calls) if call.data]
        estimates = await self.batch(
            [
                ("eth_estimateGas", [{"from": calls[place][0].address, "to": call.to, "data": "0x" + call.data.hex()}])
                for place, call in plain
            ]
        )
        gas = dict.fromkeys(range(len(calls)), TRANSFER_GAS)
        for (place, _), estimate in zip(plain, estimates, strict=True):
            gas[place] = int(estimate, 16) * (100 + GAS_MARGIN_PERCENT) // 100
        return [
            wallet.sign_transaction(call, chain_id=chain_id, gas=gas[place], max_fee_wei=max_fee_wei)
            for place, (wallet, call) in enumerate(calls)
        ]

    async def send_raw(self, raw: Sequence[bytes]) -> list[str]:
        """Hand signed transactions to the node; returns their hashes."""
        return await self.batch([("eth_sendRawTransaction", ["0x" + item.hex()]) for item in raw])

    async def receipts(self, hashes: Sequence[str], *, timeout_s: float = 60) -> list[dict[str, Any]]:
        """Receipts in the order of the hashes, once all are mined.

        Raises ChainProblem for a reverted transaction and for one that was not mined in time.
        """
        found: dict[str, dict[str, Any]] = {}
        deadline = asyncio.get_running_loop().time() + timeout_s
        while True:
            waiting = [tx_hash for tx_hash in hashes if tx_hash not in found]
            for receipt in await self.batch([("eth_getTransactionReceipt", [tx_hash]) for tx_hash in waiting]):
                if receipt is not None:
                    found[receipt["transactionHash"]] = receipt
            if len(found) == len(set(hashes)):
                break
            if asyncio.get_running_loop().time() > deadline:
                raise ChainProblem(f"{len(set(hashes)) - len(found)} transactions were not mined in {timeout_s:.0f} s")
            await asyncio.sleep(POLL_S)
        reverted = [tx_hash for tx_hash in hashes if int(found[tx_hash]["status"], 16) != 1]
        if reverted:
            raise ChainProblem(f"{len(reverted)} transactions reverted, the first is {reverted[0]}")
        return [found[tx_hash] for tx_hash in hashes]

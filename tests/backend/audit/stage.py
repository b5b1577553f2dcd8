# SPDX-License-Identifier: Apache-2.0
"""A small trading community on a real chain: the compiled contract, meters, trades of every kind."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

from eth_account import Account
from eth_account.messages import encode_typed_data
from web3 import Web3

from backend.audit.deployment import Deployment
from scripts.contract_build import build
from scripts.embedded.anvil import Anvil

REGION = b"CAMX"
MG_PER_KWH = 437_515
FACTOR, AVERAGE_FACTOR = 7, 8
COMMUNITY = 3
DELIVERY = 1_767_225_600
DOMAIN_FIELDS = ("name", "version", "chainId", "verifyingContract", "salt")
ORDER_TYPE = [
    ("maker", "address"), ("taker", "address"), ("isBid", "bool"), ("meter", "uint64"), ("deliveryStart", "uint32"),
    ("expiry", "uint32"), ("energyWh", "uint32"), ("minFillWh", "uint32"), ("pricePerKwh", "uint40"),
    ("factorId", "uint32"), ("slot", "uint16"), ("deliveryMinutes", "uint16"),
]  # fmt: skip


@dataclass
class Stage:
    """The deployed log. Account 0 holds every role; accounts 1 to 4 own the meters 101 to 104."""

    anvil: Anvil
    web3: Web3
    contract: Any
    deployment: Deployment
    nonces: Any = field(default_factory=lambda: itertools.count(1))
    slots: Any = field(default_factory=itertools.count)
    ids: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def open(cls, anvil: Anvil) -> Stage:
        web3 = Web3(Web3.HTTPProvider(anvil.rpc_url))
        compiled = build()
        admin = anvil.accounts[0].address
        factors = [_factor(FACTOR, 2), _factor(AVERAGE_FACTOR, 1)]
        factory = web3.eth.contract(abi=compiled.abi, bytecode=compiled.creation)
        call = factory.constructor((admin,) * 5, 0, factors, FACTOR, "0x" + "00" * 20)
        receipt = web3.eth.wait_for_transaction_receipt(call.transact({"from": admin, "gas": 12_000_000}))
        block = web3.eth.get_block(receipt["blockNumber"])
        deployment = Deployment(
            network="local",
            chain_id=web3.eth.chain_id,
            genesis_hash=bytes(web3.eth.get_block(0)["hash"]),
            address=bytes.fromhex(receipt["contractAddress"][2:]),
            block_number=receipt["blockNumber"],
            block_hash=bytes(block["hash"]),
            parent_hash=bytes(block["parentHash"]),
        )
        contract = web3.eth.contract(address=receipt["contractAddress"], abi=compiled.abi)
        stage = cls(anvil, web3, contract, deployment)
        stage.send(0, contract.functions.registerCommunity(COMMUNITY, REGION, 15))
        for number in range(1, 5):
            owner = anvil.accounts[number].address
            stage.send(0, contract.functions.enrolMeter(100 + number, owner, COMMUNITY, "0x" + "00" * 20))
        return stage

    def address(self, number: int) -> bytes:
        return bytes.fromhex(self.anvil.accounts[number].address[2:])

    def key(self, number: int) -> bytes:
        return bytes.fromhex(self.anvil.accounts[number].key[2:])

    def send(self, number: int, call: Any) -> Any:
        """Send a transaction of account `number`; its receipt."""
        sender = self.anvil.accounts[number].address
        receipt = self.web3.eth.wait_for_transaction_receipt(call.transact({"from": sender, "gas": 12_000_000}))
        assert receipt["status"] == 1
        return receipt

    def log(self, seller: int, buyer: int, energy_wh: int = 1500, price: int = 250_000) -> bytes:
        """A trade that the seller alone logs; its id."""
        names = self.anvil.accounts
        call = self.contract.functions.logEnergyTrade(names[seller].address, names[buyer].address, energy_wh, price)
        return self._trade_id(self.send(seller, call))

    def log_many(self, seller: int, buyer: int, count: int) -> Any:
        """A batch that the seller logs; its receipt."""
        item = b"\x01" + self.address(buyer) + (1000).to_bytes(4, "big") + (200_000).to_bytes(5, "big")
        return self.send(seller, self.contract.functions.logEnergyTrades(next(self.nonces), item * count))

    def confirm(self, trade_id: bytes, confirmer: int, seller: int, buyer: int) -> Any:
        call = self.contract.functions.confirmTrade(trade_id, 100 + seller, 100 + buyer, DELIVERY, FACTOR)
        return self.send(confirmer, call)

    def fill(self, seller: int, buyer: int, energy_wh: int = 2000) -> bytes:
        """A trade that the buyer makes of the seller's signed offer; its id."""
        slot = next(self.slots)
        order = {
            "maker": self.anvil.accounts[seller].address, "taker": "0x" + "00" * 20, "isBid": False,
            "meter": 100 + seller, "deliveryStart": DELIVERY, "expiry": 2**32 - 1, "energyWh": energy_wh,
            "minFillWh": 1, "pricePerKwh": 240_000, "factorId": FACTOR, "slot": slot // 7 << 3 | slot % 7,
            "deliveryMinutes": 15,
        }  # fmt: skip
        signature = sign_typed(self.key(seller), self.domain(), "Order", ORDER_TYPE, order)
        values = tuple(order[name] for name, _ in ORDER_TYPE)
        call = self.contract.functions.fillOffer(values, signature, next(self.nonces), energy_wh, 100 + buyer)
        return self._trade_id(self.send(buyer, call))

    def domain(self) -> dict[str, Any]:
        place = self.deployment
        return {
            "name": "GridX", "version": "1", "chainId": place.chain_id,
            "verifyingContract": self.contract.address, "salt": place.parent_hash,
        }  # fmt: skip

    def _trade_id(self, receipt: Any) -> bytes:
        return bytes(self.contract.events.EnergyTradeLogged().process_receipt(receipt)[0]["args"]["tradeId"])


def _factor(number: int, basis: int) -> tuple[Any, ...]:
    return (number, REGION, basis, MG_PER_KWH, 0, 2**40, "EPA eGRID, table 1", "2023", b"\x11" * 32)


def sign_typed(key: bytes, domain: dict[str, Any], name: str, fields: list[tuple[str, str]], message: Any) -> bytes:
    """An EIP-712 signature made by eth-account, which shares nothing with the code under test."""
    kinds = dict(zip(DOMAIN_FIELDS, ("string", "string", "uint256", "address", "bytes32"), strict=True))
    typed = {
        "types": {
            "EIP712Domain": [{"name": part, "type": kinds[part]} for part in DOMAIN_FIELDS if part in domain],
            name: [{"name": part, "type": kind} for part, kind in fields],
        },
        "primaryType": name,
        "domain": domain,
        "message": message,
    }
    return bytes(Account.sign_message(encode_typed_data(full_message=typed), key).signature)

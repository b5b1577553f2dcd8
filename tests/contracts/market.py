# SPDX-License-Identifier: Apache-2.0
"""A small market for the contract tests: the deployed log, its role holders, households with keys and meters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from scripts.embedded.anvil import accounts as development_accounts
from tests.contracts.support import (
    CONFIRMED_TOPIC,
    LOGGED_TOPIC,
    ZERO_ADDRESS,
    Details,
    Domain,
    Order,
    next_head,
)

REGION = b"CAMX"
OTHER_REGION = b"NYUP"
COMMUNITY = 7
OTHER_COMMUNITY = 8
MINUTES = 15
FACTOR = 1
AVERAGE_FACTOR = 2
OTHER_FACTOR = 3
ENDING_FACTOR = 4
MG_PER_KWH = 470_442
OTHER_MG_PER_KWH = 800_000
DAY_S = 86_400
GAS_LIMIT = 30_000_000
SKIPPED_TOPIC = keccak(b"MatchSkipped(uint80,bytes4)")


@dataclass(frozen=True, slots=True)
class Household:
    """A wallet with its key, its ape account and its meter (0: none)."""

    address: str
    key: bytes
    account: Any
    meter: int


@dataclass(frozen=True, slots=True)
class Logged:
    """A decoded `EnergyTradeLogged`."""

    trade_id: bytes
    seller: str
    buyer: str
    energy_wh: int
    price: int
    carbon_g: int
    timestamp: int
    details: Details


@dataclass(frozen=True, slots=True)
class Raw:
    """What came of a transaction: whether it went through, and its logs."""

    succeeded: bool
    logs: Sequence[Any]


class Market:
    """Households 0 to 3 live in `COMMUNITY`, 4 in `OTHER_COMMUNITY` (another region); `stranger` has no meter."""

    def __init__(self, project: Any, accounts: Any, chain: Any) -> None:
        self.project, self.chain, self.provider = project, chain, chain.provider
        senders = [accounts[index] for index in range(10)]
        self.admin, self.keeper, self.registrar, self.pauser, self.settler = senders[:5]
        keys = [bytes.fromhex(item.key[2:]) for item in development_accounts(12)]
        self.settler_key = keys[4]
        self.start = chain.blocks.head.timestamp // 900 * 900 + DAY_S
        self.log = self.deploy()
        self.domain = self.domain_of(self.log)
        self.web3 = self.provider.web3
        self.raw = self.web3.eth.contract(address=self.log.address, abi=self.abi)
        self.log.registerCommunity(COMMUNITY, REGION, MINUTES, sender=self.registrar)
        self.log.registerCommunity(OTHER_COMMUNITY, OTHER_REGION, MINUTES, sender=self.registrar)
        self.households = [
            self._household(
                senders[5 + index], keys[5 + index], 1000 + index, OTHER_COMMUNITY if index == 4 else COMMUNITY
            )
            for index in range(5)
        ]
        self.seller, self.buyer = self.households[:2]
        self.stranger = Household(self.admin.address, keys[0], self.admin, 0)

    @property
    def abi(self) -> list[dict[str, Any]]:
        """ABI of the log."""
        return [item.model_dump(by_alias=True, mode="json") for item in self.project.EnergyTradeLog.contract_type.abi]

    def deploy(self, *, predecessor: str = ZERO_ADDRESS, delay_s: int = 0, **changes: Any) -> Any:
        """Deploy a log; `changes` replace arguments: `roles`, `factors`, `default`."""
        holders = (self.admin, self.keeper, self.registrar, self.pauser, self.settler)
        roles = changes.get("roles", tuple(item.address for item in holders))
        ending = factor(ENDING_FACTOR, valid_to=self.start)
        usual = [factor(FACTOR), factor(AVERAGE_FACTOR, basis=1), _other_factor(), ending]
        factors = changes.get("factors", usual)
        return self.admin.deploy(
            self.project.EnergyTradeLog, roles, delay_s, factors, changes.get("default", FACTOR), predecessor
        )

    def domain_of(self, log: Any) -> Domain:
        """Domain of a deployed log, from what its NatSpec says about the salt."""
        block = self.provider.make_request("eth_getTransactionReceipt", [log.creation_metadata.txn_hash])["blockHash"]
        parent = self.provider.make_request("eth_getBlockByHash", [block, False])["parentHash"]
        return Domain(self.provider.chain_id, log.address, bytes.fromhex(parent[2:]))

    def offer(self, household: Household | None = None, **fields: Any) -> Order:
        """A seller's order that any enrolled buyer may take."""
        who = household or self.seller
        defaults = {"deliveryStart": self.start, "expiry": self.start + 7 * DAY_S, "slot": 1 << 3}
        return Order(**({"maker": who.address, "meter": who.meter} | defaults | fields))

    def bid(self, household: Household | None = None, **fields: Any) -> Order:
        """A buyer's order for the book."""
        defaults = {"isBid": True, "taker": self.log.address, "pricePerKwh": 6_000_000}
        return self.offer(household or self.buyer, **(defaults | fields))

    def sign(self, order: Order, key: bytes | None = None, domain: Domain | None = None) -> bytes:
        """Signature of the order by its maker's key, or another."""
        chosen = key or next(item.key for item in [*self.households, self.stranger] if item.address == order.maker)
        return (domain or self.domain).sign(order, chosen)

    def fill(
        self, order: Order, *, nonce: int = 1, energy: int = 400, buyer: Household | None = None, **other: Any
    ) -> Any:
        """`fillOffer` by a household; `signature` and `meter` may be given. Returns ape's receipt."""
        who = buyer or self.buyer
        signature = other.get("signature")
        signature = self.sign(order) if signature is None else signature
        return self.log.fillOffer(
            order.words(), signature, nonce, energy, other.get("meter", who.meter), sender=who.account
        )

    def match(self, *, nonce: int = 1, energy: int = 400, price: int = 5_500_000, **parts: Any) -> tuple[Any, ...]:
        """A matched pair of seller and buyer; `offer`, `bid` are changes of the orders, `…_signature` replace."""
        offer = self.offer(parts.get("seller"), **({"taker": self.log.address} | parts.get("offer", {})))
        bid = self.bid(parts.get("buyer"), **parts.get("bid", {}))
        offer_signature = parts.get("offer_signature") or self.sign(offer)
        bid_signature = parts.get("bid_signature") or self.sign(bid)
        return offer.words(), bid.words(), offer_signature, bid_signature, nonce, energy, price

    def settle(self, *matches: tuple[Any, ...]) -> Any:
        """`settleMatched` by the settler. Returns ape's receipt."""
        return self.log.settleMatched(list(matches), sender=self.settler)

    def send(self, call: Any, sender: str) -> Raw:
        """Send a web3 call from an unlocked account without ape's ceremony; a reverted one is mined as well."""
        transaction = call.transact({"from": sender, "gas": GAS_LIMIT, "gasPrice": 10**10})
        receipt = self.web3.eth.wait_for_transaction_receipt(transaction, poll_latency=0.002)
        return Raw(receipt["status"] == 1, receipt["logs"])

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Undo on chain whatever happens inside."""
        snapshot = self.provider.make_request("evm_snapshot", [])
        try:
            yield
        finally:
            self.provider.make_request("evm_revert", [snapshot])

    def history(self) -> tuple[int, bytes]:
        """Count and head."""
        count, head = self.log.call_view_method("history")
        return count, bytes(head)

    def error(self, name: str) -> bytes:
        """Selector of an error of the log."""
        found = next(item for item in self.abi if item["type"] == "error" and item["name"] == name)
        return keccak(f"{name}({','.join(item['type'] for item in found['inputs'])})".encode())[:4]

    def decode_error(self, name: str, data: bytes) -> dict[str, Any]:
        """The facts of an encoded error; addresses are EIP-55."""
        found = next(item for item in self.abi if item["type"] == "error" and item["name"] == name)
        values = decode([item["type"] for item in found["inputs"]], data[4:])
        facts = {item["name"]: value for item, value in zip(found["inputs"], values, strict=True)}
        kinds = {item["name"]: item["type"] for item in found["inputs"]}
        return {key: to_checksum_address(v) if kinds[key] == "address" else v for key, v in facts.items()}

    def pass_time(self, seconds: int) -> None:
        """Move the clock of the chain."""
        self.chain.pending_timestamp += seconds

    def _household(self, account: Any, key: bytes, meter: int, community: int) -> Household:
        self.log.enrolMeter(meter, account.address, community, account.address, sender=self.registrar)
        return Household(account.address, key, account, meter)


def factor(
    number: int, region: bytes = REGION, basis: int = 2, mg_per_kwh: int = MG_PER_KWH, **other: Any
) -> tuple[Any, ...]:
    """An initial factor; `valid_from`, `valid_to` may be given."""
    period = other.get("valid_from", 1_000), other.get("valid_to", 2**40)
    return (number, region, basis, mg_per_kwh, *period, "EPA eGRID", "2023", b"\x05" * 32)


def _other_factor() -> tuple[Any, ...]:
    return factor(OTHER_FACTOR, OTHER_REGION, mg_per_kwh=OTHER_MG_PER_KWH)


def raw_logs(receipt: Any) -> list[tuple[list[bytes], bytes]]:
    """Topics and data of each log of a receipt, in order."""
    return [
        ([bytes.fromhex(t[2:]) for t in map(_hex, log["topics"])], bytes.fromhex(_hex(log["data"])[2:]))
        for log in receipt.logs
    ]


def _hex(value: Any) -> str:
    return value if isinstance(value, str) else "0x" + bytes(value).hex()


def logged(receipt: Any) -> list[Logged]:
    """Every `EnergyTradeLogged` of a receipt, decoded by hand."""
    found = []
    for topics, data in raw_logs(receipt):
        if topics[0] == LOGGED_TOPIC:
            energy, price, carbon, time, details = decode(["uint256"] * 5, data)
            seller, buyer = ("0x" + topic[12:].hex() for topic in topics[2:4])
            found.append(Logged(topics[1], seller, buyer, energy, price, carbon, time, Details.unpack(details)))
    return found


def skipped(receipt: Any) -> list[tuple[int, bytes]]:
    """Nonce and reason of every `MatchSkipped` of a receipt."""
    return [
        (int.from_bytes(topics[1], "big"), data[:4]) for topics, data in raw_logs(receipt) if topics[0] == SKIPPED_TOPIC
    ]


def replay(head: bytes, logs: Iterable[tuple[Sequence[bytes], bytes]]) -> tuple[int, bytes]:
    """Count of history entries among `logs`, and the head after them."""
    count = 0
    for topics, data in logs:
        if topics[0] in (LOGGED_TOPIC, CONFIRMED_TOPIC):
            count, head = count + 1, next_head(head, topics, data)
    return count, head

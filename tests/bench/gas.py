# SPDX-License-Identifier: Apache-2.0
"""Gas of the trade log: `python -m tests.bench.gas [--json] [--check | --write]`.

Deploys the local build on a chain of its own and measures each function as a community uses it: random meter
references, real signatures, amounts of some kWh. `--check` fails when a function has grown by more than 2 % over
`contracts/gas-budget.json`; `--write` makes the measured figures the new budget. The last line of `--json` carries the
figure whose limit is used up most: `{"value", "unit", "limit", "ratio", "figures"}`.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from eth_keys import keys
from eth_utils.crypto import keccak
from web3 import Web3

from scripts.contract_build import CONTRACTS, build
from scripts.embedded.anvil import Anvil
from tests.contracts.support import ZERO_ADDRESS, Domain, Order, pack_items

BUDGET_FILE = CONTRACTS / "gas-budget.json"
BUDGET_GROWTH = 0.02
LIMITS = {
    "one trade, enrolled caller": 42_000,
    "batch of 100, a trade": 5_000,
    "100 matched pairs, used counter words, a pair": 35_000,
}
BATCH = 100
REGION = b"CAMX"
COMMUNITY = 7
MG_PER_KWH = 470_442
MINUTES = 15
GAS_LIMIT = 30_000_000
DAY_S = 86_400


class Community:
    """A deployed log with `BATCH` sellers and buyers who own meters; none of them needs ether to sign."""

    def __init__(self, node: Anvil) -> None:
        self.web3 = Web3(Web3.HTTPProvider(node.rpc_url))
        self.admin, self.keeper, self.registrar, self.pauser, self.settler, self.caller, self.other = (
            item.address for item in node.accounts[:7]
        )
        self.start = int(self.web3.eth.get_block("latest")["timestamp"]) // 900 * 900 + DAY_S
        self.deployment_gas = self._deploy()
        self.sellers = [self._member(b"seller", index) for index in range(BATCH)]
        self.buyers = [self._member(b"buyer", index) for index in range(BATCH)]
        self.caller_meter = self._enrol(self.caller, b"caller")
        self._enrol(self.other, b"other")

    def send(self, function: Any, sender: str) -> int:
        """Gas that a call used. Raises RuntimeError when it reverted."""
        transaction = function.transact({"from": sender, "gas": GAS_LIMIT})
        receipt = self.web3.eth.wait_for_transaction_receipt(transaction, poll_latency=0.01)
        if receipt["status"] != 1:
            raise RuntimeError(f"{function.fn_name} reverted")
        return int(receipt["gasUsed"])

    def order(self, member: tuple[str, bytes, int], **fields: Any) -> Order:
        """An order of a member for the coming interval."""
        address, _, meter = member
        defaults = {"deliveryStart": self.start, "expiry": self.start + 7 * DAY_S, "slot": 3 << 3}
        return Order(maker=address, meter=meter, deliveryMinutes=MINUTES, **(defaults | fields))

    def match(self, index: int, nonce: int, position: int) -> tuple[Any, ...]:
        """Seller and buyer `index`, matched, with both signatures."""
        seller, buyer = self.sellers[index], self.buyers[index]
        common = {"taker": self.log.address, "slot": 3 << 3 | position, "energyWh": 1_000 + index}
        offer = self.order(seller, **common)
        bid = self.order(buyer, **common, isBid=True, pricePerKwh=6_000_000)
        signatures = self.domain.sign(offer, seller[1]), self.domain.sign(bid, buyer[1])
        return offer.words(), bid.words(), *signatures, nonce, 900 + index, 5_500_000

    def _deploy(self) -> int:
        compiled = build()
        factory = self.web3.eth.contract(abi=compiled.abi, bytecode=compiled.creation)
        roles = (self.admin, self.keeper, self.registrar, self.pauser, self.settler)
        factor = (1, REGION, 2, MG_PER_KWH, 0, 2**40, "eGRID", "2023", b"\x01" * 32)
        transaction = factory.constructor(roles, 0, [factor], 1, ZERO_ADDRESS).transact({"from": self.admin})
        receipt = self.web3.eth.wait_for_transaction_receipt(transaction, poll_latency=0.01)
        parent = self.web3.eth.get_block(receipt["blockNumber"])["parentHash"]
        self.log = self.web3.eth.contract(address=receipt["contractAddress"], abi=compiled.abi)
        self.domain = Domain(self.web3.eth.chain_id, self.log.address, bytes(parent))
        self.send(self.log.functions.registerCommunity(COMMUNITY, REGION, MINUTES), self.registrar)
        return int(receipt["gasUsed"])

    def _member(self, kind: bytes, index: int) -> tuple[str, bytes, int]:
        key = keccak(kind + index.to_bytes(4, "big"))
        address = keys.PrivateKey(key).public_key.to_checksum_address()
        return address, key, self._enrol(address, kind + index.to_bytes(4, "big"))

    def _enrol(self, owner: str, seed: bytes) -> int:
        meter = int.from_bytes(keccak(b"meter" + seed)[:8], "big") >> 1
        self.send(self.log.functions.enrolMeter(meter, owner, COMMUNITY, owner), self.registrar)
        return meter


def measure(node: Anvil) -> dict[str, int]:
    """Gas by what is done; "a trade" and "a pair" are shares of a batch, rounded up."""
    community = Community(node)
    log = community.log.functions
    figures = {"deployment": community.deployment_gas}
    figures |= _unilateral(community, log)
    figures |= _offers(community, log)
    figures |= _matches(community, log)
    figures |= _registers(community, log)
    return figures


def _unilateral(community: Community, log: Any) -> dict[str, int]:
    stranger = community.admin
    community.send(log.logEnergyTrade(community.other, community.caller, 1_234, 5_000_000), community.other)
    figures = {
        "one trade, first ever of a wallet without meter": community.send(
            log.logEnergyTrade(stranger, community.other, 1_234, 5_000_000), stranger
        ),
        "one trade, enrolled caller, first ever": community.send(
            log.logEnergyTrade(community.caller, community.other, 1_234, 5_000_000), community.caller
        ),
        "one trade, enrolled caller": community.send(
            log.logEnergyTrade(community.caller, community.other, 2_345, 5_100_000), community.caller
        ),
    }
    items = pack_items([(index % 2 == 0, community.other, 1_000 + index, 5_000_000) for index in range(BATCH)])
    for name, nonce in (("batch of 100, first use of a nonce word, a trade", 1_000), ("batch of 100, a trade", 1_001)):
        figures[name] = _share(community.send(log.logEnergyTrades(nonce, items), community.caller))
    trade_id = community.log.functions.nextTradeId(community.caller).call()
    community.send(log.logEnergyTrade(community.caller, community.other, 1_234, 5_000_000), community.caller)
    other_meter = int.from_bytes(keccak(b"meterother")[:8], "big") >> 1
    figures["confirmTrade"] = community.send(
        log.confirmTrade(trade_id, community.caller_meter, other_meter, community.start, 1), community.other
    )
    return figures


def _offers(community: Community, log: Any) -> dict[str, int]:
    figures = {}
    seller = community.sellers[0]
    steps = (("first fill in a new lane", 0), ("second fill", 0), ("first fill in a known lane", 1))
    for nonce, (name, position) in enumerate(steps):
        offer = community.order(seller, slot=9 << 3 | position, energyWh=3_000)
        signature = community.domain.sign(offer, seller[1])
        fill = log.fillOffer(offer.words(), signature, 5_000 + nonce, 700, community.caller_meter)
        figures[f"fillOffer, {name}"] = community.send(fill, community.caller)
    figures["cancel"] = community.send(log.cancel(9, community.start, 0b11), community.caller)
    return figures


def _matches(community: Community, log: Any) -> dict[str, int]:
    figures = {}
    steps = (("all counter words fresh", 0), ("used counter words", 1))
    for name, position in steps:
        pairs = [community.match(index, BATCH * position + index, position) for index in range(BATCH)]
        gas = community.send(log.settleMatched(pairs), community.settler)
        figures[f"100 matched pairs, {name}, a pair"] = _share(gas)
    single = [community.match(1, 9_000, 2)]
    figures["one matched pair, used counter words"] = community.send(log.settleMatched(single), community.settler)
    figures["100 matched pairs, all skipped, a pair"] = _share(
        community.send(log.settleMatched(pairs), community.settler)
    )
    return figures


def _registers(community: Community, log: Any) -> dict[str, int]:
    owner = community.caller
    steps = {
        "registerCommunity": (log.registerCommunity(8, REGION, 30), community.registrar),
        "enrolMeter": (log.enrolMeter(12_345, owner, COMMUNITY, owner), community.registrar),
        "registerFactor": (
            log.registerFactor(2, REGION, 2, MG_PER_KWH, 0, 2**40, "eGRID", "2024", b"\x02" * 32),
            community.keeper,
        ),
        "pause": (log.pause(), community.pauser),
        "unpause": (log.unpause(), community.pauser),
    }
    return {name: community.send(function, sender) for name, (function, sender) in steps.items()}


def _share(gas: int) -> int:
    return -(-gas // BATCH)


def over_budget(figures: dict[str, int], budget: dict[str, int]) -> list[str]:
    """What has grown beyond the budget, or is not in it."""
    problems = [f"{name}: no budget; run with --write" for name in figures if name not in budget]
    problems += [f"{name}: not measured any more; run with --write" for name in budget if name not in figures]
    for name, gas in figures.items():
        if name in budget and gas > budget[name] * (1 + BUDGET_GROWTH):
            problems.append(f"{name}: {gas:,} gas, budget {budget[name]:,} (+{gas / budget[name] - 1:.1%})")
    return problems


def over_limit(figures: dict[str, int]) -> list[str]:
    """Which figures miss the limit that the product promises."""
    return [
        f"{name}: {figures[name]:,} gas, limit {limit:,}" for name, limit in LIMITS.items() if figures[name] > limit
    ]


def headline(figures: dict[str, int]) -> dict[str, Any]:
    """The figure that uses its limit up most."""
    name = max(LIMITS, key=lambda item: figures[item] / LIMITS[item])
    ratio = round(figures[name] / LIMITS[name], 4)
    return {"value": figures[name], "unit": f"gas ({name})", "limit": LIMITS[name], "ratio": ratio, "figures": figures}


def main(arguments: list[str] | None = None) -> int:
    """Measure; exit code 1 when a limit is missed, or with `--check` a budget."""
    parser = argparse.ArgumentParser(description="Measure the gas of the trade log.")
    parser.add_argument("--json", action="store_true", help="one JSON line at the end instead of a table")
    parser.add_argument("--check", action="store_true", help="fail when a function grew by more than 2 %%")
    parser.add_argument("--write", type=Path, nargs="?", const=BUDGET_FILE, help="write the figures as the new budget")
    chosen = parser.parse_args(arguments)
    node = Anvil()
    try:
        node.start()
        figures = measure(node)
    finally:
        node.stop()
    problems = over_limit(figures)
    if chosen.check:
        problems += over_budget(figures, json.loads(BUDGET_FILE.read_text()))
    if chosen.write:
        chosen.write.write_text(json.dumps(figures, indent=2) + "\n")
    for name, gas in () if chosen.json else figures.items():
        limit = f"  limit {LIMITS[name]:,}" if name in LIMITS else ""
        print(f"{gas:>10,}  {name}{limit}")
    for problem in problems:
        print(problem, file=sys.stderr)
    print(json.dumps(headline(figures)))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

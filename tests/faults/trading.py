# SPDX-License-Identifier: Apache-2.0
"""Transactions of the town: filled offers, matched pairs, trades of one party, consents, enrolments, at random."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.backend.audit.stage import COMMUNITY, DELIVERY, FACTOR, ORDER_TYPE, sign_typed
from tests.faults.chain import Chain, Sent
from tests.faults.town import METERED

INTERVALS = 4
INTERVAL_S = 900
PRICES = (180_000, 240_000, 333_333)
TRADE_LOGGED_TOPIC = "EnergyTradeLogged"
FOREIGN_NONCES = 2**62  # settlement nonces of pairs that no book has matched; the market's own never come so far
UNMETERED = 7
NEWCOMERS = range(10, 60)


@dataclass(frozen=True)
class Made:
    """A trade that a transaction logs, if it is mined and does not revert. `trade_id` None: known once it is mined."""

    sent: Sent
    seller: int
    buyer: int
    energy_wh: int
    price: int
    trade_id: bytes | None
    unilateral: bool


class Trading:
    """Makes transactions on `chain`; `made` keeps every trade that may be on it."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.stage = chain.stage
        self.made: list[Made] = []
        self.others: list[Sent] = []  # transactions that log no trade
        self._nonce = 0
        self._lanes: dict[int, int] = defaultdict(int)
        self._offers: list[tuple[int, tuple[Any, ...], bytes]] = []
        self._newcomers = list(NEWCOMERS)
        self._settled_in: list[int] = []

    def fresh_nonce(self) -> int:
        """A nonce that no transaction has used."""
        self._nonce += 1
        return self._nonce

    def id_of(self, caller: int, nonce: int, index: int = 0) -> bytes:
        """The trade id that the contract makes of a caller's chosen nonce."""
        return self.stage.address(caller) + nonce.to_bytes(10, "big") + index.to_bytes(2, "big")

    def _send(self, sender: int, call: Any, label: str, release: bool) -> Sent:
        return self.chain.send(sender, call, label) if release else self.chain.make(sender, call, label)

    def _keep(self, *made: Made) -> Made:
        self.made += made
        return made[0]

    def order(
        self, random: Random, maker: int, *, is_bid: bool, matched: bool, energy_wh: int, interval: int, price: int
    ) -> tuple[tuple[Any, ...], bytes]:
        """A signed order of an own lane."""
        self._lanes[maker] += 1
        order = {
            "maker": self.chain.address(maker),
            "taker": self.stage.contract.address if matched else "0x" + "00" * 20,
            "isBid": is_bid, "meter": 100 + maker, "deliveryStart": DELIVERY + INTERVAL_S * interval,
            "expiry": 2**32 - 1, "energyWh": energy_wh, "minFillWh": 1, "pricePerKwh": price, "factorId": FACTOR,
            "slot": self._lanes[maker] % 8192 << 3 | random.randrange(7), "deliveryMinutes": 15,
        }  # fmt: skip
        signature = sign_typed(self.stage.key(maker), self.stage.domain(), "Order", ORDER_TYPE, order)
        return tuple(order[name] for name, _ in ORDER_TYPE), signature

    def fill(
        self, random: Random, *, seller: int | None = None, buyer: int | None = None, release: bool = True,
        interval: int | None = None, energy_wh: int = 0,
    ) -> Made:  # fmt: skip
        """A buyer fills a part of a seller's offer, sometimes of one that was filled before."""
        again = [offer for offer in self._offers[-8:] if offer[1][0] != self.chain.address(buyer or 0)]
        if again and seller is None and random.random() < 0.3:
            seller, order, signature = random.choice(again)
        else:
            seller = seller or random.choice(METERED + tuple(self._settled_in[-1:]))
            interval = random.randrange(INTERVALS) if interval is None else interval
            order, signature = self.order(
                random, seller, is_bid=False, matched=False, energy_wh=6_000, interval=interval,
                price=random.choice(PRICES),
            )  # fmt: skip
            self._offers.append((seller, order, signature))
        buyer = buyer or random.choice([account for account in METERED if account != seller])
        energy_wh = energy_wh or random.randint(1, 3_500)
        nonce = self.fresh_nonce()
        call = self.stage.contract.functions.fillOffer(order, signature, nonce, energy_wh, 100 + buyer)
        sent = self._send(buyer, call, f"fill {seller}→{buyer} {energy_wh} Wh", release)
        return self._keep(Made(sent, seller, buyer, energy_wh, order[8], self.id_of(buyer, nonce), False))

    def match(self, random: Random) -> Made:
        """Another settler than the market's relayer logs a pair that no book has matched."""
        seller, buyer = random.sample(METERED, 2)
        interval, price, energy_wh = random.randrange(INTERVALS), random.choice(PRICES), random.randint(1, 3_000)
        values = {"matched": True, "energy_wh": energy_wh, "interval": interval, "price": price}
        offer, offer_signature = self.order(random, seller, is_bid=False, **values)
        bid, bid_signature = self.order(random, buyer, is_bid=True, **values)
        nonce = FOREIGN_NONCES + self.fresh_nonce()
        call = self.stage.contract.functions.settleMatched(
            [(offer, bid, offer_signature, bid_signature, nonce, energy_wh, price)]
        )
        sent = self._send(0, call, f"match {seller}→{buyer} {energy_wh} Wh", True)
        trade_id = self.stage.deployment.address + self.id_of(0, nonce)[20:]
        return self._keep(Made(sent, seller, buyer, energy_wh, price, trade_id, False))

    def log(self, random: Random, *, release: bool = True, parties: tuple[int, int] | None = None) -> Made:
        """One party logs a trade alone."""
        seller, buyer = parties or random.sample((*METERED, UNMETERED), 2)
        caller, energy_wh, price = random.choice((seller, buyer)), random.randint(1, 4_000), random.choice(PRICES)
        call = self.stage.contract.functions.logEnergyTrade(
            self.chain.address(seller), self.chain.address(buyer), energy_wh, price
        )
        sent = self._send(caller, call, f"log {seller}→{buyer} {energy_wh} Wh by {caller}", release)
        return self._keep(Made(sent, seller, buyer, energy_wh, price, None, True))

    def batch(self, random: Random) -> Made:
        """One party logs several trades in one transaction, two of them alike."""
        caller, other = random.sample(METERED, 2)
        nonce, count = self.fresh_nonce(), random.randint(2, 4)
        sells = [random.random() < 0.5 for _ in range(count)]
        amounts = [(random.randint(1, 2_000), random.choice(PRICES)) for _ in range(count)]
        sells[1], amounts[1] = sells[0], amounts[0]
        items = b"".join(
            bytes([sale]) + self.stage.address(other) + energy_wh.to_bytes(4, "big") + price.to_bytes(5, "big")
            for sale, (energy_wh, price) in zip(sells, amounts, strict=True)
        )
        call = self.stage.contract.functions.logEnergyTrades(nonce, items)
        sent = self._send(caller, call, f"batch of {count} by {caller} with {other}", True)
        parties = [(caller, other) if sale else (other, caller) for sale in sells]
        return self._keep(
            *(
                Made(sent, *pair, *amount, self.id_of(caller, nonce, index), True)
                for index, (pair, amount) in enumerate(zip(parties, amounts, strict=True))
            )
        )

    def confirm(self, random: Random, truly: Made | None = None) -> Sent | None:
        """The other party of a mined trade (`truly`: of this one) consents, or a stranger who owns a meter says so."""
        found = []
        for made in [truly] if truly else [made for made in self.made[-20:] if made.unilateral]:
            trade_id = made.trade_id or self._mined_id(made.sent)
            if trade_id is not None and UNMETERED not in (made.seller, made.buyer):
                found.append((made, trade_id))
        if not found:
            return None
        made, trade_id = random.choice(found)
        seller, buyer = made.seller, made.buyer
        confirmer = buyer if trade_id[:20] == self.stage.address(seller) else seller
        if truly is None and random.random() < 0.25:
            stranger = random.choice([account for account in METERED if account not in (seller, buyer)])
            seller, buyer = (stranger, seller) if confirmer == seller else (seller, stranger)
            seller, buyer = (seller, buyer) if seller != buyer else (stranger, buyer)
            confirmer = stranger
        start = DELIVERY + INTERVAL_S * random.randrange(INTERVALS)
        call = self.stage.contract.functions.confirmTrade(trade_id, 100 + seller, 100 + buyer, start, FACTOR)
        sent = self._send(confirmer, call, f"confirmation of {made.sent.label} by {confirmer}", True)
        self.others.append(sent)
        return sent

    def _mined_id(self, sent: Sent) -> bytes | None:
        receipt = self.chain.receipt(sent.hash)
        logs = receipt["logs"] if receipt is not None else []
        return bytes.fromhex(logs[0]["topics"][1][2:]) if logs else None

    def foreign(self, random: Random) -> Sent:
        """A transaction that has nothing to do with the contract."""
        sent = self.chain.send(random.choice(METERED), self.chain.address(UNMETERED), "a gift of one wei")
        self.others.append(sent)
        return sent

    def enrol(self) -> Sent | None:
        """A newcomer's meter is enrolled; the next fills may sell from it, in the same block even."""
        if not self._newcomers:
            return None
        account = self._newcomers.pop(0)
        self._settled_in.append(account)
        call = self.stage.contract.functions.enrolMeter(
            100 + account, self.chain.address(account), COMMUNITY, "0x" + "00" * 20
        )
        sent = self.chain.send(0, call, f"enrolment of account {account}")
        self.others.append(sent)
        return sent

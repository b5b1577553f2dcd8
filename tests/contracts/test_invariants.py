# SPDX-License-Identifier: Apache-2.0
"""Arbitrary sequences of everything the log can do, against a model that is written from its NatSpec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.contracts.market import FACTOR, Raw, logged, raw_logs, replay
from tests.contracts.support import TOP_NONCE_BIT, pack_items, sequential_nonce, trade_id

if TYPE_CHECKING:
    from tests.contracts.market import Household, Market

FULL = 2**32 - 1
LANES = (1, 2)
ORDER_WH = 1_000

houses = st.integers(0, 3)
lanes = st.sampled_from(LANES)
positions = st.integers(0, 6)
intervals = st.integers(0, 2)
energies = st.sampled_from([1, 100, 333, 999, 1_000])
nonces = st.integers(0, 12)


class LogMachine(RuleBasedStateMachine):
    """The log on one side, count, head, counters, nonces and pause on the other."""

    def __init__(self, market: Market) -> None:
        super().__init__()
        self.market = market
        self.functions = market.raw.functions
        self.snapshot = market.provider.make_request("evm_snapshot", [])
        self.count, self.head = market.history()
        self.counters: dict[tuple[str, int], tuple[int, list[int]]] = {}
        self.used: set[tuple[str, int]] = set()
        self.sequence: dict[str, int] = {}
        self.logged_by: dict[bytes, str] = {}
        self.paused = False

    def teardown(self) -> None:
        self.market.provider.make_request("evm_revert", [self.snapshot])

    # --- the model ------------------------------------------------------------------------------------------

    def _lane(self, maker: str, lane: int) -> tuple[int, list[int]]:
        return self.counters.get((maker, lane), (0, [0] * 7))

    def _fits(self, maker: str, lane: int, position: int, start: int, energy: int) -> bool:
        tag, filled = self._lane(maker, lane)
        if start < tag:
            return False
        return (filled[position] if start == tag else 0) + energy <= ORDER_WH

    def _count_fill(self, maker: str, lane: int, position: int, start: int, energy: int) -> None:
        tag, filled = self._lane(maker, lane)
        filled = list(filled) if start == tag else [0] * 7
        filled[position] += energy
        self.counters[maker, lane] = (start, filled)

    def _record(self, outcome: Raw, expected: bool) -> None:
        """The transaction did what the model says; its events advance the model's history."""
        assert outcome.succeeded == expected
        added, self.head = replay(self.head, raw_logs(outcome))
        self.count += added
        for trade in logged(outcome):
            assert trade.trade_id not in self.logged_by
            self.logged_by[trade.trade_id] = trade.seller
        assert not (self.paused and added)

    def _house(self, index: int) -> Household:
        return self.market.households[index]

    def _start(self, interval: int) -> int:
        return self.market.start + 900 * interval

    # --- what can happen ------------------------------------------------------------------------------------

    @rule(seller=houses, buyer=houses, energy=energies, by_buyer=st.booleans())
    def log_trade(self, seller: int, buyer: int, energy: int, by_buyer: bool) -> None:
        parties = self._house(seller).address, self._house(buyer).address
        caller = parties[by_buyer]

        outcome = self.market.send(self.functions.logEnergyTrade(*parties, energy, 5), caller)

        expected = seller != buyer and not self.paused
        self._record(outcome, expected)
        if expected:
            number = self.sequence.get(caller, 0)
            assert logged(outcome)[0].trade_id == trade_id(caller, sequential_nonce(number))
            self.sequence[caller] = number + 1

    @rule(caller=houses, other=houses, nonce=nonces, size=st.integers(1, 4))
    def log_batch(self, caller: int, other: int, nonce: int, size: int) -> None:
        address = self._house(caller).address
        items = pack_items([(True, self._house(other).address, 7, 5)] * size)

        outcome = self.market.send(self.functions.logEnergyTrades(nonce, items), address)

        expected = not self.paused and caller != other and (address, nonce) not in self.used
        self._record(outcome, expected)
        if expected:
            self.used.add((address, nonce))
            assert len(logged(outcome)) == size

    @rule(maker=houses, buyer=houses, lane=lanes, position=positions, interval=intervals, energy=energies, nonce=nonces)
    def fill(self, maker: int, buyer: int, lane: int, position: int, interval: int, energy: int, nonce: int) -> None:
        seller, taker, start = self._house(maker), self._house(buyer), self._start(interval)
        offer = self.market.offer(seller, slot=lane << 3 | position, deliveryStart=start, energyWh=ORDER_WH)
        call = self.functions.fillOffer(offer.words(), self.market.sign(offer), nonce, energy, taker.meter)

        outcome = self.market.send(call, taker.address)

        expected = (
            not self.paused
            and maker != buyer
            and (taker.address, nonce) not in self.used
            and self._fits(seller.address, lane, position, start, energy)
        )
        self._record(outcome, expected)
        if expected:
            self.used.add((taker.address, nonce))
            self._count_fill(seller.address, lane, position, start, energy)

    @rule(
        pairs=st.lists(
            st.tuples(houses, houses, lanes, positions, positions, intervals, energies, nonces), min_size=1, max_size=4
        )
    )
    def settle(self, pairs: list[tuple[int, ...]]) -> None:
        matches, expected = [], 0
        for maker, taker, lane, offered, wanted, interval, energy, nonce in pairs:
            seller, buyer, start = self._house(maker), self._house(taker), self._start(interval)
            common = {"deliveryStart": start, "energyWh": ORDER_WH}
            matches.append(
                self.market.match(
                    nonce=nonce,
                    energy=energy,
                    seller=seller,
                    buyer=buyer,
                    offer={"slot": lane << 3 | offered, **common},
                    bid={"slot": lane << 3 | wanted, **common},
                )
            )
            sound = (
                not self.paused
                and maker != taker
                and ("market", nonce) not in self.used
                and self._fits(seller.address, lane, offered, start, energy)
                and self._fits(buyer.address, lane, wanted, start, energy)
            )
            if sound:
                expected += 1
                self.used.add(("market", nonce))
                self._count_fill(seller.address, lane, offered, start, energy)
                self._count_fill(buyer.address, lane, wanted, start, energy)

        outcome = self.market.send(self.functions.settleMatched(matches), self.market.settler.address)

        self._record(outcome, not self.paused)
        assert len(logged(outcome)) == expected

    @rule(maker=houses, lane=lanes, interval=intervals, mask=st.integers(1, 127))
    def cancel(self, maker: int, lane: int, interval: int, mask: int) -> None:
        address, start = self._house(maker).address, self._start(interval)

        outcome = self.market.send(self.functions.cancel(lane, start, mask), address)

        tag, filled = self._lane(address, lane)
        self._record(outcome, start >= tag)
        if start >= tag:
            kept = list(filled) if start == tag else [0] * 7
            self.counters[address, lane] = (
                start,
                [FULL if mask >> place & 1 else value for place, value in enumerate(kept)],
            )

    @rule(pick=st.integers(0, 40), by=houses)
    def confirm(self, pick: int, by: int) -> None:
        names = sorted(self.logged_by)
        if not names:
            return
        name = names[pick % len(names)]
        logger = "0x" + name[:20].hex()
        caller = self._house(by)
        known = {house.address.lower(): house for house in self.market.households[:4]}
        other = known.get(logger)
        meters = (caller.meter, other.meter if other else 1)

        outcome = self.market.send(
            self.functions.confirmTrade(name, *meters, self.market.start, FACTOR), caller.address
        )

        self._record(outcome, not self.paused and other is not None and other.address != caller.address)

    @rule()
    def toggle_pause(self) -> None:
        call = self.functions.unpause() if self.paused else self.functions.pause()

        outcome = self.market.send(call, self.market.pauser.address)

        self._record(outcome, True)
        self.paused = not self.paused

    # --- what always holds ----------------------------------------------------------------------------------

    @invariant()
    def history_follows_from_the_events(self) -> None:
        assert self.functions.history().call() == [self.count, self.head]

    @invariant()
    def counters_are_those_of_the_model(self) -> None:
        for (maker, lane), (tag, filled) in self.counters.items():
            word = self.functions.countersOf(maker, lane).call()
            assert word >> 224 == tag
            assert [word >> 32 * place & FULL for place in range(7)] == filled
            assert all(value <= ORDER_WH or value == FULL for value in filled)

    @invariant()
    def ids_are_unique_and_of_their_namespace(self) -> None:
        for name in self.logged_by:
            nonce = int.from_bytes(name[20:30], "big")
            assert nonce < TOP_NONCE_BIT or name[30:] == b"\0\0"


def test_log__any_sequence_of_calls__keeps_the_invariants(market: Market) -> None:
    chosen = settings(
        max_examples=12,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        database=None,
    )

    def machine() -> Any:
        return LogMachine(market)

    run_state_machine_as_test(machine, settings=chosen)

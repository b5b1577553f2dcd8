# SPDX-License-Identifier: Apache-2.0
"""Planted bugs of signed orders, like those of `planted.py`."""

from __future__ import annotations

from tests.faults.planted import MARKET, Bug

TESTS = f"{MARKET}/orders"
SOURCES = "backend/market/orders"
INTAKE, LANES, OFFERS = f"{TESTS}/test_intake.py", f"{TESTS}/test_lanes.py", f"{TESTS}/test_offers.py"

ORDER_BUGS = (
    Bug(
        "orders: the chain's salt is not signed",
        ((f"{SOURCES}/typed_data.py", '"salt": self.salt}', '"salt": bytes(32)}'),),
        f"{TESTS}/test_typed_data.py",
    ),
    Bug(
        "orders: capacity counts open orders only",
        (
            (
                f"{SOURCES}/last_look.py",
                "        taken[side] = taken.get(side, 0) + order.energy_wh\n",
                "",
            ),
        ),
        f"{INTAKE}::test_submit__orders_of_one_house_at_once__never_pass_its_capacity",
    ),
    Bug(
        "orders: cancels on chain are not looked at",
        ((f"{SOURCES}/lanes.py", "return bool(self.mask >> position & 1)", "return False"),),
        f"{INTAKE}::test_submit__slot_cancelled_on_chain__is_refused_others_of_its_lane_are_not",
    ),
    Bug(
        "orders: a signature need not be the maker's",
        (
            (
                f"{SOURCES}/intake.py",
                "by_key = recover(digest, signed.signature) == signed.order.maker",
                "by_key = recover(digest, signed.signature) is not None",
            ),
        ),
        f"{INTAKE}::test_submit__signature_that_does_not_fit__is_refused",
    ),
    Bug(
        "orders: a position need not be handed out",
        ((f"{SOURCES}/checks.py", "        or order.position >= lane.next_position\n", ""),),
        f"{INTAKE}::test_submit__order_that_breaks_a_rule__is_refused_by_the_rules_name_and_stored_nowhere",
    ),
    Bug(
        "lanes: one with a match on its way goes on",
        ((f"{SOURCES}/lanes.py", "\"('MATCHED', 'SENT', 'CONFIRMED')\"", "\"('MATCHED', 'SENT')\""),),
        f"{LANES}::test_hand_out__lane_of_a_past_interval__goes_on_once_nothing_in_it_can_be_logged",
    ),
    Bug(
        "lanes: hand-outs do not wait for each other",
        ((f"{SOURCES}/lanes.py", "    await fetch(session, _LOCK, chain, maker)\n", ""),),
        f"{LANES}::test_hand_out__many_processes_at_once__gives_each_slot_to_one",
    ),
    Bug(
        "lanes: those of the book go on before the gate",
        ((f"{SOURCES}/lanes.py", "return now - life - GRACE", "return now + life"),),
        f"{LANES}::test_choose__any_trading__shares_no_position_and_kills_no_order",
    ),
    Bug(
        "offers: the row is not locked",
        ((f"{SOURCES}/offers.py", "ORDER BY o.id FOR UPDATE OF o\n", "ORDER BY o.id\n"),),
        f"{OFFERS}::test_reserve__two_buyers_at_the_same_instant__one_gets_the_rest",
    ),
    Bug(
        "offers: only the second telling of a fill counts",
        (
            (
                f"{SOURCES}/fills.py",
                "if not counted_wh or not await fetch(session, _FILL,",
                "if not counted_wh or await fetch(session, _FILL,",
            ),
        ),
        f"{OFFERS}::test_taken__fill_of_a_reservation__moves_its_energy_once_and_back_after_a_reorganisation",
    ),
    Bug(
        "offers: reservations do not give way to the chain",
        ((f"{SOURCES}/fills.py", "trade.energy_wh > offer.rest_wh:", "trade.energy_wh > offer.energy_wh:"),),
        f"{OFFERS}::test_taken__fill_that_nobody_reserved__makes_reservations_give_way_the_latest_first",
    ),
)

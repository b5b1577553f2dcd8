# SPDX-License-Identifier: Apache-2.0
"""Planted bugs of the book, of what follows a match, and of money, like those of `planted.py`."""

from __future__ import annotations

from tests.faults.planted import MARKET, Bug

BOOK, RELAYER, OFFERS = f"{MARKET}/book", f"{MARKET}/relayer", f"{MARKET}/orders/test_offers.py"
CORRECTIONS = f"{MARKET}/settlement/test_corrections.py"
SOURCES = "backend/market"
WHOEVER = "WHERE o.id = c.id AND c.was_matched_wh >= 0\n"

MARKET_BUGS = (
    Bug(
        "book: its row is neither locked nor held against its version",
        (
            (f"{SOURCES}/book/queries.py", "ORDER BY b.community, b.delivery_start FOR UPDATE OF b\n", "\n"),
            (f"{SOURCES}/book/writing.py", " AND b.version = t.was\n", "\n"),
            (f"{SOURCES}/book/writing.py", "WHERE o.id = c.id AND o.matched_wh = c.was_matched_wh\n", WHOEVER),
        ),
        f"{BOOK}/test_processes.py::test_two_processes__under_load__never_match_an_order_twice",
    ),
    Bug(
        "book: memory is not held against the version of its row, nor its orders",
        (
            (
                f"{SOURCES}/book/engine.py",
                "if memories[row.key].version != row.version]",
                "if memories[row.key].version == 0]",
            ),
            (f"{SOURCES}/book/writing.py", "WHERE o.id = c.id AND o.matched_wh = c.was_matched_wh\n", WHOEVER),
        ),
        f"{BOOK}/test_processes.py::test_two_processes__under_load__never_match_an_order_twice",
    ),
    Bug(
        "clearing: in small books a person may meet himself",
        ((f"{SOURCES}/clearing/plain.py", "default=0) > volume", "default=0) > 2 * volume"),),
        f"{MARKET}/clearing/test_auctions.py::test_clear__in_plain_python_and_in_columns__gives_the_same",
    ),
    Bug(
        "orders: bids may ask for twice what a connection carries",
        ((f"{SOURCES}/orders/checks.py", "if connection_w is None else connection_w\n", "* 2\n"),),
        f"{MARKET}/orders/test_intake.py::test_submit__connection_told_or_not__bounds_both_sides",
    ),
    Bug(
        "book: a person may meet himself",
        (
            (
                f"{SOURCES}/clearing/continuous.py",
                "    if resting.order.owner == order.owner:\n",
                "    if not resting.order.owner:\n",
            ),
        ),
        "seed:11:8",
    ),
    Bug(
        "book: what is undone does not open again",
        ((f"{SOURCES}/book/service.py", "        turn.reopen(order, freed[order.id])\n", "        assert order\n"),),
        f"{BOOK}/test_ending.py::test_undo_matches__one_side_at_fault__ends_it_and_opens_the_other_in_its_place",
    ),
    Bug(
        "book: an undone match stays in its order",
        (
            (
                f"{SOURCES}/book/matching.py",
                "        self._change(order)\n        order.matched_wh -= energy_wh\n",
                "        self._change(order)\n",
            ),
        ),
        "seed:11:25",
    ),
    Bug(
        "book: the seller's fee is left out of his limit",
        (
            (
                f"{SOURCES}/clearing/continuous.py",
                "        seller = self.fees.seller_micro_per_kwh(seller_zone)\n",
                "        seller = 0 * self.fees.seller_micro_per_kwh(seller_zone)\n",
            ),
        ),
        f"{BOOK}/test_placing.py::test_place__with_fees__each_side_bears_his_own_and_nobody_passes_his_limit",
    ),
    Bug(
        "book: orders are taken after the gate",
        ((f"{SOURCES}/book/types.py", "self.closed_at is None and now < self.closes_at", "self.closed_at is None"),),
        f"{BOOK}/test_placing.py::test_place__after_the_gate__is_refused_whatever_the_client_thinks",
    ),
    Bug(
        "settlement: a pair that is sent again draws a new nonce",
        (
            (
                f"{SOURCES}/relayer/queue.py",
                "UPDATE matches m SET state = 'MATCHED', updated_at = $2 WHERE",
                "UPDATE matches m SET state = 'MATCHED', updated_at = $2,\n"
                "    settlement_nonce = nextval('settlement_nonces') WHERE",
            ),
        ),
        f"{RELAYER}/test_transactions.py"
        "::test_nonce__taken_by_somebody_else_with_our_key__the_pairs_go_into_another_transaction",
    ),
    Bug(
        "settlement: pairs are sent whatever the contract says of them",
        (
            (
                f"{SOURCES}/relayer/sending.py",
                "    answers = await desk.node.check(pairs)\n",
                "    answers = [b''] * len(pairs)\n",
            ),
        ),
        f"{RELAYER}/test_relaying.py"
        "::test_settle__cancelled_on_chain_while_matched__is_taken_out_before_it_costs_anything",
    ),
    Bug(
        "offers: a reservation takes nothing of the offer",
        ((f"{SOURCES}/orders/reservations.py", "        offer.reserved_wh += wish.energy_wh\n", ""),),
        f"{OFFERS}::test_reserve__two_buyers_at_the_same_instant__one_gets_the_rest",
    ),
    Bug(
        "offers: everybody may buy from himself",
        ((f"{SOURCES}/orders/reservations.py", "if offer.user_id == wish.user_id:", "if offer.user_id is None:"),),
        f"{OFFERS}::test_reserve__what_cannot_be_taken__is_refused_by_name",
    ),
    Bug(
        "money: a correction is booked beside what it corrects",
        ((f"{SOURCES}/settlement/money.py", "            wrong.append((entry_id, line))\n", "            continue\n"),),
        f"{CORRECTIONS}::test_reading_corrected__after_settlement__links_what_it_takes_back_and_leaves_the_wallet",
    ),
    Bug(
        "money: fees of a delivery are left out",
        ((f"{SOURCES}/settlement/imbalance.py", "        if fee > 0:\n", "        if fee < 0:\n"),),
        "seed:11:25",
    ),
)

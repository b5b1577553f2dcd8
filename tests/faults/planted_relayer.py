# SPDX-License-Identifier: Apache-2.0
"""Planted bugs of settlement on chain, like those of `planted.py`."""

from __future__ import annotations

from tests.faults.planted import MARKET, Bug

TESTS = f"{MARKET}/relayer"
SOURCES = "backend/market/relayer"

RELAYER_BUGS = (
    Bug(
        "relayer: sent pairs still wait",
        ((f"{SOURCES}/desk.py", '            await queue.move(session, matches, "SENT", now)\n', ""),),
        f"{TESTS}/test_relaying.py::test_settle__three_pairs__are_recorded_credited_and_final",
    ),
    Bug(
        "relayer: broadcast before it is stored for good",
        (
            (
                f"{SOURCES}/desk.py",
                '            await failpoint("relayer.before_store_commit")\n',
                "            await self.node.broadcast(raw)\n"
                '            await failpoint("relayer.before_store_commit")\n',
            ),
        ),
        f"{TESTS}/test_transactions.py::test_die__anywhere_between_match_and_confirmation__the_next_relayer_ends_what_was_begun",
    ),
    Bug(
        "relayer: a skip counts before it is final",
        ((f"{SOURCES}/queue.py", "        AND s.final_at IS NOT NULL AND s.resolved_at IS NULL)\n", ")\n"),),
        f"{TESTS}/test_relaying.py",
    ),
    Bug(
        "relayer: a replacement pays too little",
        ((f"{SOURCES}/fees.py", "wei // 8 + 1", "wei // 16 + 1"),),
        f"{TESTS}/test_parts.py",
    ),
    Bug(
        "relayer: pairs of a reverted transaction are forgotten",
        (
            (
                f"{SOURCES}/relayer.py",
                "            await queue.requeue_loose(session, desk.chain.id, now)\n",
                "            pass\n",
            ),
        ),
        f"{TESTS}/test_transactions.py",
    ),
    Bug(
        "relayer: a dropped transaction is waited for",
        ((f"{SOURCES}/tending.py", "    if state is TxState.PENDING:\n", "    if state is not None:\n"),),
        f"{TESTS}/test_transactions.py::test_drop__the_node_forgets_the_transaction__it_is_broadcast_again",
    ),
    Bug(
        "relayer: a match stays confirmed when its block is lost",
        (
            (
                f"{SOURCES}/feedback.py",
                "        await sql.execute(session, _UNCONFIRM, chain.id, list(orphaned), now)\n",
                "",
            ),
        ),
        f"{TESTS}/test_transactions.py::test_reorganise__the_block_of_a_batch_is_lost__it_is_broadcast_again_and_logged_once",
    ),
    Bug(
        "relayer: a lost skip is remembered",
        ((f"{SOURCES}/feedback.py", "    await sql.execute(session, _FORGET_SKIPS, chain.id, list(lost))\n", ""),),
        f"{TESTS}/test_transactions.py::test_reorganise__a_skip_is_lost__the_pair_may_still_be_logged",
    ),
    Bug(
        "relayer: two work with one key",
        (
            (
                f"{SOURCES}/relayer.py",
                '"SELECT pg_try_advisory_lock($1::int, $2::int)"',
                '"SELECT $1::int IS NOT NULL OR $2::int > 0"',
            ),
        ),
        f"{TESTS}/test_relaying.py::test_settle__two_relayers_with_one_key__one_works_until_it_goes",
    ),
    Bug(
        "relayer: the counterpart is blamed too",
        ((f"{SOURCES}/encoding.py", "bool(told) and all(", "bool(told) and any("),),
        f"{TESTS}/test_parts.py",
    ),
    Bug(
        "relayer: a batch is as large as it likes",
        ((f"{SOURCES}/sending.py", "        if gas <= cap:\n", "        if gas > 0:\n"),),
        f"{TESTS}/test_relaying.py::test_settle__more_than_a_transaction_may_use__is_split_in_the_order_of_nonces",
    ),
    Bug(
        "relayer: expired pairs hold their orders",
        ((f"{SOURCES}/relayer.py", "            await take_out_expired(desk, ground, now)\n", ""),),
        f"{TESTS}/test_relaying.py::test_settle__expired_while_nothing_can_be_sent__is_cancelled",
    ),
    Bug(
        "relayer: an alert at every look",
        ((f"{SOURCES}/standing.py", " AND stopped_code IS DISTINCT FROM $3 RETURNING", " AND $3 <> '' RETURNING"),),
        f"{TESTS}/test_transactions.py::test_funds__run_out_and_come_back__one_alert_each_and_every_pair_is_settled",
    ),
    Bug(
        "relayer: the day's budget is not looked at",
        ((f"{SOURCES}/sending.py", "if limit is not None and used > limit:", "if limit is not None and used < 0:"),),
        f"{TESTS}/test_transactions.py::test_budget__of_the_day_is_used__stops_until_the_next_day",
    ),
    Bug(
        "follower: filled offers of a lost block stay taken",
        (
            (
                f"{SOURCES}/feedback.py",
                "        await fills.untaken(session, chain.id, orphaned, now=now)\n",
                "",
            ),
        ),
        f"{TESTS}/test_feedback.py::test_follow__a_direct_offer_filled_and_lost__is_taken_and_open_again",
    ),
)

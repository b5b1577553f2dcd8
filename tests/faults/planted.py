# SPDX-License-Identifier: Apache-2.0
"""The planted bugs: each a small textual change, and what must catch it (tests, or seeded sequences)."""

from __future__ import annotations

from dataclasses import dataclass

CHAIN, MARKET = "tests/backend/chain", "tests/backend/market"
FAILPOINT = "tests/faults/test_failpoints.py::test_die__at_a_failpoint__another_process_ends_what_was_begun"


@dataclass(frozen=True)
class Bug:
    """`changes` are (file, old text, new text); the old text stands in the file exactly once.

    `catcher` is a pytest node, or `seed:SEED:COUNT` for the first sequences of a seed.
    """

    name: str
    changes: tuple[tuple[str, str, str], ...]
    catcher: str


BUGS = (
    Bug(
        "recorder lock removed",
        (
            (
                "backend/chain/queries.py",
                'await session.execute(text("SELECT pg_advisory_xact_lock(:space, :chain)"), keys)',
                'await session.execute(text("SELECT :space + :chain"), keys)',
            ),
        ),
        f"{CHAIN}/test_service.py::test_take_recorder_lock__held_by_another__waits_for_its_end",
    ),
    Bug(
        "header hash not recomputed",
        (("backend/chain/headers.py", "if found != claimed:", "if not found:"),),
        f"{CHAIN}/test_verification.py::test_read_header__one_field_altered__is_found",
    ),
    Bug(
        "parent link not checked",
        (
            (
                "backend/chain/headers.py",
                "if previous_hash is not None and header.parent_hash != previous_hash:",
                "if previous_hash is not None and header.parent_hash == b'':",
            ),
        ),
        f"{CHAIN}/test_verification.py::test_check_links__real_chain__holds_and_a_gap_is_found",
    ),
    Bug(
        "receipts root not checked",
        (
            (
                "backend/chain/receipts.py",
                "if ordered_root(encoded) != header.receipts_root:",
                "if not ordered and encoded:",
            ),
        ),
        "seed:3:6",
    ),
    Bug(
        "cursor committed before the records",
        (
            (
                "backend/chain/recording.py",
                "    observed = await queries.blocks_with_events(session, chain.id, first.number - 1)\n",
                "    early = {'next_block': last.number + 1, 'last_hash': last.hash, 'note': None}\n"
                "    await queries.move_cursor(session, chain.id, early, now)\n"
                "    from backend.core.db import raw\n"
                "    await (await raw(session)).execute('COMMIT')\n"
                "    await (await raw(session)).execute('BEGIN')\n"
                "    observed = await queries.blocks_with_events(session, chain.id, first.number - 1)\n",
            ),
        ),
        f"{FAILPOINT}[follower.after_events]",
    ),
    Bug(
        "confirmation depth off by one in the follower",
        (
            (
                "backend/chain/follower.py",
                "tip.head.number - chain.confirmations + 1",
                "tip.head.number - chain.confirmations + 2",
            ),
        ),
        f"{CHAIN}/test_follower.py::test_follow__newest_block__waits_for_its_second_confirmation",
    ),
    Bug(
        "confirmation depth off by one for posted hashes",
        (("backend/chain/observer.py", "else depth >= confirmations", "else depth + 1 >= confirmations"),),
        f"{MARKET}/test_posting.py::test_post__not_deep_enough__is_pending_and_finished_without_the_client",
    ),
    Bug(
        "posted blocks that lost are not undone",
        (
            (
                "backend/chain/recording.py",
                "        await undo(session, chain, projector, now, first=first.number, keep=known)\n",
                "        pass\n",
            ),
        ),
        f"{CHAIN}/test_reorganisations.py"
        "::test_follow__posted_from_a_block_that_lost__is_orphaned_before_its_successor_is_recorded",
    ),
    Bug(
        "second node not asked",
        (
            (
                "backend/chain/follower.py",
                "        if self.options.second_node:\n",
                "        if self.options.second_node is None:\n",
            ),
        ),
        f"{CHAIN}/test_nodes.py::test_follow__second_node_shows_another_block__records_nothing",
    ),
    Bug(
        "contract's history not compared",
        (
            (
                "backend/chain/safety.py",
                "if theirs is not None and theirs != ours:",
                "if theirs is not None and not ours:",
            ),
        ),
        f"{CHAIN}/test_nodes.py::test_follow__contract_has_more_history_than_the_logs__halts_with_an_alarm",
    ),
    Bug(
        "orphan's carbon not reversed",
        (
            (
                "backend/market/recorder.py",
                "    await carbon.reverse_trades(session, chain.id, credited, now=now)\n",
                "    assert credited is not None\n",
            ),
        ),
        "seed:11:6",
    ),
    Bug(
        "orphan's statistics not subtracted",
        (("backend/market/sql.py", "trades = held.trades - lost.trades", "trades = held.trades"),),
        "seed:11:6",
    ),
    Bug(
        "claims of orphaned trades not reopened",
        (
            (
                "backend/market/projection.py",
                "        await submissions.reopen(session, chain, orphaned, now=now)\n",
                "        assert orphaned is not None\n",
            ),
        ),
        "seed:11:12",
    ),
    Bug(
        "registers of lost blocks not forgotten",
        (("backend/market/projection.py", "        await registers.forget(session, chain, logs)\n", "        pass\n"),),
        f"{MARKET}/test_registers.py",
    ),
    Bug(
        "consent of a lost block kept",
        (
            (
                "backend/market/projection.py",
                "        await consent.withdraw(session, chain, lost, now=now)\n",
                "        pass\n",
            ),
        ),
        f"{MARKET}/test_recording.py::test_follow__consent_reorganised_away__takes_back_what_it_had_earned",
    ),
    Bug(
        "trade booked again each time it is seen",
        (
            (
                "backend/market/sql.py",
                "WHERE held.status = 'ORPHANED'\nRETURNING trade_id, cycle",
                "RETURNING trade_id, cycle",
            ),
        ),
        f"{MARKET}/test_posting.py::test_post__recorded_by_poster_and_follower__has_one_effect",
    ),
    Bug(
        "epoch not checked when a posted trade is recorded",
        (
            (
                "backend/market/posting.py",
                "if (await chains.get_chain(session, chain.id)).epoch != chain.epoch:",
                "if (await chains.get_chain(session, chain.id)).epoch < 0:",
            ),
        ),
        f"{MARKET}/test_watching.py::test_post__chain_reorganised_between_look_and_record__looks_again",
    ),
    Bug(
        "consent of anybody counts",
        (
            (
                "backend/market/consent.py",
                "return logged_by in parties and parties - {logged_by} == {confirmation.confirmer}",
                "return logged_by in parties",
            ),
        ),
        f"{MARKET}/test_recording.py::test_follow__confirmed_by_a_stranger__counts_nothing",
    ),
    Bug(
        "delivered beyond what meters measured",
        (
            (
                "backend/market/settlement/delivery.py",
                "delivered = min(trade.energy_wh, sale, purchase)",
                "delivered = trade.energy_wh",
            ),
        ),
        f"{MARKET}/settlement/test_delivery.py::test_deliver__anything__credits_no_meter_beyond_its_limit",
    ),
    Bug(
        "what both parties lacked is charged to the seller",
        (
            (
                "backend/market/settlement/imbalance.py",
                "short = delivered.seller_lacked_wh - delivered.buyer_lacked_wh",
                "short = delivered.seller_lacked_wh",
            ),
        ),
        f"{MARKET}/settlement/test_imbalance.py",
    ),
    Bug(
        "corrections take nothing back",
        (
            (
                "backend/market/settlement/settling.py",
                "await money.book(session, interval, wrong=wrong,",
                "await money.book(session, interval, wrong=(),",
            ),
        ),
        f"{MARKET}/settlement/test_corrections.py",
    ),
    Bug(
        "released carbon is not corrected",
        (
            (
                "backend/market/settlement/settling.py",
                "    await _correct_carbon(session, operator, work, outcome, now)\n",
                "    assert operator\n",
            ),
        ),
        f"{MARKET}/settlement/test_corrections.py",
    ),
    Bug(
        "changed readings do not wait for a settlement under way",
        (
            (
                "backend/market/settlement/settling.py",
                "            await queries.lock(session, chain)\n",
                "",
            ),
        ),
        f"{MARKET}/settlement/test_corrections.py",
    ),
    Bug(
        "trade with oneself earns",
        (
            (
                "backend/market/eligibility.py",
                "if user is not None and user == facts.users.get((buyer, at)):",
                "if user is not None and user is facts.users.get((b'', at)):",
            ),
        ),
        "seed:11:6",
    ),
    Bug(
        "wallet's time ignored",
        (
            (
                "backend/market/submissions.py",
                "            if since <= at and (until is None or at < until)\n",
                "            if since and (until is None or at)\n",
            ),
        ),
        "seed:11:12",
    ),
    Bug(
        "released before the trade is final",
        (
            (
                "backend/market/settlement/queries.py",
                "WHERE chain = $1 AND consented AND settled_at IS NULL AND status = 'FINAL'",
                "WHERE chain = $1 AND consented AND settled_at IS NULL AND status <> 'ORPHANED'",
            ),
            (
                "backend/market/settlement/queries.py",
                "AND t.consented AND t.settled_at IS NULL AND t.status = 'FINAL'",
                "AND t.consented AND t.settled_at IS NULL AND t.status <> 'ORPHANED'",
            ),
        ),
        f"{MARKET}/settlement/test_settling.py::test_settle__not_final__waits",
    ),
    Bug(
        "claim stored beside its trade is not tied",
        (
            (
                "backend/market/watching.py",
                "            await submissions.settle_recorded(session, chain, mined, now=now)\n",
                "            pass\n",
            ),
        ),
        f"{MARKET}/test_watching.py",
    ),
    Bug(
        "an older look undoes a judgement",
        (
            (
                "backend/market/submissions.py",
                "    AND (held.state NOT IN ('RECORDED', 'MISMATCHED') OR moved.state IN ('RECORDED', 'MISMATCHED'))\n",
                "",
            ),
            (
                "backend/market/watching.py",
                "            await submissions.settle_recorded(session, chain, mined, now=now)\n",
                "            pass\n",
            ),
        ),
        f"{MARKET}/test_watching.py::test_watch__trade_recorded_while_its_claim_is_looked_at__claim_stays_tied",
    ),
    Bug(
        "events marked before they are published",
        (
            (
                "backend/worker/relay.py",
                "        try:\n            await self._publish(rows)\n",
                "        async with self._db.begin() as session:\n"
                "            await (await raw(session)).execute(_MARK, [row['id'] for row in rows])\n"
                "        await failpoint('relay.after_publish')\n"
                "        try:\n            await self._publish(rows)\n",
            ),
        ),
        f"{FAILPOINT}[relay.after_publish]",
    ),
)

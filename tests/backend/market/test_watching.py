# SPDX-License-Identifier: Apache-2.0
"""Claims that wait while the follower works: whatever runs first, each ends tied to its trade."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta

import pytest

from backend.chain.types import Observation
from backend.core.clock import utc_now
from backend.market import submissions, watching
from backend.market.errors import TooManyUnknown
from backend.market.posting import Poster
from backend.market.watching import watch
from tests.backend.market.conftest import OPERATOR, Town

AT_ONCE = timedelta(seconds=-1)


class Interrupted:
    """An observer after whose look something happens before its caller goes on."""

    def __init__(self, town: Town, then: Callable[[], Awaitable[None]]) -> None:
        self._observer = town.poster.observer
        self._then = then

    async def observe_many(self, tx_hashes: Iterable[bytes]) -> dict[bytes, Observation]:
        found = await self._observer.observe_many(tx_hashes)
        await self._then()
        return found

    async def superseded(self, unmined: Mapping[bytes, tuple[bytes, int]]) -> set[bytes]:
        return await self._observer.superseded(unmined)


async def _mined(town: Town) -> bytes:
    town.stage.fill(1, 2, 2000)
    return bytes(town.stage.web3.eth.get_block("latest")["transactions"][-1])


async def _states(town: Town) -> list[tuple[str, bool]]:
    rows = await town.rows("SELECT state, trade_id FROM trade_submissions ORDER BY energy_wh")
    return [(row.state, row.trade_id is not None) for row in rows]


async def test_watch__trade_recorded_while_its_claim_is_looked_at__claim_stays_tied(town: Town) -> None:
    tx_hash = await _mined(town)
    await town.post(1, 2, tx_hash)
    observer = Interrupted(town, town.confirm)

    await watch(town.db, town.chain, observer, now=utc_now(), every=AT_ONCE)

    assert await _states(town) == [("RECORDED", True)]


async def test_watch__claim_refused_while_it_is_looked_at__stays_refused(town: Town) -> None:
    tx_hash = await _mined(town)
    async with town.db.begin() as session:
        await submissions.store(session, town.chain, [town.claim(1, 2, tx_hash, energy_wh=9)], now=utc_now())
    observer = Interrupted(town, town.confirm)

    await watch(town.db, town.chain, observer, now=utc_now(), every=AT_ONCE)

    assert await _states(town) == [("MISMATCHED", False)]


async def test_watch__posted_early_and_nothing_of_ours__is_refused_when_confirmed(town: Town) -> None:
    accounts = town.stage.anvil.accounts
    gift = {"from": accounts[1].address, "to": accounts[2].address, "value": 1}
    tx_hash = bytes(town.stage.web3.eth.send_transaction(gift))
    town.stage.web3.eth.wait_for_transaction_receipt(tx_hash)
    async with town.db.begin() as session:
        await submissions.store(session, town.chain, [town.claim(1, 2, tx_hash)], now=utc_now())

    await watch(town.db, town.chain, town.poster.observer, now=utc_now(), every=AT_ONCE)
    unconfirmed = await _states(town)
    town.stage.anvil.mine(1)
    await watch(town.db, town.chain, town.poster.observer, now=utc_now(), every=AT_ONCE)

    assert unconfirmed == [("MINED", False)]
    assert await _states(town) == [("MISMATCHED", False)]


async def test_watch__poster_died_after_storing_beside_the_follower__claims_are_judged(town: Town) -> None:
    tx_hash = await _mined(town)
    await town.confirm()
    claims = [town.claim(1, 2, tx_hash, energy_wh=9, user_id=town.people[3]), town.claim(1, 2, tx_hash)]
    async with town.db.begin() as session:
        await submissions.store(session, town.chain, claims, now=utc_now())

    await watch(town.db, town.chain, town.poster.observer, now=utc_now(), every=AT_ONCE)

    assert await _states(town) == [("MISMATCHED", False), ("RECORDED", True)]


async def test_post__chain_reorganised_between_look_and_record__looks_again(town: Town) -> None:
    trade_id = town.stage.fill(1, 2, 2000)
    tx_hash = bytes(town.stage.web3.eth.get_block("latest")["transactions"][-1])
    await town.follower.step()
    town.stage.anvil.mine(1)
    looks = []

    async def reorganise() -> None:
        looks.append(1)
        if len(looks) == 1:
            town.stage.anvil.rpc("anvil_reorg", 3, [])
            await town.follower.step()

    poster = Poster(town.db, town.chain, Interrupted(town, reorganise), OPERATOR)

    posted = await poster.post(town.claim(1, 2, tx_hash))

    assert posted.trade is None
    assert await town.trade(trade_id) is None
    assert len(looks) == 2


async def test_watch__claim_changed_after_it_was_tied_and_the_poster_died__is_judged_anew(town: Town) -> None:
    tx_hash = await _mined(town)
    await town.post(1, 2, tx_hash)
    await town.confirm()
    tied = await _states(town)
    async with town.db.begin() as session:
        await submissions.store(session, town.chain, [town.claim(1, 2, tx_hash, energy_wh=9)], now=utc_now())

    await watch(town.db, town.chain, town.poster.observer, now=utc_now(), every=AT_ONCE)

    assert tied == [("RECORDED", True)]
    assert await _states(town) == [("MISMATCHED", False)]


async def test_post__more_unknown_transactions_than_one_person_has__is_refused_and_hurts_nobody(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submissions, "MOST_UNKNOWN", 3)
    invented = [await town.post(1, 2, bytes([number]) * 32) for number in range(3)]

    with pytest.raises(TooManyUnknown):
        await town.post(1, 2, b"\x09" * 32)
    other = await town.post(1, 3, b"\x09" * 32)
    tx_hash = await _mined(town)
    true = await town.post(1, 2, tx_hash)
    await town.confirm()

    assert [posted.trade for posted in (*invented, other, true)] == [None] * 5
    states = await town.rows("SELECT state FROM trade_submissions ORDER BY id")
    assert [row.state for row in states] == ["SUBMITTED"] * 3 + ["MISMATCHED", "SUBMITTED", "RECORDED"]


async def test_watch__transactions_nobody_knows__have_few_places_and_are_looked_at_less_and_less(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_UNKNOWN_AT_ONCE", 2)
    now = utc_now()
    async with town.db.begin() as session:
        claims = [town.claim(1, 2, bytes([number]) * 32) for number in range(3)]
        await submissions.store(session, town.chain, claims, now=now - timedelta(hours=1))
    tx_hash = await _mined(town)
    await town.post(1, 2, tx_hash)
    later = now + timedelta(minutes=1)

    await watch(town.db, town.chain, town.poster.observer, now=now, every=AT_ONCE)
    looked = await town.rows("SELECT count(*) AS n FROM trade_submissions WHERE updated_at = :now", now=now)
    await watch(town.db, town.chain, town.poster.observer, now=later, every=AT_ONCE)
    again = await town.rows("SELECT count(*) AS n FROM trade_submissions WHERE updated_at = :now", now=later)

    assert looked[0].n == 3, "two that nobody knows, and the one that is mined"
    assert again[0].n == 2, "the third that nobody knows, and the one that is mined"


@pytest.mark.parametrize(("first", "last", "state"), [(2000, 9, "MISMATCHED"), (9, 2000, "RECORDED")])
async def test_post__true_and_false_of_one_person_at_once__state_is_of_the_claim_that_stands(
    town: Town, first: int, last: int, state: str
) -> None:
    tx_hash = await _mined(town)
    town.stage.anvil.mine(1)

    await asyncio.gather(*(town.post(1, 2, tx_hash, energy_wh=wh) for wh in (first, last)), return_exceptions=True)

    rows = await town.rows("SELECT energy_wh, state FROM trade_submissions")
    assert [tuple(row) for row in rows] == [(last, state)]

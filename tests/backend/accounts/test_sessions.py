# SPDX-License-Identifier: Apache-2.0
"""Refresh tokens: rotation, expiry, reuse, logout, and what is left to forget."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from backend.accounts import service
from backend.accounts.errors import RefreshInvalid, RefreshReused, SessionNotFound
from backend.accounts.principals import PrincipalReader
from tests.backend.accounts.helpers import ALICE, BOB, NOON, count, events, sign_in, wallet_proof

LATER = NOON + timedelta(minutes=1)


async def test_refresh__good_token__gives_the_next_and_keeps_the_session(db, accounts):
    entered = await sign_in(db, accounts, ALICE)

    user, tokens, wallets = await service.refresh(db, accounts, entered.tokens.refresh_token, now=LATER)

    assert (user.id, wallets) == (entered.user.id, [ALICE.address])
    assert tokens.session_id == entered.tokens.session_id
    assert tokens.refresh_token != entered.tokens.refresh_token


async def test_refresh__used_token__ends_the_whole_session(db, service_db, accounts):
    entered = await sign_in(db, accounts, ALICE)
    _, successor, _ = await service.refresh(db, accounts, entered.tokens.refresh_token, now=LATER)

    with pytest.raises(RefreshReused):
        await service.refresh(db, accounts, entered.tokens.refresh_token, now=LATER)

    with pytest.raises(RefreshInvalid):
        await service.refresh(db, accounts, successor.refresh_token, now=LATER)
    assert await PrincipalReader(service_db).read(entered.user.id, successor.session_id) is None
    assert (await events(service_db))[-1] == "accounts.session_ended.v1"


async def test_refresh__browser_lost_the_answer__goes_on_and_the_lost_token_is_dead(db, accounts):
    entered = await sign_in(db, accounts, ALICE)
    _, lost, _ = await service.refresh(db, accounts, entered.tokens.refresh_token, now=LATER, may_repeat=True)

    _, found, _ = await service.refresh(db, accounts, entered.tokens.refresh_token, now=LATER, may_repeat=True)

    assert found.session_id == lost.session_id
    much_later = LATER + timedelta(minutes=1)
    await service.refresh(db, accounts, found.refresh_token, now=much_later, may_repeat=True)
    with pytest.raises(RefreshReused):
        await service.refresh(db, accounts, lost.refresh_token, now=much_later, may_repeat=True)


@pytest.mark.parametrize("case", ["too late", "its successor was used"])
async def test_refresh__browser_repeats_what_it_did_not_lose__ends_the_session(db, accounts, case):
    entered = await sign_in(db, accounts, ALICE)
    _, successor, _ = await service.refresh(db, accounts, entered.tokens.refresh_token, now=LATER, may_repeat=True)
    then = LATER + timedelta(seconds=11 if case == "too late" else 1)
    if case == "its successor was used":
        await service.refresh(db, accounts, successor.refresh_token, now=then, may_repeat=True)

    with pytest.raises(RefreshReused):
        await service.refresh(db, accounts, entered.tokens.refresh_token, now=then, may_repeat=True)


async def test_refresh__used_token_of_one_session__spares_the_other(db, accounts):
    stolen, other = await sign_in(db, accounts, ALICE), await sign_in(db, accounts, ALICE)
    await service.refresh(db, accounts, stolen.tokens.refresh_token, now=LATER)

    with pytest.raises(RefreshReused):
        await service.refresh(db, accounts, stolen.tokens.refresh_token, now=LATER)

    user, _, _ = await service.refresh(db, accounts, other.tokens.refresh_token, now=LATER)
    assert user.id == stolen.user.id


async def test_refresh__same_token_many_times_at_once__gives_one_successor(db, accounts):
    entered = await sign_in(db, accounts, ALICE)

    outcomes = await asyncio.gather(
        *(service.refresh(db, accounts, entered.tokens.refresh_token, now=LATER) for _ in range(6)),
        return_exceptions=True,
    )

    assert sum(isinstance(outcome, tuple) for outcome in outcomes) == 1
    assert all(isinstance(outcome, tuple | RefreshReused | RefreshInvalid) for outcome in outcomes)


async def test_refresh__expired__is_refused(db, accounts):
    entered = await sign_in(db, accounts, ALICE)

    with pytest.raises(RefreshInvalid):
        await service.refresh(db, accounts, entered.tokens.refresh_token, now=entered.tokens.refresh_expires_at)


@pytest.mark.parametrize("token", ["", "made up", "é" * 40])
async def test_refresh__unknown__is_refused(db, accounts, token):
    with pytest.raises(RefreshInvalid):
        await service.refresh(db, accounts, token, now=NOON)


async def test_refresh__deleted_user__is_refused(db, accounts):
    entered = await sign_in(db, accounts, ALICE)
    await service.delete_user(db, entered.user.id, by=entered.user.id, now=LATER)

    with pytest.raises(RefreshInvalid):
        await service.refresh(db, accounts, entered.tokens.refresh_token, now=LATER)


async def test_refresh_tokens__stored__hold_only_the_hash(db, service_db, accounts):
    entered = await sign_in(db, accounts, ALICE)

    async with service_db.begin() as session:
        rows = (await (await session.connection()).execute(text("SELECT * FROM refresh_tokens"))).all()

    assert entered.tokens.refresh_token not in str(rows)


async def test_end_session__logged_out__ends_access_and_refresh_at_once(db, service_db, accounts):
    entered = await sign_in(db, accounts, ALICE)
    reader = PrincipalReader(service_db)
    assert await reader.read(entered.user.id, entered.tokens.session_id) is not None

    await service.end_session(db, user_id=entered.user.id, session_id=entered.tokens.session_id, now=LATER)

    assert await reader.read(entered.user.id, entered.tokens.session_id) is None
    with pytest.raises(RefreshInvalid):
        await service.refresh(db, accounts, entered.tokens.refresh_token, now=LATER)


async def test_end_session__twice__announces_once(db, service_db, accounts):
    entered = await sign_in(db, accounts, ALICE)

    for _ in range(2):
        await service.end_session(db, user_id=entered.user.id, session_id=entered.tokens.session_id, now=LATER)

    assert (await events(service_db)).count("accounts.session_ended.v1") == 1


async def test_end_session__of_another_user__changes_nothing(db, service_db, accounts):
    victim, stranger = await sign_in(db, accounts, ALICE), await sign_in(db, accounts, BOB)

    await service.end_session(db, user_id=stranger.user.id, session_id=victim.tokens.session_id, now=LATER)

    assert await PrincipalReader(service_db).read(victim.user.id, victim.tokens.session_id) is not None


async def test_expire_credentials__past_their_time__are_deleted_and_others_kept(db, service_db, accounts):
    entered = await sign_in(db, accounts, ALICE)
    await service.new_nonce(db, now=NOON)
    await service.new_nonce(db, now=NOON + timedelta(minutes=4))
    await service.challenge(db, accounts, user_id=entered.user.id, address=BOB.address, now=NOON)

    gone = await service.expire_credentials(service_db, NOON + timedelta(minutes=6))

    assert gone == {"siwe_nonces": 1, "wallet_nonces": 1, "refresh_tokens": 0}
    async with service_db.begin() as session:
        assert await count(session, "siwe_nonces") == 1


async def test_expire_credentials__refresh_token__is_kept_an_hour_over_its_time(db, service_db, accounts):
    entered = await sign_in(db, accounts, ALICE)
    over = entered.tokens.refresh_expires_at

    early = await service.expire_credentials(service_db, over + timedelta(minutes=59))
    late = await service.expire_credentials(service_db, over + timedelta(minutes=60))

    assert (early["refresh_tokens"], late["refresh_tokens"]) == (0, 1)


async def test_expire_audit_log__older_than_a_year__is_deleted(db, service_db, accounts):
    await sign_in(db, accounts, ALICE)

    kept = await service.expire_audit_log(service_db, NOON + timedelta(days=365))
    gone = await service.expire_audit_log(service_db, NOON + timedelta(days=365, seconds=1))

    assert kept == 0
    assert gone == 3


async def test_read_principal__many_at_once__each_gets_the_own_answer(db, service_db, accounts):
    entered = [await sign_in(db, accounts, wallet) for wallet in (ALICE, BOB)]
    reader = PrincipalReader(service_db)
    ended, living = entered
    await service.end_session(db, user_id=ended.user.id, session_id=ended.tokens.session_id, now=LATER)

    found = await asyncio.gather(*(reader.read(one.user.id, one.tokens.session_id) for one in (ended, living) * 20))

    assert [one and one.user_id for one in found] == [None, living.user.id] * 20


async def test_list_sessions__two_of_which_one_ended__shows_the_living(db, accounts):
    first, second = await sign_in(db, accounts, ALICE), await sign_in(db, accounts, ALICE)
    await service.refresh(db, accounts, second.tokens.refresh_token, now=LATER)
    await service.end_session(db, user_id=first.user.id, session_id=first.tokens.session_id, now=LATER)

    found = await service.list_sessions(db, user_id=first.user.id, now=LATER)

    assert [(one.id, one.started_at, one.refreshed_at) for one in found] == [(second.tokens.session_id, NOON, LATER)]


async def test_list_sessions__refreshed_from_another_device__tells_the_last(db, accounts):
    proof = await wallet_proof(db, ALICE)
    first = await service.sign_in_with_wallet(
        db, accounts, proof, call_contract=None, now=NOON, user_agent="Firefox on a desk"
    )
    silent = await sign_in(db, accounts, ALICE)

    await service.refresh(db, accounts, first.tokens.refresh_token, now=LATER, user_agent="Firefox, updated")

    found = await service.list_sessions(db, user_id=first.user.id, now=LATER)
    told = {one.id: one.user_agent for one in found}
    assert told == {first.tokens.session_id: "Firefox, updated", silent.tokens.session_id: None}


async def test_end_one_of__somebody_elses__is_not_found_and_lives_on(db, accounts):
    alice, bob = await sign_in(db, accounts, ALICE), await sign_in(db, accounts, BOB)

    with pytest.raises(SessionNotFound):
        await service.end_one_of(db, user_id=bob.user.id, session_id=alice.tokens.session_id, now=LATER)

    assert len(await service.list_sessions(db, user_id=alice.user.id, now=LATER)) == 1


async def test_end_one_of__ones_own__cannot_be_refreshed(db, accounts):
    entered = await sign_in(db, accounts, ALICE)

    await service.end_one_of(db, user_id=entered.user.id, session_id=entered.tokens.session_id, now=LATER)

    with pytest.raises(RefreshInvalid):
        await service.refresh(db, accounts, entered.tokens.refresh_token, now=LATER)

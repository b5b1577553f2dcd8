# SPDX-License-Identifier: Apache-2.0
"""Linking and replacing wallets, and whose an address was when."""

from datetime import timedelta

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from sqlalchemy import text

from backend.accounts import service
from backend.accounts.errors import (
    ReplacementNotFound,
    ReplacementOpen,
    SignatureInvalid,
    WalletBusy,
    WalletNonceInvalid,
    WalletNotFound,
    WalletTaken,
)
from tests.backend.accounts.helpers import ALICE, BOB, CAROL, NOON, events, key, make_user, sign_in

DAY = timedelta(hours=24)


async def idle(session, address):
    return False


async def busy(session, address):
    return True


def sign_typed(wallet, typed):
    return bytes(Account.sign_message(encode_typed_data(full_message=typed), wallet.secret).signature)


async def link(db, accounts, user_id, new, *, signer=None, old=None, old_signer=None, unfinished=idle, now=NOON):
    """Draw a challenge for `new`, sign it, and link; the typed data is signed as a browser's wallet would."""
    typed = await service.challenge(db, accounts, user_id=user_id, address=new.address, now=now)
    replacing = None
    if old is not None:
        by_old = sign_typed(old_signer, typed) if old_signer is not None else None
        replacing = service.Replacing(old.address, by_old, unfinished)
    return await service.link(
        db,
        accounts,
        user_id=user_id,
        nonce=bytes.fromhex(typed["message"]["nonce"][2:]),
        signature=sign_typed(signer or new, typed),
        replacing=replacing,
        call_contract=None,
        now=now,
    )


async def owners(service_db, address, *times):
    async with service_db.begin() as session:
        return await service.owners_at(session, [address] * len(times), list(times))


async def test_challenge__for_a_wallet__is_the_documented_message(db, accounts):
    entered = await sign_in(db, accounts, ALICE)

    typed = await service.challenge(db, accounts, user_id=entered.user.id, address=BOB.address, now=NOON)

    assert [field["name"] for field in typed["types"]["LinkWallet"]] == ["userId", "nonce", "expiry"]
    assert typed["message"]["userId"] == str(entered.user.id)
    assert typed["message"]["expiry"] == int((NOON + timedelta(minutes=5)).timestamp())
    assert typed["domain"] == {"name": "GridX", "version": "1", "chainId": 31337}


async def test_link__signed_by_the_wallet__is_owned_beside_the_first(db, service_db, accounts):
    entered = await sign_in(db, accounts, ALICE)

    await link(db, accounts, entered.user.id, BOB)

    wallets, waiting = await service.list_wallets(db, entered.user.id)
    assert [wallet.address for wallet in wallets] == [BOB.address, ALICE.address]
    assert waiting == []
    assert (await events(service_db)).count("accounts.wallet_linked.v1") == 2


async def test_link__claimed_without_its_key__is_refused(db, service_db, accounts):
    entered = await sign_in(db, accounts, ALICE)

    with pytest.raises(SignatureInvalid):
        await link(db, accounts, entered.user.id, BOB, signer=ALICE)

    assert await owners(service_db, BOB.address, NOON) == [None]


async def test_link__wallet_of_another_user__is_refused(db, accounts):
    await sign_in(db, accounts, BOB)
    entered = await sign_in(db, accounts, ALICE)

    with pytest.raises(WalletTaken):
        await link(db, accounts, entered.user.id, BOB)


async def test_link__own_wallet_again__changes_nothing(db, accounts):
    entered = await sign_in(db, accounts, ALICE)

    await link(db, accounts, entered.user.id, ALICE)

    wallets, _ = await service.list_wallets(db, entered.user.id)
    assert len(wallets) == 1


async def test_link__nonce_twice__is_refused(db, accounts):
    entered = await sign_in(db, accounts, ALICE)
    typed = await service.challenge(db, accounts, user_id=entered.user.id, address=BOB.address, now=NOON)
    nonce = bytes.fromhex(typed["message"]["nonce"][2:])
    facts = {"replacing": None, "call_contract": None, "now": NOON, "user_id": entered.user.id}
    with pytest.raises(SignatureInvalid):
        await service.link(db, accounts, nonce=nonce, signature=sign_typed(CAROL, typed), **facts)

    with pytest.raises(WalletNonceInvalid):
        await service.link(db, accounts, nonce=nonce, signature=sign_typed(BOB, typed), **facts)


@pytest.mark.parametrize("case", ["expired", "of another user", "made up"])
async def test_link__nonce_that_does_not_hold__is_refused(db, accounts, case):
    entered, other = await sign_in(db, accounts, ALICE), await sign_in(db, accounts, CAROL)
    drawn_for = other.user.id if case == "of another user" else entered.user.id
    typed = await service.challenge(db, accounts, user_id=drawn_for, address=BOB.address, now=NOON)
    nonce = b"\x07" * 32 if case == "made up" else bytes.fromhex(typed["message"]["nonce"][2:])

    with pytest.raises(WalletNonceInvalid):
        await service.link(
            db,
            accounts,
            user_id=entered.user.id,
            nonce=nonce,
            signature=sign_typed(BOB, typed),
            replacing=None,
            call_contract=None,
            now=NOON + timedelta(minutes=5) if case == "expired" else NOON,
        )


async def test_link__replacing_with_both_signatures__takes_over_at_once(db, service_db, accounts):
    entered = await sign_in(db, accounts, ALICE)
    later = NOON + timedelta(hours=1)

    waiting = await link(db, accounts, entered.user.id, BOB, old=ALICE, old_signer=ALICE, now=later)

    assert waiting is None
    before, at = later - timedelta(seconds=1), later
    assert await owners(service_db, ALICE.address, before, at) == [entered.user.id, None]
    assert await owners(service_db, BOB.address, before, at) == [entered.user.id, entered.user.id]
    assert (await events(service_db))[-2:] == ["accounts.wallet_unlinked.v1", "accounts.wallet_linked.v1"]


async def test_link__replacing_with_a_forged_old_signature__is_refused(db, service_db, accounts):
    entered = await sign_in(db, accounts, ALICE)

    with pytest.raises(SignatureInvalid):
        await link(db, accounts, entered.user.id, BOB, old=ALICE, old_signer=CAROL)

    assert await owners(service_db, ALICE.address, NOON) == [entered.user.id]


async def test_link__replacing_somebody_elses_wallet__is_refused(db, accounts):
    await sign_in(db, accounts, CAROL)
    entered = await sign_in(db, accounts, ALICE)

    with pytest.raises(WalletNotFound):
        await link(db, accounts, entered.user.id, BOB, old=CAROL)


@pytest.mark.parametrize("old_signer", [ALICE, None])
async def test_link__replacing_a_wallet_with_open_trades__is_refused(db, service_db, accounts, old_signer):
    entered = await sign_in(db, accounts, ALICE)

    with pytest.raises(WalletBusy):
        await link(db, accounts, entered.user.id, BOB, old=ALICE, old_signer=old_signer, unfinished=busy)

    assert await owners(service_db, ALICE.address, NOON) == [entered.user.id]


async def test_link__replacing_without_the_old_signature__waits_a_day_with_notice(db, service_db, accounts):
    entered = await sign_in(db, accounts, ALICE)

    waiting = await link(db, accounts, entered.user.id, BOB, old=ALICE)

    assert waiting.effective_at == NOON + DAY
    assert (await events(service_db))[-1] == "accounts.wallet_replacement_requested.v1"
    assert await service.complete_replacements(service_db, idle, now=NOON + DAY - timedelta(seconds=1)) == 0
    assert await owners(service_db, ALICE.address, NOON + DAY) == [entered.user.id]


async def test_complete_replacements__after_the_hold__hands_over_once(db, service_db, accounts):
    entered = await sign_in(db, accounts, ALICE)
    await link(db, accounts, entered.user.id, BOB, old=ALICE)

    done = [await service.complete_replacements(service_db, idle, now=NOON + DAY) for _ in range(2)]

    assert done == [1, 0]
    assert await owners(service_db, ALICE.address, NOON, NOON + DAY) == [entered.user.id, None]
    assert await owners(service_db, BOB.address, NOON + DAY) == [entered.user.id]


async def test_complete_replacements__old_wallet_has_open_trades__waits_on(db, service_db, accounts):
    entered = await sign_in(db, accounts, ALICE)
    await link(db, accounts, entered.user.id, BOB, old=ALICE)

    assert await service.complete_replacements(service_db, busy, now=NOON + DAY) == 0

    assert await service.complete_replacements(service_db, idle, now=NOON + DAY) == 1


async def test_complete_replacements__new_wallet_taken_meanwhile__is_cancelled(db, service_db, accounts):
    entered = await sign_in(db, accounts, ALICE)
    await link(db, accounts, entered.user.id, BOB, old=ALICE)
    await sign_in(db, accounts, BOB)

    done = await service.complete_replacements(service_db, idle, now=NOON + DAY)

    _, waiting = await service.list_wallets(db, entered.user.id)
    assert (done, waiting) == (0, [])
    assert await owners(service_db, ALICE.address, NOON + DAY) == [entered.user.id]


async def test_cancel_replacement__by_its_owner__keeps_the_old_wallet(db, service_db, accounts):
    entered = await sign_in(db, accounts, ALICE)
    waiting = await link(db, accounts, entered.user.id, BOB, old=ALICE)

    await service.cancel_replacement(db, waiting.id, user_id=entered.user.id, now=NOON)

    assert await service.complete_replacements(service_db, idle, now=NOON + DAY) == 0
    with pytest.raises(ReplacementNotFound):
        await service.cancel_replacement(db, waiting.id, user_id=entered.user.id, now=NOON)


async def test_cancel_replacement__of_another_user__is_not_found(db, accounts):
    entered, stranger = await sign_in(db, accounts, ALICE), await sign_in(db, accounts, CAROL)
    waiting = await link(db, accounts, entered.user.id, BOB, old=ALICE)

    with pytest.raises(ReplacementNotFound):
        await service.cancel_replacement(db, waiting.id, user_id=stranger.user.id, now=NOON)


async def test_link__replacing_the_same_wallet_twice__is_refused(db, accounts):
    entered = await sign_in(db, accounts, ALICE)
    await link(db, accounts, entered.user.id, BOB, old=ALICE)

    with pytest.raises(ReplacementOpen):
        await link(db, accounts, entered.user.id, CAROL, old=ALICE)


async def test_claim_addresses__wallet_recorded_without_a_user__is_given_to_its_first_claimer(db, service_db, accounts):
    async with service_db.begin() as session:
        await (await session.connection()).execute(
            text("INSERT INTO wallets (id, address, valid_from) VALUES (gen_random_uuid(), :address, :at)"),
            {"address": ALICE.address, "at": NOON - DAY},
        )

    entered = await sign_in(db, accounts, ALICE)

    assert await owners(service_db, ALICE.address, NOON - DAY) == [entered.user.id]


async def test_claim_addresses__many_by_the_platform__are_owned_since_ever(service_db):
    user_id = await make_user(service_db)
    addresses = [key(number).address for number in range(20)]

    async with service_db.begin() as session:
        await service.claim_addresses(session, user_id, addresses, now=NOON)

    async with service_db.begin() as session:
        found = await service.owners_of(session, [*addresses, CAROL.address[::-1]], NOON - 900 * DAY)
    assert found == dict.fromkeys(addresses, user_id)


async def test_owners_at__each_with_its_own_time__keeps_the_order(db, service_db, accounts):
    entered = await sign_in(db, accounts, ALICE)
    await link(db, accounts, entered.user.id, BOB, old=ALICE, old_signer=ALICE, now=NOON + DAY)

    async with service_db.begin() as session:
        found = await service.owners_at(
            session,
            [ALICE.address, CAROL.address, ALICE.address, BOB.address],
            [NOON + DAY, NOON, NOON, NOON],
        )

    assert found == [None, None, entered.user.id, entered.user.id]

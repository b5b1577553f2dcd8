# SPDX-License-Identifier: Apache-2.0
"""Registration, password and wallet sign-in on the real database."""

import asyncio
from datetime import timedelta

import pytest
from eth_abi.abi import decode

from backend.accounts import service
from backend.accounts.errors import (
    EmailTaken,
    PasswordWeak,
    SignatureInvalid,
    SiweMalformed,
    SiweNonceInvalid,
    SiweRefused,
    WalletProofNeeded,
    WalletTaken,
    WrongCredentials,
)
from backend.accounts.types import MarketRole
from backend.core.db import Actor
from tests.backend.accounts import helpers
from tests.backend.accounts.helpers import (
    ALICE,
    BOB,
    NOON,
    PASSWORD,
    count,
    events,
    key,
    register,
    sign_in,
    wallet_proof,
)

MAGIC = bytes.fromhex("1626ba7e").ljust(32, b"\x00")


def new_user(**changes):
    facts = {"name": "Asha", "email": "asha@example.org", "password": PASSWORD, "role": MarketRole.SELLER}
    return service.NewUser(**(facts | changes))


async def enter(db, accounts, proof, *, call_contract=None, now=NOON):
    return await service.sign_in_with_wallet(db, accounts, proof, call_contract=call_contract, now=now)


async def test_register__new_email__signs_in_and_announces(db, service_db, accounts):
    entered = await register(db, accounts)

    said = accounts.signer.verify(entered.tokens.access_token, now=NOON)
    assert said.user_id == entered.user.id
    assert entered.user.password_hash.startswith("$argon2id$")
    assert await events(service_db) == ["accounts.user_registered.v1"]


async def test_register__email_in_use__is_refused_and_leaves_nothing(db, service_db, accounts):
    await register(db, accounts)

    with pytest.raises(EmailTaken):
        await register(db, accounts)

    async with service_db.begin() as session:
        assert await count(session, "users") == 1


@pytest.mark.parametrize("password", ["asha@example.org", "aaaaaaaaaaaa", "ASHA@example.org"])
async def test_register__password_easy_to_guess__is_refused(db, accounts, password):
    with pytest.raises(PasswordWeak):
        await service.register(db, accounts, new_user(password=password), None, call_contract=None, now=NOON)


async def test_register__with_a_wallet_that_signed__owns_it_since_ever(db, service_db, accounts):
    proof = await wallet_proof(db, ALICE)

    entered = await service.register(
        db, accounts, new_user(wallet_address=ALICE.address), proof, call_contract=None, now=NOON
    )

    async with service_db.begin() as session:
        before = await service.owners_of(session, [ALICE.address], NOON - timedelta(days=300))
    assert before == {ALICE.address: entered.user.id}


async def test_register__wallet_without_its_signature__is_refused(db, accounts):
    with pytest.raises(WalletProofNeeded):
        await service.register(db, accounts, new_user(wallet_address=ALICE.address), None, call_contract=None, now=NOON)


async def test_register__wallet_signed_by_another_wallet__is_refused(db, accounts):
    proof = await wallet_proof(db, BOB)

    with pytest.raises(WalletProofNeeded):
        await service.register(
            db, accounts, new_user(wallet_address=ALICE.address), proof, call_contract=None, now=NOON
        )


async def test_register__message_of_a_wallet_signed_with_another_key__is_refused(db, accounts):
    nonce, cookie = await service.new_nonce(db, now=NOON)
    message = helpers.siwe_text(ALICE.shown, nonce)
    proof = service.WalletProof(message, BOB.sign_text(message), cookie)

    with pytest.raises(SignatureInvalid):
        await service.register(
            db, accounts, new_user(wallet_address=ALICE.address), proof, call_contract=None, now=NOON
        )


async def test_register__wallet_of_another_user__is_refused_and_leaves_no_user(db, service_db, accounts):
    await sign_in(db, accounts, ALICE)
    proof = await wallet_proof(db, ALICE)

    with pytest.raises(WalletTaken):
        await service.register(
            db, accounts, new_user(wallet_address=ALICE.address), proof, call_contract=None, now=NOON
        )

    async with service_db.begin() as session:
        assert await count(session, "users") == 1


async def test_sign_in_with_password__right__opens_a_session(db, accounts):
    registered = await register(db, accounts)

    entered = await service.sign_in_with_password(db, accounts, email="asha@example.org", password=PASSWORD, now=NOON)

    assert entered.user.id == registered.user.id
    assert entered.tokens.session_id != registered.tokens.session_id


@pytest.mark.parametrize(
    ("email", "password"), [("asha@example.org", PASSWORD + "x"), ("nobody@example.org", PASSWORD)]
)
async def test_sign_in_with_password__wrong__is_refused_alike(db, accounts, email, password):
    await register(db, accounts)

    with pytest.raises(WrongCredentials) as refused:
        await service.sign_in_with_password(db, accounts, email=email, password=password, now=NOON)

    assert (refused.value.message, refused.value.details) == (WrongCredentials.title, {})


async def test_sign_in_with_password__unknown_email__makes_the_same_effort(db, accounts, monkeypatch):
    checked = []
    real = service.register.__globals__["passwords"]._fits
    monkeypatch.setattr(
        "backend.accounts.passwords._fits", lambda stored, given: checked.append(stored) or real(stored, given)
    )

    with pytest.raises(WrongCredentials):
        await service.sign_in_with_password(db, accounts, email="nobody@example.org", password="x", now=NOON)

    assert [stored.split("$")[1:4] for stored in checked] == [["argon2id", "v=19", "m=19456,t=2,p=1"]]


async def test_sign_in_with_password__wallet_user_without_password__is_refused(db, service_db, accounts):
    await sign_in(db, accounts, ALICE)

    with pytest.raises(WrongCredentials):
        await service.sign_in_with_password(db, accounts, email="", password="nobody has this password", now=NOON)


async def test_sign_in_with_wallet__first_time__creates_its_user(db, service_db, accounts):
    entered = await sign_in(db, accounts, ALICE)

    assert entered.user.email is None
    assert entered.wallets == [ALICE.address]
    assert await events(service_db) == ["accounts.user_registered.v1", "accounts.wallet_linked.v1"]


async def test_sign_in_with_wallet__again__is_the_same_user(db, service_db, accounts):
    first = await sign_in(db, accounts, ALICE)

    second = await sign_in(db, accounts, ALICE)

    assert second.user.id == first.user.id
    async with service_db.begin() as session:
        assert await count(session, "users") == 1


async def test_sign_in_with_wallet__twice_at_once_for_the_first_time__makes_one_user(db, service_db, accounts):
    proofs = [await wallet_proof(db, ALICE) for _ in range(5)]

    entered = await asyncio.gather(*(enter(db, accounts, proof) for proof in proofs))

    assert len({one.user.id for one in entered}) == 1
    async with service_db.begin() as session:
        assert (await count(session, "users"), await count(session, "wallets")) == (1, 1)


async def test_sign_in_with_wallet__nonce_used_before__is_refused(db, accounts):
    proof = await wallet_proof(db, ALICE)
    await enter(db, accounts, proof)

    with pytest.raises(SiweNonceInvalid):
        await enter(db, accounts, proof)


async def test_sign_in_with_wallet__one_nonce_twice_at_once__works_once(db, accounts):
    proof = await wallet_proof(db, ALICE)

    outcomes = await asyncio.gather(*(enter(db, accounts, proof) for _ in range(6)), return_exceptions=True)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["SignedIn"] + ["SiweNonceInvalid"] * 5


BAD_PROOFS = {
    "malformed": (lambda nonce: helpers.siwe_text("nobody", nonce), SiweMalformed),
    "wrong chain": (lambda nonce: helpers.siwe_text(ALICE.shown, nonce, chain_id="1"), SiweRefused),
    "wrong domain": (lambda nonce: helpers.siwe_text(ALICE.shown, nonce, domain="evil.example"), SiweRefused),
    "not its signature": (lambda nonce: helpers.siwe_text(BOB.shown, nonce), SignatureInvalid),
    "another nonce": (lambda nonce: helpers.siwe_text(ALICE.shown, "f" * 32), SiweNonceInvalid),
}


@pytest.mark.parametrize(("write", "refusal"), BAD_PROOFS.values(), ids=BAD_PROOFS.keys())
async def test_sign_in_with_wallet__failed_proof__uses_the_nonce_up(db, service_db, accounts, write, refusal):
    nonce, cookie = await service.new_nonce(db, now=NOON)
    message = write(nonce)

    with pytest.raises(refusal):
        await enter(db, accounts, service.WalletProof(message, ALICE.sign_text(message), cookie))

    good = helpers.siwe_text(ALICE.shown, nonce)
    with pytest.raises(SiweNonceInvalid):
        await enter(db, accounts, service.WalletProof(good, ALICE.sign_text(good), cookie))
    async with service_db.begin() as session:
        assert await count(session, "users") == 0


async def test_sign_in_with_wallet__cookie_of_another_browser__is_refused_and_spares_the_first(db, accounts):
    proof = await wallet_proof(db, ALICE)
    _, other_cookie = await service.new_nonce(db, now=NOON)

    for cookie in (other_cookie, None, "made up"):
        with pytest.raises(SiweNonceInvalid):
            await enter(db, accounts, service.WalletProof(proof.message, proof.signature, cookie))

    assert (await enter(db, accounts, proof)).wallets == [ALICE.address]


async def test_sign_in_with_wallet__nonce_older_than_five_minutes__is_refused(db, accounts):
    proof = await wallet_proof(db, ALICE)

    with pytest.raises(SiweNonceInvalid):
        await enter(db, accounts, proof, now=NOON + timedelta(minutes=5))


async def test_sign_in_with_wallet__malleated_signature__is_refused(db, accounts):
    proof = await wallet_proof(db, ALICE)
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    s = order - int.from_bytes(proof.signature[32:64], "big")
    v = 27 + 28 - proof.signature[64]
    high = proof.signature[:32] + s.to_bytes(32, "big") + bytes([v])

    with pytest.raises(SignatureInvalid):
        await enter(db, accounts, service.WalletProof(proof.message, high, proof.cookie))


async def test_sign_in_with_wallet__contract_that_vouches__signs_in(db, accounts):
    safe, calls = key(77), []

    async def vouches(to, data):
        calls.append((to, data))
        return MAGIC

    nonce, cookie = await service.new_nonce(db, now=NOON)
    message = helpers.siwe_text(safe.shown, nonce)
    entered = await enter(db, accounts, service.WalletProof(message, b"\x01" * 130, cookie), call_contract=vouches)

    digest, signature = decode(["bytes32", "bytes"], calls[0][1][4:])
    assert entered.wallets == [safe.address]
    assert (calls[0][0], calls[0][1][:4].hex()) == (safe.address, "1626ba7e")
    assert (digest, signature) == (helpers.hash_personal(message), b"\x01" * 130)


ANSWERS = {
    "no contract": b"",
    "no": b"\xff" * 32,
    "the magic value alone": MAGIC[:4],
    "the magic value and more": MAGIC + MAGIC,
    "the magic value in a word with noise": MAGIC[:31] + b"\x01",
    "true": (1).to_bytes(32, "big"),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
async def test_sign_in_with_wallet__contract_that_does_not_vouch__is_refused(db, accounts, answer):
    async def answers(to, data):
        return answer

    proof = await wallet_proof(db, ALICE)
    forged = service.WalletProof(proof.message, BOB.sign_text(proof.message), proof.cookie)

    with pytest.raises(SignatureInvalid):
        await enter(db, accounts, forged, call_contract=answers)


async def test_sign_in_with_wallet__own_key__asks_no_contract(db, accounts):
    async def never(to, data):
        raise AssertionError("a key wallet needs no node")

    entered = await enter(db, accounts, await wallet_proof(db, ALICE), call_contract=never)

    assert entered.wallets == [ALICE.address]


async def test_sign_in_with_wallet__wallet_of_a_deleted_user__starts_a_new_user(db, service_db, accounts):
    first = await sign_in(db, accounts, ALICE)
    await service.delete_user(db, first.user.id, by=first.user.id, now=NOON + timedelta(hours=1))

    second = await sign_in(db, accounts, ALICE, now=NOON + timedelta(hours=2))

    async with service_db.begin() as session:
        owners = await service.owners_at(
            session, [ALICE.address] * 3, [NOON + timedelta(hours=hours) for hours in (0, 1.5, 2)]
        )
    assert owners == [first.user.id, None, second.user.id]
    assert first.user.id != second.user.id


async def test_register__audit_log__names_nobody(db, accounts):
    entered = await register(db, accounts)

    async with db.begin(Actor(user_id=entered.user.id)) as session:
        rows = (await (await session.connection()).exec_driver_sql("SELECT * FROM audit_log ORDER BY id")).all()

    assert [row.action for row in rows] == ["user.registered", "session.opened"]
    assert "asha" not in str(rows).lower()

# SPDX-License-Identifier: Apache-2.0
"""Retirements and transfers signed by the owner's wallet: what is booked, and every refusal."""

import asyncio
import os
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from backend.carbon import service
from backend.carbon.documents import digest, digest_of_body, reserve_address
from backend.carbon.errors import (
    DocumentExpired,
    DocumentReplayed,
    ForeignWallet,
    InsufficientCarbon,
    NoChain,
    RecipientWrong,
    SequenceTaken,
    SignatureWrong,
)
from backend.carbon.signing import OperatorKey
from backend.carbon.tasks import on_transferred
from backend.carbon.types import ISSUANCE, RESERVE_LIMIT_G, RETIRED, Correction, TradeCycle, reserve_of
from backend.core.crypto import sign
from backend.core.db import Actor
from tests.backend.carbon.helpers import (
    CHAIN,
    COMMUNITY,
    NOW,
    balance,
    earn,
    make_chain,
    make_person,
    retirement,
    rows,
    transference,
)

OPERATOR = OperatorKey(b"\x11" * 32)


async def retire(db, person, order, signature, *, actor=None, call=None, now=NOW):
    return await service.retire(db, order, signature, actor=actor or person.actor, call_contract=call, now=now)


async def transfer(db, person, order, signature):
    return await service.transfer(db, order, signature, actor=person.actor, call_contract=None, now=NOW)


async def test_retire__available_carbon__moves_it_for_ever_and_announces_it(db, service_db, ada):
    await earn(service_db, ada, 1000)

    booked = await retire(db, ada, *await retirement(db, ada, 400))

    stored = (await rows(service_db, "SELECT * FROM carbon_documents"))[0]
    events = await rows(service_db, "SELECT payload FROM outbox WHERE name = 'carbon.retired.v1'")
    assert await balance(service_db, ada.address) == (0, 600)
    assert await balance(service_db, RETIRED) == (0, 400)
    assert (stored.body_hash, digest_of_body(stored.body)) == (booked.body_hash, booked.body_hash)
    assert [event.payload["grams"] for event in events] == [400]


async def test_retire__several__chains_documents_by_hash(db, service_db, ada):
    await earn(service_db, ada, 1000)

    booked = [await retire(db, ada, *await retirement(db, ada, 100)) for _ in range(3)]

    chain = await rows(service_db, "SELECT sequence, previous_hash FROM carbon_documents ORDER BY sequence")
    assert [tuple(row) for row in chain] == [
        (1, bytes(32)),
        (2, booked[0].body_hash),
        (3, booked[1].body_hash),
    ]


async def test_retire__more_than_available__is_refused_and_stores_nothing(db, service_db, ada):
    await earn(service_db, ada, 399)
    await earn(service_db, ada, 1000, released=False)

    with pytest.raises(InsufficientCarbon):
        await retire(db, ada, *await retirement(db, ada, 400))

    assert await balance(service_db, ada.address) == (1000, 399)
    assert await rows(service_db, "SELECT id FROM carbon_documents") == []


async def test_retire__another_users_wallet__is_refused(db, service_db, ada):
    await earn(service_db, ada, 1000)
    bob = await make_person(service_db)
    order, signature = await retirement(db, ada, 100)

    with pytest.raises(ForeignWallet):
        await retire(db, ada, order, signature, actor=bob.actor)

    assert await balance(service_db, ada.address) == (0, 1000)


async def test_retire__nobody_signed_in__is_refused(db, service_db, ada):
    order, signature = await retirement(db, ada, 100)

    with pytest.raises(ForeignWallet):
        await retire(db, ada, order, signature, actor=Actor())


async def test_retire__a_wallet_given_up_meanwhile__is_refused(db, service_db, ada):
    await earn(service_db, ada, 1000)
    order, signature = await retirement(db, ada, 100)
    async with service_db.begin() as session:
        await session.execute(text("UPDATE wallets SET valid_to = now()"))

    with pytest.raises(ForeignWallet):
        await retire(db, ada, order, signature)


async def test_retire__signed_by_another_key__is_refused(db, service_db, ada):
    await earn(service_db, ada, 1000)
    order, _ = await retirement(db, ada, 100)
    domain, _ = await service.prepare(db, ada.address, actor=ada.actor)

    with pytest.raises(SignatureWrong):
        await retire(db, ada, order, sign(digest(domain, order), os.urandom(32)))


@pytest.mark.parametrize("changed", [{"grams": 999}, {"reason": "another"}, {"expiry": int(NOW.timestamp()) + 59}])
async def test_retire__a_value_changed_after_signing__is_refused(db, service_db, ada, changed):
    await earn(service_db, ada, 1000)
    order, signature = await retirement(db, ada, 100)

    with pytest.raises(SignatureWrong):
        await retire(db, ada, replace(order, **changed), signature)

    assert await balance(service_db, ada.address) == (0, 1000)


async def test_retire__signed_for_another_deployment__is_refused(db, service_db, ada):
    await earn(service_db, ada, 1000)
    order, signature = await retirement(db, ada, 100)
    await make_chain(service_db)

    with pytest.raises(SignatureWrong):
        await retire(db, ada, order, signature)


async def test_retire__the_same_document_twice__is_refused_and_names_the_first(db, service_db, ada):
    await earn(service_db, ada, 1000)
    order, signature = await retirement(db, ada, 100)
    first = await retire(db, ada, order, signature)

    with pytest.raises(DocumentReplayed) as refused:
        await retire(db, ada, order, signature)

    assert refused.value.details["document_id"] == first.document_id
    assert await balance(service_db, ada.address) == (0, 900)


@pytest.mark.parametrize("expiry", [-1, 0, 7 * 86_400 + 1])
async def test_retire__expired_or_open_too_long__is_refused(db, service_db, ada, expiry):
    await earn(service_db, ada, 1000)
    order, signature = await retirement(db, ada, 100, expiry=int(NOW.timestamp()) + expiry)

    with pytest.raises(DocumentExpired):
        await retire(db, ada, order, signature)


async def test_retire__at_the_last_moment__is_booked(db, service_db, ada):
    await earn(service_db, ada, 1000)
    order, signature = await retirement(db, ada, 100)

    await retire(db, ada, order, signature, now=NOW + timedelta(seconds=59.9))

    assert await balance(service_db, ada.address) == (0, 900)


@pytest.mark.parametrize(
    "changed", [{"sequence": 3}, {"sequence": 1, "previous_hash": bytes(32)}, {"previous_hash": b"\x01" * 32}]
)
async def test_retire__not_following_the_last_document__is_refused(db, service_db, ada, changed):
    await earn(service_db, ada, 1000)
    await retire(db, ada, *await retirement(db, ada, 100))

    with pytest.raises(SequenceTaken):
        await retire(db, ada, *await retirement(db, ada, 50, **changed))

    assert await balance(service_db, ada.address) == (0, 900)


async def test_retire__two_at_once__one_wins(db, service_db, ada):
    await earn(service_db, ada, 1000)
    orders = [await retirement(db, ada, grams) for grams in (700, 600)]

    outcomes = await asyncio.gather(*(retire(db, ada, *order) for order in orders), return_exceptions=True)

    kinds = sorted(type(outcome).__name__ for outcome in outcomes)
    pending, available = await balance(service_db, ada.address)
    assert kinds == ["Booked", "SequenceTaken"]
    assert (pending, available) in {(0, 300), (0, 400)}


async def test_retire__many_wallets_at_once__all_are_booked(db, service_db, chain):
    people = [await make_person(service_db) for _ in range(8)]
    for person in people:
        await earn(service_db, person, 100)
    orders = [(person, await retirement(db, person, 60)) for person in people]

    await asyncio.gather(*(retire(db, person, *order) for person, order in orders))

    assert await balance(service_db, RETIRED) == (0, 480)


async def test_retire__a_contract_wallet_that_vouches__is_booked(db, service_db, ada):
    await earn(service_db, ada, 1000)
    order, _ = await retirement(db, ada, 100)
    asked = []

    async def vouch(address: bytes, data: bytes) -> bytes:
        asked.append(address)
        return bytes.fromhex("1626ba7e") + bytes(28)

    await retire(db, ada, order, b"\x01" * 70, call=vouch)

    assert asked == [ada.address]
    assert await balance(service_db, ada.address) == (0, 900)


async def test_retire__a_contract_wallet_that_does_not_vouch__is_refused(db, service_db, ada):
    await earn(service_db, ada, 1000)
    order, _ = await retirement(db, ada, 100)

    async def decline(address: bytes, data: bytes) -> bytes:
        return bytes(32)

    with pytest.raises(SignatureWrong):
        await retire(db, ada, order, b"\x01" * 70, call=decline)


async def test_retire__just_before_the_trade_is_orphaned__is_refused_and_the_orphan_reverses(db, service_db, ada):
    trade = await earn(service_db, ada, 500, released=False)

    with pytest.raises(InsufficientCarbon):
        await retire(db, ada, *await retirement(db, ada, 500))
    async with service_db.begin() as session:
        reversed_count = await service.reverse_trades(session, CHAIN, [TradeCycle(trade.trade_id, 0)], NOW)

    assert reversed_count == 1
    assert await balance(service_db, ada.address) == (0, 0)
    assert await balance(service_db, RETIRED) == (0, 0)


async def test_retire__at_once_with_the_orphan__never_spends_what_is_reversed(db, service_db, ada):
    final = await earn(service_db, ada, 500)
    lost = await earn(service_db, ada, 300, released=False)
    order = await retirement(db, ada, 500)

    async def orphan() -> None:
        async with service_db.begin() as session:
            await service.reverse_trades(session, CHAIN, [lost, final], NOW)

    await asyncio.gather(retire(db, ada, *order), orphan())

    assert await balance(service_db, ada.address) == (0, 0)
    assert await balance(service_db, RETIRED) == (0, 500)
    assert await balance(service_db, ISSUANCE) == (0, -500)


async def test_prepare__before_any_contract_is_known__is_unavailable(db, service_db):
    person = await make_person(service_db)

    with pytest.raises(NoChain):
        await service.prepare(db, person.address, actor=person.actor)


async def test_transfer__to_another_wallet__moves_carbon_and_nobodys_rank(db, service_db, ada):
    bob = await make_person(service_db)
    await earn(service_db, ada, 1000)
    before = await rows(service_db, "SELECT * FROM leaderboard ORDER BY 1, 2, 3, 4")

    await transfer(db, ada, *await transference(db, ada, bob.address, 250))

    assert await balance(service_db, ada.address) == (0, 750)
    assert await balance(service_db, bob.address) == (0, 250)
    assert await rows(service_db, "SELECT * FROM leaderboard ORDER BY 1, 2, 3, 4") == before


@pytest.mark.parametrize("recipient", ["self", "zero", "no community"])
async def test_transfer__to_nobody__is_refused(db, service_db, ada, recipient):
    await earn(service_db, ada, 1000)
    target = {"self": ada.address, "zero": bytes(20), "no community": reserve_address(99)}[recipient]

    with pytest.raises(RecipientWrong):
        await transfer(db, ada, *await transference(db, ada, target, 250))

    assert await balance(service_db, ada.address) == (0, 1000)


async def test_transfer__to_the_reserve__pays_its_open_claims_once(db, service_db, ada, chain):
    await earn(service_db, ada, 1000)
    too_much = Correction(COMMUNITY, -RESERVE_LIMIT_G - 300)
    async with service_db.begin() as session:
        await session.execute(
            text("INSERT INTO chain_communities VALUES (:chain, :number, 'CAMX', 15, 1, 0)"),
            {"chain": chain, "number": COMMUNITY},
        )
        await service.correct(session, [too_much], operator=OPERATOR, chain=chain, now=NOW)
    await transfer(db, ada, *await transference(db, ada, reserve_address(COMMUNITY), 450))
    payload = (await rows(service_db, "SELECT payload::text AS sent FROM outbox WHERE name = 'carbon.transferred.v1'"))[
        0
    ].sent

    paid = [await on_transferred(service_db, payload, NOW) for _ in range(2)]

    assert paid == [300, 0]
    assert await balance(service_db, reserve_of(COMMUNITY)) == (0, -RESERVE_LIMIT_G + 150)
    assert await balance(service_db, ada.address) == (0, 550)

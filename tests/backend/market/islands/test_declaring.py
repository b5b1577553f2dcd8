# SPDX-License-Identifier: Apache-2.0
"""An island begins and ends by an operator's signature, ends by itself, and caps prices while it is in force."""

from datetime import timedelta
from uuid import UUID

import pytest

from backend.core.crypto import address_of
from backend.core.db import Actor
from backend.market.islands import service
from backend.market.islands.errors import (
    DeclarationReplayed,
    DocumentExpired,
    ForeignSigner,
    IslandOver,
    IslandStands,
    NotACommunity,
    OperatorOnly,
    PeriodRefused,
    PriceAboveCap,
    SignatureWrong,
)
from tests.backend.market.islands.conftest import CAP, OTHER_KEY
from tests.support.square import COMMUNITY

HOUR = timedelta(hours=1)


async def cap_at(isle, delivery_start):
    async with isle.db.begin() as session:
        rules = await service.rules_at(session, COMMUNITY, delivery_start)
    return rules and rules.price_cap_micro_per_kwh


async def test_declare__by_an_operators_wallet__caps_its_deliveries_and_ends_by_itself(isle):
    island = await isle.declare(hours=24)

    assert island.in_force(isle.now)
    assert await cap_at(isle, isle.now + HOUR) == CAP
    assert await cap_at(isle, island.ends_at) is None
    assert await cap_at(isle, isle.now - 2 * HOUR) is None
    announced = await isle.events("islands.declared.v1")
    assert [(event["community"], event["price_cap_micro_per_kwh"]) for event in announced] == [(COMMUNITY, CAP)]

    for _ in range(4):  # 25 intervals were missed
        await isle.run(island.ends_at)

    ended = await isle.events("islands.ended.v1")
    assert [(event["island_id"], event["early"]) for event in ended] == [(str(island.id), False)]
    assert await isle.declare(isle.declaration(reason="Again", hours=1)) != island


async def test_declare__by_a_member_or_for_another_community__is_refused(isle):
    with pytest.raises(OperatorOnly):
        await isle.declare(actor=isle.member(1))
    with pytest.raises(NotACommunity):
        await isle.declare(isle.declaration(community=COMMUNITY + 1))
    with pytest.raises(NotACommunity):
        await isle.declare(actor=Actor(isle.square.people[1], UUID(int=9), "operator"))


async def test_declare__with_another_wallet_or_over_other_words__is_refused(isle):
    declaration = isle.declaration()
    with pytest.raises(ForeignSigner):
        await isle.declare(isle.declaration(operator=address_of(OTHER_KEY)), key=OTHER_KEY)
    with pytest.raises(SignatureWrong):
        await isle.declare(declaration, key=OTHER_KEY)
    with pytest.raises(SignatureWrong):
        await service.declare(
            isle.db, isle.declaration(reason="Something else"), isle.signed(declaration), actor=isle.operator,
            call_contract=None, now=isle.now,
        )  # fmt: skip


async def test_declare__too_long_or_at_another_time__is_refused_and_three_days_are_not(isle):
    for facts in ({"hours": 72.001}, {"hours": 0}, {"starts_at": 0}, {"starts_at": 2**33, "ends_at": 2**33 + 60}):
        with pytest.raises(PeriodRefused):
            await isle.declare(isle.declaration(**facts))

    assert await isle.declare(hours=72)


async def test_declare__a_document_that_came_late_or_stays_open_for_long__is_refused(isle):
    for expires_in_s in (0, -60, 3 * 3600):
        with pytest.raises(DocumentExpired):
            await isle.declare(isle.declaration(expiry=int(isle.now.timestamp()) + expires_in_s))


async def test_declare__again__is_refused_while_the_island_stands_and_the_same_document_even_after_its_end(isle):
    declaration = isle.declaration()
    island = await isle.declare(declaration)
    with pytest.raises(IslandStands):
        await isle.declare(isle.declaration(reason="Another"))

    await isle.end(island, now=isle.now + timedelta(minutes=1))

    with pytest.raises(DeclarationReplayed):
        await isle.declare(declaration)


async def test_end__signed__ends_the_rules_at_once_and_only_once(isle):
    island = await isle.declare()
    at = isle.now + timedelta(minutes=30)

    ended = await isle.end(island, now=at)

    assert (ended.until, ended.in_force(at)) == (at, False)
    assert await cap_at(isle, at + HOUR) is None
    assert [event["early"] for event in await isle.events("islands.ended.v1")] == [True]
    with pytest.raises(IslandOver):
        await isle.end(island, now=at)


async def test_end__signed_for_another_island_or_by_another_key__is_refused(isle):
    island = await isle.declare()

    with pytest.raises(SignatureWrong):
        await isle.end(island, now=isle.now, declaration=b"\1" * 32)
    with pytest.raises(SignatureWrong):
        await isle.end(island, now=isle.now, key=OTHER_KEY)


async def test_declare__orders_rest_above_the_cap__they_end_and_are_asked_to_sign_again(isle):
    engine = isle.square.engine()
    dear = await isle.square.sell(engine, 2, price_micro_per_kwh=CAP + 1)
    cheap = await isle.square.sell(engine, 3, price_micro_per_kwh=CAP)
    later = await isle.square.sell(engine, 3, interval=30, price_micro_per_kwh=CAP + 1)

    await isle.declare(hours=24)

    ended = await isle.square.order(dear.order_id)
    assert (ended.state, ended.reason) == ("CANCELLED", PriceAboveCap.code)
    assert (await isle.square.order(cheap.order_id)).state == "OPEN"
    assert (await isle.square.order(later.order_id)).state == "OPEN"
    assert (await isle.events("islands.declared.v1"))[0]["orders_closed"] == 1


async def test_place__above_the_cap_while_an_island_is_in_force__is_refused_with_the_cap(isle):
    await isle.declare(hours=24)
    engine = isle.square.engine()

    with pytest.raises(PriceAboveCap) as refused:
        await isle.square.buy(engine, 2, price_micro_per_kwh=CAP + 1)
    placed = await isle.square.buy(engine, 2, price_micro_per_kwh=CAP)

    assert refused.value.details["price_cap"] == "0.3"
    assert placed.state == "OPEN"

# SPDX-License-Identifier: Apache-2.0
"""Boards: who ranks where, in which period, under which name, and what a claim changes."""

import os
import re
from dataclasses import replace
from datetime import UTC, date, datetime, time
from uuid import uuid4

import orjson
import pytest
from sqlalchemy import text

from backend.carbon import announcing, service
from backend.carbon.aliases import Aliases
from backend.carbon.boards import Board, current_board, page, place_of
from backend.carbon.errors import CommunityNotFound
from backend.carbon.tasks import on_wallet_linked
from backend.carbon.types import ISSUANCE, Period, TradeCycle, holder_of
from backend.core.db import raw
from backend.core.envelope import PageParams
from backend.core.ids import uuid7
from tests.backend.carbon.helpers import (
    CHAIN,
    COMMUNITY,
    DAY,
    NOW,
    claim_of,
    earn,
    link,
    make_community,
    make_person,
    rows,
)

ALL = Board(Period.ALL, date(1970, 1, 1))
FIRST = PageParams(page=1, limit=20)
AT_DAY = datetime.combine(DAY, time(12), UTC)


async def board_of(service_db, period, *, community=0, day=DAY):
    """(rank, name, grams) of a whole board."""
    _, places, _ = await service.leaderboard(service_db, period, community, FIRST, day=day, now=NOW)
    return [(place.rank, place.name, place.net_g) for place in places]


async def test_leaderboard__in_the_recording_transaction__has_day_and_all_at_once(service_db):
    buyer = os.urandom(20)

    async with service_db.begin() as session:
        await service.post(session, [claim_of(buyer, 70)])
        fetch = (await raw(session)).fetch
        inside = [await page(fetch, replace(ALL, period=p, start=s), limit=5, offset=0) for p, s in DAY_AND_ALL]

    assert [[place.net_g for place in places] for places, _ in inside] == [[70], [70]]
    assert await board_of(service_db, Period.WEEK) == []


DAY_AND_ALL = ((Period.DAY, DAY), (Period.ALL, date(1970, 1, 1)))


async def test_refresh_boards__a_transfer_that_commits_late__is_counted_by_the_next_call(service_db):
    early, late = os.urandom(20), os.urandom(20)
    async with service_db.begin() as waiting:
        await service.post(waiting, [claim_of(late, 50)])
        first = await service.refresh_boards(service_db)

    async with service_db.begin() as session:
        await service.post(session, [claim_of(early, 60)])
    counted = [first, await service.refresh_boards(service_db), await service.refresh_boards(service_db)]

    assert counted == [0, 2, 0]
    for period in (Period.WEEK, Period.MONTH):
        assert [line[2] for line in await board_of(service_db, period)] == [60, 50]


async def test_announce__first_places_changed__tells_them_once_and_no_others(service_db):
    announcer = service.Announcer()
    first, second = os.urandom(20), os.urandom(20)
    told = []
    for buyer, grams in ((first, 50), (second, 60), (first, 5), (first, 100)):
        async with service_db.begin() as session:
            await service.post(session, [claim_of(buyer, grams)])
        for _ in range(2):
            moved = await service.refresh_boards(service_db)
            await announcer.announce(service_db, AT_DAY, moved=moved > 0)
        events = await rows(
            service_db, "SELECT payload FROM outbox WHERE topic = 'leaderboard' ORDER BY created_at, id"
        )
        boards = [board for board in events[-1].payload["boards"] if board["community"] == 0]
        places = [[(place["rank"], place["net_g"]) for place in board["places"]] for board in boards]
        told.append((len(events), [board["period"] for board in boards], places))

    periods = ["day", "week", "month", "all"]
    assert told == [
        (1, periods, [[(1, 50)]] * 4),
        (2, periods, [[(1, 60), (2, 50)]] * 4),
        (3, periods, [[(2, 55)]] * 4),
        (4, periods, [[(1, 155), (2, 60)]] * 4),
    ]
    assert {frozenset(place) for board in boards for place in board["places"]} == {frozenset({"rank", "net_g"})}


async def test_announce__more_places_than_one_event_holds__tells_the_rest_in_the_next(service_db, monkeypatch):
    monkeypatch.setattr(announcing, "MOST_PLACES", 7)
    announcer = service.Announcer()
    async with service_db.begin() as session:
        await service.post(session, [claim_of(os.urandom(20), 50 + number) for number in range(5)])
    await service.refresh_boards(service_db)

    counts = [await announcer.announce(service_db, AT_DAY, moved=number == 0) for number in range(6)]

    assert counts == [5, 5, 5, 5, 0, 0]


@pytest.mark.parametrize(
    ("period", "day", "expected"),
    [
        (Period.DAY, date(2026, 3, 1), [8]),
        (Period.WEEK, date(2026, 2, 28), [12]),  # Monday 23 February to Sunday 1 March
        (Period.WEEK, date(2026, 3, 2), [16]),
        (Period.MONTH, date(2026, 2, 1), [4]),
        (Period.MONTH, date(2026, 3, 31), [24]),
        (Period.ALL, None, [28]),
    ],
)
async def test_leaderboard__by_period__counts_days_of_delivery(service_db, period, day, expected):
    buyer = os.urandom(20)
    days = {date(2026, 2, 28): 4, date(2026, 3, 1): 8, date(2026, 3, 2): 16}
    async with service_db.begin() as session:
        await service.post(session, [claim_of(buyer, grams, day=when) for when, grams in days.items()])
    await service.refresh_boards(service_db)

    found = await board_of(service_db, period, day=day)

    assert [line[2] for line in found] == expected


async def test_leaderboard__two_communities__each_ranks_its_own_and_zero_all(service_db):
    await make_community(service_db, number=1)
    await make_community(service_db, number=2)
    one, two = os.urandom(20), os.urandom(20)
    claims = [claim_of(one, 10, community=1), claim_of(two, 30, community=2), claim_of(one, 25, community=2)]
    async with service_db.begin() as session:
        await service.post(session, claims)

    found = {
        number: [line[2] for line in await board_of(service_db, Period.ALL, community=number)] for number in (0, 1, 2)
    }

    assert found == {0: [35, 30], 1: [10], 2: [30, 25]}


async def test_leaderboard__equal_grams__ranks_by_holder_id(service_db):
    people = [await make_person(service_db) for _ in range(4)]
    for person in reversed(people):
        await earn(service_db, person, 10)

    places, _ = await page(service_db.read, ALL, limit=10, offset=0)
    ranks = [await place_of(service_db.read, ALL, person.user_id) for person in people]

    assert [place.holder_id for place in places] == sorted(person.user_id for person in people)
    assert ranks == [(1, 10), (2, 10), (3, 10), (4, 10)]


async def test_leaderboard__reversed_to_nothing__is_not_ranked(service_db):
    person = await make_person(service_db)
    trade = await earn(service_db, person, 10, released=False)
    await earn(service_db, await make_person(service_db), 5)
    async with service_db.begin() as session:
        await service.reverse_trades(session, CHAIN, [trade], NOW)

    places, count = await page(service_db.read, ALL, limit=10, offset=0)
    mine = await place_of(service_db.read, ALL, person.user_id)

    assert ([place.net_g for place in places], mine, count) == ([5], None, 1)


async def test_leaderboard__every_page_and_every_rank__agree_with_a_plain_sort(service_db):
    amounts = [1, 1, 1, 2, 3, 15, 16, 17, 17, 100, 1000, 1000, 1024, 4096, 70_000, 2**33, 2**40]
    claims = [claim_of(os.urandom(20), grams) for grams in amounts]
    async with service_db.begin() as session:
        await service.post(session, claims)
    expected = sorted((-claim.grams, claim.holder_id) for claim in claims)

    pages = [await page(service_db.read, ALL, limit=3, offset=offset) for offset in range(0, 20, 3)]
    paged = [place for places, _ in pages for place in places]
    ranks = [await place_of(service_db.read, ALL, holder) for _, holder in expected]

    assert [(-place.net_g, place.holder_id) for place in paged] == expected
    assert [place.rank for place in paged] == list(range(1, len(amounts) + 1))
    assert [rank for rank, _ in ranks] == list(range(1, len(amounts) + 1))


async def test_leaderboard__not_opted_in__has_no_name_to_show(service_db):
    shown = await make_person(service_db, leaderboard_name="Ada L.")
    hidden = await make_person(service_db)
    await earn(service_db, shown, 20)
    await earn(service_db, hidden, 10)

    names = [line[1] for line in await board_of(service_db, Period.ALL)]

    assert names == ["Ada L.", None]


def test_alias__of_a_holder__is_stable_and_only_the_servers_secret_tells_it():
    holder = uuid4()

    names = [Aliases(secret).of(holder) for secret in (b"one", b"one", b"other")]

    assert names[0] == names[1] != names[2]
    assert re.fullmatch(r"[A-Z][a-z]+ [A-Z][a-z]+ [0-9A-F]{6}", names[0])


async def test_around__in_the_middle__shows_the_neighbours(service_db):
    people = [await make_person(service_db) for _ in range(7)]
    for place, person in enumerate(people):
        await earn(service_db, person, 100 - place)

    _, places = await service.around(service_db, people[3].user_id, Period.ALL, 0, day=None, now=NOW)

    assert [place.rank for place in places] == [2, 3, 4, 5, 6]
    assert places[2].holder_id == people[3].user_id


async def test_current_board__today__is_the_communitys_day(service_db):
    await make_community(service_db, time_zone="Asia/Kolkata")
    late = datetime(2026, 3, 31, 20, tzinfo=UTC)  # the first of April in India

    starts = [
        (await current_board(service_db.read, period, COMMUNITY, day=None, now=late)).start
        for period in (Period.DAY, Period.WEEK, Period.MONTH)
    ]

    assert starts == [date(2026, 4, 1), date(2026, 3, 30), date(2026, 4, 1)]


async def test_leaderboard__unknown_community__is_refused(service_db):
    with pytest.raises(CommunityNotFound):
        await service.leaderboard(service_db, Period.ALL, 99, FIRST, day=None, now=NOW)


async def test_claim__a_wallet_that_earned_before__moves_its_rows_to_the_user(service_db):
    person = await make_person(service_db, linked=False)
    await earn(service_db, person, 7, day=date(2026, 3, 2))
    before = claim_of(person.address, 100)
    pending = claim_of(person.address, 30, day=date(2026, 3, 3))
    async with service_db.begin() as session:
        await service.post(session, [before, pending])
    await service.refresh_boards(service_db)
    async with service_db.begin() as session:
        await service.post(session, [claim_of(person.address, 5)])  # week and month still wait for this one
        await link(session, person)
    payload = orjson.dumps({"audience": str(person.user_id), "address": "0x" + person.address.hex()}).decode()

    claimed = [await on_wallet_linked(service_db, payload) for _ in range(2)]
    async with service_db.begin() as session:
        await service.reverse_trades(session, CHAIN, [TradeCycle(pending.trade_id or b"", 0)], NOW)
        await service.post(
            session, [claim_of(person.address, 1)]
        )  # recorded as unknown by a writer that looked earlier
    await service.refresh_boards(service_db)

    left = await rows(service_db, "SELECT * FROM leaderboard WHERE holder_id = :h", h=holder_of(person.address))
    mine = await rows(
        service_db,
        "SELECT period::text, sum(net_g)::int AS g FROM leaderboard WHERE holder_id = :h AND community = 0 "
        "GROUP BY 1 ORDER BY 1",
        h=person.user_id,
    )
    assert claimed == [True, False]
    assert left == []
    assert [tuple(row) for row in mine] == [("all", 113), ("day", 113), ("month", 113), ("week", 113)]


async def test_claim__while_a_transfer_is_being_booked__loses_nothing(service_db):
    import asyncio

    buyer, user = os.urandom(20), uuid7()
    async with service_db.begin() as booking:
        await service.post(booking, [claim_of(buyer, 40)])

        async def claim() -> bool:
            async with service_db.begin() as session:
                return await service.claim(session, buyer, user)

        claiming = asyncio.create_task(claim())
        await asyncio.sleep(0.2)
        assert not claiming.done()
    await claiming

    found = await rows(service_db, "SELECT DISTINCT holder_id, net_g FROM leaderboard")
    assert [tuple(row) for row in found] == [(user, 40)]


async def test_histogram__after_many_changes__equals_a_count(service_db):
    people = [await make_person(service_db) for _ in range(5)]
    for turn in range(4):
        for place, person in enumerate(people):
            trade = await earn(service_db, person, 1 + turn * place * 10, released=False)
            if (turn + place) % 3 == 0:
                async with service_db.begin() as session:
                    await service.reverse_trades(session, CHAIN, [trade], NOW)

    async with service_db.begin() as session:
        wrong = (
            await session.execute(
                text(
                    "SELECT * FROM leaderboard_histogram h WHERE holders <> (SELECT count(*) FROM leaderboard b WHERE "
                    "b.period = h.period AND b.period_start = h.period_start AND b.community = h.community "
                    "AND b.net_g > 0 AND board_bucket(b.net_g) = h.bucket)"
                )
            )
        ).all()

    assert wrong == []
    assert (await rows(service_db, "SELECT available_g < 0 FROM carbon_wallet WHERE account = :a", a=ISSUANCE))[0][0]

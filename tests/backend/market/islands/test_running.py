# SPDX-License-Identifier: Apache-2.0
"""Intervals are shared out and stored with all inputs; matches are queued; a report proves itself or is found out."""

import asyncio
import copy
from datetime import timedelta
from uuid import UUID, uuid4

import orjson
import pytest
from click.testing import CliRunner
from sqlalchemy import text

from backend.accounts import service as accounts
from backend.accounts.types import OrgKind
from backend.core.crypto import address_of, sign
from backend.core.db import Actor
from backend.core.envelope import PageParams
from backend.market.islands import allocating, equipment, queueing, running, service
from backend.market.islands.checking import ReportUnreadable, check, summary_of
from backend.market.islands.documents import Ending, digest_of_body, seconds, typed_data
from backend.market.islands.equipment import CriticalLoadFields, Expected
from backend.market.islands.errors import (
    CriticalLoadNotFound,
    CriticalLoadTaken,
    ForecastRefused,
    HouseUnknown,
    IslandNotFound,
    OperatorOnly,
)
from scripts.cli.market import market
from tests.backend.market.islands.conftest import KEY, OTHER_KEY

PAGE = PageParams(1, 100)


async def told(isle, island):
    """The report as a file holds it."""
    made = await service.report(isle.db, island.id, actor=isle.operator)
    return orjson.loads(orjson.dumps(made))


@pytest.fixture
async def scarce(isle):
    """An island on which sun and battery do not suffice: a hospital at house 2, homes at 1, 3 and 4."""
    await isle.equip()
    for person, generation_wh, demand_wh in ((1, 3_000, 1_500), (2, 0, 1_800), (3, 0, 200), (4, 0, 4_000)):
        await isle.expect(person, generation_wh, demand_wh)
    return await isle.declare(hours=4)


async def test_run__scarce_island__serves_the_hospital_first_then_equal_shares(isle, scarce):
    await isle.run()

    rows = await isle.square.rows(
        "SELECT * FROM island_allocations WHERE delivery_start > :now ORDER BY house_id", now=isle.now
    )
    run = (await isle.square.rows("SELECT * FROM island_runs WHERE delivery_start > :now", now=isle.now))[0]
    state = (await isle.square.rows("SELECT * FROM storage_states WHERE delivery_start > :now", now=isle.now))[0]
    by_house = {row.house_id: row for row in rows}
    hospital, small = by_house[isle.square.houses[2]], by_house[isle.square.houses[3]]
    ordinary = [by_house[isle.square.houses[n]].share_wh for n in (1, 4)]
    assert (hospital.critical_wh, hospital.critical_share_wh) == (1_000, 1_000)
    assert small.share_wh == small.demand_wh == 200
    assert max(ordinary) - min(ordinary) <= 1
    assert sum(row.share_wh for row in rows) + run.result["spilledWh"] == 3_000 + state.discharged_wh - state.charged_wh
    assert state.state_wh >= 1_000
    assert await isle.events("islands.allocated.v1")


async def test_run__twice__allocates_each_interval_once(isle, scarce):
    await isle.run()
    before = await isle.square.rows("SELECT * FROM storages")

    await isle.run()

    assert await isle.square.rows("SELECT * FROM storages") == before
    assert len(await isle.square.rows("SELECT * FROM island_runs")) == 2


async def test_run__later__goes_on_from_where_the_battery_stands(isle, scarce):
    await isle.run()
    await isle.run(isle.now + timedelta(hours=1))

    states = await isle.square.rows("SELECT before_wh, state_wh FROM storage_states ORDER BY delivery_start")
    assert [row.before_wh for row in states[1:]] == [row.state_wh for row in states[:-1]]


async def test_run__away_until_the_island_was_over__allocates_all_that_was_missed(isle, monkeypatch, scarce):
    monkeypatch.setattr(allocating, "AT_ONCE", 2)
    monkeypatch.setattr(running, "AT_ONCE", 2)
    over = isle.now + timedelta(hours=4, minutes=30)

    for _ in range(3):
        await isle.run(over)

    assert len(await isle.square.rows("SELECT 1 FROM island_runs")) == 5
    assert len(await isle.events("islands.ended.v1")) == 1


async def test_intents__of_matches_in_several_books__are_queued_in_the_order_of_their_nonces(isle):
    engine = isle.square.engine()
    island = await isle.declare(hours=24)
    for interval in (2, 1, 0):
        await isle.square.sell(engine, 2, interval=interval)
        await isle.square.buy(engine, 3, interval=interval)
    await isle.run()
    await isle.square.sell(engine, 2)
    await isle.square.buy(engine, 3)
    await isle.see_chain(away=True)
    await isle.run()
    await isle.run()

    island, queue = await service.intents(isle.db, isle.db, island.id, isle.member(3), PAGE)
    matches = await isle.square.matches()
    assert [row["settlement_nonce"] for row in queue] == [match.settlement_nonce for match in matches]
    assert [row["sequence"] for row in queue] == [1, 2, 3, 4]
    assert [row["chain_away"] for row in queue] == [False, False, False, True]
    assert queue[-1]["hash"] == island.head
    published = await isle.events("islands.intents_queued.v1")
    assert [event["intents"] for event in published] == [3, 4]
    assert published[-1]["head"] == "0x" + island.head.hex()
    assert len(await isle.events("islands.chain_lost.v1")) == 1


async def test_intents__while_a_match_may_still_come_with_a_lower_nonce__wait_for_it(isle, monkeypatch):
    monkeypatch.setattr(queueing, "LOCK_TIMEOUT_MS", 50)
    engine = isle.square.engine()
    await isle.declare(hours=24)
    await isle.square.sell(engine, 2)
    await isle.square.buy(engine, 3)

    async with isle.db.begin() as matching:
        await matching.execute(text("SELECT 1 FROM books FOR UPDATE"))
        await isle.run()
        queued_meanwhile = await isle.square.rows("SELECT 1 FROM island_intents")
    await isle.run()

    assert queued_meanwhile == []
    assert len(await isle.square.rows("SELECT 1 FROM island_intents")) == 1


async def test_intents__of_a_match_that_is_cancelled__are_reported_once_not_dropped(isle):
    engine = isle.square.engine()
    island = await isle.declare(hours=24)
    await isle.square.sell(engine, 2)
    await isle.square.buy(engine, 3)
    await isle.run()

    await isle.square.rows("UPDATE matches SET state = 'CANCELLED', reason = 'expired' RETURNING id")
    await isle.run()
    await isle.run()

    conflicts = await isle.events("islands.intent_conflict.v1")
    assert [(event["sequence"], event["reason"]) for event in conflicts] == [(1, "expired")]
    report = await told(isle, island)
    assert report["summary"]["intents"] == {"logged": 0, "waiting": 0, "conflict": 1}
    assert check(report) == []


async def test_watch__chain_away_and_back__is_noted_and_announced_once_each(isle):
    island = await isle.declare(hours=24)
    await isle.see_chain(away=True)
    await isle.run()
    await isle.run()
    await isle.see_chain()
    await isle.run()

    seen = await service.get_island(isle.db, island.id, isle.operator)
    assert seen.chain_lost_at is not None
    assert seen.chain_back_at is not None
    for name in ("islands.chain_lost.v1", "islands.chain_returned.v1"):
        assert len(await isle.events(name)) == 1


@pytest.fixture
async def report(isle, scarce):
    """A report with allocations and intents, as a file holds it."""
    engine = isle.square.engine()
    await isle.square.sell(engine, 2)
    await isle.square.buy(engine, 3)
    await isle.run()
    return await told(isle, scarce)


async def test_check__an_honest_report__is_equal_to_what_is_computed_anew(report):
    assert check(report) == []


def test_island_report__of_a_file__says_equal_or_where_it_differs(report, tmp_path):
    file = tmp_path / "report.json"
    file.write_bytes(orjson.dumps(report))
    honest = CliRunner().invoke(market, ["island-report", str(file), "--csv", str(tmp_path / "shares.csv")])
    give_more(report)
    file.write_bytes(orjson.dumps(report))
    changed = CliRunner().invoke(market, ["island-report", str(file)])
    file.write_text("{}")

    assert (honest.exit_code, honest.output.splitlines()[-1]) == (0, "computed again: equal")
    assert len((tmp_path / "shares.csv").read_text().splitlines()) == 9
    assert changed.exit_code == 1
    assert "result.houses[0].shareWh" in changed.output
    assert CliRunner().invoke(market, ["island-report", str(file)]).exit_code == 2


def test_island_report__of_an_island_in_the_database__writes_the_report_that_it_checks(
    report, databases, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        "scripts.runfile.running_environment", lambda: {"GRIDX_DATABASE_SERVICE_URL": databases.service}
    )
    written = tmp_path / "report.json"
    named = ["island-report", "--island", report["island"]["id"], "--output", str(written)]

    assert CliRunner().invoke(market, named).exit_code == 0
    assert orjson.loads(written.read_bytes()) == report
    assert CliRunner().invoke(market, ["island-report", "--island", str(UUID(int=5))]).exit_code == 1
    assert CliRunner().invoke(market, ["island-report"]).exit_code == 2


def give_more(report):
    report["runs"][1]["result"]["houses"][0]["shareWh"] += 1


def want_less(report):
    report["runs"][1]["inputs"]["houses"][3]["demandWh"][0] -= 1_000


def claim_a_lower_level(report):
    report["runs"][1]["certificate"][0]["level_wh"] -= 5


def change_a_match(report):
    report["intents"]["links"][0]["content"]["energyWh"] += 1


def drop_the_last_match(report):
    report["intents"]["links"].pop()


def extend_the_island(report):
    report["island"]["endsAtUnix"] += 3600


def declare_for_longer(report):
    report["declaration"]["body"]["message"]["endsAt"] = "1"


def sign_by_another(report):
    body = report["declaration"]["body"]
    report["declaration"]["signature"] = "0x" + sign(b"\1" * 32, OTHER_KEY).hex()
    assert body["primaryType"] == "IslandDeclaration"


def add_up_wrongly(report):
    report["summary"]["houses"][0]["demandWh"] += 1


def end_without_a_signature(report):
    report["island"]["endedAt"] = report["runs"][1]["deliveryStart"]


def name_another_operator(report):
    report["declaration"]["signer"] = "0x" + address_of(OTHER_KEY).hex()
    digest = digest_of_body(report["declaration"]["body"])
    report["declaration"]["signature"] = "0x" + sign(digest, OTHER_KEY).hex()


def tell_an_interval_twice(report):
    report["runs"].append(report["runs"][1])
    report["summary"] = summary_of(report)


def share_out_another_day(report):
    for told in (report["runs"][0], report["runs"][0]["inputs"]):
        told["deliveryStart"] = told["deliveryStart"].replace("20", "19", 1)
    report["summary"] = summary_of(report)


def prove_nothing(report):
    report["runs"][1]["certificate"].clear()


def count_more_matches(report):
    report["intents"]["count"] += 1


def write_another_end(report):
    report["island"]["endsAt"] = report["island"]["startsAt"]


def hide_a_gap(report):
    report["notAllocated"].append(report["runs"][0]["deliveryStart"])


async def test_check__any_place_changed__is_found(report):
    for change in (
        give_more, want_less, claim_a_lower_level, change_a_match, drop_the_last_match, extend_the_island,
        declare_for_longer, sign_by_another, add_up_wrongly, end_without_a_signature, name_another_operator,
        tell_an_interval_twice, share_out_another_day, prove_nothing, count_more_matches, write_another_end, hide_a_gap,
    ):  # fmt: skip
        changed = copy.deepcopy(report)
        change(changed)
        assert check(changed) != [], change.__name__


async def test_check__ended_by_the_end_of_another_island__is_found(isle, scarce):
    await isle.run()
    await isle.end(scarce, now=isle.now + timedelta(minutes=1))
    honest = await told(isle, scarce)
    foreign = Ending(address_of(KEY), b"\1" * 32, seconds(isle.now) + 600)
    changed = copy.deepcopy(honest)
    changed["ending"] |= {
        "body": typed_data(isle.square.chain, foreign), "signature": "0x" + isle.signed(foreign).hex(),
    }  # fmt: skip

    assert check(honest) == []
    assert check(changed) == ["the early end is another island's"]


def want_more_than_there_are_numbers(report):
    report["runs"][0]["inputs"]["houses"][0]["demandWh"][0] = 10**400


def store_more_than_there_are_numbers(report):
    report["runs"][0]["inputs"]["storages"][0]["stateWh"] = -1e300


def sign_for_another_contract(report):
    report["declaration"]["body"]["domain"]["verifyingContract"] = "0x"


def sign_something_untyped(report):
    report["declaration"]["body"]["types"]["IslandDeclaration"][1]["type"] = ""


async def test_check__values_that_nothing_can_be_computed_with__is_unreadable(report):
    for change in (
        want_more_than_there_are_numbers, store_more_than_there_are_numbers, sign_for_another_contract,
        sign_something_untyped,
    ):  # fmt: skip
        changed = copy.deepcopy(report)
        change(changed)
        with pytest.raises(ReportUnreadable):
            check(changed)


@pytest.mark.parametrize("what", [{}, [], {"format": "gridx-island-report/1"}])
def test_check__something_else__is_unreadable(what):
    with pytest.raises(ReportUnreadable):
        check(what)


async def test_report__for_members__is_refused(isle, scarce):
    with pytest.raises(OperatorOnly):
        await service.report(isle.db, scarce.id, actor=isle.member(2))


async def test_allocations__under_row_security__show_a_member_only_what_is_his(isle, scarce, db):
    await isle.run()

    own, _ = await service.allocations(db, scarce.id, isle.member(3), PAGE)
    every, total = await service.allocations(db, scarce.id, isle.operator, PAGE)
    loads, _ = await equipment.critical_loads(db, isle.member(3), PAGE)
    batteries, _ = await equipment.storages(db, isle.member(3), PAGE)

    assert {row["house_id"] for row in own} == {isle.square.houses[3]}
    assert len(every) == total == 8
    assert loads == []
    assert [row["name"] for row in batteries] == ["school battery"]
    assert (await service.get_island(db, scarce.id, isle.member(3))).id == scarce.id


async def test_islands__under_row_security__do_not_exist_for_strangers(isle, scarce, db):
    stranger = Actor(isle.square.people[4], isle.square.people[4], "operator")

    with pytest.raises(IslandNotFound):
        await service.get_island(db, scarce.id, stranger)
    with pytest.raises(IslandNotFound):
        await service.report(isle.db, scarce.id, actor=stranger)
    async with db.begin() as session:
        for table in ("islands", "island_runs", "island_allocations", "island_intents", "storages", "critical_loads"):
            assert not (await (await session.connection()).exec_driver_sql(f"SELECT 1 FROM {table}")).all(), table


async def test_change_critical_load__naming_a_house_of_others__learns_nothing_of_their_loads(isle):
    await isle.equip()
    theirs = CriticalLoadFields(isle.square.houses[2], 1, 50)
    new = accounts.NewOrganization(
        OrgKind.COMMUNITY, "East", "east", emission_region="CAMX", delivery_minutes=15, community_number=77
    )
    east = await accounts.create_organization(isle.db, new, operator_id=isle.square.people[4], by=None, now=isle.now)
    stranger = Actor(isle.square.people[4], east.id, "operator")

    with pytest.raises(CriticalLoadNotFound):
        await equipment.change_critical_load(isle.db, uuid4(), theirs, actor=stranger, now=isle.now)


async def test_add_critical_load__twice_at_once__is_stored_once(isle):
    load = CriticalLoadFields(isle.square.houses[2], 2, 50)

    outcomes = await asyncio.gather(
        *(equipment.add_critical_load(isle.db, load, actor=isle.operator, now=isle.now) for _ in range(4)),
        return_exceptions=True,
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes)[:3] == ["CriticalLoadTaken"] * 3


async def test_equipment__of_others_or_twice__is_refused(isle):
    await isle.equip()

    with pytest.raises(CriticalLoadTaken):
        await isle.equip()
    with pytest.raises(OperatorOnly):
        await equipment.add_critical_load(
            isle.db, CriticalLoadFields(isle.square.houses[3], 3, 50), actor=isle.member(3), now=isle.now
        )
    said = [Expected(isle.square.delivery_start, 1, 1)]
    with pytest.raises(HouseUnknown):
        await equipment.put_forecasts(isle.db, isle.square.houses[3], said, actor=isle.member(2), now=isle.now)
    with pytest.raises(ForecastRefused):
        await equipment.put_forecasts(
            isle.db, isle.square.houses[3], [Expected(isle.now - timedelta(hours=2), 1, 1)], actor=isle.member(3),
            now=isle.now,
        )  # fmt: skip

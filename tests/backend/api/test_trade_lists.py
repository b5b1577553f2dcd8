# SPDX-License-Identifier: Apache-2.0
"""Lists of trades over HTTP: filters, order, the CSV file; and the operators' view of queues and settlement."""

import csv
import io
from typing import Any

import pytest
from sqlalchemy import text

from tests.backend.api.conftest import Site


@pytest.fixture
async def three(site: Site) -> list[str]:
    """Ids of three trades in their order: 1 sells 2 kWh to 2, 3 sells 5 kWh to 4, 2 logs 1 kWh with 1 alone."""
    stage = site.town.stage
    made = []
    for trade in (lambda: stage.fill(1, 2, 2000), lambda: stage.fill(3, 4, 5000), lambda: stage.log(2, 1, 1000)):
        stage.anvil.rpc("evm_increaseTime", 10)
        made.append(trade())
    await site.town.confirm()
    return ["0x" + trade_id.hex() for trade_id in made]


async def ids(site: Site, **asked: Any) -> list[str]:
    answer = await site.client.get("/api/energy-trades", params=asked)
    assert answer.status_code == 200, answer.text
    assert answer.json()["meta"]["pagination"]["total"] == len(answer.json()["data"])
    return [trade["tradeId"] for trade in answer.json()["data"]]


def address(site: Site, person: int) -> str:
    return "0x" + site.town.stage.address(person).hex()


async def test_list__by_wallet_and_side__shows_where_it_sold_or_bought(site: Site, three: list[str]) -> None:
    first, second, third = three

    assert sorted(await ids(site, wallet=address(site, 1))) == sorted([first, third])
    assert await ids(site, wallet=address(site, 1), side="sold") == [first]
    assert await ids(site, wallet=address(site, 2), side="bought") == [first]
    assert await ids(site, userId=str(site.town.people[4]), side="sold") == []
    assert await ids(site, userId=str(site.town.people[4]), wallet=address(site, 1)) == []
    assert await ids(site, kind="logged") == [third]
    assert second in await ids(site, kind="filled")


async def test_list__sorted__is_in_that_order(site: Site, three: list[str]) -> None:
    first, second, third = three

    assert await ids(site, sort="oldest") == three
    assert await ids(site) == [third, second, first]
    assert await ids(site, wallet=address(site, 1), sort="largest") == [first, third]
    assert (await ids(site, wallet=address(site, 1), sort="oldest"))[0] == first
    assert (await ids(site, wallet=address(site, 1), sort="dearest"))[-1] in (first, third)


@pytest.mark.parametrize("asked", [{"sort": "largest"}, {"sort": "dearest"}, {"side": "sold"}])
async def test_list__order_of_amounts_without_wallets__is_refused(site: Site, asked: dict[str, str]) -> None:
    answer = await site.client.get("/api/energy-trades", params=asked)

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "trade.wallets_needed")


async def test_export__of_a_wallet__is_csv_with_exact_amounts(site: Site, three: list[str]) -> None:
    answer = await site.client.get("/api/energy-trades/export", params={"wallet": address(site, 2), "sort": "oldest"})

    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert [(row["tradeId"], row["energyKwh"], row["pricePerKwh"], row["kind"]) for row in rows] == [
        (three[0], "2", "0.24", "filled"),
        (three[2], "1", rows[1]["pricePerKwh"], "logged"),
    ]
    assert (rows[0]["buyer"].lower(), rows[0]["status"]) == (address(site, 2), "confirmed")
    assert rows[0]["blockTime"].endswith("Z")


async def test_export__of_claims__is_their_posters_alone(site: Site) -> None:
    _, tx_hash = await site.fill(1, 2)
    await site.client.post("/api/energy-trades", json=site.claim(1, 2, tx_hash), headers=site.headers(2))

    exported = [
        await site.client.get("/api/energy-trades/export", params={"status": status}, headers=site.headers(person))
        for status, person in (("pending", 2), ("failed", 2), ("pending", 3))
    ]
    anonymous = await site.client.get("/api/energy-trades/export", params={"status": "pending"})

    mine, failed, theirs = (list(csv.DictReader(io.StringIO(answer.text))) for answer in exported)
    assert [(row["txHash"], row["status"], row["reason"], row["energyKwh"]) for row in mine] == [
        ("0x" + tx_hash.hex(), "pending", "", "2")
    ]
    assert mine[0]["postedAt"].endswith("Z")
    assert (failed, theirs) == ([], [])
    assert (anonymous.status_code, anonymous.json()["error"]["code"]) == (401, "auth.required")


async def test_operations__operator__sees_queues_and_relayers(site: Site, three: list[str]) -> None:
    async with site.town.db.begin() as session:
        await session.execute(
            text("INSERT INTO memberships (org_id, user_id, role, created_at) VALUES (:org, :user, 'operator', now())"),
            {"org": site.town.org_id, "user": site.town.people[1]},
        )
        await session.execute(
            text("""INSERT INTO relayers (chain, signer, balance_wei, seen_at)
                VALUES (:chain, :signer, 12000000000000000000, now())"""),
            {"chain": site.town.chain.id, "signer": site.town.stage.address(5)},
        )

    answer = await site.client.get("/api/operations", headers=site.headers(1))
    refused = await site.client.get("/api/operations", headers=site.headers(2))

    data = answer.json()["data"]
    assert (data["tradesLastHour"], data["jobsWaiting"]) == (3, 0)
    assert int(data["gasPriceWei"]) > 0
    assert data["eventsWaiting"] > 0
    (relayer,) = data["relayers"]
    assert (relayer["balanceWei"], relayer["stoppedCode"], relayer["lastTx"]) == ("12" + "0" * 18, None, None)
    assert refused.status_code == 403

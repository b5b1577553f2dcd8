# SPDX-License-Identifier: Apache-2.0
"""Trades over HTTP: posted, listed, read, replayed, refused."""

import asyncio
from decimal import Decimal

import pytest

from tests.backend.api.conftest import Site
from tests.backend.market.conftest import grams


async def test_post__confirmed__answers_201_with_the_record(site: Site) -> None:
    trade_id, tx_hash = await site.fill(1, 2)
    site.town.stage.anvil.mine(1)

    answer = await site.client.post("/api/energy-trades", json=site.claim(1, 2, tx_hash), headers=site.headers(2))

    data = answer.json()["data"]
    assert (answer.status_code, data["status"], data["tradeId"]) == (201, "confirmed", "0x" + trade_id.hex())
    assert Decimal(data["carbonSavedKg"]) * 1000 == grams(2000)
    assert (data["confirmations"] >= data["requiredConfirmations"], data["energyKwh"]) == (True, "2")


async def test_post__not_deep_enough__answers_202_and_the_claim_becomes_the_trade(site: Site) -> None:
    trade_id, tx_hash = await site.fill(1, 2)

    answer = await site.client.post("/api/energy-trades", json=site.claim(1, 2, tx_hash), headers=site.headers(2))
    key = answer.json()["data"]["id"]
    pending = await site.client.get("/api/energy-trades", params={"status": "pending"}, headers=site.headers(2))
    foreign = await site.client.get(f"/api/energy-trades/{key}", headers=site.headers(3))
    await site.town.confirm()
    later = await site.client.get(f"/api/energy-trades/{key}", headers=site.headers(2))

    assert (answer.status_code, answer.json()["data"]["status"]) == (202, "pending")
    assert [item["id"] for item in pending.json()["data"]] == [key]
    assert foreign.status_code == 404
    assert (later.json()["data"]["status"], later.json()["data"]["tradeId"]) == ("confirmed", "0x" + trade_id.hex())


async def test_post__final_later__says_final_everywhere(site: Site) -> None:
    trade_id, _ = await site.fill(1, 2)
    await site.town.confirm(8)

    one = await site.client.get(f"/api/energy-trades/0x{trade_id.hex()}")
    many = await site.client.get("/api/energy-trades", params={"status": "final", "userId": str(site.town.people[1])})

    assert one.json()["data"]["status"] == "final"
    assert [item["tradeId"] for item in many.json()["data"]] == ["0x" + trade_id.hex()]
    assert many.json()["meta"]["pagination"] == {"page": 1, "limit": 20, "total": 1}


async def test_totals__after_a_trade_with_consent__count_it(site: Site) -> None:
    await site.fill(1, 2)
    await site.town.confirm()

    answer = await site.client.get("/api/energy-trades/totals")

    data = answer.json()["data"]
    assert (data["trades"], data["sellers"], data["energyKwh"]) == (1, 1, "2")
    assert Decimal(data["carbonSavedKg"]) * 1000 == grams(2000)


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"energyKwh": "2.001"}, 409, "trade.mismatch"),
        ({"pricePerKwh": "0.25"}, 409, "trade.mismatch"),
        ({"energyKwh": "2.0001"}, 422, "request.invalid"),
        ({"energyKwh": "-2"}, 422, "request.invalid"),
        ({"energyKwh": "0"}, 422, "request.invalid"),
        ({"energyKwh": "NaN"}, 422, "request.invalid"),
        ({"energyKwh": "4294967.296"}, 422, "request.invalid"),
        ({"pricePerKwh": "0.2400001"}, 422, "request.invalid"),
        ({"txHash": "0x12"}, 422, "request.invalid"),
        ({"sellerId": "01a1fbc1-b5ed-75cb-acb6-2e8bc5728532"}, 422, "trade.unknown_party"),
        ({"surprise": 1}, 422, "request.invalid"),
    ],
)
async def test_post__wrong_in_one_way__is_refused_by_name(
    site: Site, changes: dict[str, object], status: int, code: str
) -> None:
    _, tx_hash = await site.fill(1, 2)
    site.town.stage.anvil.mine(1)

    body = site.claim(1, 2, tx_hash, **changes)
    answer = await site.client.post("/api/energy-trades", json=body, headers=site.headers(2))

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert await site.town.wallet(2) == (0, 0)


async def test_post__stranger__is_refused(site: Site) -> None:
    _, tx_hash = await site.fill(1, 2)

    answer = await site.client.post("/api/energy-trades", json=site.claim(1, 2, tx_hash), headers=site.headers(3))

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "trade.not_a_party")


async def test_post__not_signed_in__is_refused(site: Site) -> None:
    answer = await site.client.post("/api/energy-trades", json=site.claim(1, 2, b"\x01" * 32))

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "auth.required")


async def test_post__same_idempotency_key__replays_the_answer(site: Site) -> None:
    _, tx_hash = await site.fill(1, 2)
    site.town.stage.anvil.mine(1)
    headers = site.headers(2, Idempotency_Key="key-1")
    body = site.claim(1, 2, tx_hash)

    first = await site.client.post("/api/energy-trades", json=body, headers=headers)
    again = await site.client.post("/api/energy-trades", json=body, headers=headers)
    other = await site.client.post("/api/energy-trades", json=body | {"energyKwh": "3"}, headers=headers)

    assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
    assert again.json()["data"] == first.json()["data"]
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency.key_reused")


async def test_post__two_hundred_at_once__records_each_once(site: Site) -> None:
    fills = [await site.fill(1, buyer) for buyer in (2, 3, 4) for _ in range(5)]
    buyers = [buyer for buyer in (2, 3, 4) for _ in range(5)]
    site.town.stage.anvil.mine(1)

    answers = await asyncio.gather(
        *(
            site.client.post("/api/energy-trades", json=site.claim(1, buyer, tx), headers=site.headers(buyer))
            for (_, tx), buyer in zip(fills, buyers, strict=True)
            for _ in range(4)
        )
    )

    assert {answer.status_code for answer in answers} == {201}
    assert await site.town.statistics(1) == (15, 30_000, 15 * 480_000)


async def test_post__forty_at_once_with_keys__none_waits_for_a_connection_that_another_holds(site: Site) -> None:
    _, tx_hash = await site.fill(1, 2)
    site.town.stage.anvil.mine(1)
    body = site.claim(1, 2, tx_hash)

    answers = await asyncio.gather(
        *(
            site.client.post("/api/energy-trades", json=body, headers=site.headers(2, Idempotency_Key=f"key-{number}"))
            for number in range(40)
        )
    )

    assert {answer.status_code for answer in answers} == {201}


async def test_post__api_key_with_an_idempotency_key__its_text_is_kept_nowhere(site: Site) -> None:
    made = await site.client.post(
        "/api/api-keys",
        json={"name": "meter reader", "scopes": ["read"]},
        headers=site.headers(2, Idempotency_Key="key-1"),
    )

    kept = await site.town.rows("SELECT answer FROM idempotency_keys")
    assert (made.status_code, kept) == (201, [])


async def test_post__node_away__is_stored_and_finished_later(site: Site) -> None:
    _, tx_hash = await site.fill(1, 2)
    anvil = site.town.stage.anvil
    anvil.rpc("anvil_mine", "0x1")
    urls = [node.url for node in site.app.state.rpc.nodes]
    for node in site.app.state.rpc.nodes:
        node.url = "http://127.0.0.1:9"

    away = await site.client.post("/api/energy-trades", json=site.claim(1, 2, tx_hash), headers=site.headers(2))
    for node, url in zip(site.app.state.rpc.nodes, urls, strict=True):
        node.url = url
    await site.town.confirm()

    assert away.status_code == 503
    assert int(away.headers["retry-after"]) >= 1
    assert (await site.town.rows("SELECT state FROM trade_submissions"))[0].state == "RECORDED"


async def test_list__bad_page__is_refused(site: Site) -> None:
    for query in ({"limit": 101}, {"page": 0}, {"status": "odd"}, {"from": "yesterday"}):
        answer = await site.client.get("/api/energy-trades", params=query)
        assert answer.status_code == 422, query

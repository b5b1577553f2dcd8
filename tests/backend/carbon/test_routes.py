# SPDX-License-Identifier: Apache-2.0
"""The HTTP edge: who sees which wallet, spending by prepared documents, certificates, the public board."""

import pytest
from sqlalchemy import text

from backend.core.crypto import sign
from backend.core.units import format_address
from tests.backend.carbon.helpers import COMMUNITY, NOW, earn, make_community, make_person, retirement, rows
from tests.backend.carbon.test_spending import retire


def as_user(person) -> dict[str, str]:
    return {"x-test-user": str(person.user_id)}


async def prepared(http, person, what: str, **asked):
    """A prepared document and what to send back."""
    asked = {"account": format_address(person.address), **asked}
    answer = await http.get(
        f"/api/carbon-wallet/{person.user_id}/{what}/prepared", params=asked, headers=as_user(person)
    )
    assert answer.status_code == 200, answer.text
    given = answer.json()["data"]
    signature = sign(bytes.fromhex(given["documentHash"][2:]), person.key)
    kept = {name: given[name] for name in ("sequence", "previousHash", "expiry")}
    return given, {**asked, **kept, "signature": "0x" + signature.hex()}


async def test_get_wallet__own__shows_balances_by_wallet(http, service_db, ada):
    await earn(service_db, ada, 1500)
    await earn(service_db, ada, 250, released=False)

    answer = await http.get(f"/api/carbon-wallet/{ada.user_id}", headers=as_user(ada))

    data = answer.json()["data"]
    assert (data["pendingKg"], data["availableKg"], data["earnedKg"]) == ("0.25", "1.5", "1.75")
    assert [wallet["address"] for wallet in data["wallets"]] == [format_address(ada.address)]


async def test_get_wallet__of_a_stranger__is_not_found(http, service_db, ada):
    bob = await make_person(service_db)

    answers = [
        await http.get(f"/api/carbon-wallet/{ada.user_id}{part}", headers=as_user(bob))
        for part in ("", "/transactions", "/retirements", "/transfers")
    ]

    assert [answer.status_code for answer in answers] == [404] * 4
    assert answers[0].json()["error"]["code"] == "carbon.wallet_not_found"


async def test_get_wallet__not_signed_in__is_unauthenticated(http, ada):
    answer = await http.get(f"/api/carbon-wallet/{ada.user_id}")

    assert answer.status_code == 401


async def test_get_wallet__of_a_member_as_the_operator__shows_it(db, service_db, ada):
    from backend.carbon import service
    from backend.carbon.errors import WalletNotFound
    from backend.core.db import Actor

    await earn(service_db, ada, 1500)
    org_id, operator = await make_community(service_db), await make_person(service_db)
    acting = Actor(user_id=operator.user_id, org_id=org_id, org_role="operator")
    with pytest.raises(WalletNotFound):
        await service.balances(db, ada.user_id, actor=acting)
    async with service_db.begin() as session:
        await session.execute(
            text("INSERT INTO memberships (org_id, user_id, role, created_at) VALUES (:org, :user, 'member', :now)"),
            {"org": org_id, "user": ada.user_id, "now": NOW},
        )

    held = await service.balances(db, ada.user_id, actor=acting)

    assert [balance.available_g for balance in held] == [1500]


async def test_retire__as_prepared_and_signed__answers_with_a_certificate_that_verifies(http, service_db, ada):
    await earn(service_db, ada, 1500)
    given, body = await prepared(http, ada, "retirements", carbonKg="1.2", reason="<b>flight</b> to Zürich")

    answer = await http.post(f"/api/carbon-wallet/{ada.user_id}/retirements", json=body, headers=as_user(ada))

    certificate = answer.json()["data"]
    listed = await http.get(f"/api/carbon-wallet/{ada.user_id}/retirements", params={"page": 2}, headers=as_user(ada))
    assert (listed.json()["data"], listed.json()["meta"]["pagination"]["total"]) == ([], 1)
    public = await http.get(f"/api/carbon-wallet/certificates/{certificate['id']}")
    page = await http.get(f"/api/carbon-wallet/certificates/{certificate['id']}/page")
    pdf = await http.get(f"/api/carbon-wallet/certificates/{certificate['id']}/pdf")
    assert answer.status_code == 201
    assert public.json()["data"] == certificate
    assert (certificate["carbonKg"], certificate["intact"], certificate["signedBy"]) == ("1.2", True, "key")
    assert certificate["documentHash"] == given["documentHash"]
    assert certificate["typedData"] == given["typedData"]
    assert "&lt;b&gt;flight&lt;/b&gt;" in page.text
    assert "<b>flight" not in page.text
    assert certificate["documentHash"] in page.text
    assert "src=" not in page.text
    assert pdf.headers["content-type"] == "application/pdf"
    assert pdf.content.startswith(b"%PDF-")


async def test_get_certificate__a_tampered_document__says_so(http, db, service_db, owner_db, ada):
    await earn(service_db, ada, 1500)
    booked = await retire(db, ada, *await retirement(db, ada, 100))
    async with owner_db.begin() as session:
        await session.execute(text("ALTER TABLE carbon_documents DISABLE TRIGGER carbon_documents_append_only"))
        await session.execute(
            text("UPDATE carbon_documents SET body = jsonb_set(body, '{message,reason}', '\"something else\"')")
        )

    answer = await http.get(f"/api/carbon-wallet/certificates/{booked.document_id}")

    assert answer.json()["data"]["intact"] is False


@pytest.mark.parametrize("document_id", ["01a1fbe0-c4bd-7f56-b472-a60303f8fd51"])
async def test_get_certificate__unknown__is_not_found(http, document_id):
    answer = await http.get(f"/api/carbon-wallet/certificates/{document_id}")

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "carbon.document_not_found")


async def test_transfer__as_prepared_and_signed__shows_on_both_sides(http, service_db, ada):
    bob = await make_person(service_db)
    await earn(service_db, ada, 1500)
    _, body = await prepared(http, ada, "transfers", carbonKg="0.5", recipient=format_address(bob.address))

    answer = await http.post(f"/api/carbon-wallet/{ada.user_id}/transfers", json=body, headers=as_user(ada))

    listed = {
        person.user_id: (
            await http.get(f"/api/carbon-wallet/{person.user_id}/transactions", headers=as_user(person))
        ).json()
        for person in (ada, bob)
    }
    assert answer.status_code == 201
    assert [item["type"] for item in listed[ada.user_id]["data"]] == ["spent", "released", "earned"]
    assert [(item["type"], item["carbonKg"]) for item in listed[bob.user_id]["data"]] == [("received", "0.5")]
    assert listed[ada.user_id]["meta"]["pagination"] == {"page": 1, "limit": 20, "total": 3}


async def test_spend__for_another_user__is_forbidden_and_moves_nothing(http, service_db, ada):
    bob = await make_person(service_db)
    await earn(service_db, ada, 1500)
    _, body = await prepared(http, ada, "retirements", carbonKg="1", reason="flight")

    answers = [
        await http.post(f"/api/carbon-wallet/{owner.user_id}/retirements", json=body, headers=as_user(bob))
        for owner in (ada, bob)
    ]

    assert [(answer.status_code, answer.json()["error"]["code"]) for answer in answers] == [
        (403, "carbon.foreign_wallet")
    ] * 2
    assert await rows(service_db, "SELECT id FROM carbon_documents") == []


@pytest.mark.parametrize(
    "changed",
    [
        {"carbonKg": "0"},
        {"carbonKg": "-1"},
        {"carbonKg": "0.0001"},
        {"carbonKg": "NaN"},
        {"reason": ""},
        {"reason": "two\nlines"},
        {"account": "0x12"},
        {"signature": "0x"},
        {"previousHash": "0x00"},
        {"sequence": 0},
        {"surplus": 1},
    ],
)
async def test_retire__bad_input__is_invalid(http, service_db, ada, changed):
    await earn(service_db, ada, 1500)
    _, body = await prepared(http, ada, "retirements", carbonKg="1", reason="flight")

    answer = await http.post(f"/api/carbon-wallet/{ada.user_id}/retirements", json=body | changed, headers=as_user(ada))

    assert answer.status_code == 422, answer.text


async def test_list_transactions__by_type_time_and_page__filters(http, service_db, ada):
    for grams in (10, 20, 30):
        await earn(service_db, ada, grams, released=False)
    url = f"/api/carbon-wallet/{ada.user_id}/transactions"

    async def ask(**asked):
        answer = (await http.get(url, params=asked, headers=as_user(ada))).json()
        return [item["carbonKg"] for item in answer["data"]], answer["meta"]["pagination"]["total"]

    assert await ask(type="earned", limit=2) == (["0.03", "0.02"], 3)
    assert await ask(type="earned", limit=2, page=2) == (["0.01"], 3)
    assert await ask(type="spent") == ([], 0)
    assert await ask(**{"from": "2026-03-18T12:00:01Z"}) == ([], 0)
    assert (await ask(to="2026-03-18T12:00:01Z"))[1] == 3


async def test_leaderboard__public__has_ids_of_the_named_alone_and_marks_me(http, service_db, ada):
    bob = await make_person(service_db, leaderboard_name="Bob")
    await earn(service_db, bob, 20)
    await earn(service_db, ada, 10)

    public = await http.get("/api/carbon-wallet/leaderboard", params={"period": "all"})
    mine = await http.get("/api/carbon-wallet/leaderboard", headers=as_user(ada))
    around = await http.get("/api/carbon-wallet/leaderboard/me", headers=as_user(ada))

    assert [place["isMe"] for place in public.json()["data"]] == [False, False]
    assert [place["isMe"] for place in mine.json()["data"]] == [False, True]
    assert around.json()["data"]["rank"] == 2
    assert [place["userId"] for place in public.json()["data"]] == [str(bob.user_id), None]
    assert str(ada.user_id) not in public.text
    assert [place["isAlias"] for place in public.json()["data"]] == [False, True]
    assert (
        public.json()["data"][1]["name"] == mine.json()["data"][1]["name"] != around.json()["data"]["places"][0]["name"]
    )
    assert public.json()["meta"]["pagination"]["total"] == 2


async def test_leaderboard__bad_questions__are_refused(http, service_db):
    await make_community(service_db)
    asked = [
        {"period": "year"},
        {"limit": 101},
        {"page": 0},
        {"community": -1},
        {"community": 99},
        {"community": COMMUNITY},
    ]

    codes = [(await http.get("/api/carbon-wallet/leaderboard", params=params)).status_code for params in asked]

    assert codes == [422, 422, 422, 422, 404, 200]


async def test_named_holder__who_chose_to_be_named__shows_present_places(http, service_db, ada):
    bob = await make_person(service_db, leaderboard_name="Bob")
    await earn(service_db, ada, 30)
    await earn(service_db, bob, 20)

    answer = await http.get(f"/api/carbon-wallet/leaderboard/people/{bob.user_id}")

    data = answer.json()["data"]
    assert (answer.status_code, data["name"], data["userId"]) == (200, "Bob", str(bob.user_id))
    assert [(place["period"], place["rank"], place["carbonKg"]) for place in data["places"]] == [("all", 2, "0.02")]


async def test_named_holder__who_did_not__is_not_found(http, service_db, ada):
    await earn(service_db, ada, 30)

    answer = await http.get(f"/api/carbon-wallet/leaderboard/people/{ada.user_id}")

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "carbon.holder_not_named")

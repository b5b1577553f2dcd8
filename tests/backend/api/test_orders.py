# SPDX-License-Identifier: Apache-2.0
"""Orders as a client lives them: drafts, signatures, matches, receipts, direct offers, cancels, rules; a real chain."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from backend.core.clock import utc_now
from tests.backend.api.conftest import Site
from tests.backend.audit.stage import COMMUNITY
from tests.support.orders import interval_after


class Trader:
    """A person of the town with a wallet and a token."""

    def __init__(self, site: Site, person: int) -> None:
        self.site, self.person, self.headers = site, person, site.headers(person)
        self.start = interval_after(utc_now(), intervals=4).isoformat()

    async def ask(self, method: str, path: str, **more: Any) -> Any:
        """Status and data, or status and error."""
        answer = await self.site.client.request(method, path, headers=self.headers, **more)
        body = answer.json()
        return answer.status_code, body["data"] if body["error"] is None else body["error"]

    async def draft(self, side: str, **changes: Any) -> Any:
        """A draft of 1 kWh at 0.24."""
        wanted = {
            "houseId": str(self.site.town.houses[self.person]), "side": side, "deliveryStart": self.start,
            "energyKwh": "1", "pricePerKwh": "0.24",
        }  # fmt: skip
        status, data = await self.ask("POST", "/api/market/orders/drafts", json=wanted | changes)
        assert status == 201, data
        return data

    def signed(self, draft: Any) -> dict[str, Any]:
        """A draft signed as a wallet does it."""
        key = self.site.town.stage.key(self.person)
        signature = Account.sign_message(encode_typed_data(full_message=draft["typedData"]), key).signature
        return {"order": draft["typedData"]["message"], "signature": "0x" + bytes(signature).hex()}

    async def place(self, draft: Any, **changes: Any) -> Any:
        """Sign a draft and hand it in."""
        return await self.ask("POST", "/api/market/orders", json=self.signed(draft) | changes)


@pytest.fixture
async def traders(site: Site) -> tuple[Trader, Trader]:
    """Persons 1 and 2, members of the community; person 1 operates it."""
    for person, role in ((1, "operator"), (2, "member")):
        await site.town.rows(
            "INSERT INTO memberships (org_id, user_id, role, created_at) VALUES (:org, :user, :role, now())"
            " RETURNING 1",
            org=site.town.org_id, user=site.town.people[person], role=role,
        )  # fmt: skip
    return Trader(site, 1), Trader(site, 2)


async def test_orders__signed_matched_and_cancelled__tell_their_owners_and_everybody_what_is_theirs(
    site: Site, traders: tuple[Trader, Trader]
) -> None:
    seller, buyer = traders
    place = {"community": str(COMMUNITY), "deliveryStart": seller.start}

    _, empty = await buyer.ask("GET", "/api/market/book", params=place)
    nowhere = await buyer.ask("GET", "/api/market/book", params=place | {"deliveryStart": "2026-06-01T00:01:00Z"})
    _, offered = await seller.place(await seller.draft("offer"))
    _, bought = await buyer.place(await buyer.draft("bid", energyKwh="0.4", pricePerKwh="0.3", kind="market"))
    _, book = await buyer.ask("GET", "/api/market/book", params=place)
    _, matches = await buyer.ask("GET", "/api/market/matches")
    _, why = await buyer.ask("GET", f"/api/market/matches/{matches[0]['id']}/receipt")
    stranger = await Trader(site, 3).ask("GET", f"/api/market/matches/{matches[0]['id']}/receipt")
    _, cancelled = await seller.ask("DELETE", f"/api/market/orders/{offered['id']}")
    again = await seller.ask("DELETE", f"/api/market/orders/{offered['id']}")
    foreign = await buyer.ask("DELETE", f"/api/market/orders/{offered['id']}")
    _, own = await buyer.ask("GET", "/api/market/orders")
    _, all_of_them = await seller.ask("GET", "/api/market/orders", params={"side": "bid"})

    assert (empty["version"], empty["offers"], nowhere[0]) == (0, [], 404)
    assert (offered["state"], offered["restKwh"]) == ("OPEN", "1")
    assert (bought["state"], bought["matches"][0]["pricePerKwh"]) == ("FILLED", "0.24")
    assert [(level["pricePerKwh"], level["energyKwh"]) for level in book["offers"]] == [("0.24", "0.6")]
    assert (book["bids"], book["lastTrades"][0]["energyKwh"]) == ([], "0.4")
    assert (matches[0]["side"], matches[0]["orderId"], matches[0]["state"]) == ("bid", bought["id"], "MATCHED")
    assert why["receipt"]["rule"] == "continuous"
    assert (stranger[0], stranger[1]["code"]) == (404, "match.not_found")
    assert cancelled == {
        "id": offered["id"], "state": "CANCELLED", "cancelledKwh": "0.6", "matchedKwh": "0.4",
    }  # fmt: skip
    assert (again[0], again[1]["code"], foreign[0]) == (409, "order.ended", 404)
    assert [order["id"] for order in own] == [order["id"] for order in all_of_them] == [bought["id"]]


async def test_orders__client_with_a_wrong_clock__is_refused_with_both_times(traders: tuple[Trader, Trader]) -> None:
    seller, _ = traders
    wrong = (utc_now() - timedelta(hours=1)).isoformat()

    status, error = await seller.place(await seller.draft("offer"), clientTime=wrong)

    assert (status, error["code"]) == (422, "order.clock")
    for start in ("1969-12-31T23:45:00Z", "2026-06-01T00:00:00.5Z", "9999-12-31T23:45:00Z", "2026-06-01T00:00:00"):
        wanted = {"houseId": str(seller.site.town.houses[1]), "side": "offer", "energyKwh": "1", "pricePerKwh": "0.24"}
        asked = await seller.ask("POST", "/api/market/orders/drafts", json=wanted | {"deliveryStart": start})
        assert asked[0] == 422, start
    assert error["details"]["clientTime"] == wrong.replace("+00:00", "Z") < error["details"]["serverTime"]


async def test_batches__some_that_are_refused__answer_each_by_itself_and_again_by_its_id(
    traders: tuple[Trader, Trader],
) -> None:
    seller, _ = traders
    later = interval_after(utc_now(), intervals=6).isoformat()
    wanted = {"houseId": str(seller.site.town.houses[1]), "side": "offer", "energyKwh": "1", "pricePerKwh": "0.24"}
    asked = [
        wanted | {"deliveryStart": seller.start},
        wanted | {"deliveryStart": "2026-06-01T00:00:00Z"},
        wanted | {"deliveryStart": later},
    ]

    status, drafted = await seller.ask("POST", "/api/market/orders/drafts/batch", json={"drafts": asked})
    first, refused, third = drafted["answers"]
    orders = [seller.signed(answer["draft"]) for answer in (first, third)]
    wrong = {"order": orders[0]["order"] | {"energyWh": 1}, "signature": orders[0]["signature"]}
    sent = {"orders": [orders[0], wrong, orders[1]]}
    placed_status, placed = await seller.ask("POST", "/api/market/orders/batch", json=sent)
    _, again = await seller.ask("POST", "/api/market/orders/batch", json=sent)
    too_many = await seller.ask("POST", "/api/market/orders/batch", json={"orders": [orders[0]] * 51})
    _, mine = await seller.ask("GET", "/api/market/orders")

    assert (status, refused["draft"], refused["error"]["code"]) == (200, None, "order.gate_closed")
    assert refused["error"]["details"]["serverTime"].endswith("Z")
    assert placed_status == 200
    assert [answer["placed"] and answer["placed"]["state"] for answer in placed["answers"]] == ["OPEN", None, "OPEN"]
    assert placed["answers"][1]["error"]["code"] == "order.signature"
    ids = [answer["placed"]["id"] for answer in placed["answers"] if answer["placed"]]
    assert [again["answers"][place]["error"]["details"]["orderId"] for place in (0, 2)] == ids
    assert {order["id"] for order in mine} == set(ids)
    assert too_many[0] == 422


async def test_drafts__more_than_the_house_delivers__are_refused_before_anybody_signs(
    traders: tuple[Trader, Trader],
) -> None:
    seller, _ = traders
    wanted = {"houseId": str(seller.site.town.houses[1]), "side": "offer", "energyKwh": "4000000"}

    status, error = await seller.ask(
        "POST", "/api/market/orders/drafts", json=wanted | {"deliveryStart": seller.start, "pricePerKwh": "0.24"}
    )

    assert (status, error["code"], error["details"]["askedKwh"]) == (409, "order.capacity", "4000000")


async def test_offers__reserved_filled_and_cancelled_on_chain__follow_the_chain(
    site: Site, traders: tuple[Trader, Trader]
) -> None:
    seller, buyer = traders
    town, contract = site.town, site.town.stage.contract
    _, offered = await seller.place(await seller.draft("offer", venue="direct"))
    _, offers = await buyer.ask("GET", "/api/market/offers")
    _, mine = await seller.ask("GET", "/api/market/offers")

    status, held = await buyer.ask(
        "POST", f"/api/market/offers/{offered['id']}/reservations", json={"energyKwh": "0.7"}
    )
    _, still = await buyer.ask("GET", "/api/market/offers/reservations")
    order = [value if isinstance(value, bool) or value[:2] == "0x" else int(value) for value in held["order"].values()]
    call = contract.functions.fillOffer(
        tuple(order), bytes.fromhex(held["signature"][2:]), int(held["nonce"]), int(held["energyWh"]),
        int(held["buyerMeter"]),
    )  # fmt: skip
    town.stage.send(2, call)
    await town.confirm()
    _, filled = await seller.ask("GET", f"/api/market/orders/{offered['id']}")
    refused, how = await seller.ask("DELETE", f"/api/market/orders/{offered['id']}")
    details = how["details"]
    cancelling = {"from": details["sender"], "to": details["contract"], "data": details["data"], "gas": 200_000}
    town.stage.web3.eth.wait_for_transaction_receipt(town.stage.web3.eth.send_transaction(cancelling))
    await town.confirm()
    _, ended = await seller.ask("GET", f"/api/market/orders/{offered['id']}")

    assert ([offer["id"] for offer in offers], mine, status) == ([offered["id"]], [], 201)
    assert "signature" not in offers[0]
    assert still == [held]
    assert (filled["takenKwh"], filled["reservedKwh"], filled["restKwh"]) == ("0.7", "0", "0.3")
    assert (refused, how["code"], details["arguments"]["mask"]) == (409, "order.cancel_on_chain", "1")
    assert (ended["state"], ended["takenKwh"]) == ("CANCELLED", "0.7")


async def test_rules__changed_by_an_operator__count_for_drafts_and_are_logged(
    site: Site, traders: tuple[Trader, Trader]
) -> None:
    operator, member = traders
    path, community = f"/api/organizations/{site.town.org_id}/market", {"community": str(COMMUNITY)}
    changes = {"maxPricePerKwh": "0.2", "gridFeesPerKwh": {"north": "0.01"}, "gateClosureS": 1800}
    _, before = await member.ask("GET", "/api/market/rules", params=community)

    refused = await member.ask("PUT", path, json=changes)
    contradiction = await operator.ask("PUT", path, json={"minPricePerKwh": "0.3", "maxPricePerKwh": "0.2"})
    never_open = await operator.ask("PUT", path, json={"gateOpeningS": 3600, "gateClosureS": 3600})
    status, after = await operator.ask("PUT", path, json=changes)
    wanted = {
        "houseId": str(site.town.houses[2]), "side": "bid", "deliveryStart": member.start, "energyKwh": "1",
        "pricePerKwh": "0.24",
    }  # fmt: skip
    dear = await member.ask("POST", "/api/market/orders/drafts", json=wanted)
    (lanes,) = await site.town.rows("SELECT count(*) AS used FROM order_lanes")
    since = interval_after(utc_now(), intervals=0)
    _, intervals = await member.ask(
        "GET", "/api/market/intervals",
        params=community | {"from": since.isoformat(), "to": (since + timedelta(hours=1)).isoformat()},
    )  # fmt: skip
    (logged,) = await site.town.rows("SELECT user_id, details FROM audit_log WHERE action = 'market.rules_changed'")

    assert before["maxPricePerKwh"] == "1099511.627775"
    assert (refused[0], contradiction[1]["code"], status) == (403, "market.rules", 200)
    assert (never_open[0], never_open[1]["code"]) == (422, "market.rules")
    assert (after["maxPricePerKwh"], after["gridFeesPerKwh"]) == ("0.2", {"north": "0.01"})
    assert (dear[0], dear[1]["code"], lanes.used) == (422, "order.price", 0)
    assert [interval["state"] for interval in intervals] == ["closed"] * 2 + [intervals[2]["state"], "open"]
    assert (logged.user_id, logged.details["gate_closure_s"]) == (site.town.people[1], 1800)

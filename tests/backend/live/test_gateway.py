# SPDX-License-Identifier: Apache-2.0
"""WebSockets on real sockets: what a client is sent, resumes and may see."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text
from websockets.exceptions import InvalidStatus

from backend.accounts.events import MembershipChanged
from backend.accounts.service import create_key
from backend.accounts.types import OrgRole
from backend.core import outbox
from backend.core.clock import utc_now
from backend.core.db import Actor, Database
from backend.core.ids import uuid7
from backend.live import gateway, hub, memory
from backend.live.types import Topic, encode_cursor
from tests.backend.accounts.helpers import make_community, make_member, make_user, register
from tests.backend.live.conftest import OrderMoved, Street, Traded, Warned


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instances that begin from here on remember few events, and read the others from PostgreSQL."""
    monkeypatch.setattr(memory, "REMEMBERED", 100)
    monkeypatch.setattr(hub, "REMEMBERED", 100)


async def test_events__committed__reach_whoever_follows_the_topic(street: Street) -> None:
    async with street.ear("topics=trades") as ear, street.ear("topics=market") as other:
        await ear.until("hello")
        hello = (await other.until("hello"))[0]
        await street.add(Traded(1), Traded(2))

        numbers = await ear.numbers(2)

    assert sorted(numbers) == [1, 2]
    assert hello["topics"] == ["book", "prices"]
    assert [event["name"] for event in ear.seen[1:]] == ["tests.traded.v1"] * 2
    assert other.seen == [hello]


async def test_since__two_transactions_commit_in_reverse_order_while_a_client_reconnects__each_comes_once(
    street: Street,
) -> None:
    async with street.ear("topics=trades") as ear:
        await street.add(Traded(0))
        await ear.numbers(1)
    async with street.db.begin() as earlier:
        await outbox.add(earlier, Traded(1))
        await street.add(Traded(2))

        async with street.ear(f"topics=trades&since={ear.last_id}") as back:
            seen = await back.numbers(1)
            since = back.last_id
    async with street.ear(f"topics=trades&since={since}") as again:
        await again.until("hello")
        await street.add(Traded(3))
        seen += await again.numbers(2)

    assert seen == [2, 1, 3]


async def test_since__another_instance_while_events_go_on__gives_each_once_in_order(street: Street, forgetful) -> None:
    await street.add(*(Traded(number) for number in range(700)))
    elsewhere = await street.serve()

    async def go_on() -> None:
        for number in range(700, 760):
            await street.add(Traded(number))

    going_on = asyncio.create_task(go_on())
    nothing = encode_cursor({})
    async with (
        street.ear(f"topics=trades&since={nothing}", port=elsewhere) as ear,
        street.ear(f"topics=trades&since={nothing}") as beside,
    ):
        await ear.until("event", 760)
        await beside.until("event", 760)
        await going_on

    for one in (ear, beside):
        events = [message for message in one.seen if message["type"] == "event"]
        assert [event["sequence"] for event in events] == list(range(1, 761))
        assert sorted(event["data"]["number"] for event in events) == list(range(760))


async def test_since__an_instance_that_is_behind__catches_up_first(street: Street) -> None:
    async with street.db.begin() as session:  # numbered, and published to nobody
        await outbox.add(session, Traded(1), Traded(2))
        await session.execute(text("UPDATE outbox SET sequence = 1 + (payload->>'number')::int - 1"))
        await session.execute(text("INSERT INTO outbox_topics VALUES ('trades', 2)"))

    async with street.ear(f"topics=trades&since={encode_cursor({Topic.TRADES: 1})}") as ear:
        numbers = await ear.numbers(1)

    assert numbers == [2]
    assert not [message for message in ear.seen if message["type"] == "resync"]


async def test_since__older_than_the_history__is_told_to_load_anew_and_goes_on(street: Street) -> None:
    await street.add(Traded(1), Traded(2), Traded(3))
    async with street.db.begin() as session:
        await session.execute(text("DELETE FROM outbox WHERE sequence <= 2"))
    fresh = await street.serve()

    async with street.ear(f"topics=trades,book&since={encode_cursor({Topic.TRADES: 1})}", port=fresh) as ear:
        resync = (await ear.until("resync"))[0]
        await street.add(Traded(4))
        numbers = await ear.numbers(1)

    assert resync["topics"] == ["trades"]
    assert numbers == [4]


async def test_since__more_was_missed_than_is_sent_again__is_told_to_load_anew(
    street: Street, forgetful: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "HISTORY_AT_MOST", 150)
    await street.add(*(Traded(number) for number in range(200)))
    fresh = await street.serve()

    async with (
        street.ear(f"topics=trades&since={encode_cursor({})}", port=fresh) as far,
        street.ear(f"topics=trades&since={encode_cursor({Topic.TRADES: 60})}", port=fresh) as near,
    ):
        resync = (await far.until("resync"))[0]
        await near.until("event", 140)
        await street.add(Traded(200))
        numbers = await far.numbers(1) + (await near.numbers(141))[-1:]

    assert resync["id"] == encode_cursor({Topic.TRADES: 200})
    assert numbers == [200, 200]


@pytest.mark.parametrize("remembered", [0, 1_000], ids=["from PostgreSQL", "from memory"])
async def test_orders__of_somebody_else__never_arrive_live_or_as_history(
    street: Street, monkeypatch: pytest.MonkeyPatch, remembered: int
) -> None:
    monkeypatch.setattr(memory, "REMEMBERED", remembered)  # of the other instance
    alice, bob = await make_user(street.db), await make_user(street.db)
    fresh = await street.serve()
    asked = f"topics=orders,trades&since={encode_cursor({})}"
    async with street.ear(f"topics=orders,trades&ticket={await street.ticket(bob)}") as live:
        await live.until("hello")
        await street.add(OrderMoved(alice, 1), OrderMoved(bob, 2), OrderMoved(None, 3), Traded(4))
        await live.numbers(2)
    async with (
        street.ear(f"{asked}&ticket={await street.ticket(bob)}", port=fresh) as later,
        street.ear(f"{asked}&ticket={await street.ticket(alice)}", port=fresh) as hers,
    ):
        await later.numbers(2)
        seen = await hers.numbers(2)

    assert sorted(await live.numbers(2)) == sorted(await later.numbers(2)) == [2, 4]
    assert sorted(seen) == [1, 4]


async def test_alerts__to_operators__reach_them_and_nobody_else(street: Street) -> None:
    org_id = (await make_community(street.db)).id
    operator, member = await make_member(street.db, org_id, OrgRole.OPERATOR), await make_member(street.db, org_id)
    await street.publish()  # a changed membership ends the user's connections
    async with (
        street.ear(f"topics=alerts&ticket={await street.ticket(operator)}") as hers,
        street.ear(f"topics=alerts&ticket={await street.ticket(member)}") as his,
        street.ear("topics=alerts") as anybody,
    ):
        for ear in (hers, his, anybody):
            await ear.until("hello")
        await street.add(Warned(1, audience_org=org_id))
        await street.add(Warned(2, audience=member))
        await street.add(Warned(3))

        seen = [await hers.numbers(2), await his.numbers(2), await anybody.numbers(1)]

    assert seen == [[1, 3], [2, 3], [3]]


async def test_connect__wrongly__is_told_why(street: Street) -> None:
    wrong = {
        "": (4422, "live.topic_unknown"),
        "topics=accounts": (4422, "live.topic_unknown"),
        "topics=trades&since=yesterday": (4422, "live.since_malformed"),
        "topics=orders": (4401, "live.ticket_needed"),
        "topics=trades&ticket=guess": (4401, "live.ticket_invalid"),
    }
    told = {}
    for query in wrong:
        async with street.ear(query) as ear:
            told[query] = await ear.refusal()

    assert told == wrong


async def test_ticket__used_or_expired__opens_nothing(street: Street) -> None:
    alice = await make_user(street.db)
    used, old = await street.ticket(alice), await street.ticket(alice)
    elsewhere = await street.serve()
    redis = street.servers[0].config.app.state.redis  # type: ignore[union-attr]

    async with street.ear(f"topics=trades&ticket={used}") as ear:
        hello = (await ear.until("hello"))[0]
    async with street.ear(f"topics=trades&ticket={used}", port=elsewhere) as again:
        refused = [await again.refusal()]
    (place,) = await redis.keys("gridx:ticket:*")
    left_ms = await redis.pttl(place)
    await redis.pexpire(place, 0)
    async with street.ear(f"topics=trades&ticket={old}") as late:
        refused.append(await late.refusal())

    assert hello["userId"] == str(alice)
    assert 0 < left_ms <= 30_000
    assert refused == [(4401, "live.ticket_invalid")] * 2


async def test_ticket__of_an_api_key_that_may_read__opens_its_owners_topics(street: Street, db: Database) -> None:
    alice = await make_user(street.db)
    made = {"scopes": [], "ip_allow": [], "expires_at": None, "now": utc_now()}
    keys = {}
    for scope in ("read", "carbon:read"):
        made["scopes"] = [scope]
        _, keys[scope] = await create_key(db, actor=Actor(user_id=alice), name=scope, **made)

    answers = {
        scope: await street.ask("POST", "/api/events/ticket", {"Authorization": f"Bearer {key}"})
        for scope, key in keys.items()
    }
    async with street.ear(f"topics=orders&ticket={answers['read'].json()['data']['ticket']}") as ear:
        await ear.until("hello")
        await street.add(OrderMoved(alice, 1))

        assert await ear.numbers(1) == [1]
    assert {scope: answer.status_code for scope, answer in answers.items()} == {"read": 201, "carbon:read": 403}


async def test_connect__from_a_foreign_page__is_refused_before_anything(street: Street) -> None:
    async with street.ear("topics=trades", origin="http://localhost:3001") as ear:
        await ear.until("hello")

    with pytest.raises(InvalidStatus) as refused:
        async with street.ear("topics=trades", origin="https://evil.example"):
            raise AssertionError("connected")

    assert refused.value.response.status_code == 403


async def test_connect__too_often_or_too_many__waits(street: Street) -> None:
    few = await street.serve(limit_sockets_address=2)
    rare = await street.serve(limit_anonymous="1/hour")
    single = await street.serve(limit_sockets_user=1)
    alice = await make_user(street.db)

    async with street.ear("topics=trades", port=few) as one, street.ear("topics=trades", port=few) as two:
        await one.until("hello")
        await two.until("hello")
        async with street.ear("topics=trades", port=few) as three:
            refused = [await three.refusal()]
    async with street.ear(f"topics=orders&ticket={await street.ticket(alice)}", port=single) as mine:
        await mine.until("hello")
        async with street.ear(f"topics=orders&ticket={await street.ticket(alice)}", port=single) as another:
            refused.append(await another.refusal())
    async with street.ear("topics=trades", port=rare) as first:
        await first.until("hello")
    with pytest.raises(InvalidStatus) as limited:
        async with street.ear("topics=trades", port=rare):
            raise AssertionError("connected")

    assert refused == [(4429, "live.too_many_sockets")] * 2
    assert limited.value.response.status_code == 429
    assert "retry-after" in limited.value.response.headers


async def test_logout__on_another_instance__closes_the_sessions_sockets_only(street: Street, db: Database) -> None:
    entered = await register(db, street.accounts, now=utc_now())
    session_id, user_id = entered.tokens.session_id, entered.user.id
    elsewhere = await street.serve()
    headers = {"Authorization": f"Bearer {entered.tokens.access_token}"}
    async with (
        street.ear(f"topics=orders&ticket={await street.ticket(user_id, session_id)}") as ended,
        street.ear(f"topics=orders&ticket={await street.ticket(user_id, uuid7())}") as other,
        street.ear("topics=trades") as nobody,
    ):
        for ear in (ended, other, nobody):
            await ear.until("hello")
        answer = await street.ask("POST", "/api/auth/logout", headers, port=elsewhere)
        await street.publish()
        refused = await ended.refusal()
        await street.add(OrderMoved(user_id, 1), Traded(2))
        seen = await other.numbers(1) + await nobody.numbers(1)

    late = await street.ask("POST", "/api/events/ticket", headers)
    assert answer.status_code == 204
    assert refused == (4401, "live.session_ended")
    assert seen == [1, 2]
    assert late.status_code == 401


async def test_membership__changed__asks_for_another_ticket(street: Street) -> None:
    alice = await make_user(street.db)
    async with street.ear(f"topics=alerts&ticket={await street.ticket(alice)}") as ear:
        await ear.until("hello")
        await street.add(MembershipChanged(audience=alice, org_id=uuid7(), role=None))

        assert await ear.refusal() == (4403, "live.rights_changed")

# SPDX-License-Identifier: Apache-2.0
"""WebSockets on real sockets: what a client is sent, resumes, may see, and when it is ended."""

from __future__ import annotations

from backend.core import outbox
from tests.backend.live.conftest import Street, Traded


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

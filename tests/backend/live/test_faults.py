# SPDX-License-Identifier: Apache-2.0
"""Live updates while Redis is away, and clients that do not behave."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest
from prometheus_client import REGISTRY

from backend.core import outbox
from backend.live import hub
from scripts.embedded.redis import RedisServer
from scripts.live_events import Refused, follow
from tests.backend.accounts.helpers import make_user
from tests.backend.live.conftest import PATIENCE_S, OrderMoved, Street, Traded

pytestmark = pytest.mark.xdist_group("live-faults")  # each of them fills a machine by itself


def _figure(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def _slow() -> float:
    return _figure("gridx_live_ended_total", reason="live.too_slow")


async def test_redis__stopped_and_back__events_come_late_but_each_once(
    street: Street, redis_server: RedisServer, monkeypatch
) -> None:

    monkeypatch.setattr(hub, "REFILL_S", 0.1)
    alice = await make_user(street.db)
    async with street.ear("topics=trades") as ear:
        await street.add(Traded(1))
        await ear.numbers(1)
        await asyncio.to_thread(redis_server.stop)
        delayed = (await ear.until("notice"))[0]
        await street.add(Traded(2))
        away = await ear.numbers(2)
        no_ticket = await street.ask("POST", "/api/events/ticket", street.token(alice))
        async with street.ear("topics=trades&ticket=any") as refused:
            refusal = await refused.refusal()
        await asyncio.to_thread(redis_server.start)
        restored = (await ear.until("notice", 2))[1]
        await street.publish()
        await street.add(Traded(3))
        numbers = await ear.numbers(3)

    assert (delayed["code"], restored["code"]) == ("live.delayed", "live.restored")
    assert away == [1, 2]
    assert (no_ticket.status_code, no_ticket.json()["error"]["code"]) == (503, "live.tickets_away")
    assert refusal == (4503, "live.tickets_away")
    assert numbers == [1, 2, 3]


async def test_client__that_reads_nothing__is_ended_with_the_reason_and_holds_nobody_up(street: Street) -> None:
    before = _slow()
    async with (
        street.ear("topics=trades", max_queue=1, max_size=None) as slow,
        street.ear("topics=trades", max_size=None) as quick,
    ):
        await slow.until("hello")
        await quick.until("hello")
        for number in range(60):
            await street.add(Traded(number, filling="x" * 300_000))
            await quick.until("event", number + 1)
            if _slow() > before:
                break
        refusal = await slow.refusal()

    assert refusal == (4408, "live.too_slow")
    assert len([one for one in slow.seen if one["type"] == "event"]) <= number


async def test_client__that_talks_or_sends_much__is_ended(street: Street) -> None:
    async with street.ear("topics=trades") as talkative, street.ear("topics=trades") as large:
        await talkative.until("hello")
        for _ in range(31):
            await talkative.socket.send("hello?")
        refusal = await talkative.refusal()
        await large.until("hello")
        await large.socket.send("x" * 5_000)

        assert await large.closing() == 1009
    assert refusal == (4429, "live.too_many_messages")


async def test_beat__in_quiet_times__carries_an_id_to_go_on_from(street: Street, monkeypatch) -> None:
    await street.add(Traded(1))
    monkeypatch.setattr(hub, "HEARTBEAT_S", 0.1)
    monkeypatch.setattr(hub, "REFILL_S", 0.1)
    port = await street.serve()
    async with street.ear("topics=book", port=port) as ear:
        beat = (await ear.until("beat"))[0]
    async with street.ear(f"topics=trades&since={beat['id']}", port=port) as back:
        await street.add(Traded(2))

        assert await back.numbers(1) == [2]


async def test_instance__ends__tells_its_clients_to_go_elsewhere(street: Street) -> None:
    elsewhere = await street.serve()
    async with street.ear("topics=trades") as ear:
        await street.add(Traded(1))
        await ear.numbers(1)
        street.servers[0].should_exit = True
        code = await ear.closing()
    async with street.ear(f"topics=trades&since={ear.last_id}", port=elsewhere) as back:
        await street.add(Traded(2))

        assert await back.numbers(1) == [2]
    assert code == 1012


async def test_relay__killed_before_it_marks_what_it_published__clients_see_each_once(street: Street) -> None:
    async with street.ear("topics=trades") as ear:
        await ear.until("hello")
        environment = {**os.environ, "GRIDX_FAILPOINTS": "relay.after_publish"}
        relay = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "backend.worker", "relay", env=environment, stdout=asyncio.subprocess.DEVNULL
        )
        async with street.db.begin() as session:
            await outbox.add(session, Traded(1))
        ended = await asyncio.wait_for(relay.wait(), 2 * PATIENCE_S)
        await street.add(Traded(2))  # the next relay publishes the first once more
        numbers = await ear.numbers(2)

    assert ended == -signal.SIGKILL
    assert numbers == [1, 2]


async def test_follow__its_instance_ends_and_comes_back__goes_on_without_loss(street: Street) -> None:
    alice = await make_user(street.db)
    token = street.token(alice)["Authorization"].removeprefix("Bearer ")
    port = await street.serve()
    numbers: list[int] = []
    async with asyncio.timeout(PATIENCE_S):
        async for message in follow(f"http://127.0.0.1:{port}", "trades,orders", token=token):
            if message["type"] == "hello" and not numbers:
                await street.add(Traded(1), OrderMoved(alice, 2))
            elif message["type"] == "event":
                numbers.append(message["data"]["number"])
                if len(numbers) == 2:
                    street.servers[-1].should_exit = True
                    await street.tasks[-1]
                    await street.add(Traded(3))
                    await street.serve(api_port=port)
                elif len(numbers) == 3:
                    break

    assert sorted(numbers[:2]) == [1, 2]
    assert numbers[2] == 3


@pytest.mark.parametrize(("topics", "code"), [("weather", "topic_unknown"), ("orders", "ticket_needed")])
async def test_follow__refused_for_good__says_why(street: Street, topics: str, code: str) -> None:
    messages = follow(f"http://127.0.0.1:{street.ports[0]}", topics)

    assert (await anext(messages))["code"] == f"live.{code}"
    with pytest.raises(Refused, match=code):
        await anext(messages)


async def test_metrics__while_connected__count_connections_and_lag(street: Street) -> None:
    sent, measured = _figure("gridx_live_events_total", topic="trades"), _figure("gridx_live_lag_seconds_count")
    async with street.ear("topics=trades") as ear:
        await ear.until("hello")
        connected = _figure("gridx_live_connections")
        await street.add(Traded(1))
        await ear.numbers(1)

    assert connected == 1
    assert _figure("gridx_live_events_total", topic="trades") == sent + 1
    assert _figure("gridx_live_lag_seconds_count") == measured + 1

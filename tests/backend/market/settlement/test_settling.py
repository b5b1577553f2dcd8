# SPDX-License-Identifier: Apache-2.0
"""What settlement makes of trades and readings."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from backend.market.settlement import queries
from tests.backend.market.conftest import Town, grams


async def test_settle__fully_delivered__releases_all(town: Town) -> None:
    trade_id = town.stage.fill(1, 2, 2000)
    await town.read(1, production=3000, export=2500)
    await town.read(2, **{"import": 2000})
    await town.confirm(8)

    settled = await town.settle()

    assert settled == 1
    assert (await town.trade(trade_id)).delivered_wh == 2000
    assert await town.wallet(2) == (0, grams(2000))


async def test_settle__oversold__delivers_first_come_first_served_and_takes_the_rest_back(town: Town) -> None:
    first, second = town.stage.fill(1, 2, 2000), town.stage.fill(1, 3, 2000)
    await town.read(1, production=3000, export=2500)
    await town.read(2, **{"import": 2000})
    await town.read(3, **{"import": 2000})
    await town.confirm(8)

    await town.settle()

    earlier, later = await town.trade(first), await town.trade(second)
    assert (earlier.delivered_wh, earlier.shortfall) == (2000, None)
    assert (later.delivered_wh, later.shortfall) == (500, "oversold")
    assert await town.wallet(3) == (0, grams(500))
    assert await town.board(3) == grams(500)


async def test_settle__reading_missing__waits_until_the_deadline(town: Town) -> None:
    trade_id = town.stage.fill(1, 2, 2000)
    await town.read(1, production=3000, export=2500)
    await town.confirm(8)

    before = await town.settle()
    after = await town.settle(deadline=timedelta(0))

    trade = await town.trade(trade_id)
    assert (before, after) == (0, 1)
    assert (trade.delivered_wh, trade.shortfall) == (0, "no_reading")
    assert await town.wallet(2) == (0, 0)


async def test_settle__declared_readings__back_nothing(town: Town) -> None:
    town.stage.fill(1, 2, 2000)
    await town.read(1, attestation="declared", production=3000, export=2500)
    await town.read(2, attestation="declared", **{"import": 2000})
    await town.confirm(8)

    assert await town.settle() == 0


async def test_settle__not_final__waits(town: Town) -> None:
    town.stage.fill(1, 2, 2000)
    await town.read(1, production=3000, export=2500)
    await town.read(2, **{"import": 2000})
    await town.confirm(2)

    assert await town.settle() == 0
    assert await town.wallet(2) == (grams(2000), 0)


async def test_settle__twice__changes_nothing(town: Town) -> None:
    town.stage.fill(1, 2, 2000)
    await town.read(1, production=3000, export=1000)
    await town.read(2, **{"import": 2000})
    await town.confirm(8)

    first, second = await town.settle(), await town.settle()

    assert (first, second) == (1, 0)
    assert await town.wallet(2) == (0, grams(1000))


async def test_settle__one_interval_fails__keeps_no_other_from_it_and_is_told(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    trade_id = town.stage.fill(1, 2, 2000)
    await town.read(1, production=3000, export=2500)
    await town.read(2, **{"import": 2000})
    await town.confirm(8)
    due = queries.due

    async def with_a_bad_one_first(*arguments: Any, **named: Any) -> list[queries.Interval]:
        found = await due(*arguments, **named)
        return [replace(found[0], minutes=2**40), *found]  # more than its column holds

    monkeypatch.setattr(queries, "due", with_a_bad_one_first)

    with pytest.raises(asyncpg.DataError):
        await town.settle()

    assert (await town.trade(trade_id)).delivered_wh == 2000

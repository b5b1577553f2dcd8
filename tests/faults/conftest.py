# SPDX-License-Identifier: Apache-2.0
"""Fixtures: `worlds`, whose one world goes on from test to test and is replaced after a test that broke it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from tests.faults.world import World, open_world

WORLDS = 4
"""How many worlds the tests are dealt to; they live beside each other where pytest has so many workers."""


class Worlds:
    """`world()` opens the world at first, and another one after `ruined()`."""

    def __init__(self) -> None:
        self._open = AsyncExitStack()
        self._world: World | None = None

    async def world(self) -> World:
        """The world that runs now."""
        if self._world is None:
            self._world = await self._open.enter_async_context(open_world())
        return self._world

    async def ruined(self) -> None:
        """Close the world: what comes next starts from nothing."""
        self._world = None
        await self._open.aclose()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def worlds() -> AsyncIterator[Worlds]:
    """One for the whole run of this process."""
    kept = Worlds()
    yield kept
    await kept.ruined()


@pytest_asyncio.fixture(loop_scope="session")
async def world(worlds: Worlds, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """The world for one test."""
    yield await worlds.world()
    outcome = getattr(request.node, "outcome_of_call", None)
    if outcome is None or outcome.failed:
        await worlds.ruined()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> object:
    """Let the fixture know how the test ended."""
    report = yield
    if call.when == "call":
        item.outcome_of_call = report  # type: ignore[attr-defined]
    return report

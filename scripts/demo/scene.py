# SPDX-License-Identifier: Apache-2.0
"""Who takes part in the demonstration and with what; shared by the chapters of the story."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from backend.core.crypto import address_of
from backend.core.units import format_address
from scripts.demo.api_client import Api
from scripts.demo.chain_client import ChainClient, Contract, Wallet
from scripts.demo.community import Community, Deal, Home
from scripts.demo.screen import Screen

AT_ONCE = 16
WAIT_S = 60.0
POLL_S = 0.25
T = TypeVar("T")
R = TypeVar("R")


class StoryBroken(Exception):
    """Something did not happen as it must; the message says what was expected and what was found."""


@dataclass(slots=True)
class Household:
    """A home with its people's wallet and session and its meter's own key."""

    home: Home
    api: Api
    wallet: Wallet = field(default_factory=Wallet)
    device_key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    meter: int = field(default_factory=lambda: 1 + secrets.randbelow(2**63 - 1))
    house_id: str = ""

    @property
    def device_address(self) -> str:
        """Address of the meter's key, as it is enrolled on chain."""
        return format_address(address_of(self.device_key))


@dataclass(frozen=True, slots=True)
class Factor:
    """The emission factor of the claims, as the API shows it."""

    id: int
    mg_per_kwh: int
    label: str


@dataclass(slots=True)
class Trade:
    """A deal that was put on chain. `raw` is the signed transaction, `gas_used` what it took when it was mined."""

    deal: Deal
    trade_id: str
    tx_hash: str
    raw: bytes
    gas_used: int = 0
    block: int = 0


@dataclass(slots=True)
class Scene:
    """Everything that the chapters need. `number` is the community's on chain, `org_id` its id in the backend."""

    screen: Screen
    community: Community
    chain: ChainClient
    contract: Contract
    factor: Factor
    operator: Api
    registrar: Wallet
    households: list[Household]
    number: int = 1
    org_id: str = ""
    trades: list[Trade] = field(default_factory=list)
    gas_other: int = 0

    def seller(self, deal: Deal) -> Household:
        """Who sells."""
        return self.households[deal.seller]

    def buyer(self, deal: Deal) -> Household:
        """Who buys."""
        return self.households[deal.buyer]

    def start(self, deal: Deal) -> datetime:
        """Begin of the delivery."""
        return self.community.starts[deal.interval]

    def grams(self, energy_wh: int) -> int:
        """The claim for an energy: floor(Wh × mg/kWh / 10^6)."""
        return energy_wh * self.factor.mg_per_kwh // 10**6


def expect(condition: bool, expectation: str, found: object = "") -> None:
    """Raise StoryBroken unless the expectation holds."""
    if not condition:
        raise StoryBroken(f"expected that {expectation}" + (f"; found {found}" if found != "" else ""))


async def until(ask: Callable[[], Awaitable[T]], holds: Callable[[T], bool], expectation: str) -> T:
    """Ask again and again until the answer holds; raises StoryBroken after a minute with the last answer."""
    deadline = asyncio.get_running_loop().time() + WAIT_S
    while True:
        answer = await ask()
        if holds(answer):
            return answer
        if asyncio.get_running_loop().time() > deadline:
            raise StoryBroken(f"expected within {WAIT_S:.0f} s that {expectation}; found {_short(answer)}")
        await asyncio.sleep(POLL_S)


def _short(answer: Any) -> str:
    text = str(answer)
    return text if len(text) <= 400 else text[:400] + "…"


async def together(
    work: Callable[[T], Awaitable[R]],
    items: Iterable[T],
    advance: Callable[[int], None] = lambda pieces: None,
    *,
    at_once: int = AT_ONCE,
) -> list[R]:
    """Do the work for all items, some at a time; results in the order of the items. The first failure ends all."""
    slots = asyncio.Semaphore(at_once)

    async def one(item: T) -> R:
        async with slots:
            result = await work(item)
        advance(1)
        return result

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(item)) for item in items]
    return [task.result() for task in tasks]

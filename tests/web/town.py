# SPDX-License-Identifier: Apache-2.0
"""A small community with a past, for the tests of the web app: people with fixed wallets, houses, readings, trades.

Anna, Ben and Carla have signed in, own a house each with an enrolled meter and have traded; Dora's wallet and meter are
enrolled and she was never here. Ben has retired carbon, and the community was an island for a while. The
operator and the auditor sign in by e-mail.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from rich.console import Console

from backend.core.crypto import keccak
from scripts.demo import moving_in, trading
from scripts.demo.api_client import Api
from scripts.demo.chain_client import Wallet
from scripts.demo.community import Community, Home, Reading, check, plan
from scripts.demo.moving_in import settle_in, upload
from scripts.demo.scene import Household, Scene, until
from scripts.demo.screen import Screen
from scripts.demo.story import key_of
from scripts.stack import Stack
from tests.web.documents import live_through_island, retire

MINUTES = 15
HISTORY = timedelta(days=10)  # so that there is something to forecast from
TRADES = 14
PASSWORD = "correct horse battery staple 1"
OPERATOR, AUDITOR = "operator@gridx.example", "auditor@gridx.example"
TARIFFS = {
    "retailPricePerKwh": "0.32", "feedInPricePerKwh": "0.08", "communityFeePerKwh": "0.006",
    "minPricePerKwh": "0.08", "maxPricePerKwh": "0.32",
}  # fmt: skip
NAMES = ("Anna", "Ben", "Carla", "Dora")
_SOLAR_W = {"Anna": 6_000, "Carla": 1_200}
_NEEDS_W = {"Anna": 350, "Ben": 900, "Carla": 500, "Dora": 450}


def wallet_key(name: str) -> bytes:
    """The key of a person's wallet; worthless outside a local chain."""
    return keccak(f"gridx web test {name}".encode())


@dataclass(slots=True)
class Town:
    """What the tests have to know; `as_json` is what they get."""

    scene: Scene
    auditor_id: str = ""
    island_id: str = ""
    certificate_id: str = ""

    def as_json(self, stack: Stack) -> dict[str, Any]:
        """Addresses, keys and ids."""
        people = {
            home.home.name.lower(): {
                "name": home.home.name, "key": "0x" + wallet_key(home.home.name).hex(), "address": home.wallet.address,
                "meter": str(home.meter), "deviceKey": "0x" + home.device_key.hex(), "houseId": home.house_id or None,
                "userId": home.api.user_id or None,
            }
            for home in self.scene.households
        }  # fmt: skip
        return {
            "url": stack.api_url,
            "rpcUrl": stack.rpc_url,
            "databaseOwnerUrl": stack.database_url("owner"),
            "chainId": self.scene.contract.chain_id,
            "contract": self.scene.contract.address,
            "organizationId": self.scene.org_id,
            "deliveryMinutes": MINUTES,
            "people": people,
            "operator": {"email": OPERATOR, "password": PASSWORD},
            "auditor": {"email": AUDITOR, "password": PASSWORD, "userId": self.auditor_id},
            "trades": [trade.trade_id for trade in self.scene.trades],
            "islandId": self.island_id,
            "certificateId": self.certificate_id,
        }


def community_of(now: datetime) -> Community:
    """The homes and the readings of the last hours: a sine for the sun from 6 to 18 h UTC, needs with a swell."""
    end = datetime.fromtimestamp(now.timestamp() // (MINUTES * 60) * MINUTES * 60, UTC)
    count = HISTORY // timedelta(minutes=MINUTES)
    starts = [end - timedelta(minutes=MINUTES) * place for place in range(count, 0, -1)]
    return check(Community("modelled for tests", MINUTES, tuple(_home(name, starts) for name in NAMES)))


def _home(name: str, starts: list[datetime]) -> Home:
    readings = []
    for start in starts:
        hour = start.hour + start.minute / 60
        sun = max(0.0, math.sin(math.pi * (hour - 6) / 12))
        swell = 1 + 0.5 * math.sin(math.pi * (hour - 14) / 12) + 0.2 * math.sin(hour * 3.1 + len(name))
        wh = MINUTES / 60
        produced = round(_SOLAR_W.get(name, 0) * sun * 0.8 * wh)
        readings.append(Reading(start, round(_NEEDS_W[name] * swell * wh), produced))
    return Home(name, _SOLAR_W.get(name, 0), 34.09, -117.44, tuple(readings))


async def settle(stack: Stack, transport: httpx.AsyncBaseTransport, node: httpx.AsyncClient) -> Town:
    """Everybody moves in and the past happens; raises StoryBroken, ApiRefused or ChainProblem."""
    community = community_of(datetime.now(UTC))
    scene = await moving_in.gather(
        Screen(Console(file=io.StringIO())),
        community,
        api_url=stack.api_url,
        rpc_url=stack.rpc_url,
        service_url=stack.database_url("service"),
        registrar_key=key_of(stack.deployment_file, "registrar"),
        transport=transport,
        node=node,
        password=PASSWORD,
    )
    scene.households = [_household(home, scene, stack, transport) for home in community.homes]
    await moving_in.found(scene, name="Sunny Lane", slug="sunny-lane")
    await scene.operator.put(f"/api/organizations/{scene.org_id}/market", TARIFFS)
    town = Town(scene, await _admit_auditor(scene, stack, transport))
    present = scene.households[:-1]
    for household in present:
        await household.api.sign_in(household.wallet, chain_id=scene.contract.chain_id)
        await moving_in.admit(scene, household)
        name = household.home.name
        await household.api.put("/api/users/me", {"name": name, "leaderboardName": name if name != "Carla" else None})
    await moving_in.enrol(scene)
    for household in present:
        await settle_in(household)
        await upload(scene, household)
    await _trade(scene)
    town.island_id = await live_through_island(scene, Wallet(wallet_key("Otto")), Api(stack.api_url, transport))
    town.certificate_id = await retire(scene.households[NAMES.index("Ben")])
    return town


def _household(home: Home, scene: Scene, stack: Stack, transport: httpx.AsyncBaseTransport) -> Household:
    place = NAMES.index(home.name)
    return Household(
        home,
        Api(stack.api_url, transport),
        Wallet(wallet_key(home.name)),
        device_key=keccak(f"gridx web test meter {home.name}".encode()),
        meter=1001 + place,
    )


async def _admit_auditor(scene: Scene, stack: Stack, transport: httpx.AsyncBaseTransport) -> str:
    auditor = Api(stack.api_url, transport)
    body = {"name": "Ada Auditor", "email": AUDITOR, "password": PASSWORD}
    user = (await auditor.post("/api/auth/register", body)).data["user"]
    await auditor.sign_in_with_password(AUDITOR, PASSWORD)
    await scene.operator.post(
        f"/api/organizations/{scene.org_id}/memberships", {"userId": user["id"], "role": "auditor"}
    )
    await auditor.post(f"/api/users/me/memberships/{scene.org_id}/acceptance")
    return str(user["id"])


async def _trade(scene: Scene) -> None:
    """The newest deals of the last day are filled on chain, posted and recorded."""
    deals = [deal for deal in plan(scene.community) if NAMES[deal.buyer] != "Dora" and NAMES[deal.seller] != "Dora"]
    chosen = deals[-TRADES:]
    trades = await trading.fill(scene, chosen, trading.sign_offers(scene, chosen))
    for trade in trades:
        await trading.post(scene, trade)
    await scene.chain.rpc("anvil_mine", "0x2")
    for trade in trades:
        await until(
            lambda: trading.look(scene, trade),  # noqa: B023 (awaited within the turn)
            lambda seen: seen["status"] in trading.CONFIRMED,
            "the trades of the past are recorded",
        )

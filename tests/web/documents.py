# SPDX-License-Identifier: Apache-2.0
"""What the town's people have signed before the tests begin: a retirement of Ben, and an island that is over."""

from __future__ import annotations

from decimal import Decimal

from scripts.demo.aftermath import send_document
from scripts.demo.api_client import Api
from scripts.demo.chain_client import Wallet
from scripts.demo.scene import Household, Scene, until

ISLANDS = "/api/market/islands"
RETIRED_G = 5


async def retire(household: Household) -> str:
    """A certificate's id, once the household's wallet holds available carbon; raises StoryBroken or ApiRefused."""
    await until(
        lambda: _available_g(household),
        lambda grams: grams > RETIRED_G,
        f"{household.home.name} has carbon available",
    )
    document = await send_document(household, "retirements", RETIRED_G, reason="The street's summer party")
    return str(document["id"])


async def _available_g(household: Household) -> int:
    wallet = (await household.api.get(f"/api/carbon-wallet/{household.api.user_id}")).data
    return int(Decimal(wallet["availableKg"]) * 1000)


async def live_through_island(scene: Scene, operator: Wallet, api: Api) -> str:
    """An operator declares an island, it is shared out, and ended; returns its id. Raises StoryBroken or ApiRefused."""
    async with api:
        await api.sign_in(operator, chain_id=scene.contract.chain_id)
        await _admit_operator(scene, api)
        asked = {"operator": operator.address, "reason": "The substation was repaired", "priceCap": "0.3"}
        prepared = (await api.get(f"{ISLANDS}/prepared", hours=6, **asked)).data
        facts = {name: prepared[name] for name in ("community", "startsAt", "endsAt", "expiry")}
        signature = operator.sign_typed(prepared["typedData"])
        island = (await api.post(ISLANDS, {**asked, **facts, "signature": signature})).data
        path = f"{ISLANDS}/{island['id']}"
        await until(
            lambda: api.get(f"{path}/allocations"), lambda found: bool(found.total), "the island's hours are shared out"
        )
        prepared = (await api.get(f"{path}/end/prepared", operator=operator.address)).data
        signature = operator.sign_typed(prepared["typedData"])
        body = {"operator": operator.address, "expiry": prepared["expiry"], "signature": signature}
        await api.post(f"{path}/end", body)
        return str(island["id"])


async def _admit_operator(scene: Scene, api: Api) -> None:
    members = f"/api/organizations/{scene.org_id}/memberships"
    await scene.operator.post(members, {"userId": api.user_id, "role": "operator"})
    await api.put("/api/users/me", {"name": "Otto Operator"})
    await api.post(f"/api/users/me/memberships/{scene.org_id}/acceptance")
    api.act_for(scene.org_id)

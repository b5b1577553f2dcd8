# SPDX-License-Identifier: Apache-2.0
"""First chapters: people sign in and join the community, meters are enrolled on chain, readings are uploaded."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

import httpx

from backend.accounts.service import create_super_admin
from backend.core.db import Database
from backend.core.units import wh_to_kwh
from backend.sites.attestation import sign_reading
from scripts.demo.api_client import Api, ApiRefused
from scripts.demo.chain_client import Call, ChainClient, Contract, Wallet, encode_call
from scripts.demo.community import Community
from scripts.demo.scene import Factor, Household, Scene, expect, together, until
from scripts.demo.screen import Screen

REGION = "CAMX"
CURRENCY = "USD"
TIME_ZONE = "America/Los_Angeles"
ALLOWANCE_WEI = 10**18
UPLOADS_AT_ONCE = 2
CSV_HEADER = "meter,start,minutes,productionKwh,consumptionKwh,exportKwh,importKwh,source,signature"


async def gather(
    screen: Screen, community: Community, *, api_url: str, rpc_url: str, service_url: str, registrar_key: bytes,
    transport: httpx.AsyncBaseTransport, node: httpx.AsyncClient, password: str | None = None,
) -> Scene:  # fmt: skip
    """The operator signs in and everybody who takes part is named; nobody has done anything yet."""
    operator = Api(api_url, transport)
    email, password = "operator@gridx.example", password or secrets.token_urlsafe(18)
    await _make_operator(service_url, email, password)
    await operator.sign_in_with_password(email, password)
    described = await until(lambda: _contract(operator), lambda found: found is not None, "the API knows the contract")
    assert described is not None
    chain = ChainClient(rpc_url, node)
    chain.errors = described.errors
    registrar = Wallet(registrar_key)
    registrar.count = int(await chain.rpc("eth_getTransactionCount", registrar.address, "latest"), 16)
    return Scene(
        screen=screen,
        community=community,
        chain=chain,
        contract=described,
        factor=await _factor(operator),
        operator=operator,
        registrar=registrar,
        households=[Household(home, Api(api_url, transport)) for home in community.homes],
    )


async def _make_operator(service_url: str, email: str, password: str) -> None:
    """The first super admin is made on the machine itself, as `gridx admin create` does."""
    database = Database(service_url, pool_size=1)
    try:
        await create_super_admin(database, name="Operator", email=email, password=password, now=datetime.now(UTC))
    finally:
        await database.close()


async def _contract(operator: Api) -> Contract | None:
    try:
        return Contract.of((await operator.get("/api/blockchain/contract")).data)
    except ApiRefused as refused:
        if refused.status in (404, 503):
            return None
        raise


async def _factor(operator: Api) -> Factor:
    """The newest factor for avoided emissions of the region, once the follower has read it from the chain."""
    found = await until(
        lambda: operator.all_pages("/api/emission-factors", region=REGION, basis="nonBaseload"),
        lambda factors: len(factors) > 0,
        f"the chain has an emission factor for {REGION}",
    )
    newest = max(found, key=lambda factor: (factor["vintage"], factor["factorId"]))
    label = f"{newest['source']} ({newest['vintage']}), {newest['mgPerKwh']} mg CO2e/kWh"
    return Factor(newest["factorId"], newest["mgPerKwh"], label)


async def found(scene: Scene, *, name: str, slug: str) -> None:
    """The operator opens the community and acts for it from now on."""
    organization = await scene.operator.post(
        "/api/organizations",
        {
            "kind": "community", "name": name, "slug": slug, "emissionRegion": REGION, "currency": CURRENCY,
            "timeZone": TIME_ZONE, "deliveryMinutes": scene.community.minutes, "communityNumber": scene.number,
        },
    )  # fmt: skip
    scene.org_id = organization.data["id"]
    scene.operator.act_for(scene.org_id)


async def admit(scene: Scene, household: Household) -> None:
    """The operator invites a household that has signed in; it accepts and acts for the community from now on."""
    invitation = {"userId": household.api.user_id, "role": "member"}
    await scene.operator.post(f"/api/organizations/{scene.org_id}/memberships", invitation)
    await household.api.post(f"/api/users/me/memberships/{scene.org_id}/acceptance")
    household.api.act_for(scene.org_id)


async def join(scene: Scene) -> None:
    """Every household signs in with its wallet; the operator invites, the households accept."""
    await found(scene, name="Fontana demonstration community", slug="fontana-demo")

    async def come(household: Household) -> None:
        await household.api.sign_in(household.wallet, chain_id=scene.contract.chain_id)
        await admit(scene, household)
        named = scene.households.index(household) % 2 == 0  # every other home shows its name on the leaderboard
        name = household.home.name
        await household.api.put("/api/users/me", {"name": name, "leaderboardName": name if named else None})

    with scene.screen.chapter("households sign in with their wallets and join", len(scene.households)) as advance:
        await together(come, scene.households, advance)


async def enrol(scene: Scene) -> None:
    """The registrar registers the community and enrols the meters; each wallet gets some coins for gas."""
    with scene.screen.chapter("meters enrolled on chain, each with its device key", len(scene.households)) as advance:
        await register_meters(scene)
        await _mine(
            scene, [(scene.registrar, Call(home.wallet.address, value=ALLOWANCE_WEI)) for home in scene.households]
        )
        advance(len(scene.households))


async def register_meters(scene: Scene) -> None:
    """The registrar registers the community, then enrols the meters."""
    contract, registrar = scene.contract, scene.registrar
    region = REGION.encode().ljust(4, b"\0")
    community = encode_call("registerCommunity(uint32,bytes4,uint16)", scene.number, region, scene.community.minutes)
    await _mine(scene, [(registrar, Call(contract.address, community))])
    calls = []
    for home in scene.households:
        data = encode_call(
            "enrolMeter(uint64,address,uint32,address)",
            home.meter, home.wallet.address, scene.number, home.device_address,
        )  # fmt: skip
        calls.append((registrar, Call(contract.address, data)))
    await _mine(scene, calls)


async def _mine(scene: Scene, calls: list[tuple[Wallet, Call]]) -> None:
    raw = await scene.chain.sign_all(calls, chain_id=scene.contract.chain_id)
    receipts = await scene.chain.receipts(await scene.chain.send_raw(raw))
    scene.gas_other += sum(int(receipt["gasUsed"], 16) for receipt in receipts)


async def read_meters(scene: Scene) -> None:
    """Each household registers its house and uploads what its meter has signed."""

    async def read(household: Household) -> None:
        await settle_in(household)
        await upload(scene, household)

    title = f"houses registered, {len(scene.community.starts)} signed readings each uploaded"
    with scene.screen.chapter(title, len(scene.households)) as advance:
        await together(read, scene.households, advance, at_once=UPLOADS_AT_ONCE)


async def settle_in(household: Household) -> None:
    """The household registers its house, once its meter is known to the backend."""
    household.house_id = await until(
        lambda: _register_house(household), bool, f"the meter of {household.home.name} is known to the backend"
    )


async def upload(scene: Scene, household: Household) -> None:
    """The household uploads what its meter has signed; all of it must be taken."""
    answer = await household.api.upload(
        "/api/energy-production/uploads", signed_csv(household, scene.community.minutes), "text/csv"
    )
    counted, expected = (answer.data["recorded"], answer.data["refused"]), len(scene.community.starts)
    expect(counted == (expected, 0), f"all {expected} readings of {household.home.name} are taken", answer.data)


async def _register_house(household: Household) -> str:
    home = household.home
    body = {
        "name": home.name, "capacityKw": f"{home.capacity_w / 1000:.3f}", "latitude": str(home.latitude),
        "longitude": str(home.longitude), "meter": str(household.meter),
    }  # fmt: skip
    try:
        return str((await household.api.post("/api/houses", body)).data["id"])
    except ApiRefused as refused:
        if refused.code == "sites.meter_not_enrolled":  # the follower has not read that block yet
            return ""
        raise


def signed_csv(household: Household, minutes: int) -> str:
    """The home's readings as an upload, each signed by the meter's key."""
    lines = [CSV_HEADER]
    for reading in household.home.readings:
        quantities = (reading.generation_wh, reading.consumption_wh, reading.export_wh, reading.import_wh)
        signature = sign_reading(
            household.device_key, meter=household.meter, start=reading.start, minutes=minutes, quantities=quantities
        )
        kwh = ",".join(wh_to_kwh(quantity) for quantity in quantities)
        lines.append(f"{household.meter},{reading.start.isoformat()},{minutes},{kwh},demo,0x{signature.hex()}")
    return "\n".join(lines) + "\n"

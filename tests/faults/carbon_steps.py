# SPDX-License-Identifier: Apache-2.0
"""What can happen to meters and carbon of a sequence: readings, corrections, settlement, retirements."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

from sqlalchemy import text

from backend.core.crypto import sign
from backend.market.settlement.settling import readings_changed
from tests.backend.audit.stage import DELIVERY
from tests.faults.steps import failpoints, step
from tests.faults.town import OWNER_OF
from tests.faults.trading import INTERVAL_S, INTERVALS
from tests.faults.world import World


@step(5)
async def read(world: World, random: Random) -> str:
    """Meters are read for an interval; what was read stays."""
    begin = random.choice([*(DELIVERY + INTERVAL_S * place for place in range(INTERVALS)), *world.market.starts()[:2]])
    start = datetime.fromtimestamp(begin, UTC)
    houses = random.sample(sorted(world.town.houses), random.randint(1, len(world.town.houses)))
    async with world.base.db.begin() as session:
        for house in houses:
            values = [random.choice((0, 500, 5_000, 50_000)) for _ in range(4)]
            await session.execute(
                text("""INSERT INTO energy_production (house_id, start_at, end_at, minutes, production_wh,
                            consumption_wh, export_wh, import_wh, source, attestation, recorded_at)
                        VALUES (:house, :start, :end, 15, :production, :consumption, :export, :import, 'test',
                            'operator', now()) ON CONFLICT DO NOTHING"""),
                {
                    "house": world.town.houses[house], "start": start, "end": start + timedelta(minutes=15),
                    "production": values[0], "consumption": values[1], "export": values[2], "import": values[3],
                },
            )  # fmt: skip
    await _announce(world, houses, start)
    return f"meters {houses} are read for {start}"


@step(5)
async def correct(world: World, random: Random) -> str | None:
    """A reading turns out to be wrong, mostly after its interval was settled."""
    settled = (
        """JOIN houses h ON h.id = p.house_id JOIN meter_deliveries d ON d.meter = h.meter
        AND d.delivery_start = p.start_at AND d.sold_wh + d.bought_wh > 0"""
        if random.random() < 0.8
        else ""
    )
    rows = await world.rows(
        f"SELECT p.house_id, p.start_at FROM energy_production p {settled} ORDER BY p.house_id, p.start_at"
    )
    if not rows:
        return None
    row = random.choice(rows)
    values = [random.choice((0, 500, 5_000, 50_000)) for _ in range(2)]
    changed = random.choice(("production", "export", "import"))
    async with world.base.db.begin() as session:
        await session.execute(
            text(f"""UPDATE energy_production SET {changed}_wh = :now, consumption_wh = :used, revision = revision + 1
                     WHERE house_id = :house AND start_at = :start"""),
            {"now": values[0], "used": values[1], "house": row.house_id, "start": row.start_at},
        )
    house = next(number for number, key in world.town.houses.items() if key == row.house_id)
    await _announce(world, [house], row.start_at)
    return f"meter {house} is corrected: {changed} is {values[0]} Wh at {row.start_at}"


async def _announce(world: World, houses: list[int], start: datetime) -> None:
    """What the worker does with the event of readings; twice, as events may come."""
    rows = await world.rows("SELECT meter FROM houses WHERE id = ANY(:ids)", ids=[world.town.houses[n] for n in houses])
    meters = [row.meter for row in rows]
    for _ in range(2):
        await readings_changed(
            world.base.db, meters, start=start, end=start + timedelta(minutes=15), now=datetime.now(UTC)
        )


@step(5)
async def settle(world: World, random: Random) -> str:
    """Intervals are settled, sometimes without waiting for readings, sometimes by a worker that dies."""
    point = random.choice(["", "", "", *failpoints()["settle"]])
    overdue = random.random() < 0.3
    settings = {"GRIDX_SETTLEMENT_DEADLINE_S": "0"} if overdue else {}
    world.base.processes.start("settle", failpoint=point, **settings)
    return f"settling{' what is overdue' if overdue else ''}{f', to die at {point}' if point else ''}"


@step(4)
async def retire(world: World, random: Random) -> str | None:
    """Somebody retires a part of what is available, right before whatever comes next."""
    rows = await world.rows("SELECT account, available_g FROM carbon_wallet WHERE available_g > 0")
    accounts = {world.chain.stage.address(account): account for account in OWNER_OF}
    holding = [(accounts[row.account], row.available_g) for row in rows if row.account in accounts]
    if not holding:
        return None
    account, available_g = random.choice(sorted(holding))
    grams = random.randint(1, available_g)
    world.say(_retire(world, account, grams))
    return f"account {account} retires {grams} g of {available_g} g"


async def _retire(world: World, account: int, grams: int) -> None:
    person, address = OWNER_OF[account], world.chain.address(account)
    path = f"/api/carbon-wallet/{world.town.people[person]}/retirements"
    asked = {"account": address, "carbonKg": f"{grams / 1000:.3f}", "reason": "a test of nerves"}
    prepared = await world.api.ask("GET", f"{path}/prepared", person, params=asked)
    if prepared is None or prepared.status_code == 503:
        return
    if prepared.status_code != 200:
        world.broken.append(f"preparing a retirement was answered {prepared.status_code}: {prepared.text[:300]}")
        return
    order = prepared.json()["data"]
    signature = sign(bytes.fromhex(order["documentHash"][2:]), world.chain.stage.key(account))
    body = {name: order[name] for name in ("sequence", "previousHash", "expiry")}
    answer = await world.api.ask("POST", path, person, json={**asked, **body, "signature": "0x" + signature.hex()})
    if answer is not None and answer.status_code not in (201, 409, 503):
        world.broken.append(f"a retirement was answered {answer.status_code}: {answer.text[:300]}")
    if answer is not None and answer.status_code == 201:
        world.retired[answer.json()["data"]["id"]] = grams

# SPDX-License-Identifier: Apache-2.0
"""What happens: the chapters in their order, on a stack that runs. Each chapter checks what it promises."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx

from scripts.demo import aftermath, moving_in, order_book, tomorrow, trading
from scripts.demo.cast import Cast, cast
from scripts.demo.community import Community, plan
from scripts.demo.scene import Scene, StoryBroken, expect
from scripts.demo.screen import Screen
from scripts.demo.summary import Summary, show_leaderboard
from scripts.embedded.anvil import accounts
from scripts.embedded.process import ROOT
from scripts.stack import Stack

DEVELOPMENT_KEYS = 10


async def tell(screen: Screen, community: Community, stack: Stack) -> Summary:
    """Run all chapters; raises StoryBroken, ApiRefused, ChainProblem or DataProblem at the first wrong thing."""
    deals = plan(community)
    parts = cast(community, deals)
    limits = httpx.Limits(max_connections=32, max_keepalive_connections=32)
    async with httpx.AsyncHTTPTransport(limits=limits) as transport, httpx.AsyncClient() as node:
        scene = await moving_in.gather(
            screen,
            community,
            api_url=stack.api_url,
            rpc_url=stack.rpc_url,
            service_url=stack.database_url("service"),
            registrar_key=key_of(stack.deployment_file, "registrar"),
            transport=transport,
            node=node,
        )
        screen.say(f"  emission factor: {scene.factor.label}")
        await moving_in.join(scene)
        await moving_in.enrol(scene)
        await moving_in.read_meters(scene)
        await _trade(scene, parts)
        outcome = await aftermath.finish(scene, parts)
        earned = await aftermath.check_wallets(scene, outcome)
        certificate = await aftermath.spend(scene, earned)
        places = await aftermath.leaderboard(scene, outcome)
        show_leaderboard(screen, places)
        book = await order_book.trade(scene, stack.api_url)
        await tomorrow.say(scene)
        summary = Summary.of(scene, outcome, places, certificate, book)
    summary.differences = await audit(screen, stack)
    return summary


async def _trade(scene: Scene, parts: Cast) -> None:
    offers = trading.sign_offers(scene, parts.filled)
    scene.screen.say(f"  {len(offers)} offers signed by {len({seller for _, seller in offers})} sellers (EIP-712)")
    await trading.trade_all(scene, parts, offers)
    await trading.oversell(scene, parts, offers)
    await trading.log_alone(scene, parts)
    await trading.reorganise(scene, parts, offers)


def key_of(deployment_file: Path, role: str) -> bytes:
    """The local chain's development key that holds a role of the deployment."""
    holder = json.loads(deployment_file.read_text())["roles"][role]
    for account in accounts(DEVELOPMENT_KEYS):
        if account.address.lower() == holder.lower():
            return bytes.fromhex(account.key.removeprefix("0x"))
    raise StoryBroken(f"expected that a development key holds the role {role}; found {holder}")


async def audit(screen: Screen, stack: Stack) -> int:
    """`gridx audit` as a process of its own, which knows only the node and the database; returns the differences."""
    environment: Mapping[str, str] = {**os.environ, **stack.env}
    report = stack.folder / "audit.json"
    with screen.chapter("audit in a process of its own"):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "backend.audit.cli", "audit", "--json", str(report)),
            cwd=ROOT,
            env=dict(environment),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
    lines = output.decode(errors="replace").strip().splitlines()
    for line in lines[:-1]:
        screen.say(f"    {line}")
    expect(process.returncode in (0, 1) and bool(lines), "the audit can be done", "\n".join(lines))
    words = lines[-1].split()
    expect(words[:1] == ["audit:"] and words[2:] == ["differences"], "the audit ends with its count", lines[-1])
    differences = int(words[1])
    expect((process.returncode == 0) == (differences == 0), "the audit's exit code tells", process.returncode)
    return differences

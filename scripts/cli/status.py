# SPDX-License-Identifier: Apache-2.0
"""`gridx status`, `gridx follower status`, `resume`, `retry` and `reread`: what runs, how far the chain is followed."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from scripts import runfile
from scripts.cli.asking import setting, told
from scripts.cli.relayer import lines, relayer_rows

if TYPE_CHECKING:
    from backend.chain.types import Chain
    from backend.core.db import Database

Result = TypeVar("Result")
_COMPARED = {
    "equal": "the contract's history is what the stored logs give; `gridx follower resume` ends a halt",
    "nothing_new": "the contract's history was compared at this block before",
    "no_state": "no node has the contract's history at this block; the follower compares it at the next final one",
}
_FOLLOWER = """
SELECT c.id AS chain, c.network, c.chain_id, '0x' || encode(c.contract_address, 'hex') AS contract, c.epoch,
    k.next_block - 1 AS followed_block, k.head_block, k.final_block, k.head_block - k.next_block + 1 AS lag_blocks,
    k.note AS waits_for, c.halted_reason, k.updated_at,
    (SELECT count(*) FROM chain_events e
     WHERE e.chain = c.id AND e.rejected_reason IS NOT NULL AND e.orphaned_at IS NULL) AS rejected_logs
FROM chains c LEFT JOIN chain_cursor k ON k.chain = c.id ORDER BY c.id
"""


async def _chains(url: str) -> list[dict[str, Any]]:
    import asyncpg

    connection = await asyncpg.connect(url, timeout=5)
    try:
        return [dict(row) for row in await connection.fetch(_FOLLOWER)]
    finally:
        await connection.close()


def follower_rows() -> list[dict[str, Any]]:
    """One row per chain that the database knows. Raises click.ClickException when it cannot be asked."""
    url = setting("GRIDX_DATABASE_AUDIT_URL")
    with told():
        return asyncio.run(_chains(url))


def _print_chains(rows: list[dict[str, Any]]) -> None:
    if not rows:
        click.echo("no chain has been followed yet")
    for row in rows:
        state = f"HALTED: {row['halted_reason']}" if row["halted_reason"] else row["waits_for"] or "following"
        click.echo(f"chain {row['chain']} ({row['network']}, id {row['chain_id']}) contract {row['contract']}")
        click.echo(f"  {state}")
        click.echo(f"  followed {row['followed_block']}, head {row['head_block']}, final {row['final_block']}")
        click.echo(f"  {row['lag_blocks']} blocks behind, {row['epoch']} reorganisations, at {row['updated_at']}")
        if row["rejected_logs"]:
            click.echo(f"  logs that could not be recorded: {row['rejected_logs']} (`gridx follower retry`)")


@click.group()
def follower() -> None:
    """The chain follower."""


@follower.command("status")
@click.option("--json", "as_json", is_flag=True, help="one JSON list")
def follower_status(as_json: bool) -> None:
    """How far each chain has been followed; exit code 1 when one has halted."""
    rows = follower_rows()
    if as_json:
        click.echo(json.dumps(rows, default=str))
    else:
        _print_chains(rows)
    if any(row["halted_reason"] for row in rows):
        raise SystemExit(1)


@follower.command("resume")
def follower_resume() -> None:
    """Let a halted follower go on, after the cause of the halt was looked into."""
    from backend.chain import service
    from backend.core.clock import utc_now

    resumed = _with_chain(lambda db, chain: service.resume(db, chain, now=utc_now()))
    click.echo("the follower goes on" if resumed else "the follower was not halted")


@follower.command("retry")
def follower_retry() -> None:
    """Record the logs that could not be recorded once more, after the cause was mended."""
    from backend.carbon.signing import OperatorKey
    from backend.chain import service
    from backend.core.clock import utc_now
    from backend.market.projection import TradeProjector

    projector = TradeProjector(OperatorKey.from_hex(setting("GRIDX_OPERATOR_KEY")))
    recorded = _with_chain(lambda db, chain: service.retry_rejected(db, chain, projector, now=utc_now()))
    click.echo(f"recorded now: {recorded}")


@follower.command("reread")
@click.option("--from", "first", type=int, required=True, help="first block")
@click.option("--to", "last", type=int, help="last block; default: the last final one")
def follower_reread(first: int, last: int | None) -> None:
    """Read final blocks again and record what is missing; exit code 1 when the contract's history still differs."""
    from backend.carbon.signing import OperatorKey
    from backend.chain import service
    from backend.chain.rpc import RpcClient
    from backend.core.clock import utc_now
    from backend.market.projection import TradeProjector

    projector = TradeProjector(OperatorKey.from_hex(setting("GRIDX_OPERATOR_KEY")))
    urls = [url.strip() for url in setting("RPC_URL").split(",") if url.strip()]

    async def read(db: Database, chain: Chain) -> service.Reread:
        async with RpcClient(urls) as rpc:
            return await service.reread(db, rpc, chain, projector, first=first, last=last, now=utc_now())

    done = _with_chain(read)
    found = done.found
    click.echo(f"blocks {done.first} to {done.last}: {found.logs} logs, {found.missing} of them were missing")
    if found.rejected:
        click.echo(f"not recorded for what they say: {found.rejected} (`gridx follower retry`)")
    if found.surplus or found.altered:
        click.echo(f"stored and not on the chain: {found.surplus}, stored otherwise: {found.altered} (`gridx audit`)")
    if done.explanation:
        raise click.ClickException(done.explanation)
    click.echo(_COMPARED[done.history])


def _with_chain(act: Callable[[Database, Chain], Awaitable[Result]]) -> Result:
    """Do something to the chain that is followed, as gridx_service."""
    from backend.chain import service
    from backend.core.db import Database

    async def run(url: str) -> Result:
        db = Database(url, pool_size=1)
        try:
            async with db.begin() as session:
                chain = await service.get_chain(session)
            return await act(db, chain)
        finally:
            await db.close()

    url = setting("GRIDX_DATABASE_SERVICE_URL")
    with told():
        return asyncio.run(run(url))


@click.command()
def status() -> None:
    """Processes of the running stack, its addresses, follower and relayer; exit code 1 when something is down."""
    run = runfile.read()
    if run is None or not Path(f"/proc/{run['pid']}").exists():
        if not os.environ.get("DATABASE_URL"):
            raise click.ClickException("no stack is running here: start one with `make up`")
        run = {"children": [], "environment": dict(os.environ)}
    down = False
    for child in run["children"]:
        alive = Path(f"/proc/{child['pid']}").exists()
        down = down or not alive
        click.echo(f"{child['name']:<10} {'running' if alive else 'DOWN':<8} process {child['pid']}")
    environment = run["environment"]
    for name, label in (("GRIDX_PUBLIC_URL", "api"), ("RPC_URL", "chain"), ("AI_SERVICE_URL", "ai")):
        if environment.get(name):
            click.echo(f"{label:<10} {environment[name]}")
    _print_chains(follower_rows())
    for row in relayer_rows():
        click.echo("\n".join(lines(row)))
    if down:
        raise SystemExit(1)

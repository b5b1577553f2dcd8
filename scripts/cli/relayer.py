# SPDX-License-Identifier: Apache-2.0
"""`gridx relayer status` and `new-key`: how settlement on chain is doing, and an encrypted key file for it."""

from __future__ import annotations

import asyncio
import json
import secrets
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from scripts.cli.asking import setting, told

_WEI = Decimal(10**18)
_RELAYERS = """
SELECT r.chain, '0x' || encode(r.signer, 'hex') AS signer, r.balance_wei, r.stopped_code, r.stopped_reason,
    r.stopped_at, r.seen_at,
    (SELECT count(*) FROM matches m WHERE m.chain = r.chain AND m.state = 'MATCHED') AS pairs_waiting,
    (SELECT count(*) FROM matches m WHERE m.chain = r.chain AND m.state = 'SENT') AS pairs_sent,
    (SELECT count(DISTINCT t.nonce) FROM relay_transactions t WHERE t.chain = r.chain AND t.signer = r.signer
        AND t.ended_at IS NULL AND t.state IN ('SIGNED', 'SENT')) AS transactions_pending,
    '0x' || encode(l.tx_hash, 'hex') AS last_hash, l.state AS last_state, l.pairs AS last_pairs,
    l.created_at AS last_at
FROM relayers r LEFT JOIN LATERAL (
    SELECT tx_hash, state, pairs, created_at FROM relay_transactions t
    WHERE t.chain = r.chain AND t.signer = r.signer ORDER BY created_at DESC, id DESC LIMIT 1) AS l ON true
ORDER BY r.seen_at DESC
"""


async def _read(url: str) -> list[dict[str, Any]]:
    import asyncpg

    connection = await asyncpg.connect(url, timeout=5)
    try:
        return [dict(row) for row in await connection.fetch(_RELAYERS)]
    finally:
        await connection.close()


def relayer_rows() -> list[dict[str, Any]]:
    """One row per relayer that the database knows. Raises click.ClickException when it cannot be asked."""
    url = setting("GRIDX_DATABASE_AUDIT_URL")
    with told():
        return asyncio.run(_read(url))


def lines(row: dict[str, Any]) -> list[str]:
    """A relayer in words."""
    ether = f"{row['balance_wei'] / _WEI:.6f}"
    told = [
        f"relayer {row['signer']} on chain {row['chain']}: {ether} ether, seen {row['seen_at']}",
        f"  STOPPED: {row['stopped_reason']}" if row["stopped_reason"] else "  sending",
        f"  {row['pairs_waiting']} pairs wait, {row['pairs_sent']} are sent, "
        f"{row['transactions_pending']} transactions pending",
    ]
    if row["last_hash"]:
        told.append(f"  last: {row['last_hash']} with {row['last_pairs']} pairs, {row['last_state']}, {row['last_at']}")
    return told


@click.group()
def relayer() -> None:
    """The relayer, which settles matched pairs on chain."""


@relayer.command()
@click.option("--json", "as_json", is_flag=True, help="one JSON list")
def status(as_json: bool) -> None:
    """Balance, queue and last transaction; exit code 1 when a relayer has stopped."""
    rows = relayer_rows()
    if as_json:
        click.echo(json.dumps(rows, default=str))
    else:
        click.echo("\n".join(line for row in rows for line in lines(row)) or "no relayer has run yet")
    if any(row["stopped_code"] for row in rows):
        raise SystemExit(1)


@relayer.command("new-key")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.password_option(envvar="GRIDX_RELAYER_KEYSTORE_PASSWORD", help="default: asked for")
def new_key(file: Path, password: str) -> None:
    """Write a new key, encrypted, into FILE and print its account. GRIDX_RELAYER_KEYSTORE names the file then."""
    from backend.market.relayer.signer import write_keystore

    try:
        account = write_keystore(file, password, secrets.token_bytes(32))
    except FileExistsError as problem:
        raise click.ClickException(f"{file} exists: keys are never overwritten") from problem
    except OSError as problem:
        raise click.ClickException(str(problem)) from problem
    click.echo(f"0x{account.hex()}")

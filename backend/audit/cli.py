# SPDX-License-Identifier: Apache-2.0
"""The commands `gridx audit` and `gridx verify`.

`audit` exits 0 without differences, 1 with some, 2 when it could not be done. `verify` exits 0 when a bundle is proven,
1 when it is false, 3 when it is consistent but nobody independent vouches for its block, 2 when it cannot be read.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import orjson

from backend.audit import compare, database, report, service
from backend.audit.anchoring import Anchoring, Outcome, ask_nodes, outcome, trust_hashes
from backend.audit.checkpoints import Checkpoint
from backend.audit.deployment import Deployment
from backend.audit.encoding import BadEncoding, bytes_of, hex_of
from backend.audit.fetch import Options, WrongChain
from backend.audit.rpc import Node, NodeFailed, client
from backend.audit.verify import Verdict, check
from backend.core.clock import utc_now
from backend.core.db import DATABASE_ERRORS

IMPOSSIBLE = 2
BUNDLE_LIMIT = 64 * 1024 * 1024
_SHOWN = 50
_EXIT = {Outcome.PROVEN: 0, Outcome.FALSE: 1, Outcome.CONSISTENT: 3}
_CANNOT = (
    WrongChain, NodeFailed, database.DatabaseLacksChain, KeyError, ValueError, *DATABASE_ERRORS,
)  # fmt: skip


@click.group()
def main() -> None:
    """Audit and verification."""


@main.command()
@click.option("--rpc", "rpc", multiple=True, envvar="RPC_URL", required=True,
              help="Node URL; several, comma separated.")  # fmt: skip
@click.option("--database-url", envvar="GRIDX_DATABASE_AUDIT_URL", required=True, help="PostgreSQL as gridx_audit.")
@click.option("--deployment", "deployment_file", type=click.Path(path_type=Path), envvar="GRIDX_DEPLOYMENT_FILE",
              help="Deployment record; without one the database's own word is taken.")  # fmt: skip
@click.option("--contract", help="Address of the log, when it must be this one.")
@click.option("--operator", help="Address that alone may sign reductions; else the first that did.")
@click.option("--finality-depth", type=click.IntRange(min=1), envvar="GRIDX_FINALITY_DEPTH",
              help="Blocks from the head that count as final; else the node's finalized tag.")  # fmt: skip
@click.option("--previous", multiple=True, type=click.Path(exists=True, path_type=Path),
              help="Earlier JSON report whose checkpoint must be found again.")  # fmt: skip
@click.option("--wait", "wait_s", type=float, default=20.0, show_default=True,
              help="Seconds to wait for the database to reach the finalised block.")  # fmt: skip
@click.option("--store/--no-store", default=True, show_default=True, help="Keep the report as a checkpoint.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the report as JSON.")
@click.option("--csv", "csv_file", type=click.Path(path_type=Path), help="Write the differences as CSV.")
@click.option("--html", "html_file", type=click.Path(path_type=Path), help="Write the report as a page.")
def audit(**given: Any) -> None:
    """Rebuild everything from the chain and list each difference to the database."""
    try:
        deployment = _deployment(given["deployment_file"], given["contract"], given["database_url"])
        found = asyncio.run(_audit(given, deployment))
    except _CANNOT as error:
        click.echo(f"audit: could not be done: {error}", err=True)
        sys.exit(IMPOSSIBLE)
    _write(found, given)
    _tell(found)
    sys.exit(1 if found.differences else 0)


def urls_of(given: tuple[str, ...]) -> list[str]:
    """Node addresses from options that may hold several each."""
    return [url.strip() for text in given for url in text.replace(" ", ",").split(",") if url.strip()]


async def _audit(given: dict[str, Any], deployment: Deployment) -> report.Report:
    url = given["database_url"]
    request = compare.Request(
        rpc_urls=urls_of(given["rpc"]),
        database_url=url,
        deployment=deployment,
        options=Options(finality_depth=given["finality_depth"]),
        checkpoints=[Checkpoint.from_json(orjson.loads(path.read_bytes())["checkpoint"]) for path in given["previous"]],
        operator=bytes_of(given["operator"].lower(), 20) if given["operator"] else None,
        wait_s=given["wait_s"],
    )
    kept = await service.checkpoints(url, deployment)
    found = await compare.audit(
        replace(request, checkpoints=[*request.checkpoints, *kept]), clock=utc_now, say=click.echo
    )
    if given["store"]:
        await service.store(url, found)
    return found


def _deployment(path: Path | None, contract: str | None, url: str) -> Deployment:
    if path is not None and (path.exists() or "GRIDX_DEPLOYMENT_FILE" not in os.environ):
        deployment = Deployment.from_file(path)
    else:
        click.echo("no deployment record was given: taking the database's word for which contract it is")
        deployment = asyncio.run(database.deployment_in(url))
    if contract is not None and bytes_of(contract.lower(), 20) != deployment.address:
        raise ValueError(f"the deployment is of {hex_of(deployment.address)}, not of {contract}")
    return deployment


def _write(found: report.Report, given: dict[str, Any]) -> None:
    forms: tuple[tuple[str, Callable[[report.Report], bytes]], ...] = (
        ("json_file", report.as_json),
        ("csv_file", lambda made: report.as_csv(made).encode()),
        ("html_file", lambda made: report.as_html(made).encode()),
    )
    for name, make in forms:
        path: Path | None = given[name]
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(make(found))


def _tell(found: report.Report) -> None:
    totals = found.totals
    click.echo(
        f"{totals.trades} trades ({totals.consented} with consent of both), {totals.claim_g} g CO2e claimed, "
        f"{totals.documents} signed documents, {totals.not_yet_final} trades not yet final"
    )
    if found.operator is not None:
        click.echo(f"reductions are signed by operator {hex_of(found.operator)}")
    if found.earlier_checkpoints:
        click.echo(f"earlier reports held against this one: {found.earlier_checkpoints}")
    for difference in found.findings.listed[:_SHOWN]:
        row = difference.row()
        note = f" ({row['note']})" if row["note"] else ""
        what = f" {row['field']}: expected {row['expected']}, found {row['found']}" if row["field"] else ""
        click.echo(f"{row['code']}: {row['subject']}{what}{note}")
    if found.differences > _SHOWN:
        click.echo(f"… and {found.differences - _SHOWN} more: {dict(found.findings.counts)}")
    click.echo(f"verdict: {found.verdict}")
    click.echo(f"audit: {found.differences} differences")


@main.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--block-hash", multiple=True, help="Hash of the trade's block, from a source that you trust.")
@click.option("--rpc", multiple=True, help="Independent node; two of them prove.")
@click.option("--deployment", "deployment_file", type=click.Path(exists=True, path_type=Path),
              help="Deployment record that names the true contract.")  # fmt: skip
def verify(bundle: Path, block_hash: tuple[str, ...], rpc: tuple[str, ...], deployment_file: Path | None) -> None:
    """Check a proof bundle offline; with anchors from elsewhere, prove it."""
    try:
        content = _read(bundle)
        hashes = [bytes_of(text.lower(), 32) for text in block_hash]
    except (OSError, ValueError) as error:
        click.echo(f"cannot be read: {error}", err=True)
        sys.exit(IMPOSSIBLE)
    verdict = check(content)
    learned = [trust_hashes(verdict, hashes)]
    if verdict.is_consistent and deployment_file is not None:
        learned.append(_hold_against(content, Deployment.from_file(deployment_file)))
    if verdict.is_consistent and rpc:
        learned.append(asyncio.run(_ask(verdict, content, urls_of(rpc))))
    sys.exit(_conclude(verdict, content, learned))


def _read(path: Path) -> Any:
    if path.stat().st_size > BUNDLE_LIMIT:
        raise BadEncoding("the file is too large for a bundle")
    content = orjson.loads(path.read_bytes())
    if isinstance(content, dict) and content.keys() == {"data", "error", "timestamp", "meta"}:
        return content["data"]
    return content


def _hold_against(content: Any, deployment: Deployment) -> Anchoring:
    learned = Anchoring()
    expected = {
        "chainId": deployment.chain_id,
        "genesisHash": hex_of(deployment.genesis_hash),
        "contract": hex_of(deployment.address),
        "salt": hex_of(deployment.parent_hash),
    }
    for name, value in expected.items():
        if content["chain"][name] != value:
            learned.falsehoods.append(f"chain.{name}: {content['chain'][name]}, the deployment record says {value}")
    return learned


async def _ask(verdict: Verdict, content: Any, urls: list[str]) -> Anchoring:
    async with client() as http:
        return await ask_nodes(verdict, content["chain"], [Node(url, http) for url in dict.fromkeys(urls)])


def _conclude(verdict: Verdict, content: Any, learned: list[Anchoring]) -> int:
    for text in [*verdict.falsehoods, *(text for part in learned for text in part.falsehoods)]:
        click.echo(f"false: {text}")
    for text in (text for part in learned for text in part.notes):
        click.echo(f"note: {text}")
    result = outcome(verdict, *learned)
    if result is Outcome.FALSE:
        click.echo("the bundle is false")
        return _EXIT[result]
    trade, (number, block_hash) = content["trade"], verdict.blocks["trade"]
    click.echo(f"trade {trade['tradeId']}: {trade['energyWh']} Wh, {trade['seller']} to {trade['buyer']}")
    click.echo(f"claim: {content['claim']['claimGrams']} g CO2e; contract {content['chain']['contract']}")
    if result is Outcome.PROVEN:
        click.echo(f"Proven: block {number} {hex_of(block_hash)}")
    else:
        click.echo(f"consistent with block {number} {hex_of(block_hash)}")
        missing = [f"{role} in block {number}" for role, (number, _) in verdict.needed_blocks().items()]
        click.echo(f"to prove it, anchor {', '.join(missing)}: --block-hash from elsewhere, or --rpc of two nodes")
    return _EXIT[result]


if __name__ == "__main__":
    main()

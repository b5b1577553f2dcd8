# SPDX-License-Identifier: Apache-2.0
"""The deployment record that the deploy script writes: which contract on which chain, and how to recognise both."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from backend.chain.errors import DeploymentMissing, DeploymentUnreadable
from backend.chain.service import register_chain
from backend.chain.types import Chain
from backend.core.db import Database

_ABI_FILE = Path(__file__).parents[2] / "contracts" / "abi" / "EnergyTradeLog.json"


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment of the trade log. `parent_hash`, of the block before it, is the salt of its signatures."""

    network: str
    chain_id: int
    genesis_hash: bytes
    address: bytes
    block_number: int
    block_hash: bytes
    parent_hash: bytes


def read_deployment(path: Path) -> Deployment:
    """The record at `path`. DeploymentMissing: nothing was deployed yet; DeploymentUnreadable: it is malformed."""
    try:
        record = orjson.loads(path.read_bytes())
        return Deployment(
            network=str(record["network"]),
            chain_id=int(record["chainId"]),
            genesis_hash=_raw(record["genesisHash"], 32),
            address=_raw(record["address"], 20),
            block_number=int(record["blockNumber"]),
            block_hash=_raw(record["blockHash"], 32),
            parent_hash=_raw(record["parentHash"], 32),
        )
    except FileNotFoundError as error:
        raise DeploymentMissing(path=str(path)) from error
    except (ValueError, KeyError, TypeError) as error:
        raise DeploymentUnreadable(path=str(path), why=f"{type(error).__name__}: {error}"[:200]) from error


async def ensure_registered(db: Database, path: Path, *, confirmations: int | None) -> Chain:
    """The chain of the deployment record, registered when it is new; `db` works as gridx_service.

    Raises what `read_deployment` and `register_chain` raise.
    """
    found = read_deployment(path)
    async with db.begin() as session:
        return await register_chain(
            session,
            chain_id=found.chain_id,
            genesis_hash=found.genesis_hash,
            contract_address=found.address,
            deployment_block=found.block_number,
            deployment_block_hash=found.block_hash,
            parent_hash=found.parent_hash,
            network=found.network,
            confirmations=confirmations,
        )


@cache
def contract_abi() -> list[dict[str, Any]]:
    """The contract's ABI as committed."""
    abi: list[dict[str, Any]] = orjson.loads(_ABI_FILE.read_bytes())
    return abi


def _raw(value: str, size: int) -> bytes:
    raw = bytes.fromhex(value.removeprefix("0x"))
    if len(raw) != size:
        raise ValueError(f"{value} is not {size} bytes")
    return raw

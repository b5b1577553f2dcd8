# SPDX-License-Identifier: Apache-2.0
"""Reads the record that the deployment left, and registers its chain and contract."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from backend.chain.errors import DeploymentUnreadable
from backend.chain.service import register_chain
from backend.chain.types import Chain
from backend.core.db import Database

_HASHES = ("genesisHash", "blockHash", "parentHash")


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where the contract stands. `parent_hash` is the parent of the deployment's block: the EIP-712 salt."""

    network: str
    chain_id: int
    genesis_hash: bytes
    address: bytes
    block_number: int
    block_hash: bytes
    parent_hash: bytes


def read_deployment(path: Path) -> Deployment:
    """The deployment recorded at `path`. Raises DeploymentUnreadable, naming what is wrong."""
    try:
        record: dict[str, Any] = orjson.loads(path.read_bytes())
        genesis, block, parent = (bytes.fromhex(record[name][2:]) for name in _HASHES)
        return Deployment(
            network=record["network"],
            chain_id=int(record["chainId"]),
            genesis_hash=genesis,
            address=bytes.fromhex(record["address"][2:]),
            block_number=int(record["blockNumber"]),
            block_hash=block,
            parent_hash=parent,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DeploymentUnreadable(path=str(path), why=f"{type(error).__name__}: {error}") from error


async def ensure_registered(db: Database, path: Path, *, confirmations: int | None) -> Chain:
    """The chain of the deployment at `path`, registered when it is new (as gridx_service)."""
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

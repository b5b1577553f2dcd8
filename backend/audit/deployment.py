# SPDX-License-Identifier: Apache-2.0
"""Which contract on which chain is audited: the deployment record that `gridx deploy` writes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.audit.encoding import bytes_of, hex_of


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployed trade log. `parent_hash` is the hash of the block before deployment, the salt of its signatures."""

    network: str
    chain_id: int
    genesis_hash: bytes
    address: bytes
    block_number: int
    block_hash: bytes
    parent_hash: bytes

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Deployment:
        """From the record's JSON object. Raises KeyError, ValueError."""
        return cls(
            network=str(record["network"]),
            chain_id=int(record["chainId"]),
            genesis_hash=bytes_of(record["genesisHash"], 32),
            address=bytes_of(record["address"], 20),
            block_number=int(record["blockNumber"]),
            block_hash=bytes_of(record["blockHash"], 32),
            parent_hash=bytes_of(record["parentHash"], 32),
        )

    @classmethod
    def from_file(cls, path: Path) -> Deployment:
        """From the file. Raises OSError, KeyError, ValueError."""
        return cls.from_json(json.loads(path.read_text()))

    def facts(self) -> dict[str, Any]:
        """As reports show it."""
        return {
            "network": self.network,
            "chainId": self.chain_id,
            "genesisHash": hex_of(self.genesis_hash),
            "address": hex_of(self.address),
            "blockNumber": self.block_number,
            "blockHash": hex_of(self.block_hash),
        }

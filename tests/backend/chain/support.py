# SPDX-License-Identifier: Apache-2.0
"""The real trade log on a real anvil, a projector that writes to a real table, and a follower over both."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode
from sqlalchemy import text

from backend.chain import queries, service
from backend.chain.follower import Follower, FollowerOptions, Step
from backend.chain.rpc import RpcClient
from backend.chain.types import Chain, Cursor
from backend.core.crypto import keccak
from backend.core.db import Database
from scripts.contract_build import build
from scripts.embedded.anvil import Anvil
from tests.backend.chain.nodes import client
from tests.backend.chain.projector import RecordingProjector

ZERO = "0x" + "00" * 20
CREATE_RECORDS = """CREATE TABLE test_records (
    chain smallint, block_hash bytea, log_index integer, block_number bigint, trade bytea,
    is_final boolean DEFAULT false, applied integer DEFAULT 1, PRIMARY KEY (chain, block_hash, log_index))
--;;
CREATE TABLE test_orphans (number bigint GENERATED ALWAYS AS IDENTITY, block_number bigint, log_index integer)
--;;
GRANT ALL ON test_records, test_orphans TO gridx_service
"""


class TradeLog:
    """The deployed contract; `trades(n)` logs n trades in one transaction of the first account."""

    def __init__(self, anvil: Anvil) -> None:
        self.anvil = anvil
        self.sender = anvil.accounts[0].address
        self._nonce = 0
        holders = tuple(account.address for account in anvil.accounts[1:6])
        factor = (1, b"CAMX", 2, 470442, 1_600_000_000, 4_000_000_000, "EPA eGRID", "2023", bytes(32))
        arguments = encode(
            [
                "(address,address,address,address,address)",
                "uint48",
                "(uint32,bytes4,uint8,uint32,uint64,uint64,string,string,bytes32)[]",
                "uint32",
                "address",
            ],
            [holders, 0, [factor], 1, ZERO],
        )
        receipt = self._send(None, build().creation + arguments)
        self.address = bytes.fromhex(receipt["contractAddress"][2:])
        self.block = int(receipt["blockNumber"], 16)

    def trades(self, count: int = 1) -> str:
        """Hash of a mined transaction that logs `count` trades."""
        self._nonce += 1
        item = (1).to_bytes(1, "big") + bytes.fromhex(self.anvil.accounts[9].address[2:])
        items = b"".join(
            item + (1000 + index).to_bytes(4, "big") + (150_000).to_bytes(5, "big") for index in range(count)
        )
        return str(
            self.call("logEnergyTrades(uint80,bytes)", ["uint80", "bytes"], [self._nonce, items])["transactionHash"]
        )

    def call(self, signature: str, types: Sequence[str], values: Sequence[Any], sender: str | None = None) -> Any:
        """Receipt of a mined call."""
        return self._send("0x" + self.address.hex(), keccak(signature.encode())[:4] + encode(types, values), sender)

    def _send(self, to: str | None, data: bytes, sender: str | None = None) -> Any:
        call = {"from": sender or self.sender, "data": "0x" + data.hex(), "gas": hex(16_000_000)}
        if to is not None:
            call["to"] = to
        tx_hash = self.anvil.rpc("eth_sendTransaction", call)
        for _ in range(200):
            receipt = self.anvil.rpc("eth_getTransactionReceipt", tx_hash)
            if receipt is not None:
                assert receipt["status"] == "0x1"
                return receipt
            time.sleep(0.01)
        raise AssertionError("the transaction was not mined")

    def truth(self, up_to: int | None = None) -> list[tuple[int, int]]:
        """(block, log index) of every log, as the node's own index has them."""
        last = "latest" if up_to is None else hex(up_to)
        found = self.anvil.rpc(
            "eth_getLogs", {"address": "0x" + self.address.hex(), "fromBlock": "0x0", "toBlock": last}
        )
        return [(int(log["blockNumber"], 16), int(log["logIndex"], 16)) for log in found]


@dataclass
class Stage:
    """A registered chain and what follows it."""

    anvil: Anvil
    log: TradeLog
    db: Database
    chain: Chain
    rpc: RpcClient
    projector: RecordingProjector
    follower: Follower

    async def follow(self) -> Step:
        """Step until there is nothing more to do; the last step."""
        for _ in range(50):
            step = await self.follower.step()
            if step not in (Step.ADVANCED, Step.REWOUND):
                return step
        raise AssertionError("the follower does not come to rest")

    def again(self, *urls: str, options: FollowerOptions | None = None) -> Follower:
        """Another follower of the same chain, as after a restart; it becomes the stage's."""
        if urls:
            self.rpc = client(*urls)
        self.follower = Follower(self.db, self.rpc, self.chain.id, self.projector, options or self.follower.options)
        return self.follower

    async def records(self) -> list[tuple[int, int]]:
        """(block, log index) of what the projector has recorded, in order."""
        return [
            (row[0], row[1])
            for row in await self.rows("SELECT block_number, log_index FROM test_records ORDER BY 1, 2")
        ]

    async def caught_up(self, timeout_s: float = 10) -> None:
        """Return once a follower that runs beside has recorded the whole chain."""
        async with asyncio.timeout(timeout_s):
            while await self.records() != self.log.truth():  # noqa: ASYNC110 (the follower is another process's)
                await asyncio.sleep(0.05)

    async def rows(self, sql: str) -> list[Any]:
        """Rows of a query as gridx_service."""
        async with self.db.begin() as session:
            return list((await session.execute(text(sql))).all())

    async def cursor(self) -> Cursor:
        """The follower's cursor."""
        async with self.db.begin() as session:
            return await queries.get_cursor(session, self.chain.id)

    async def now_chain(self) -> Chain:
        """The chain as it is stored now."""
        async with self.db.begin() as session:
            return await service.get_chain(session, self.chain.id)


def block(anvil: Anvil, number: int | str) -> Any:
    """A JSON block."""
    return anvil.rpc("eth_getBlockByNumber", hex(number) if isinstance(number, int) else number, False)


async def register(anvil: Anvil, log: TradeLog, db: Database, *, confirmations: int | None) -> Chain:
    """Register the deployment of `log`."""
    deployed = block(anvil, log.block)
    async with db.begin() as session:
        return await service.register_chain(
            session,
            chain_id=31337,
            genesis_hash=bytes.fromhex(block(anvil, 0)["hash"][2:]),
            contract_address=log.address,
            deployment_block=log.block,
            deployment_block_hash=bytes.fromhex(deployed["hash"][2:]),
            parent_hash=bytes.fromhex(deployed["parentHash"][2:]),
            network="local",
            confirmations=confirmations,
        )

# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks of trades stand on: a durable PostgreSQL, Redis, a chain, members with meters, trades on chain.

Everything is real and in a temporary folder; nothing is left behind. Chain id of the rows is 1.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from eth_abi.abi import encode
from web3 import Web3

from backend.chain.deployment import ensure_registered
from backend.core.crypto import keccak, sign
from backend.core.db import Database, raw
from backend.core.ids import uuid7
from scripts.contract_build import build
from scripts.embedded.anvil import Anvil
from scripts.embedded.postgres import PostgresServer, install_folder
from scripts.embedded.process import ROOT, free_port
from scripts.embedded.redis import RedisServer
from tests.support.databases import PASSWORDS

MEMBERS = 50
COMMUNITY, FACTOR = 1, 1
REGION = b"CAMX"
MINUTES = 60
PRICE = 240_000
FILL_WH = 1_000
SETTLE_PAIRS = 100
BLOCK_TRADES = 75
ORDER = "(address,address,bool,uint64,uint32,uint32,uint32,uint32,uint40,uint32,uint16,uint16)"
OPERATOR_KEY = "07" * 32
SIGNING_SEED = b"s" * 32
RAISED_LIMIT = "1000000/second"
API_PROCESSES = 2


@dataclass
class Ground:
    """The running parts. `environment` starts any process of GridX on them."""

    folder: Path
    postgres: PostgresServer
    redis: RedisServer
    anvil: Anvil
    environment: dict[str, str]
    db: Database
    market: Market

    def pgbench(self, script: str, *, clients: int, seconds: int, size: int) -> float:
        """Transactions per second of a pgbench script, prepared, as gridx_service."""
        path = self.folder / "limit.sql"
        path.write_text(script)
        arguments = ["-n", "-M", "prepared", "-c", str(clients), "-j", "1", "-T", str(seconds), "-f", str(path)]
        done = subprocess.run(
            [
                install_folder() / "bin" / "pgbench",
                *arguments,
                "-D",
                f"size={size}",
                self.environment["GRIDX_DATABASE_SERVICE_URL"],
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        for line in done.stdout.splitlines():
            if line.startswith("tps = "):
                return float(line.split()[2])
        raise RuntimeError(done.stdout + done.stderr)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start `python -m …` on this ground."""
        log = (self.folder / f"{arguments[0]}.log").open("ab")
        settings = {**self.environment, **environment}
        return subprocess.Popen([sys.executable, "-m", *arguments], env=settings, cwd=ROOT, stdout=log, stderr=log)

    @contextmanager
    def instance(self, processes: int = API_PROCESSES) -> Iterator[list[int]]:
        """An instance of the api: as many processes as the machine has cores, each on its port."""
        ports = [free_port() for _ in range(processes)]
        running = [self.start("backend.api", GRIDX_API_PORT=str(port)) for port in ports]
        try:
            for port in ports:
                wait_for_port(port)
            yield ports
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.wait(20)


class Market:
    """Members of one community, each with a wallet, a meter and one large signed offer and bid on the real contract."""

    def __init__(self, anvil: Anvil) -> None:
        self.anvil = anvil
        self.web3 = Web3(Web3.HTTPProvider(anvil.rpc_url, request_kwargs={"timeout": 120}))
        self.admin = anvil.accounts[0].address
        self.keys = [keccak(b"bench member %d" % index) for index in range(2 * MEMBERS)]
        self.wallets = [_address(key) for key in self.keys]
        compiled = build()
        factor = (FACTOR, REGION, 2, 470_442, 0, 2**40, "EPA eGRID", "2023", b"\x11" * 32)
        factory = self.web3.eth.contract(abi=compiled.abi, bytecode=compiled.creation)
        call = factory.constructor((self.admin,) * 5, 0, [factor], FACTOR, "0x" + "00" * 20)
        receipt = self.web3.eth.wait_for_transaction_receipt(call.transact({"from": self.admin, "gas": 12_000_000}))
        self.contract = self.web3.eth.contract(address=receipt["contractAddress"], abi=compiled.abi)
        self.block = self.web3.eth.get_block(receipt["blockNumber"])
        self.delivery = int(self.block["timestamp"]) // 3600 * 3600 - 7200
        self._enrol()
        self._nonce = 1

    def record(self) -> dict[str, Any]:
        """The deployment record that the processes read."""
        return {
            "network": "local",
            "chainId": self.web3.eth.chain_id,
            "genesisHash": "0x" + bytes(self.web3.eth.get_block(0)["hash"]).hex(),
            "address": self.contract.address,
            "blockNumber": self.block["number"],
            "blockHash": "0x" + bytes(self.block["hash"]).hex(),
            "parentHash": "0x" + bytes(self.block["parentHash"]).hex(),
        }

    def meter(self, member: int) -> int:
        """Meter reference of a member."""
        return 1000 + member

    def _enrol(self) -> None:
        self._send(self.contract.functions.registerCommunity(COMMUNITY, REGION, MINUTES))
        hashes = []
        for member, wallet in enumerate(self.wallets):
            call = self.contract.functions.enrolMeter(self.meter(member), wallet, COMMUNITY, "0x" + "00" * 20)
            hashes.append(call.transact({"from": self.admin, "gas": 300_000}))
            self.anvil.rpc("anvil_impersonateAccount", wallet)
            self.anvil.rpc("anvil_setBalance", wallet, hex(10**24))
        for tx in hashes:
            self.web3.eth.wait_for_transaction_receipt(tx, timeout=60)

    def _send(self, call: Any) -> None:
        receipt = self.web3.eth.wait_for_transaction_receipt(call.transact({"from": self.admin, "gas": 1_000_000}))
        assert receipt["status"] == 1

    def order(self, member: int, *, is_bid: bool, matched: bool) -> tuple[tuple[Any, ...], bytes]:
        """A member's large order for the interval, and its signature."""
        taker = self.contract.address if matched else "0x" + "00" * 20
        position = 1 if matched else 0
        values = (
            self.wallets[member], taker, is_bid, self.meter(member), self.delivery, 2**32 - 1, 2**32 - 1, 1, PRICE,
            FACTOR, position, MINUTES,
        )  # fmt: skip
        return values, sign(self.contract.functions.hashOrder(values).call(), self.keys[member])

    def log_fills(self, count: int) -> list[tuple[bytes, int, int]]:
        """Log `count` trades, a transaction each: (transaction hash, seller, buyer) in order. Buyers send them."""
        selector = self.contract.functions.fillOffer(
            self.order(0, is_bid=False, matched=False)[0], b"", 0, 1, 1
        )._encode_transaction_data()[:10]
        offers = [self.order(seller, is_bid=False, matched=False) for seller in range(MEMBERS)]
        calls, parties = [], []
        nonces = dict.fromkeys(self.wallets, 0)
        for number in range(count):
            seller, buyer = number % MEMBERS, MEMBERS + (number * 7 + number // MEMBERS) % MEMBERS
            order, signature = offers[seller]
            data = encode(
                [ORDER, "bytes", "uint80", "uint32", "uint64"],
                [order, signature, self._next_nonce(), FILL_WH, self.meter(buyer)],
            )
            calls.append(
                {
                    "from": self.wallets[buyer],
                    "to": self.contract.address,
                    "data": selector + data.hex(),
                    "nonce": hex(nonces[self.wallets[buyer]]),
                    "gas": hex(120_000),
                }
            )
            nonces[self.wallets[buyer]] += 1
            parties.append((seller, buyer))
        hashes = self._mined_in_blocks(calls)
        return [(tx, *pair) for tx, pair in zip(hashes, parties, strict=True)]

    def log_matches(self, count: int) -> None:
        """Log `count` matched pairs, a hundred a transaction."""
        offers = [self.order(seller, is_bid=False, matched=True) for seller in range(MEMBERS)]
        bids = [self.order(MEMBERS + buyer, is_bid=True, matched=True) for buyer in range(MEMBERS)]
        last = b""
        for start in range(0, count, SETTLE_PAIRS):
            matches = []
            for number in range(start, min(start + SETTLE_PAIRS, count)):
                offer, bid = offers[number % MEMBERS], bids[(number * 7 + number // MEMBERS) % MEMBERS]
                matches.append((offer[0], bid[0], offer[1], bid[1], self._next_nonce(), FILL_WH, PRICE))
            call = self.contract.functions.settleMatched(matches)
            data = call._encode_transaction_data()
            hashes = self._broadcast(
                [{"from": self.admin, "to": self.contract.address, "data": data, "gas": hex(12_000_000)}]
            )
            last = hashes[-1]
        self._await(last)

    def _mined_in_blocks(self, calls: list[dict[str, Any]]) -> list[bytes]:
        """Broadcast and mine, BLOCK_TRADES a block: anvil's time for a block's receipts grows with the square."""
        hashes: list[bytes] = []
        self.anvil.rpc("evm_setAutomine", False)
        for start in range(0, len(calls), BLOCK_TRADES):
            hashes += self._broadcast(calls[start : start + BLOCK_TRADES])
            self.anvil.mine(1)
        self.anvil.rpc("evm_setAutomine", True)
        self._await(hashes[-1])
        return hashes

    def _next_nonce(self) -> int:
        self._nonce += 1
        return self._nonce

    def _broadcast(self, calls: list[dict[str, Any]]) -> list[bytes]:
        import httpx

        hashes: list[bytes] = []
        with httpx.Client(timeout=120) as client:
            for start in range(0, len(calls), 200):
                batch = [
                    {"jsonrpc": "2.0", "id": number, "method": "eth_sendTransaction", "params": [call]}
                    for number, call in enumerate(calls[start : start + 200])
                ]
                answers = client.post(self.anvil.rpc_url, json=batch).json()
                for answer in sorted(answers, key=lambda item: item["id"]):
                    if "error" in answer:
                        raise RuntimeError(answer["error"])
                    hashes.append(bytes.fromhex(answer["result"][2:]))
        return hashes

    def _await(self, tx_hash: bytes) -> None:
        receipt = self.web3.eth.wait_for_transaction_receipt(tx_hash, timeout=600)
        assert receipt["status"] == 1, "a trade of the benchmark reverted"


def _address(key: bytes) -> str:
    from eth_account import Account

    return str(Account.from_key(key).address)


async def store_members(db: Database, market: Market) -> list[UUID]:
    """Users with the members' wallets; the community in UTC."""
    users = [uuid7() for _ in market.wallets]
    async with db.begin() as session:
        connection = await raw(session)
        await connection.execute(
            """INSERT INTO organizations (id, kind, name, slug, emission_region, time_zone, delivery_minutes,
                   community_number, created_at, updated_at)
               VALUES ($1, 'community', 'Bench', 'bench', 'CAMX', 'UTC', $2, $3, now(), now())""",
            uuid7(), MINUTES, COMMUNITY,
        )  # fmt: skip
        await connection.executemany(
            "INSERT INTO users (id, name, created_at) VALUES ($1, $2, now())", [(user, "member") for user in users]
        )
        await connection.executemany(
            "INSERT INTO wallets (id, address, user_id, valid_from) VALUES ($1, $2, $3, '1970-01-01')",
            [(uuid7(), bytes.fromhex(wallet[2:]), user) for wallet, user in zip(market.wallets, users, strict=True)],
        )
    return users


def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="gridx-bench-"))
    folder.chmod(0o711)
    return folder


@asynccontextmanager
async def ground(*, block_time_s: int | None = None, gas_limit: int = 2_000_000_000) -> AsyncIterator[Ground]:
    """Start everything, deploy, enrol the members, register the chain."""
    folder = _folder()
    postgres = PostgresServer(folder, PASSWORDS, port=free_port(), durable=True, log=folder / "postgres.log")
    redis = RedisServer(folder / "redis", password="redis")
    options = ("--gas-limit", str(gas_limit), "--block-base-fee-per-gas", "0", "--gas-price", "0")
    anvil = Anvil(block_time_s=block_time_s, options=options)
    db: Database | None = None
    try:
        postgres.start()
        redis.start()
        anvil.start()
        from backend.migrations import upgrade

        await asyncio.to_thread(upgrade, postgres.url("owner"))
        market = await asyncio.to_thread(Market, anvil)
        await asyncio.to_thread((folder / "deployment.json").write_text, json.dumps(market.record()))
        db = Database(postgres.url("service"))
        await ensure_registered(db, folder / "deployment.json", confirmations=2)
        yield Ground(folder, postgres, redis, anvil, _environment(folder, postgres, redis, anvil), db, market)
    finally:
        if db is not None:
            await db.close()
        for server in (anvil, redis, postgres):
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _environment(folder: Path, postgres: PostgresServer, redis: RedisServer, anvil: Anvil) -> dict[str, str]:
    raised = {f"GRIDX_LIMIT_{name}": RAISED_LIMIT for name in ("ANONYMOUS", "USER", "SIGN_IN")}
    return {
        **os.environ,
        **raised,
        "DATABASE_URL": postgres.url("api"),
        "GRIDX_DATABASE_OWNER_URL": postgres.url("owner"),
        "GRIDX_DATABASE_SERVICE_URL": postgres.url("service"),
        "GRIDX_DATABASE_AUDIT_URL": postgres.url("audit"),
        "REDIS_URL": redis.url,
        "RPC_URL": anvil.rpc_url,
        "GRIDX_DEPLOYMENT_FILE": str(folder / "deployment.json"),
        "GRIDX_SIGNING_KEY": base64.b64encode(SIGNING_SEED).decode(),
        "GRIDX_OPERATOR_KEY": OPERATOR_KEY,
        "GRIDX_PUBLIC_URL": "http://127.0.0.1:3001",
        "GRIDX_LOG_LEVEL": "WARNING",
    }


def wait_for_port(port: int, *, seconds: float = 30) -> None:
    """Return once something listens on `port`. Raises TimeoutError."""
    import socket

    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on port {port}")


def report(*, value: float, unit: str, limit: float, as_json: bool, **more: Any) -> None:
    """Print the figures; with `as_json` the last line is JSON with value, unit, limit and ratio."""
    figures = {
        "value": round(value, 2),
        "unit": unit,
        "limit": round(limit, 2),
        "ratio": round(value / limit, 3),
        **more,
    }
    for name, figure in figures.items():
        print(f"{name:>24}  {figure}")
    if as_json:
        print(json.dumps(figures))

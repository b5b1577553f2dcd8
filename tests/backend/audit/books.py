# SPDX-License-Identifier: Apache-2.0
"""A bookkeeper for tests: writes what a right recorder would write, with web3's decoding and plain SQL."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

import asyncpg
from web3 import Web3

from tests.backend.audit.stage import COMMUNITY, DELIVERY, FACTOR, MG_PER_KWH, Stage, sign_typed

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
ISSUANCE, RETIRED = b"\x00", b"\x01"
_TRADE = """
INSERT INTO energy_trades (id, chain, trade_id, kind, seller_address, buyer_address, energy_wh, price_micro_per_kwh,
    carbon_logged_g, factor_id, seller_meter, buyer_meter, community, delivery_start, delivery_minutes, delivery_date,
    consented, ineligible_reason, claim_g, block_number, block_hash, tx_hash, log_index, block_time, status,
    recorded_at, final_at, consent_block_number, consent_block_hash, consent_tx_hash)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
    'FINAL', $25, $25, $26, $27, $28)
"""
_TRANSFER = """
INSERT INTO carbon_transactions (id, kind, debit_account, debit_bucket, credit_account, credit_bucket, grams, chain,
    trade_id, cycle, document_id, holder_id, community, delivery_date, delivery_start, booked_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
"""
KINDS = {
    "CarbonRetirement": [
        ("account", "address"), ("grams", "uint256"), ("reason", "string"), ("sequence", "uint256"),
        ("previousHash", "bytes32"), ("expiry", "uint256"),
    ],
    "CarbonTransfer": [
        ("account", "address"), ("recipient", "address"), ("grams", "uint256"), ("sequence", "uint256"),
        ("previousHash", "bytes32"), ("expiry", "uint256"),
    ],
    "CarbonReduction": [
        ("account", "address"), ("sequence", "uint256"), ("previousHash", "bytes32"), ("issuedAt", "uint256"),
        ("grams", "uint256"), ("itemsHash", "bytes32"),
    ],
}  # fmt: skip


@dataclass
class Books:
    """A database in step with the stage's chain. `super` passes by every guard, for tampering."""

    stage: Stage
    super: asyncpg.Connection
    chain: int = 0
    trades: dict[bytes, dict[str, Any]] = field(default_factory=dict)
    heads: dict[bytes, tuple[int, bytes]] = field(default_factory=dict)

    @classmethod
    async def open(cls, stage: Stage, url: str) -> Books:
        connection = await asyncpg.connect(url)
        await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
        books = cls(stage, connection)
        place = stage.deployment
        books.chain = await connection.fetchval(
            """INSERT INTO chains (chain_id, genesis_hash, contract_address, deployment_block, deployment_block_hash,
                salt, network, confirmations) VALUES ($1, $2, $3, $4, $5, $6, 'local', 1) RETURNING id""",
            place.chain_id, place.genesis_hash, place.address, place.block_number, place.block_hash, place.parent_hash,
        )  # fmt: skip
        return books

    async def tamper(self, statement: str, *arguments: Any) -> None:
        """Run a statement with triggers off, as somebody with the superuser's password could."""
        async with self.super.transaction():
            await self.super.execute("SET LOCAL session_replication_role = replica")
            done = await self.super.execute(statement, *arguments)
            assert not done.endswith(" 0"), "nothing was tampered with"

    async def record(self) -> None:
        """Write every event since the deployment, and where the follower stands."""
        stage, place = self.stage, self.stage.deployment
        head = stage.web3.eth.block_number
        logs = stage.web3.eth.get_logs({"address": stage.contract.address, "fromBlock": place.block_number})
        async with self.super.transaction():
            for log in logs:
                await self._observe(log)
            for name, write in (
                ("CommunityRegistered", self._community), ("MeterEnrolled", self._meter),
                ("EmissionFactorRegistered", self._factor), ("EnergyTradeLogged", self._trade),
                ("EnergyTradeConfirmed", self._consent),
            ):  # fmt: skip
                for event in stage.contract.events[name].get_logs(from_block=place.block_number):
                    await write(event, event["args"])
            for trade_id, row in self.trades.items():
                await self._write_trade(trade_id, row)
            await self.super.execute(
                """INSERT INTO chain_cursor (chain, next_block, last_hash, history_block)
                VALUES ($1, $2, $3, 0) ON CONFLICT (chain) DO UPDATE SET next_block = excluded.next_block""",
                self.chain, head + 1, bytes(stage.web3.eth.get_block(head)["hash"]),
            )  # fmt: skip
            await self._statistics()
        await self.super.execute("SELECT carbon_refresh_boards(100000)")

    async def _observe(self, log: Any) -> None:
        time = self.stage.web3.eth.get_block(log["blockNumber"])["timestamp"]
        await self.super.execute(
            """INSERT INTO chain_events (chain, block_hash, log_index, block_number, block_time, tx_hash, tx_index,
                topics, data) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
            self.chain, bytes(log["blockHash"]), log["logIndex"], log["blockNumber"], _moment(time),
            bytes(log["transactionHash"]), log["transactionIndex"], b"".join(map(bytes, log["topics"])),
            bytes(log["data"]),
        )  # fmt: skip

    async def _community(self, event: Any, args: Any) -> None:
        await self.super.execute(
            "INSERT INTO chain_communities VALUES ($1, $2, $3, $4, $5, $6)", self.chain, args["community"],
            args["region"].decode(), args["deliveryMinutes"], event["blockNumber"], event["logIndex"],
        )  # fmt: skip

    async def _meter(self, event: Any, args: Any) -> None:
        await self.super.execute(
            "INSERT INTO chain_meters VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)", self.chain, args["meter"],
            _bytes(args["owner"]), args["community"], args["region"].decode(), args["deliveryMinutes"], None,
            event["blockNumber"], event["logIndex"],
        )  # fmt: skip

    async def _factor(self, event: Any, args: Any) -> None:
        await self.super.execute(
            """INSERT INTO emission_factors VALUES ($1, $2, $3, $4, $5, to_timestamp($6::bigint), 'infinity',
                to_timestamp($7::bigint), $8, $9, $10, $11, $12)""",
            self.chain, args["factorId"], args["region"].decode(), args["basis"], args["mgPerKwh"], args["validFrom"],
            args["effectiveAt"], args["source"], args["vintage"], args["documentHash"], event["blockNumber"],
            event["logIndex"],
        )  # fmt: skip

    async def _trade(self, event: Any, args: Any) -> None:
        details = args["details"]
        kind = details & 0xFF
        self.trades[args["tradeId"]] = {
            "event": event, "args": args, "kind": kind, "factor": details >> 40 & 0xFFFFFFFF, "consent": None,
            "terms": (details >> 184, details >> 120 & (2**64 - 1)) if kind else None,
        }  # fmt: skip

    async def _consent(self, event: Any, args: Any) -> None:
        details = args["details"]
        row = self.trades[args["tradeId"]]
        row["terms"], row["consent"] = (details >> 184, details >> 120 & (2**64 - 1)), event
        row["factor"] = details >> 40 & 0xFFFFFFFF

    async def _write_trade(self, trade_id: bytes, row: dict[str, Any]) -> None:
        event, args, terms, consent = row["event"], row["args"], row["terms"], row["consent"]
        claim = args["energyWh"] * MG_PER_KWH // 10**6 if terms else 0
        row["claim_g"] = claim
        block = self.stage.web3.eth.get_block(event["blockNumber"])
        await self.super.execute(
            _TRADE, uuid4(), self.chain, trade_id, row["kind"], _bytes(args["seller"]), _bytes(args["buyer"]),
            args["energyWh"], args["pricePerKwh"], args["carbonSavedGrams"], row["factor"],
            terms[0] if terms else None, terms[1] if terms else None, COMMUNITY if terms else None,
            _moment(DELIVERY) if terms else None, 15 if terms else None, date(2026, 1, 1) if terms else None,
            bool(terms), None if terms else "no_consent", claim, event["blockNumber"], bytes(event["blockHash"]),
            bytes(event["transactionHash"]), event["logIndex"], _moment(block["timestamp"]), NOW,
            consent["blockNumber"] if consent else None, bytes(consent["blockHash"]) if consent else None,
            bytes(consent["transactionHash"]) if consent else None,
        )  # fmt: skip
        if claim:
            await self.transfer("earned", ISSUANCE, 1, _bytes(args["buyer"]), 0, claim, trade_id=trade_id)

    async def transfer(
        self, kind: str, debit: bytes, debit_bucket: int, credit: bytes, credit_bucket: int, grams: int, *,
        trade_id: bytes | None = None, document: UUID | None = None, cycle: int = 1, super_user: bool = False,
    ) -> None:  # fmt: skip
        buyer = credit if kind == "earned" else debit
        of_trade = trade_id is not None
        values = (
            uuid4(), kind, debit, debit_bucket, credit, credit_bucket, grams, self.chain if of_trade else None,
            trade_id, cycle if of_trade else None, document, holder(buyer) if of_trade else None,
            COMMUNITY if of_trade else None, date(2026, 1, 1) if of_trade else None,
            _moment(DELIVERY) if of_trade else None, NOW,
        )  # fmt: skip
        await self.super.execute(_TRANSFER, *values)

    async def _statistics(self) -> None:
        await self.super.execute(
            """INSERT INTO seller_statistics SELECT seller_address, count(*), sum(energy_wh),
                sum(div(energy_wh::numeric * price_micro_per_kwh, 1000)) FROM energy_trades
            WHERE consented AND ineligible_reason IS NULL GROUP BY 1
            ON CONFLICT (address) DO NOTHING"""
        )

    async def settle(self, trade_id: bytes, delivered_wh: int, operator: int = 0) -> None:
        """Close a trade on readings: an operator's signed reduction for what is short, then the release."""
        row = self.trades[trade_id]
        buyer = _bytes(row["args"]["buyer"])
        released = delivered_wh * MG_PER_KWH // 10**6
        short = row["claim_g"] - released
        statement = "UPDATE energy_trades SET delivered_wh = $2, settled_at = $3 WHERE trade_id = $1"
        await self.super.execute(statement, trade_id, delivered_wh, NOW)
        if short:
            packed = trade_id + (1).to_bytes(4, "big") + short.to_bytes(8, "big")
            message = {"issuedAt": 1, "grams": short, "itemsHash": bytes(Web3.keccak(packed))}
            items = [{"tradeId": "0x" + trade_id.hex(), "cycle": 1, "grams": str(short)}]
            document = await self.sign(operator, "reduction", "CarbonReduction", message, items=items)
            await self.transfer("reduced", buyer, 0, ISSUANCE, 1, short, trade_id=trade_id, document=document)
        if released:
            await self.transfer("released", buyer, 0, buyer, 1, released, trade_id=trade_id)
        await self.super.execute("SELECT carbon_refresh_boards(100000)")

    async def retire(self, owner: int, grams: int, *, signer: int | None = None) -> UUID:
        message = {"grams": grams, "reason": "for the river", "expiry": 2**32}
        document = await self.sign(owner, "retirement", "CarbonRetirement", message, signer=signer)
        await self.transfer("retired", self.stage.address(owner), 1, RETIRED, 1, grams, document=document)
        return document

    async def give(self, owner: int, recipient: int, grams: int) -> UUID:
        to = self.stage.address(recipient)
        message = {"recipient": to, "grams": grams, "expiry": 2**32}
        document = await self.sign(owner, "transfer", "CarbonTransfer", message)
        await self.transfer("transferred", self.stage.address(owner), 1, to, 1, grams, document=document)
        return document

    async def sign(
        self, owner: int, kind: str, primary: str, message: dict[str, Any], *,
        signer: int | None = None, items: list[Any] | None = None, created_at: datetime | None = None,
    ) -> UUID:  # fmt: skip
        """Store a signed document that continues the owner's chain."""
        account = self.stage.address(owner)
        sequence, previous = self.heads.get(account, (0, bytes(32)))
        full = {**message, "account": account, "sequence": sequence + 1, "previousHash": previous}
        domain = self.stage.domain() | {"name": "GridX Carbon"}
        fields = KINDS[primary]
        key = self.stage.key(owner if signer is None else signer)
        signature, digest = sign_typed(key, domain, primary, fields, full), digest_typed(domain, primary, fields, full)
        plain = {name: _plain(value) for name, value in full.items()}
        body: dict[str, Any] = {
            "domain": {name: _plain(value) for name, value in domain.items()} | {"chainId": domain["chainId"]},
            "types": {primary: [{"name": name, "type": type_} for name, type_ in fields]},
            "primaryType": primary,
            "message": plain,
        }
        if items is not None:
            body["items"] = items
        identity = uuid4()
        await self.super.execute(
            "INSERT INTO carbon_documents VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            identity, account, sequence + 1, previous, kind, body, digest,
            self.stage.address(owner if signer is None else signer), signature, created_at or NOW - timedelta(days=1),
        )  # fmt: skip
        self.heads[account] = (sequence + 1, digest)
        return identity


def digest_typed(domain: dict[str, Any], name: str, fields: list[tuple[str, str]], message: dict[str, Any]) -> bytes:
    """The digest of a typed message by eth-account."""
    from eth_account.messages import _hash_eip191_message, encode_typed_data

    kinds = [("name", "string"), ("version", "string"), ("chainId", "uint256"), ("verifyingContract", "address"),
             ("salt", "bytes32")]  # fmt: skip
    typed = {
        "types": {"EIP712Domain": _entries(kinds), name: _entries(fields)},
        "primaryType": name, "domain": domain, "message": message,
    }  # fmt: skip
    return bytes(_hash_eip191_message(encode_typed_data(full_message=typed)))


def _entries(fields: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": name, "type": kind} for name, kind in fields]


def holder(address: bytes) -> UUID:
    """Some stable id of a wallet that no user has claimed."""
    return uuid5(UUID(int=1), address.hex())


def _plain(value: Any) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)


def _bytes(address: str) -> bytes:
    return bytes.fromhex(address[2:])


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


__all__ = ["FACTOR", "Books", "digest_typed", "holder"]

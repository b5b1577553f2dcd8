# SPDX-License-Identifier: Apache-2.0
"""What every part of a relayer works with, and the two steps of each transaction: stored first, broadcast then."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog

from backend.chain.observer import Observer
from backend.chain.types import Chain
from backend.core.db import Database
from backend.core.failpoints import failpoint
from backend.market.relayer import queue, standing, transactions
from backend.market.relayer.metrics import STOPPED
from backend.market.relayer.node import Node
from backend.market.relayer.signer import Signer
from backend.market.relayer.types import Answer, RelayerOptions, Stop, Stored, Unsigned

_log = structlog.get_logger()


@dataclass(slots=True)
class Desk:
    """One signer on one chain. `db` works as gridx_service."""

    db: Database
    chain: Chain
    signer: Signer
    node: Node
    observer: Observer
    options: RelayerOptions
    causes: set[Stop] = field(default_factory=set)
    refused_gas: int | None = None  # of the batch that balance or budget did not bear
    is_stopped: bool = True  # as far as we know: whoever worked before us may have stopped

    async def store(self, unsigned: Unsigned, matches: Sequence[UUID], now: datetime) -> Stored | None:
        """Sign and store a transaction; its matches are SENT from then on. None: some of them are not ours any more."""
        raw = await self.signer.sign(unsigned)
        await failpoint("relayer.before_store")
        async with self.db.begin() as session:
            if len(await queue.hold(session, matches)) != len(matches):
                return None
            stored = await transactions.store(
                session, self.chain.id, self.signer.address, unsigned=unsigned, raw=raw, matches=matches, now=now
            )
            await queue.move(session, matches, "SENT", now)
            await failpoint("relayer.before_store_commit")
        await failpoint("relayer.after_store")
        return stored

    async def replace(self, old: Stored, unsigned: Unsigned, now: datetime) -> Stored | None:
        """Sign and store a successor with the nonce of `old`; None: `old` was mined meanwhile."""
        raw = await self.signer.sign(unsigned)
        async with self.db.begin() as session:
            stored = await transactions.replace(
                session, self.chain.id, self.signer.address, old, unsigned=unsigned, raw=raw, now=now
            )
        await failpoint("relayer.after_replace")
        return stored

    async def broadcast(self, stored: Stored, now: datetime) -> Answer:
        """Hand a stored transaction to the nodes and keep what they said."""
        answer, message = await self.node.broadcast(stored.raw)
        await failpoint("relayer.after_broadcast")
        async with self.db.begin() as session:
            if answer is Answer.TAKEN:
                await transactions.taken(session, stored, now)
            else:
                await transactions.refused(session, stored, message)
        await failpoint("relayer.after_mark")
        if answer is not Answer.TAKEN:
            _log.warning("relayer.refused", nonce=stored.nonce, tx_hash="0x" + stored.tx_hash.hex(), why=message[:300])
        return answer

    async def stop(self, cause: Stop, reason: str, now: datetime) -> None:
        """Send nothing for now; the alert goes out once."""
        self.causes.add(cause)
        self.is_stopped = True
        async with self.db.begin() as session:
            said = await standing.stop(session, self.chain.id, self.signer.address, cause, reason, now)
        STOPPED.labels(self.chain.id).set(1)
        if said:
            _log.error("relayer.stopped", cause=str(cause), reason=reason)

    async def resume(self) -> None:
        """No cause to stop is left."""
        if not self.is_stopped:
            return
        async with self.db.begin() as session:
            resumed = await standing.resume(session, self.chain.id, self.signer.address)
        self.is_stopped = False
        STOPPED.labels(self.chain.id).set(0)
        if resumed:
            _log.info("relayer.resumed")

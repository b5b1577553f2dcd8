# SPDX-License-Identifier: Apache-2.0
"""The relayer: one at work for each signer (a session lock); others stand by. Any moment is a safe moment to die."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import asyncpg
import structlog

from backend.chain import service as chains
from backend.chain.observer import Observer
from backend.chain.rpc import RpcClient
from backend.chain.types import Chain
from backend.core.clock import utc_now
from backend.core.crypto import keccak
from backend.core.db import DATABASE_ERRORS, Database
from backend.core.errors import Unavailable
from backend.market.relayer import queue, standing
from backend.market.relayer.desk import Desk
from backend.market.relayer.errors import SignerWithoutRole
from backend.market.relayer.metrics import BALANCE
from backend.market.relayer.node import Node
from backend.market.relayer.sending import could_send, send_waiting, take_out_expired
from backend.market.relayer.signer import Signer
from backend.market.relayer.skips import see_to_skips
from backend.market.relayer.tending import Patience, tend
from backend.market.relayer.types import Ground, Outcome, RelayerOptions, Stop

FAILPOINTS = (
    "relayer.after_simulation",
    "relayer.before_cancel_commit",
    "relayer.after_cancel",
    "relayer.before_store",
    "relayer.before_store_commit",
    "relayer.after_store",
    "relayer.after_broadcast",
    "relayer.after_mark",
    "relayer.after_replace",
)
RELAYER_LOCK = 0x47520004
_MAX_PAUSE_S = 15.0
_EXPIRED_EVERY = timedelta(seconds=5)
_log = structlog.get_logger()


class Relayer:
    """Sends the matched pairs of `chain` as `signer`. `db` works as gridx_service; `now` reads the clock."""

    def __init__(
        self,
        db: Database,
        rpc: RpcClient,
        chain: Chain,
        signer: Signer,
        options: RelayerOptions | None = None,
        *,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        options = options or RelayerOptions()
        observer = Observer(rpc, chain, finality_depth=options.finality_depth)
        self.desk = Desk(db, chain, signer, Node(rpc, chain, signer.address), observer, options)
        self._now = now
        self._patience = Patience()
        self._lock: asyncpg.Connection | None = None
        self._expired_at: datetime | None = None

    async def check_role(self) -> None:
        """SignerWithoutRole when the account may not settle; RpcUnavailable when no node can say."""
        if not await self.desk.node.may_settle():
            raise SignerWithoutRole(
                account="0x" + self.desk.signer.address.hex(), contract="0x" + self.desk.chain.contract_address.hex()
            )

    async def run(self, stop: asyncio.Event) -> None:
        """Relay until `stop` is set; whatever fails is tried again, after growing pauses.

        SignerWithoutRole: the account may not settle; an operator has to act.
        """
        pause_s = self.desk.options.poll_interval_s
        is_checked = False
        try:
            while not stop.is_set():
                try:
                    if not is_checked:
                        await self.check_role()
                        is_checked = True
                    await self.step()
                    pause_s = self.desk.options.poll_interval_s
                except SignerWithoutRole:
                    raise
                except Exception as error:  # the relayer never stops: whatever failed is reported and tried again
                    pause_s = min(max(pause_s * 2, 0.2), _MAX_PAUSE_S)
                    is_expected = isinstance(error, (Unavailable, *DATABASE_ERRORS))
                    _log.warning(
                        "relayer.step_failed",
                        why=str(error)[:300],
                        retry_s=pause_s,
                        exc_info=None if is_expected else error,
                    )
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), pause_s)
        finally:
            await self.release()

    async def release(self) -> None:
        """Give up the lock, so that another relayer can take over."""
        if self._lock is not None and not self._lock.is_closed():
            with suppress(*DATABASE_ERRORS):
                await self._lock.close(timeout=2)
        self._lock = None

    async def step(self) -> Outcome | None:
        """Do all that there is to do now; returns what sending came to, None: another relayer works with this key.

        Raises what the nodes or the database raised; nothing is lost then.
        """
        if not await self._is_leading():
            return None
        now = self._now()
        desk = self.desk
        desk.causes.clear()
        ground = await desk.node.ground()
        halted = await self._say(ground, now)
        if halted is not None:
            await desk.stop(Stop.CHAIN_HALTED, f"The follower has stopped: {halted}", now)
            return Outcome.STOPPED
        await tend(desk, ground, self._patience, now)
        await see_to_skips(desk, now)
        async with desk.db.begin() as session:
            await queue.requeue_loose(session, desk.chain.id, now)
        if self._expired_at is None or now - self._expired_at >= _EXPIRED_EVERY:
            await take_out_expired(desk, ground, now)
            self._expired_at = now
        if ground.balance_wei < desk.options.min_balance_wei:
            why = (
                f"0x{desk.signer.address.hex()} has {ground.balance_wei} wei, "
                f"GRIDX_RELAYER_MIN_BALANCE_WEI is {desk.options.min_balance_wei}: send it ether"
            )
            await desk.stop(Stop.LOW_BALANCE, why, now)
        if desk.causes:
            return Outcome.STOPPED
        outcome = await send_waiting(desk, ground, now)
        if not desk.causes and desk.is_stopped and await could_send(desk, ground, now):
            await desk.resume()
        return outcome

    async def _say(self, ground: Ground, now: datetime) -> str | None:
        """Leave a sign of life; returns why the chain is halted, if it is."""
        BALANCE.labels(self.desk.chain.id).set(ground.balance_wei)
        async with self.desk.db.begin() as session:
            await standing.say(
                session, self.desk.chain.id, self.desk.signer.address, balance_wei=ground.balance_wei, now=now
            )
            return (await chains.get_chain(session, self.desk.chain.id)).halted_reason

    async def _is_leading(self) -> bool:
        """Take, or keep, the lock of the signer; it lives as long as its connection."""
        if self._lock is not None and not self._lock.is_closed():
            await self._lock.fetchval("SELECT 1")
            return True
        connection = await self.desk.db.connect_direct()
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1::int, $2::int)", RELAYER_LOCK, self._key()):
            await connection.close()
            return False
        self._lock = connection
        return True

    def _key(self) -> int:
        """A number for the lock: chain and account; two accounts that share it by chance only take turns."""
        digest = keccak(self.desk.chain.id.to_bytes(8, "big") + self.desk.signer.address)
        return int.from_bytes(digest[:4], "big", signed=True)

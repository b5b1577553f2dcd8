# SPDX-License-Identifier: Apache-2.0
"""The way of a signed order into the market: form, facts (many orders in one query), signature, then its venue.

Orders that arrive within 5 ms, or while the book's engine has others waiting, share one query and reach the engine
together: a query for each would cost more than they gain. Nothing is stored before the venue places the order.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from backend.accounts import service as accounts
from backend.accounts.types import CallContract
from backend.chain.types import Chain
from backend.core.clock import utc_now
from backend.core.crypto import recover
from backend.core.db import Database
from backend.core.errors import Refusal
from backend.core.units import format_address
from backend.market.book.types import Placed
from backend.market.orders import offers
from backend.market.orders.checks import Submitted, check, check_form
from backend.market.orders.errors import SignatureWrong
from backend.market.orders.facts import gather
from backend.market.orders.typed_data import domain_of, order_hash
from backend.market.orders.types import NewOrder, SignedOrder, Venue

MAX_BATCH = 500
WINDOW_S = 0.005


class Places(Protocol):
    """The book's engine."""

    async def place(self, order: NewOrder) -> Placed:
        """Place the order, or raise what refuses it."""
        ...

    async def ready(self) -> None:
        """Return when orders that come now are placed no later than if they had come before."""
        ...


@dataclass(frozen=True, slots=True)
class _Question:
    submitted: Submitted
    answer: asyncio.Future[NewOrder]


class Intake:
    """Checks orders and hands them to their venue. One a process; `submit` may be called by any number at once."""

    def __init__(self, service_db: Database, chain: Chain, engine: Places, call_contract: CallContract | None) -> None:
        self._db = service_db
        self._chain = chain
        self._engine = engine
        self._call_contract = call_contract
        self.domain = domain_of(chain)
        self._waiting: list[_Question] = []
        self._task: asyncio.Task[None] | None = None

    async def submit(
        self, user_id: UUID, signed: SignedOrder, *, client_time: datetime | None = None
    ) -> tuple[NewOrder, Placed]:
        """Check the order of a user and place it. Raises the refusal that names what is wrong with it."""
        contract = self._chain.contract_address
        check_form(signed, contract)
        digest = order_hash(signed.order, self.domain)
        by_key = recover(digest, signed.signature) == signed.order.maker
        order = await self._checked(Submitted(user_id, signed, digest, client_time))
        if not by_key:
            await self._ask_contract(signed, digest)
        if order.venue is Venue.DIRECT:
            return order, await offers.place(self._db, order, now=utc_now())
        return order, await self._engine.place(order)

    async def _ask_contract(self, signed: SignedOrder, digest: bytes) -> None:
        maker = signed.order.maker
        if not await accounts.signed_by(maker, digest, signed.signature, self._call_contract):
            signer = recover(digest, signed.signature)
            raise SignatureWrong(
                maker=format_address(maker),
                signer=format_address(signer) if signer else None,
                chain_id=self._chain.chain_id,
                contract=format_address(self._chain.contract_address),
            )

    async def _checked(self, submitted: Submitted) -> NewOrder:
        question = _Question(submitted, asyncio.get_running_loop().create_future())
        self._waiting.append(question)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._answer_all())
        return await question.answer

    async def _answer_all(self) -> None:
        while self._waiting:
            await asyncio.sleep(WINDOW_S)
            await self._engine.ready()
            batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
            try:
                await self._judge(batch)
            except Exception as error:  # every asker gets the database's refusal
                for question in batch:
                    if not question.answer.done():
                        question.answer.set_exception(error)

    async def _judge(self, batch: Sequence[_Question]) -> None:
        now = utc_now()
        orders = [question.submitted.signed.order for question in batch]
        known = await gather(self._db.read, self._chain.id, orders, now=now)
        contract = self._chain.contract_address
        for question, facts in zip(batch, known, strict=True):
            if question.answer.done():
                continue
            try:
                checked = check(question.submitted, facts, chain=self._chain.id, contract=contract, now=now)
            except Refusal as refusal:
                question.answer.set_exception(refusal)
            else:
                question.answer.set_result(checked)

# SPDX-License-Identifier: Apache-2.0
"""HTTP edge of many drafts or orders at once, for clients that trade many intervals: it counts as one request."""

import asyncio

from fastapi import APIRouter, Request

from backend.accounts.deps import SIGNED_IN, CurrentUser, ServiceDb
from backend.chain.errors import ChainConnecting
from backend.core.clock import utc_now
from backend.core.envelope import EnvelopeRoute
from backend.core.errors import Refusal, Unavailable, refusals
from backend.market.orders import drafts
from backend.market.orders.batch_schemas import (
    DraftAnswer,
    DraftAnswers,
    DraftsIn,
    OrdersIn,
    PlacedAnswer,
    PlacedAnswers,
    RefusedOut,
)
from backend.market.orders.intake import Intake
from backend.market.orders.parts import chain_of, intake_of
from backend.market.orders.schemas import DraftOut, OrderIn, PlacedOut

batches = APIRouter(prefix="/api/market/orders", tags=["orders"], route_class=EnvelopeRoute)


@batches.post("/drafts/batch", responses=refusals(*SIGNED_IN, ChainConnecting))
async def prepare_orders(
    body: DraftsIn, request: Request, principal: CurrentUser, service_db: ServiceDb
) -> DraftAnswers:
    """Up to 50 orders ready for signing, each with what `POST …/drafts` says, or why there is none.

    A draft takes nothing of a house's capacity: together they may be more than intake accepts.
    """
    chain, now = chain_of(request), utc_now()
    answers = []
    for wanted in body.drafts:
        try:
            draft = await drafts.prepare(service_db, chain, wanted.wanted(principal.user_id), now=now)
            answers.append(DraftAnswer(draft=DraftOut.of(draft, now)))
        except Refusal as refusal:
            answers.append(DraftAnswer(error=RefusedOut.of(refusal)))
    return DraftAnswers(answers=answers)


@batches.post("/batch", responses=refusals(*SIGNED_IN, Unavailable))
async def place_orders(body: OrdersIn, request: Request, principal: CurrentUser) -> PlacedAnswers:
    """Hand in up to 50 signed orders, in no promised sequence. Those that are answered with `placed` are stored.

    When the request itself fails, some may be stored: send it again, those are refused as `order.replayed` by their id.
    """
    intake: Intake = intake_of(request)

    async def place(order: OrderIn) -> PlacedAnswer:
        try:
            placed = await intake.submit(principal.user_id, order.signed(), client_time=order.client_time)
        except Refusal as refusal:
            return PlacedAnswer(error=RefusedOut.of(refusal))
        return PlacedAnswer(placed=PlacedOut.of(*placed))

    answers = await asyncio.gather(*map(place, body.orders), return_exceptions=True)
    placed = [answer for answer in answers if isinstance(answer, PlacedAnswer)]
    for answer in answers:  # after all have ended
        if isinstance(answer, BaseException):
            raise answer
    return PlacedAnswers(answers=placed)

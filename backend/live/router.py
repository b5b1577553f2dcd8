# SPDX-License-Identifier: Apache-2.0
"""/api/events: the WebSocket, and the tickets that open it for a signed-in user."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response, WebSocket

from backend.accounts.deps import SIGNED_IN, CurrentUser, ServiceDb
from backend.core.envelope import EnvelopeRoute
from backend.core.errors import TooMany, refusals
from backend.live.errors import TicketsAway
from backend.live.gateway import Gateway
from backend.live.queries import newest
from backend.live.schemas import AlertOut, TicketOut
from backend.live.service import viewer_of
from backend.live.tickets import LIFETIME_S
from backend.live.types import Topic

router = APIRouter(prefix="/api/events", tags=["live"], route_class=EnvelopeRoute)


@router.post("/ticket", status_code=201, responses=refusals(*SIGNED_IN, TicketsAway, TooMany))
async def ticket(request: Request, response: Response, principal: CurrentUser) -> TicketOut:
    """A ticket for `wss://…/api/events?topics=…&ticket=…`: it works once, within 30 seconds, for this user alone.

    Topics are trades, book, prices, leaderboard, alerts and orders (`market` is book and prices); only `orders`, and
    alerts to oneself or to operators, need a ticket. Each message has an `id`; `since=<id>` goes on behind it.
    """
    gateway: Gateway = request.app.state.live
    response.headers["Cache-Control"] = "no-store"
    return TicketOut(ticket=await gateway.tickets.issue(principal), expires_in_s=LIFETIME_S)


@router.get("/alerts", responses=refusals(*SIGNED_IN))
async def list_alerts(
    principal: CurrentUser, service_db: ServiceDb, limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> list[AlertOut]:
    """The last alerts for everybody, for you and for what you operate, the newest first; 72 hours are kept."""
    events = await newest(service_db, Topic.ALERTS, viewer_of(principal), limit=limit)
    return [AlertOut.of(event) for event in events]


@router.websocket("")
async def events(websocket: WebSocket) -> None:
    """`?topics=trades,book&since=<id>&ticket=<word>`."""
    gateway: Gateway = websocket.app.state.live
    await gateway.serve(websocket)

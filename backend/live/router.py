# SPDX-License-Identifier: Apache-2.0
"""/api/events: the WebSocket, and the tickets that open it for a signed-in user."""

from fastapi import APIRouter, Request, Response, WebSocket

from backend.accounts.deps import SIGNED_IN, CurrentUser
from backend.core.envelope import EnvelopeRoute
from backend.core.errors import TooMany, refusals
from backend.live.errors import TicketsAway
from backend.live.gateway import Gateway
from backend.live.schemas import TicketOut
from backend.live.tickets import LIFETIME_S

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


@router.websocket("")
async def events(websocket: WebSocket) -> None:
    """`?topics=trades,book&since=<id>&ticket=<word>`."""
    gateway: Gateway = websocket.app.state.live
    await gateway.serve(websocket)

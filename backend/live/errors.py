# SPDX-License-Identifier: Apache-2.0
"""What live updates refuse. Over a WebSocket the close code is 4000 + the kind's HTTP status."""

from backend.core.errors import Invalid, TooMany, Unauthenticated, Unavailable


class TopicUnknown(Invalid):
    """A topic that does not exist, none, or too many."""

    code = "live.topic_unknown"
    title = "There is no such topic"


class SinceMalformed(Invalid):
    """`since` is not an event id of ours."""

    code = "live.since_malformed"
    title = "`since` takes the `id` of a message received before; leave it out to begin now"


class TicketInvalid(Unauthenticated):
    """The ticket is unknown, used, older than 30 s, or its session has ended."""

    code = "live.ticket_invalid"
    title = "The ticket is used up or expired; ask POST /api/events/ticket for another"


class TicketNeeded(Unauthenticated):
    """The topic `orders` shows one's own orders."""

    code = "live.ticket_needed"
    title = "The topic `orders` needs a ticket of POST /api/events/ticket"


class TicketsAway(Unavailable):
    """Redis, which holds the tickets, does not answer."""

    code = "live.tickets_away"
    title = "Tickets cannot be handed out or checked now; public topics need none"


class HistoryAway(Unavailable):
    """PostgreSQL, which holds the history, does not answer."""

    code = "live.history_away"
    title = "The events since then cannot be read now; connect again with the same `since`"


class ServerUnfit(Unavailable):
    """The server does not hand over its transports (backend/live/protocol.py)."""

    code = "live.server_unfit"
    title = "This server was not started by `python -m backend.api`, which live events need"


class TooManySockets(TooMany):
    """This address or user holds as many connections as one may."""

    code = "live.too_many_sockets"
    title = "Too many open connections; close one first"

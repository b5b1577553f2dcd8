# SPDX-License-Identifier: Apache-2.0
"""What live updates send over HTTP."""

from backend.core.envelope import ApiModel


class TicketOut(ApiModel):
    """Opens one WebSocket at /api/events within its lifetime."""

    ticket: str
    expires_in_s: int

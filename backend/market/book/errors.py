# SPDX-License-Identifier: Apache-2.0
"""What the book refuses besides what intake does (`orders.errors`)."""

from backend.core.errors import Conflict, NotFound


class AuctionTakesLimits(Conflict):
    """An auction knows neither market orders nor minimum fills."""

    code = "order.auction_takes_limits"
    title = "This community's auction takes limit orders without a minimum fill"


class BookNotFound(NotFound):
    """No order was ever placed for this interval."""

    code = "book.not_found"
    title = "There is no book for this interval"


class OrderEnded(Conflict):
    """The order has nothing left to cancel; `state` says how it ended."""

    code = "order.ended"
    title = "The order has ended: nothing of it rests in the book"


class BookOutOfStep(Exception):
    """Memory of a book and its rows disagree: rows were changed without the book. Memory is thrown away."""

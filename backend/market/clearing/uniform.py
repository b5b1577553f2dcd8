# SPDX-License-Identifier: Apache-2.0
"""The uniform-price auction: one price of energy for everybody, carrying the most energy that one price can.

The price is the middle, rounded down, of the interval in which it may lie: not below the dearest offer and not above
the cheapest bid that trade, and, as far as that leaves anything, such that no order that wanted more would have got a
better price than its limit. Fees belong to each side's zone; pair fees and minimum fills do not exist here.
"""

from collections.abc import Iterable

from backend.market.clearing.auction import clear
from backend.market.clearing.fees import NO_FEES, Fees
from backend.market.clearing.types import Cleared, Order, Rule


def clear_uniform(orders: Iterable[Order], fees: Fees = NO_FEES) -> Cleared:
    """Clear a book at one price. The result does not depend on the sequence of `orders`."""
    return clear(Rule.UNIFORM, orders, fees)

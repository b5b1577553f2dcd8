# SPDX-License-Identifier: Apache-2.0
"""The pay-as-bid auction: the same orders trade as at a uniform price, but every buyer pays his own limit.

The price of energy of a match is the bid's limit less the buyer's fees, so the buyer pays exactly his limit and the
seller gets what that leaves, never less than his. The best offer meets the best bid. Fees belong to each side's zone;
pair fees and minimum fills do not exist here.
"""

from collections.abc import Iterable

from backend.market.clearing.auction import clear
from backend.market.clearing.fees import NO_FEES, Fees
from backend.market.clearing.types import Cleared, Order, Rule


def clear_pay_as_bid(orders: Iterable[Order], fees: Fees = NO_FEES) -> Cleared:
    """Clear a book at the price of each bid. The result does not depend on the sequence of `orders`."""
    return clear(Rule.PAY_AS_BID, orders, fees)

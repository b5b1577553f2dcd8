# SPDX-License-Identifier: Apache-2.0
"""The door of signed orders: what other parts of the market, the edges and the processes may call.

It knows nothing of the book's engine, which looks here before it places an order.
"""

from backend.market.orders.facts import interval_factor
from backend.market.orders.lanes import hand_out
from backend.market.orders.last_look import last_look
from backend.market.orders.rules import get_rules, put_rules, rules_of

__all__ = ["get_rules", "hand_out", "interval_factor", "last_look", "put_rules", "rules_of"]

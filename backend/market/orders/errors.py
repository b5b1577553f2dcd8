# SPDX-License-Identifier: Apache-2.0
"""What intake, lanes, cancelling and direct offers refuse. Each reason has a name of its own."""

from backend.core.errors import Conflict, Forbidden, Invalid, NotFound


class OrderMalformed(Invalid):
    """A field that no order can have, whoever signed it."""

    code = "order.malformed"
    title = "This cannot be an order"


class SignatureWrong(Invalid):
    """The maker did not sign this order for this chain and contract."""

    code = "order.signature"
    title = "The signature is not the maker's over this order for this chain and contract"


class MakerNotYours(Forbidden):
    """The maker is not a wallet of whoever hands the order in."""

    code = "order.maker"
    title = "The maker is not a wallet that is linked to you now"


class MeterNotYours(Invalid):
    """The meter is not enrolled, belongs to another wallet, or stands in no house of yours."""

    code = "order.meter"
    title = "The meter is not enrolled to the maker, with a house of yours in an open community"


class TakerWrong(Invalid):
    """Neither an order of the book nor an offer that a buyer may take."""

    code = "order.taker"
    title = "Orders of the book name the contract as taker; only offers name nobody or one buyer"


class IntervalWrong(Invalid):
    """The delivery interval is none of the community's."""

    code = "order.interval"
    title = "The community has no such delivery interval"


class GateClosed(Conflict):
    """The interval takes no orders at this time, by the server's clock."""

    code = "order.gate_closed"
    title = "The interval takes no orders now"


class ClockWrong(Invalid):
    """The client's clock is off, so that its expiry and interval cannot be what it means."""

    code = "order.clock"
    title = "Your clock and ours differ too much; set it right and sign again"


class OrderExpired(Invalid):
    """The order's last second has passed."""

    code = "order.expired"
    title = "The order has expired"


class ExpiryRefused(Invalid):
    """The order would die before it can be settled, or live longer than its lane."""

    code = "order.expiry"
    title = "An order lives at least until its delivery ends, and at most seven days after delivery starts"


class LaneForeign(Conflict):
    """The slot was not handed out to the maker for this interval and venue, or was recycled since."""

    code = "order.lane"
    title = "This slot was not handed out to the maker for this interval; ask for a new draft"


class SlotUsed(Conflict):
    """Another order has this slot in this interval."""

    code = "order.slot_used"
    title = "Another order of yours uses this slot; ask for a new draft"


class OrderReplayed(Conflict):
    """The same order was handed in before."""

    code = "order.replayed"
    title = "This order was handed in before"


class CancelledOnChain(Conflict):
    """The maker cancelled this slot on chain."""

    code = "order.cancelled_on_chain"
    title = "The maker has cancelled this slot on chain; ask for a new draft"


class OverCapacity(Conflict):
    """More than the house can deliver or draw in the interval, with its other orders of that side."""

    code = "order.capacity"
    title = "The house cannot deliver or draw that much in the interval, beside its other orders"


class PriceRefused(Invalid):
    """The limit lies outside the community's price limits."""

    code = "order.price"
    title = "The price lies outside the community's limits"


class FactorRefused(Invalid):
    """The emission factor is unknown, does not cover the delivery, is an average one, or is not the interval's."""

    code = "order.factor"
    title = "The order cannot use this emission factor"


class LanesUsedUp(Conflict):
    """Every fill counter of the wallet holds an order that may still be settled."""

    code = "order.lanes_used_up"
    title = "All lanes of this wallet are in use until older orders are settled or expire"


class OrderNotFound(NotFound):
    """No such order, match or receipt, or somebody else's."""

    code = "order.not_found"
    title = "There is no such order"


class MatchNotFound(NotFound):
    """No such match, or one of others."""

    code = "match.not_found"
    title = "There is no such match"


class CancelOnChain(Conflict):
    """A direct offer dies only by its maker's transaction; `details` are the arguments of `cancel`."""

    code = "order.cancel_on_chain"
    title = "A direct offer can be taken until its maker cancels it on chain: call cancel with these arguments"


class CommunityNotFound(NotFound):
    """No active community has this number."""

    code = "market.community_not_found"
    title = "There is no such community"


class RulesRefused(Invalid):
    """Rules that contradict one another."""

    code = "market.rules"
    title = "These rules contradict one another"


class OfferNotFound(NotFound):
    """No such offer, or one that is not open to this buyer."""

    code = "offer.not_found"
    title = "There is no such offer for you"


class OfferTaken(Conflict):
    """Less is left of the offer than was asked for."""

    code = "offer.taken"
    title = "Less is left of this offer than you ask for"


class OwnOffer(Conflict):
    """A user cannot buy from himself."""

    code = "offer.own"
    title = "This is your own offer"


class BuyerRefused(Forbidden):
    """The buyer's wallet has no meter in the offer's community, or is not his."""

    code = "offer.buyer"
    title = "Only a wallet of yours with a meter in the offer's community can take it"


class FillTooSmall(Invalid):
    """Less than the offer's least fill, although more is left."""

    code = "offer.fill_too_small"
    title = "The offer is not sold in such small parts"


class TooManyReservations(Conflict):
    """The buyer holds reservations already and lets them lapse."""

    code = "offer.too_many_reservations"
    title = "Take or let lapse what you have reserved before you reserve more"


class RangeTooLong(Invalid):
    """A range of time that ends before it starts, or is longer than a month."""

    code = "market.range"
    title = "Ask for at most 31 days, ending after they start"

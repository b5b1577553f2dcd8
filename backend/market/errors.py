# SPDX-License-Identifier: Apache-2.0
"""What the market refuses."""

from backend.core.errors import Conflict, Forbidden, Invalid, NotFound, TooLarge, TooMany


class LogNotStorable(Invalid):
    """A log of our contract that no record can be made of."""

    code = "trade.log_not_storable"
    title = "The log cannot be stored as a trade"


class TradeNotFound(NotFound):
    """No such trade, or a submission of somebody else."""

    code = "trade.not_found"
    title = "There is no such trade"


class NotAParty(Forbidden):
    """Only seller, buyer or an operator may post a trade."""

    code = "trade.not_a_party"
    title = "Only the seller, the buyer or an operator may post this trade"


class UnknownParty(Invalid):
    """A seller or buyer that does not exist or has no wallet."""

    code = "trade.unknown_party"
    title = "Seller and buyer must be users with a wallet"


class TooManyUnknown(TooMany):
    """The user waits for more transactions that no node knows than one person has under way."""

    code = "trade.too_many_unknown"
    title = "Too many of your posted transactions are unknown to the chain; post this one again once it is mined"


class TradeReverted(Conflict):
    """The transaction was mined and failed."""

    code = "trade.reverted"
    title = "The transaction was reverted on chain: nothing was traded"


class NotOurEvent(Conflict):
    """The transaction carries no trade of our contract."""

    code = "trade.not_ours"
    title = "The transaction logs no trade in our contract"


class ClaimMismatch(Conflict):
    """The chain says something else than the claim."""

    code = "trade.mismatch"
    title = "The chain says something else"


class SeveralTrades(Conflict):
    """Several events fit; `tradeId` picks one."""

    code = "trade.several"
    title = "The transaction logs several such trades: name one by tradeId"


class WalletsNeeded(Invalid):
    """The order or the side has a meaning among the trades of some wallets only."""

    code = "trade.wallets_needed"
    title = "Sorting by amount and choosing a side need userId or wallet"


class ExportTooLarge(TooLarge):
    """The list is longer than one file takes."""

    code = "trade.export_too_large"
    title = "Too many trades for one file: narrow the time with from and to"

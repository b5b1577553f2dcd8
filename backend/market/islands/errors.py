# SPDX-License-Identifier: Apache-2.0
"""What disaster mode declines."""

from backend.core.errors import Conflict, Forbidden, Invalid, NotFound


class IslandNotFound(NotFound):
    """No such island, or one of another community."""

    code = "island.not_found"
    title = "There is no such island"


class NotACommunity(Conflict):
    """Only a community that is registered on chain has a market that can become an island."""

    code = "island.not_a_community"
    title = "Only a community that is registered on chain can be an island"


class OperatorOnly(Forbidden):
    """Islands are declared, ended and equipped by the community's operators."""

    code = "island.operator_only"
    title = "Only an operator of the community may do this"


class ForeignSigner(Forbidden):
    """The signing wallet is not a present wallet of the acting operator."""

    code = "island.foreign_signer"
    title = "This wallet is not linked to your account"


class SignatureWrong(Invalid):
    """The signature is not the operator's wallet's over exactly this document."""

    code = "island.signature_wrong"
    title = "The signature does not belong to this document and wallet"


class DocumentExpired(Conflict):
    """The signed document came too late, or may be sent for too long."""

    code = "island.document_expired"
    title = "The signed document has expired; prepare and sign a new one"


class PeriodRefused(Invalid):
    """An island starts now or soon, ends after it starts, and lasts 72 hours at most."""

    code = "island.period_refused"
    title = "An island lasts 72 hours at most and starts within the next day"


class DeclarationReplayed(Conflict):
    """This very declaration was received before; it declares one island, once."""

    code = "island.declaration_replayed"
    title = "This declaration was used already; sign a new one"


class IslandStands(Conflict):
    """A community is one island at a time."""

    code = "island.stands_already"
    title = "The community is an island already; end it first"


class IslandOver(Conflict):
    """It has ended, by itself or by an operator's signature."""

    code = "island.over"
    title = "The island has ended already"


class PriceAboveCap(Conflict):
    """While an island is in force, orders above its price cap are not taken."""

    code = "island.price_above_cap"
    title = "The price is above the island's cap: sign a new order at or below it"


class HouseUnknown(NotFound):
    """No such house in the community, or not one that the acting user may speak for."""

    code = "island.house_unknown"
    title = "There is no such house in this community"


class CriticalLoadNotFound(NotFound):
    """No such critical load, or one of another community."""

    code = "island.critical_load_not_found"
    title = "There is no such critical load"


class CriticalLoadTaken(Conflict):
    """A house has one critical load a tier."""

    code = "island.critical_load_taken"
    title = "The house has a critical load of this tier already: change that one"


class StorageNotFound(NotFound):
    """No such storage, or one of another community."""

    code = "island.storage_not_found"
    title = "There is no such storage"


class StorageImpossible(Invalid):
    """Reserve and state of charge lie between zero and the capacity."""

    code = "island.storage_impossible"
    title = "Reserve and state of charge cannot exceed the capacity"


class ForecastRefused(Invalid):
    """A forecast names intervals of the community's grid that have not begun."""

    code = "island.forecast_refused"
    title = "Forecasts are for whole delivery intervals that have not begun"

# SPDX-License-Identifier: Apache-2.0
"""What the carbon ledger declines."""

from backend.core.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable


class InsufficientCarbon(Conflict):
    """The wallet holds less available carbon than this takes."""

    code = "carbon.insufficient"
    title = "The wallet has less available carbon than this takes"


class TradeCarbonTooSmall(Conflict):
    """A trade has less pending carbon than is to be taken from it."""

    code = "carbon.trade_too_small"
    title = "The trade has less pending carbon than this takes"


class TransferContradicts(Conflict):
    """A transfer with the same natural key and other content is booked already."""

    code = "carbon.transfer_contradicts"
    title = "Another transfer is booked under the same key"


class HolderNotNamed(NotFound):
    """Nobody of this id chose to be named on the leaderboard."""

    code = "carbon.holder_not_named"
    title = "Nobody of this id is named on the leaderboard"


class ForeignWallet(Forbidden):
    """The account is not a present wallet of the acting user."""

    code = "carbon.foreign_wallet"
    title = "This wallet is not linked to your account"


class SignatureWrong(Invalid):
    """The signature is not the account owner's over exactly this document."""

    code = "carbon.signature_wrong"
    title = "The signature does not belong to this document and wallet"


class DocumentExpired(Conflict):
    """The signed document may not be booked any more."""

    code = "carbon.document_expired"
    title = "The signed document has expired; prepare and sign a new one"


class DocumentReplayed(Conflict):
    """This very document is booked already."""

    code = "carbon.document_replayed"
    title = "This signed document is booked already"


class SequenceTaken(Conflict):
    """The document does not continue the account's chain of documents."""

    code = "carbon.sequence_wrong"
    title = "The document does not follow the wallet's last one; prepare and sign a new one"


class RecipientWrong(Invalid):
    """Carbon moves to another wallet or to a community's reserve, never to its own wallet or the zero address."""

    code = "carbon.recipient_wrong"
    title = "Choose another recipient"


class DocumentNotFound(NotFound):
    """There is no such document."""

    code = "carbon.document_not_found"
    title = "There is no such document"


class WalletNotFound(NotFound):
    """There is no such user, or it is not for the acting user to see."""

    code = "carbon.wallet_not_found"
    title = "There is no such carbon wallet"


class CommunityNotFound(NotFound):
    """No community has this number."""

    code = "carbon.community_not_found"
    title = "There is no such community"


class NoChain(Unavailable):
    """No contract is known yet, so there is no domain to sign in."""

    code = "carbon.no_chain"
    title = "No contract is deployed yet; try again later"

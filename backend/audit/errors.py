# SPDX-License-Identifier: Apache-2.0
"""What the audit can refuse."""

from backend.core.errors import Conflict, NotFound, Unavailable


class AuditNoneYet(NotFound):
    """No report was made yet."""

    code = "audit.none_yet"
    title = "No audit has been made yet"


class AuditRunNotFound(NotFound):
    """No such audit, or none that this user may see."""

    code = "audit.run_not_found"
    title = "There is no such audit"


class AuditUnfinished(Conflict):
    """The audit has no report: it waits, runs, or failed."""

    code = "audit.unfinished"
    title = "This audit has no report"


class AuditTradeUnknown(NotFound):
    """No recorded trade has this id."""

    code = "audit.trade_unknown"
    title = "No recorded trade has this id"


class AuditTradeNotOnChain(Conflict):
    """The database records a trade that the canonical chain does not hold there (it may have been orphaned)."""

    code = "audit.trade_not_on_chain"
    title = "The chain does not hold what is recorded of this trade"


class AuditChainUnknown(Unavailable):
    """There is no deployment record, or the database belongs to another chain."""

    code = "audit.chain_unknown"
    title = "The deployment is not known yet; try again"


class AuditNodeUnavailable(Unavailable):
    """The node is away or answers what cannot be true."""

    code = "audit.node_unavailable"
    title = "The chain's node does not answer; try again"

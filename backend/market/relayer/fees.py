# SPDX-License-Identifier: Apache-2.0
"""EIP-1559 fees: what to offer, and how much more a replacement has to pay. Pure."""

from backend.market.relayer.types import Fees


def suggest(*, base_fee_wei: int, tip_wei: int, min_tip_wei: int, cap_wei: int) -> Fees | None:
    """Fees that stay valid while the base fee doubles, within `cap_wei`; None: the cap is below what is asked now."""
    tip = max(tip_wei, min_tip_wei)
    if base_fee_wei + tip > cap_wei:
        return None
    return Fees(max_fee_wei=min(2 * base_fee_wei + tip, cap_wei), priority_fee_wei=tip)


def bump(old: Fees, fresh: Fees, *, cap_wei: int) -> Fees | None:
    """Fees of a replacement: each at least an eighth more, and not below `fresh`; None: `cap_wei` does not allow it."""
    priority = max(_eighth_more(old.priority_fee_wei), fresh.priority_fee_wei)
    highest = max(_eighth_more(old.max_fee_wei), fresh.max_fee_wei, priority)
    return Fees(highest, priority) if highest <= cap_wei else None


def _eighth_more(wei: int) -> int:
    return wei + wei // 8 + 1

# SPDX-License-Identifier: Apache-2.0
"""Why a direct offer is not cancelled off chain, and what to send instead."""

from uuid import UUID

from eth_abi.abi import encode

from backend.chain.types import Chain
from backend.core.crypto import keccak
from backend.core.db import Database
from backend.core.units import format_address, format_hex
from backend.market.orders.errors import CancelOnChain
from backend.market.sql import fetch

_DIRECT = """
SELECT slot, delivery_start, maker FROM orders WHERE id = $1 AND user_id = $2 AND chain = $3 AND venue = 'direct'
"""
_SELECTOR = keccak(b"cancel(uint96,uint32,uint8)")[:4]


async def refuse_direct(service_db: Database, chain: Chain, order_id: UUID, *, user_id: UUID) -> None:
    """Raises CancelOnChain with the transaction to send if this is a direct offer of the user; else does nothing."""
    async with service_db.begin() as session:
        rows = await fetch(session, _DIRECT, order_id, user_id, chain.id)
    if not rows:
        return
    slot, start = rows[0]["slot"], int(rows[0]["delivery_start"].timestamp())
    lane, mask = slot >> 3, 1 << (slot & 7)
    raise CancelOnChain(
        order_id=order_id,
        sender=format_address(rows[0]["maker"]),
        contract=format_address(chain.contract_address),
        function="cancel(uint96,uint32,uint8)",
        arguments={"lane": str(lane), "deliveryStart": str(start), "mask": str(mask)},
        data=format_hex(_SELECTOR + encode(["uint96", "uint32", "uint8"], [lane, start, mask])),
    )

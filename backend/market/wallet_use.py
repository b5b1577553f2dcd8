# SPDX-License-Identifier: Apache-2.0
"""Whether a wallet still has trades under way: it is replaced only when all of them are final."""

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.db import raw

_UNFINISHED = """
SELECT EXISTS (SELECT FROM energy_trades WHERE seller_address = $1 AND status = 'CONFIRMED')
    OR EXISTS (SELECT FROM energy_trades WHERE buyer_address = $1 AND status = 'CONFIRMED')
"""


async def has_unfinished_trades(session: AsyncSession, address: bytes) -> bool:
    """True while a trade of the wallet is confirmed but not final."""
    return bool(await (await raw(session)).fetchval(_UNFINISHED, address))

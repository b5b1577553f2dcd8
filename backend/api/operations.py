# SPDX-License-Identifier: Apache-2.0
"""What operators look at: queues, failures, and how settlement on chain stands. Parts of it are in /metrics too."""

import asyncio
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from sqlalchemy import text

from backend.accounts.deps import SIGNED_IN, CurrentUser, ServiceDb
from backend.accounts.types import OrgRole, Principal
from backend.api.health import FIGURES, PART_TIMEOUT_S, QUEUE
from backend.core.envelope import ApiModel, EnvelopeRoute
from backend.core.errors import Forbidden, refusals
from backend.core.units import Address, Hash32

router = APIRouter(prefix="/api/operations", tags=["operations"], route_class=EnvelopeRoute)
_RELAYERS = text("""
SELECT r.signer AS address, r.balance_wei, r.stopped_code, r.stopped_reason, r.stopped_at, r.seen_at,
    (SELECT count(*) FROM matches AS m WHERE m.chain = r.chain AND m.state = 'MATCHED') AS pairs_waiting,
    (SELECT count(*) FROM matches AS m WHERE m.chain = r.chain AND m.state = 'SENT') AS pairs_sent,
    l.tx_hash AS last_tx, l.state AS last_state, l.pairs AS last_pairs, l.created_at AS last_at
FROM relayers AS r LEFT JOIN LATERAL (
    SELECT tx_hash, state, pairs, created_at FROM relay_transactions AS t
    WHERE t.chain = r.chain AND t.signer = r.signer ORDER BY created_at DESC, id DESC LIMIT 1) AS l ON true
WHERE r.chain = (SELECT max(chain) FROM chain_cursor) ORDER BY r.seen_at DESC LIMIT 10
""")


class RelayerOut(ApiModel):
    """A key that settles matched pairs: its balance, what waits for it, and why it has stopped, if it has."""

    address: Address
    balance_wei: str
    min_balance_wei: str
    stopped_code: str | None
    stopped_reason: str | None
    stopped_at: datetime | None
    seen_at: datetime
    pairs_waiting: int
    pairs_sent: int
    last_tx: Hash32 | None
    last_state: str | None
    last_pairs: int | None
    last_at: datetime | None


class OperationsOut(ApiModel):
    """Queues and failures now. `jobsWaiting` and `gasPriceWei` are null while Redis or the node does not answer."""

    lag_blocks: int | None
    trades_last_hour: int
    failed_submissions: int
    events_waiting: int
    jobs_waiting: int | None
    gas_price_wei: str | None
    relayers: list[RelayerOut]


def operator(principal: CurrentUser) -> Principal:
    """Who operates a community, or runs the platform."""
    if not principal.is_super_admin and all(held.role != OrgRole.OPERATOR for held in principal.memberships):
        raise Forbidden("Only an operator may look at operations")
    return principal


@router.get("", responses=refusals(*SIGNED_IN, Forbidden))
async def get_operations(
    request: Request, who: Annotated[Principal, Depends(operator)], service_db: ServiceDb
) -> OperationsOut:
    """Follower lag, waiting events and jobs, failures of the last day, and the relayers (operators)."""
    jobs, gas_price = await asyncio.gather(
        _answer(request.app.state.redis.llen(QUEUE)), _answer(request.app.state.rpc.call("eth_gasPrice", []))
    )
    async with service_db.begin() as session:
        figures = (await session.execute(FIGURES)).one()
        relayers = (await session.execute(_RELAYERS)).all()
    least = str(request.app.state.settings.relayer_min_balance_wei)
    shown = [
        RelayerOut(**(row._asdict() | {"balance_wei": str(int(row.balance_wei)), "min_balance_wei": least}))
        for row in relayers
    ]
    gas_price_wei = str(int(gas_price, 16)) if gas_price else None
    return OperationsOut(**figures._asdict(), jobs_waiting=jobs, gas_price_wei=gas_price_wei, relayers=shown)


async def _answer(question: Any) -> Any:
    """What a server answers in time; None when it does not."""
    try:
        return await asyncio.wait_for(question, PART_TIMEOUT_S)
    except Exception:
        return None

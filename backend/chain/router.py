# SPDX-License-Identifier: Apache-2.0
"""Public routes over the chain: where the follower stands, the contract, and one transaction."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from backend.accounts.deps import Db
from backend.chain import service
from backend.chain.deployment import contract_abi
from backend.chain.errors import ChainUnknown, RpcGarbage, RpcUnavailable, RpcWrongChain, TransactionUnknown
from backend.chain.observer import Observer
from backend.chain.schemas import (
    ChainStatusOut,
    ContractOut,
    TransactionOut,
    contract_out,
    status_out,
    transaction_out,
)
from backend.chain.types import TxState
from backend.core.clock import utc_now
from backend.core.envelope import EnvelopeRoute
from backend.core.errors import refusals
from backend.core.memo import Memo

_contracts: Memo[bytes] = Memo(seconds=5)  # what stands there changes only when another deployment is registered

router = APIRouter(prefix="/api/blockchain", tags=["blockchain"], route_class=EnvelopeRoute)


async def observer_of(request: Request) -> Observer:
    """The process's observer; it is there once the chain is known."""
    state = request.app.state
    if getattr(state, "chain", None) is None:
        raise ChainUnknown()
    held: Observer | None = getattr(state, "chain_observer", None)
    if held is None or held.chain.id != state.chain.id:
        settings = state.settings
        held = Observer(
            state.rpc, state.chain, finality_depth=settings.finality_depth, second_node=settings.second_node
        )
        state.chain_observer = held
    return held


@router.get("/status", responses=refusals(ChainUnknown))
async def get_status(db: Db) -> ChainStatusOut:
    """Chain id, newest block of the node, last recorded block, lag, finality, and whether the follower is halted."""
    async with db.begin() as session:
        status = await service.chain_status(session)
    return status_out(status, utc_now())


@router.get("/contract", response_model=ContractOut, responses=refusals(ChainUnknown))
async def get_contract(request: Request, db: Db) -> Response:
    """Address, deployment and ABI of the trade log."""

    async def answer() -> bytes:
        async with db.begin() as session:
            chain = await service.get_chain(session)
        shown = contract_out(chain, contract_abi(), request.app.state.explorer_url)
        return shown.model_dump_json(by_alias=True).encode()

    body = await _contracts.get((db.dsn, request.app.state.explorer_url), answer)
    return Response(body, media_type="application/json")


@router.get(
    "/tx/{tx_hash}",
    responses=refusals(ChainUnknown, TransactionUnknown, RpcUnavailable, RpcGarbage, RpcWrongChain),
)
async def get_transaction(
    tx_hash: Annotated[str, Path(pattern="^0x[0-9a-fA-F]{64}$")],
    request: Request,
    db: Db,
    observer: Annotated[Observer, Depends(observer_of)],
) -> TransactionOut:
    """A transaction as the node shows it, checked against its block's header, with the logs observed in it."""
    wanted = bytes.fromhex(tx_hash[2:])
    seen = await observer.observe(wanted)
    async with db.begin() as session:
        events = list(await service.lookup_tx(session, observer.chain, wanted))
    if seen.state is TxState.NOT_FOUND and not events:
        raise TransactionUnknown(tx_hash=tx_hash)
    return transaction_out(seen, events, request.app.state.explorer_url)

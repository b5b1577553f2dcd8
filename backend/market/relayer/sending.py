# SPDX-License-Identifier: Apache-2.0
"""Sends waiting pairs: tried against the contract first, cut to the gas that one transaction may use, paid within the
day's budget. A pair that the contract would skip is taken out before it costs anything."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from backend.chain.errors import RpcRefused
from backend.core.clock import from_unix
from backend.core.failpoints import failpoint
from backend.market.relayer import encoding, fees, queue, transactions
from backend.market.relayer.desk import Desk
from backend.market.relayer.metrics import QUEUE, SENT
from backend.market.relayer.types import Answer, Fees, Ground, Outcome, Pair, Refused, Stop, TransactionState, Unsigned

_log = structlog.get_logger()
_ONE_PAIR_GAS = 120_000  # measured: 68,500 for a pair that uses fresh words, 21,000 for the transaction, a fifth more
_UNMINED = (TransactionState.SIGNED, TransactionState.SENT)


class _Stopped(Exception):
    """A cause to send nothing; `step` notes it."""

    def __init__(self, cause: Stop, reason: str) -> None:
        super().__init__(reason)
        self.cause = cause
        self.reason = reason


async def send_waiting(desk: Desk, ground: Ground, now: datetime) -> Outcome:
    """Send batches while some are due; returns what the last attempt came to. A cause to stop is noted."""
    try:
        while (outcome := await _send_batch(desk, ground, now)) is Outcome.SENT:
            pass
    except _Stopped as stopped:
        await desk.stop(stopped.cause, stopped.reason, now)
        return Outcome.STOPPED
    return outcome


async def _send_batch(desk: Desk, ground: Ground, now: datetime) -> Outcome:
    options = desk.options
    async with desk.db.begin() as session:
        pairs = await queue.waiting(session, desk.chain.id, options.batch_pairs)
        QUEUE.labels(desk.chain.id).set(await queue.count_waiting(session, desk.chain.id))
        held = await transactions.open_ones(session, desk.chain.id, desk.signer.address)
    if not pairs:
        return Outcome.EMPTY
    oldest = min(pair.matched_at for pair in pairs)
    if len(pairs) < options.batch_pairs and now - oldest < timedelta(seconds=options.interval_s):
        return Outcome.NOT_DUE
    if sum(row.state in _UNMINED for row in held) >= options.max_pending:
        return Outcome.BUSY
    pairs = await _passing(desk, pairs, now)
    if not pairs:
        return Outcome.BUSY  # what is left of the batch has to wait; the next step looks again
    return await _send(desk, ground, pairs, now)


async def take_out_expired(desk: Desk, ground: Ground, now: datetime) -> None:
    """Cancel waiting pairs whose orders have expired by the chain's clock, also while nothing is sent."""
    async with desk.db.begin() as session:
        late = await queue.expired(session, desk.chain.id, from_unix(ground.time), desk.options.batch_pairs)
    await _take_out(desk, {pair: encoding.expired(pair, ground.time) for pair in late}, now)


async def _passing(desk: Desk, pairs: Sequence[Pair], now: datetime) -> list[Pair]:
    """The pairs that the contract would log now; others are taken out."""
    answers = await desk.node.check(pairs)
    await failpoint("relayer.after_simulation")
    refused = {pair: encoding.read_refusal(reason, pair) for pair, reason in zip(pairs, answers, strict=True) if reason}
    kept = await _kept(desk, pairs, refused)
    await _take_out(desk, {pair: why for pair, why in refused.items() if pair not in kept}, now)
    return [pair for pair in pairs if pair not in refused or kept.get(pair)]


async def _kept(desk: Desk, pairs: Sequence[Pair], refused: Mapping[Pair, Refused]) -> dict[Pair, bool]:
    """Refused pairs that stay, and whether they go along now.

    A fill below its order's minimum goes along while other pairs of the order are under way: it may be the rest. A pair
    whose nonce is used waits until the follower confirms it, unless the nonce is another trade's for good.
    """
    kept: dict[Pair, bool] = {}
    small = [pair for pair, why in refused.items() if why.reason == encoding.FILL_TOO_SMALL]
    used = [pair for pair, why in refused.items() if why.reason == encoding.NONCE_USED]
    if not small and not used:
        return kept
    async with desk.db.begin() as session:
        orders = [order.id for pair in small for order in pair.orders]
        counting = await queue.with_sent_pairs(session, desk.chain.id, orders)
        foreign = await queue.with_foreign_nonces(session, desk.chain.id, used)
    for pair in pairs:
        if pair in small and any(order.id in counting for order in pair.orders):
            kept[pair] = True
        if pair not in refused or pair in kept:
            counting |= {order.id for order in pair.orders}
    if used:
        _log.warning("relayer.nonce_used", nonces=[pair.nonce for pair in used][:20], of_others=len(foreign))
    return kept | {pair: False for pair in used if pair not in foreign}


async def _take_out(desk: Desk, refused: dict[Pair, Refused], now: datetime) -> None:
    """Cancel pairs with their reasons, each in a transaction of its own."""
    for pair, why in refused.items():
        async with desk.db.begin() as session:
            done = await queue.cancel(session, pair, why, now, was="MATCHED")
            await failpoint("relayer.before_cancel_commit")
        await failpoint("relayer.after_cancel")
        if done:
            _log.warning("relayer.taken_out", nonce=pair.nonce, reason=why.reason, facts=str(dict(why.facts))[:300])


async def _send(desk: Desk, ground: Ground, pairs: Sequence[Pair], now: datetime) -> Outcome:
    part, gas = await _fit(desk, ground, pairs)
    offered = await offer(desk, ground)
    desk.refused_gas = gas
    await _afford(desk, ground, gas, offered, now)
    desk.refused_gas = None
    async with desk.db.begin() as session:
        stored_next = await transactions.next_nonce(session, desk.chain.id, desk.signer.address)
    unsigned = Unsigned(
        chain_id=desk.chain.chain_id,
        nonce=max(ground.next_nonce, stored_next),
        gas=gas,
        fees=offered,
        to=desk.chain.contract_address,
        data=encoding.settle_call(part),
    )
    stored = await desk.store(unsigned, [pair.match_id for pair in part], now)
    if stored is None:
        return Outcome.BUSY
    SENT.labels(desk.chain.id).inc(len(part))
    _log.info("relayer.sent", nonce=stored.nonce, pairs=len(part), gas=gas, tx_hash="0x" + stored.tx_hash.hex())
    if await desk.broadcast(stored, now) is Answer.NO_FUNDS:
        raise _Stopped(Stop.LOW_BALANCE, "The node says that the relayer's account cannot pay: send it ether")
    return Outcome.SENT


async def _fit(desk: Desk, ground: Ground, pairs: Sequence[Pair]) -> tuple[Sequence[Pair], int]:
    """The first pairs that one transaction can carry, and its gas: what is estimated and a fifth more."""
    cap = min(desk.options.gas_cap, ground.gas_limit)
    count = len(pairs)
    while True:
        part = pairs[:count]
        try:
            estimate = await desk.node.estimate_gas(encoding.settle_call(part))
        except RpcRefused as error:
            reverts = encoding.name_in(error.rpc_message) or ("reverted" if "revert" in error.rpc_message else None)
            if reverts or count == 1:
                why = f"The contract refuses settlements ({reverts or error.rpc_message})"
                raise _Stopped(Stop.CONTRACT_REFUSES, why) from error
            count //= 2  # more than the node lets one call use
            continue
        gas = estimate + estimate // 5
        if gas <= cap:
            return part, gas
        if count == 1:
            if estimate > cap:
                why = f"One pair needs {estimate} gas, a transaction may use {cap}"
                raise _Stopped(Stop.CONTRACT_REFUSES, why)
            return part, cap
        count = max(1, min(count - 1, count * cap // gas))


async def offer(desk: Desk, ground: Ground) -> Fees:
    """Fees for a transaction now. Raises _Stopped when the chain asks more than we pay."""
    options = desk.options
    offered = fees.suggest(
        base_fee_wei=ground.base_fee_wei,
        tip_wei=await desk.node.tip_wei(),
        min_tip_wei=options.min_priority_fee_wei,
        cap_wei=options.max_fee_wei,
    )
    if offered is None:
        why = f"The base fee is {ground.base_fee_wei} wei a gas, GRIDX_RELAYER_MAX_FEE_WEI is {options.max_fee_wei}"
        raise _Stopped(Stop.FEES_TOO_HIGH, why)
    return offered


async def could_send(desk: Desk, ground: Ground, now: datetime) -> bool:
    """Whether fees, balance and the day's budget bear a transaction, also while none is due: the one that they refused
    last, else one with a single pair."""
    try:
        await _afford(desk, ground, desk.refused_gas or _ONE_PAIR_GAS, await offer(desk, ground), now)
    except _Stopped:
        return False
    return True


async def _afford(desk: Desk, ground: Ground, gas: int, offered: Fees, now: datetime) -> None:
    """Raise _Stopped unless balance and the day's budget bear the most that the transaction may cost."""
    options, worst = desk.options, gas * offered.max_fee_wei
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    async with desk.db.begin() as session:
        spent = await transactions.spent_since(session, desk.chain.id, desk.signer.address, midnight)
    if max(options.min_balance_wei, spent.open_wei + worst) > ground.balance_wei:
        why = (
            f"0x{desk.signer.address.hex()} has {ground.balance_wei} wei; the next batch may cost {worst}, "
            f"{spent.open_wei} are bound, {options.min_balance_wei} have to stay: send it ether"
        )
        raise _Stopped(Stop.LOW_BALANCE, why)
    for name, used, limit in (
        ("gas", spent.gas + gas, options.daily_gas),
        ("wei", spent.wei + worst, options.daily_wei),
    ):
        if limit is not None and used > limit:
            why = f"The next batch would make {used} {name} today, GRIDX_RELAYER_DAILY_{name.upper()} is {limit}"
            raise _Stopped(Stop.DAILY_BUDGET, why)

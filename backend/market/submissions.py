# SPDX-License-Identifier: Apache-2.0
"""Posted claims and how they end: stored before anything else, finished by the follower even without the client."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts import service as accounts
from backend.chain.types import Chain
from backend.core.errors import Refusal
from backend.core.ids import uuid7_batch
from backend.market import queries, sql
from backend.market.claims import Parties, pick
from backend.market.types import Claim, OnChain, SubmissionState, TradeLogged, TradeStatus, TradeView

STORE_CLAIMS = """
INSERT INTO trade_submissions AS held (id, user_id, chain, tx_hash, event_id, seller_id, buyer_id, energy_wh,
    price_micro_per_kwh, state, created_at, updated_at)
SELECT id, user_id, $1, tx_hash, event_id, seller_id, buyer_id, energy_wh, price_micro_per_kwh, 'SUBMITTED', $2, $2
FROM unnest($3::uuid[], $4::uuid[], $5::bytea[], $6::bytea[], $7::uuid[], $8::uuid[], $9::bigint[], $10::bigint[])
    AS claim (id, user_id, tx_hash, event_id, seller_id, buyer_id, energy_wh, price_micro_per_kwh)
ORDER BY user_id, tx_hash, event_id
ON CONFLICT (user_id, chain, tx_hash, event_id) DO UPDATE SET
    seller_id = excluded.seller_id, buyer_id = excluded.buyer_id, energy_wh = excluded.energy_wh,
    price_micro_per_kwh = excluded.price_micro_per_kwh, updated_at = excluded.updated_at,
    state = CASE WHEN held.state = 'MISMATCHED'
            OR (held.seller_id, held.buyer_id, held.energy_wh, held.price_micro_per_kwh)
                <> (excluded.seller_id, excluded.buyer_id, excluded.energy_wh, excluded.price_micro_per_kwh)
        THEN 'SUBMITTED' ELSE held.state END
RETURNING id, user_id, tx_hash, event_id
"""
_OF_TRANSACTIONS = """
SELECT id, user_id, tx_hash, event_id, seller_id, buyer_id, energy_wh, price_micro_per_kwh, state
FROM trade_submissions WHERE chain = $1 AND tx_hash = ANY($2::bytea[]) AND state <> 'RECORDED'
"""
_MOVE = """
UPDATE trade_submissions AS held SET state = moved.state, reason = moved.reason, trade_id = moved.trade_id,
    depth = moved.depth, missing_since_block = moved.missing_since_block, updated_at = $1,
    sender = coalesce(moved.sender, held.sender), nonce = coalesce(moved.nonce, held.nonce)
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::bytea[], $6::integer[], $7::bigint[], $8::bytea[], $9::bigint[],
        $10::uuid[], $11::uuid[], $12::bigint[], $13::bigint[])
    AS moved (id, state, reason, trade_id, depth, missing_since_block, sender, nonce, seller_id, buyer_id, energy_wh,
        price_micro_per_kwh)
WHERE held.id = moved.id
    AND (moved.seller_id IS NULL OR (held.seller_id, held.buyer_id, held.energy_wh, held.price_micro_per_kwh)
        = (moved.seller_id, moved.buyer_id, moved.energy_wh, moved.price_micro_per_kwh))
    AND (held.state NOT IN ('RECORDED', 'MISMATCHED') OR moved.state IN ('RECORDED', 'MISMATCHED'))
"""
_REOPEN = """
UPDATE trade_submissions SET state = 'SUBMITTED', depth = 0, updated_at = $3
WHERE chain = $1 AND state = 'RECORDED' AND trade_id = ANY($2::bytea[])
"""
_IS_OPEN = "chain = $1 AND state IN ('INTENT', 'SUBMITTED', 'MINED', 'REVERTED', 'DROPPED')"
# Of a transaction that no node has shown; anybody can post such hashes.
_NEVER_SEEN = "sender IS NULL AND trade_id IS NULL AND state NOT IN ('MINED', 'REVERTED')"
# Those whose transaction was never seen have places of their own, and are looked at the less often the older they are.
DUE = f"""
(SELECT id, tx_hash, state, sender, nonce, missing_since_block FROM trade_submissions
WHERE {_IS_OPEN} AND updated_at <= $2 AND created_at > $3 AND NOT ({_NEVER_SEEN}) ORDER BY updated_at LIMIT $4)
UNION ALL
(SELECT id, tx_hash, state, sender, nonce, missing_since_block FROM trade_submissions
WHERE {_IS_OPEN} AND updated_at <= $2 AND created_at > $3 AND {_NEVER_SEEN}
    AND updated_at <= $6::timestamptz - ($6::timestamptz - created_at) / 10 ORDER BY updated_at LIMIT $5)
"""  # noqa: S608 built from constants
_CROWDING = f"""
SELECT user_id FROM trade_submissions WHERE {_IS_OPEN} AND {_NEVER_SEEN} AND user_id = ANY($2::uuid[])
    AND created_at > $3 GROUP BY user_id HAVING count(*) > $4
"""  # noqa: S608 built from constants
MOST_UNKNOWN = 1_000
GIVE_UP_AFTER = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Move:
    """New state of a submission; what is None is not known (sender and nonce once known stay known).

    With `claim`, the state is the judgement of that claim: it is dropped where another claim stands there by now.
    """

    id: UUID
    state: SubmissionState
    reason: str | None = None
    trade_id: bytes | None = None
    depth: int = 0
    missing_since_block: int | None = None
    sender: bytes | None = None
    nonce: int | None = None
    claim: Claim | None = None

    def columns(self) -> tuple[Any, ...]:
        """Values in the order of the statement."""
        said = self.claim
        judged = (said.seller_id, said.buyer_id, said.energy_wh, said.price_micro_per_kwh) if said else (None,) * 4
        known = (self.id, self.state, self.reason, self.trade_id, self.depth, self.missing_since_block)
        return (*known, self.sender, self.nonce, *judged)


async def store(session: AsyncSession, chain: Chain, claims: Sequence[Claim], *, now: datetime) -> list[UUID]:
    """Store claims; returns their ids in order. The same claim again keeps its id; a changed one replaces the old
    and is judged anew, also if its poster dies before it can."""
    keys = [(claim.user_id, claim.tx_hash, claim.event_id) for claim in claims]
    unique = dict(zip(keys, claims, strict=True))
    columns = [
        (key, c.user_id, c.tx_hash, c.event_id, c.seller_id, c.buyer_id, c.energy_wh, c.price_micro_per_kwh)
        for key, c in zip(uuid7_batch(len(unique)), unique.values(), strict=True)
    ]
    rows = await sql.fetch(session, STORE_CLAIMS, chain.id, now, *map(list, zip(*columns, strict=True)))
    ids = {(row["user_id"], row["tx_hash"], row["event_id"]): row["id"] for row in rows}
    return [ids[key] for key in keys]


async def crowding(session: AsyncSession, chain: Chain, users: Sequence[UUID], *, now: datetime) -> set[UUID]:
    """Those of `users` with more than MOST_UNKNOWN waiting claims whose transactions no node has ever shown."""
    rows = await sql.fetch(session, _CROWDING, chain.id, list(set(users)), now - GIVE_UP_AFTER, MOST_UNKNOWN)
    return {row["user_id"] for row in rows}


async def move(session: AsyncSession, moves: Sequence[Move], *, now: datetime) -> None:
    """Write new states. What was judged meanwhile is not undone by an older look at the transaction."""
    if moves:
        columns = zip(*(move.columns() for move in moves), strict=True)
        await sql.fetch(session, _MOVE, now, *map(list, columns))


async def settle_claims(session: AsyncSession, chain: Chain, trades: Sequence[TradeLogged], *, now: datetime) -> None:
    """Tie open claims to trades that have just been recorded; a claim that contradicts its trade ends MISMATCHED."""
    by_tx: dict[bytes, list[TradeLogged]] = {}
    for trade in trades:
        by_tx.setdefault(trade.log.tx_hash, []).append(trade)
    await _settle(session, chain, by_tx, now)


async def settle_recorded(session: AsyncSession, chain: Chain, tx_hashes: Sequence[bytes], *, now: datetime) -> None:
    """Like `settle_claims` for whatever trades of these transactions stand; the caller holds the recorder lock.

    A claim that was stored beside the recording of its trade is tied here: neither saw the other.
    """
    by_tx: dict[bytes, list[TradeView]] = {}
    for trade in await queries.trades_of_transactions(session, chain.id, tx_hashes):
        if trade.status is not TradeStatus.ORPHANED:
            by_tx.setdefault(trade.tx_hash, []).append(trade)
    await _settle(session, chain, by_tx, now)


async def _settle(session: AsyncSession, chain: Chain, by_tx: Mapping[bytes, Sequence[OnChain]], now: datetime) -> None:
    rows = await sql.fetch(session, _OF_TRANSACTIONS, chain.id, list(by_tx)) if by_tx else []
    if not rows:
        return
    wallets = await wallets_of(session, [row["seller_id"] for row in rows] + [row["buyer_id"] for row in rows])
    await move(session, [_judged(row, by_tx[row["tx_hash"]], wallets) for row in rows], now=now)


def _judged(row: Any, trades: Sequence[OnChain], wallets: "WalletHistory") -> Move:
    claim = claim_of(row)
    try:
        trade = pick(claim, wallets.parties(row["seller_id"], row["buyer_id"], trades), trades)
    except Refusal as refusal:
        return Move(row["id"], SubmissionState.MISMATCHED, reason=str(refusal), claim=claim)
    return Move(row["id"], SubmissionState.RECORDED, trade_id=trade.trade_id, claim=claim)


async def reopen(session: AsyncSession, chain: Chain, trade_ids: Sequence[bytes], *, now: datetime) -> None:
    """Claims of orphaned trades wait again, until their transaction is mined anew."""
    if trade_ids:
        await sql.fetch(session, _REOPEN, chain.id, list(trade_ids), now)


def claim_of(row: Any) -> Claim:
    """The claim in a row of trade_submissions."""
    return Claim(
        user_id=row["user_id"],
        tx_hash=row["tx_hash"],
        event_id=row["event_id"],
        seller_id=row["seller_id"],
        buyer_id=row["buyer_id"],
        energy_wh=row["energy_wh"],
        price_micro_per_kwh=row["price_micro_per_kwh"],
    )


@dataclass(frozen=True, slots=True)
class WalletHistory:
    """Which wallets belonged to which user, and when: (address, valid from, valid to or None)."""

    of_user: dict[UUID, tuple[tuple[bytes, datetime, datetime | None], ...]]

    def held(self, user: UUID, at: datetime) -> frozenset[bytes]:
        """Wallets of `user` at a time."""
        return frozenset(
            address
            for address, since, until in self.of_user.get(user, ())
            if since <= at and (until is None or at < until)
        )

    def parties(self, seller: UUID, buyer: UUID, trades: Sequence[OnChain]) -> Parties:
        """Wallets of both users at the time of the transaction's block."""
        at = trades[0].block_time
        return Parties(self.held(seller, at), self.held(buyer, at))


async def wallets_of(session: AsyncSession, users: Sequence[UUID]) -> WalletHistory:
    """The wallet history of users, in one query."""
    return WalletHistory(await accounts.wallet_history(session, sorted(set(users))))

# SPDX-License-Identifier: Apache-2.0
"""Wallets: who owns an address when, how a user proves one, and how one replaces another."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts import auditlog, queries
from backend.accounts.config import NONCE_LIFETIME, REPLACEMENT_HOLD, Accounts
from backend.accounts.errors import (
    ReplacementNotFound,
    ReplacementOpen,
    SignatureInvalid,
    WalletBusy,
    WalletNonceInvalid,
    WalletNotFound,
    WalletTaken,
)
from backend.accounts.events import WalletLinked, WalletReplacementRequested, WalletUnlinked
from backend.accounts.models import SINCE_EVER, Wallet, WalletNonce, WalletReplacement
from backend.accounts.signatures import signed_by
from backend.accounts.types import CallContract, UnfinishedTrades
from backend.core import outbox
from backend.core.crypto import hash_typed
from backend.core.db import Actor, Database
from backend.core.units import format_address, format_hex

LINK_WALLET = (("string", "userId"), ("bytes32", "nonce"), ("uint256", "expiry"))


@dataclass(frozen=True, slots=True)
class Replacing:
    """The wallet that gives way, its signature over the same challenge if it still can sign, and whom to ask about
    its open trades."""

    address: bytes
    signature: bytes | None
    unfinished: UnfinishedTrades


async def owners_of(session: AsyncSession, addresses: Sequence[bytes], at: datetime) -> dict[bytes, UUID]:
    """The owner of each address at one moment; addresses that nobody owned then are left out."""
    distinct = list(dict.fromkeys(addresses))
    owners = await queries.owners_at(session, distinct, [at] * len(distinct))
    return {address: owner for address, owner in zip(distinct, owners, strict=True) if owner is not None}


async def claim_addresses(session: AsyncSession, user_id: UUID, addresses: Sequence[bytes], *, now: datetime) -> None:
    """Give proven addresses to the user: from ever on if nobody owned them before, else from `now`. Repeatable.

    As gridx_api the address must be named in `gridx.sign_in_wallet`; as gridx_service any are taken.
    Raises WalletTaken if another user owns one.
    """
    for address in dict.fromkeys(addresses):
        wallet = await queries.open_wallet(session, address)
        if wallet is not None and wallet.user_id == user_id:
            continue
        if wallet is not None and wallet.user_id is not None:
            raise WalletTaken(address=format_address(address))
        if wallet is None:
            valid_from = now if await queries.has_history(session, address) else SINCE_EVER
            wallet = Wallet(address=address, user_id=user_id, valid_from=valid_from)
            session.add(wallet)
        wallet.user_id = user_id
        await _flush_claim(session, address)
        await auditlog.record(session, "wallet.linked", now=now, user_id=user_id, subject=("wallet", address))
        await outbox.add(session, WalletLinked(audience=user_id, address=address, valid_from=wallet.valid_from))


async def _flush_claim(session: AsyncSession, address: bytes) -> None:
    try:
        await session.flush()
    except IntegrityError as error:
        if queries.violated(error) == "wallets_one_owner":
            raise WalletTaken(address=format_address(address)) from error
        raise


async def close_wallet(session: AsyncSession, wallet: Wallet, *, user_id: UUID, now: datetime) -> None:
    """End the ownership of a wallet; what happened before stays the user's."""
    wallet.valid_to = max(now, wallet.valid_from)
    await session.flush()
    await auditlog.record(session, "wallet.unlinked", now=now, user_id=user_id, subject=("wallet", wallet.address))
    await outbox.add(session, WalletUnlinked(audience=user_id, address=wallet.address, valid_to=wallet.valid_to))


async def list_wallets(db: Database, user_id: UUID) -> tuple[list[Wallet], list[WalletReplacement]]:
    """All wallets of the user, closed ones too, newest link first, and the replacements that wait."""
    async with db.begin(Actor(user_id=user_id)) as session:
        owned = select(Wallet).where(col(Wallet.user_id) == user_id).order_by(col(Wallet.id).desc()).limit(100)
        waiting = select(WalletReplacement).where(
            col(WalletReplacement.user_id) == user_id,
            col(WalletReplacement.cancelled_at).is_(None),
            col(WalletReplacement.completed_at).is_(None),
        )
        return list((await session.exec(owned)).all()), list((await session.exec(waiting)).all())


async def challenge(
    db: Database, accounts: Accounts, *, user_id: UUID, address: bytes, now: datetime
) -> dict[str, Any]:
    """The EIP-712 typed data `LinkWallet{userId, nonce, expiry}` that `address` must sign within five minutes."""
    nonce = secrets.token_bytes(32)
    expires_at = (now + NONCE_LIFETIME).replace(microsecond=0)
    async with db.begin(Actor(user_id=user_id)) as session:
        session.add(WalletNonce(user_id=user_id, nonce=nonce, address=address, expires_at=expires_at))
    fields = [{"name": name, "type": kind} for kind, name in LINK_WALLET]
    domain_fields = [("name", "string"), ("version", "string"), ("chainId", "uint256")]
    return {
        "domain": accounts.link_domain(),
        "types": {
            "EIP712Domain": [{"name": name, "type": kind} for name, kind in domain_fields],
            "LinkWallet": fields,
        },
        "primaryType": "LinkWallet",
        "message": _link_message(user_id, nonce, expires_at) | {"nonce": format_hex(nonce)},
    }


def _link_message(user_id: UUID, nonce: bytes, expires_at: datetime) -> dict[str, Any]:
    return {"userId": str(user_id), "nonce": nonce, "expiry": int(expires_at.astimezone(UTC).timestamp())}


def link_digest(accounts: Accounts, *, user_id: UUID, nonce: bytes, expires_at: datetime) -> bytes:
    """What the wallet signs."""
    return hash_typed(accounts.link_domain(), "LinkWallet", LINK_WALLET, _link_message(user_id, nonce, expires_at))


async def link(
    db: Database,
    accounts: Accounts,
    *,
    user_id: UUID,
    nonce: bytes,
    signature: bytes,
    replacing: Replacing | None,
    call_contract: CallContract | None,
    now: datetime,
) -> WalletReplacement | None:
    """Link the wallet that the challenge was drawn for, once it has signed it.

    With `replacing` the old wallet ends: at once if it signed too, else after a hold of 24 hours, which is returned
    and announced so that the true owner can cancel it. The nonce is used up whatever happens. Raises
    WalletNonceInvalid, SignatureInvalid, WalletNotFound, WalletTaken, WalletBusy, ReplacementOpen.
    """
    asked = await _take_nonce(db, user_id, nonce, now=now)
    digest = link_digest(accounts, user_id=user_id, nonce=nonce, expires_at=asked.expires_at)
    if not await signed_by(asked.address, digest, signature, call_contract):
        raise SignatureInvalid(address=format_address(asked.address))
    by_old = replacing.signature if replacing is not None else None
    if replacing is not None and by_old is not None:  # an empty signature is a wrong one, not a missing one
        holds = await signed_by(replacing.address, digest, by_old, call_contract)
        if not holds:
            raise SignatureInvalid(address=format_address(replacing.address))
    async with db.begin(Actor(user_id=user_id), sign_in_wallet=asked.address.hex()) as session:
        if replacing is not None:
            old = await _replaceable(session, replacing, user_id)
            if replacing.signature is None:
                return await _hold(session, user_id, old=old.address, new=asked.address, now=now)
            await close_wallet(session, old, user_id=user_id, now=now)
        await claim_addresses(session, user_id, [asked.address], now=now)
    return None


async def _take_nonce(db: Database, user_id: UUID, nonce: bytes, *, now: datetime) -> WalletNonce:
    async with db.begin(Actor(user_id=user_id)) as session:
        mine = (col(WalletNonce.user_id) == user_id, col(WalletNonce.nonce) == nonce)
        asked = (await session.exec(select(WalletNonce).where(*mine))).one_or_none()
        taken = await session.exec(delete(WalletNonce).where(*mine))
    if asked is None or taken.rowcount == 0 or asked.expires_at <= now:
        raise WalletNonceInvalid
    return asked


async def _replaceable(session: AsyncSession, replacing: Replacing, user_id: UUID) -> Wallet:
    old = await queries.open_wallet(session, replacing.address, user_id=user_id)
    if old is None:
        raise WalletNotFound(address=format_address(replacing.address))
    if await replacing.unfinished(session, replacing.address):
        raise WalletBusy(address=format_address(replacing.address))
    return old


async def _hold(session: AsyncSession, user_id: UUID, *, old: bytes, new: bytes, now: datetime) -> WalletReplacement:
    present = await queries.open_wallet(session, new)
    if present is not None and present.user_id is not None:
        raise WalletTaken(address=format_address(new))
    waiting = WalletReplacement(
        user_id=user_id, old_address=old, new_address=new, requested_at=now, effective_at=now + REPLACEMENT_HOLD
    )
    session.add(waiting)
    try:
        await session.flush()
    except IntegrityError as error:
        raise ReplacementOpen(address=format_address(old)) from error
    await auditlog.record(
        session,
        "wallet.replacement_requested",
        now=now,
        user_id=user_id,
        subject=("wallet_replacement", waiting.id),
        old=old,
        new=new,
    )
    await outbox.add(
        session,
        WalletReplacementRequested(
            audience=user_id,
            replacement_id=waiting.id,
            old_address=old,
            new_address=new,
            effective_at=waiting.effective_at,
        ),
    )
    return waiting


async def cancel_replacement(db: Database, replacement_id: UUID, *, user_id: UUID, now: datetime) -> None:
    """Stop a waiting replacement; raises ReplacementNotFound."""
    async with db.begin(Actor(user_id=user_id)) as session:
        waiting = await _lock_open_replacement(session, replacement_id, user_id)
        if waiting is None:
            raise ReplacementNotFound(replacement_id=replacement_id)
        waiting.cancelled_at = now
        await auditlog.record(
            session,
            "wallet.replacement_cancelled",
            now=now,
            user_id=user_id,
            subject=("wallet_replacement", waiting.id),
        )


async def complete_replacements(service_db: Database, unfinished: UnfinishedTrades, *, now: datetime) -> int:
    """Carry out the replacements whose hold is over; returns how many. One that cannot be done any more is cancelled,
    one whose old wallet has open trades again waits on."""
    open_and_due = (
        col(WalletReplacement.effective_at) <= now,
        col(WalletReplacement.cancelled_at).is_(None),
        col(WalletReplacement.completed_at).is_(None),
    )
    async with service_db.begin() as session:
        due = (await session.exec(select(WalletReplacement).where(*open_and_due).limit(1000))).all()
    done = 0
    for waiting in due:
        try:
            done += await _complete(service_db, waiting, unfinished, now=now)
        except WalletTaken:
            async with service_db.begin() as session:
                await _give_up(session, waiting.id, now=now)
    return done


async def _complete(db: Database, waiting: WalletReplacement, unfinished: UnfinishedTrades, *, now: datetime) -> int:
    async with db.begin() as session:
        current = await _lock_open_replacement(session, waiting.id, waiting.user_id)
        if current is None or await unfinished(session, current.old_address):
            return 0
        old = await queries.open_wallet(session, current.old_address, user_id=current.user_id)
        if old is None:
            current.cancelled_at = now
            return 0
        await close_wallet(session, old, user_id=current.user_id, now=now)
        await claim_addresses(session, current.user_id, [current.new_address], now=now)
        current.completed_at = now
    return 1


async def _give_up(session: AsyncSession, replacement_id: UUID, *, now: datetime) -> None:
    found = await session.get(WalletReplacement, replacement_id)
    if found is not None and found.completed_at is None:
        found.cancelled_at = now


async def _lock_open_replacement(
    session: AsyncSession, replacement_id: UUID, user_id: UUID
) -> WalletReplacement | None:
    query = select(WalletReplacement).where(
        col(WalletReplacement.id) == replacement_id,
        col(WalletReplacement.user_id) == user_id,
        col(WalletReplacement.cancelled_at).is_(None),
        col(WalletReplacement.completed_at).is_(None),
    )
    return (await session.exec(query.with_for_update())).one_or_none()

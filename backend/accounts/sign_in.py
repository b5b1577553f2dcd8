# SPDX-License-Identifier: Apache-2.0
"""Ways in: registration, password, and Sign-In with Ethereum."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts import auditlog, passwords, queries, siwe
from backend.accounts.config import NONCE_LIFETIME, Accounts
from backend.accounts.errors import (
    EmailTaken,
    SignatureInvalid,
    SiweNonceInvalid,
    WalletProofNeeded,
    WalletTaken,
    WrongCredentials,
)
from backend.accounts.events import UserRegistered
from backend.accounts.models import SiweNonce, User
from backend.accounts.sessions import open_session
from backend.accounts.signatures import signed_by
from backend.accounts.tokens import hash_secret, new_secret, new_siwe_nonce
from backend.accounts.types import CallContract, MarketRole, Tokens
from backend.accounts.wallets import claim_addresses
from backend.core import outbox
from backend.core.crypto import hash_personal
from backend.core.db import Actor, Database
from backend.core.ids import uuid7
from backend.core.units import format_address


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A user, the open wallets, and the tokens of the new session."""

    user: User
    wallets: list[bytes]
    tokens: Tokens


@dataclass(frozen=True, slots=True)
class WalletProof:
    """A sign-in message, its signature, and the cookie that its nonce is bound to."""

    message: str
    signature: bytes
    cookie: str | None


@dataclass(frozen=True, slots=True)
class NewUser:
    """What a person gives to register; `email` is in lower case."""

    name: str
    email: str
    password: str
    role: MarketRole
    wallet_address: bytes | None = None


async def new_nonce(db: Database, *, now: datetime) -> tuple[str, str]:
    """A one-time nonce for a sign-in message and the cookie that it is bound to, both good for five minutes."""
    nonce, cookie = new_siwe_nonce(), new_secret()
    digest = hash_secret(cookie)
    async with db.begin(sign_in_token=digest.hex()) as session:
        session.add(SiweNonce(cookie_hash=digest, nonce_hash=hash_secret(nonce), expires_at=now + NONCE_LIFETIME))
    return nonce, cookie


async def prove_wallet(
    db: Database, accounts: Accounts, proof: WalletProof, *, call_contract: CallContract | None, now: datetime
) -> bytes:
    """The address that signed in; the cookie's nonce is used up even when the proof fails.

    Raises SiweMalformed, SiweRefused, SiweNonceInvalid, SignatureInvalid.
    """
    drawn = await _take_nonce(db, proof.cookie, now=now)
    message = siwe.parse(proof.message)
    if drawn is None or hash_secret(message.nonce) != drawn:
        raise SiweNonceInvalid
    siwe.check(message, accounts, now=now)
    if not await signed_by(message.address, hash_personal(proof.message), proof.signature, call_contract):
        raise SignatureInvalid(address=format_address(message.address))
    return message.address


async def _take_nonce(db: Database, cookie: str | None, *, now: datetime) -> bytes | None:
    if not cookie:
        return None
    digest = hash_secret(cookie)
    async with db.begin(sign_in_token=digest.hex()) as session:
        kept = (await session.exec(select(SiweNonce).where(col(SiweNonce.cookie_hash) == digest))).one_or_none()
        taken = await session.exec(delete(SiweNonce).where(col(SiweNonce.cookie_hash) == digest))
    if kept is None or taken.rowcount == 0 or kept.expires_at <= now:
        return None
    return kept.nonce_hash


async def register(
    db: Database,
    accounts: Accounts,
    new: NewUser,
    proof: WalletProof | None,
    *,
    call_contract: CallContract | None,
    now: datetime,
    user_agent: str | None = None,
) -> SignedIn:
    """A user with e-mail and password, signed in; with a wallet only if that wallet signed too.

    Raises EmailTaken, PasswordWeak, WalletProofNeeded, WalletTaken and what `prove_wallet` raises.
    """
    passwords.check_strength(new.password, email=new.email)
    if (new.wallet_address is None) != (proof is None):
        raise WalletProofNeeded
    if proof is not None:
        address = await prove_wallet(db, accounts, proof, call_contract=call_contract, now=now)
        if address != new.wallet_address:
            raise WalletProofNeeded("The message was signed by another wallet than walletAddress")
    user = User(
        name=new.name,
        email=new.email,
        role=new.role.value,
        password_hash=await passwords.hash_password(new.password),
        created_at=now,
    )
    wallets = [new.wallet_address] if new.wallet_address is not None else []
    async with db.begin(Actor(user_id=user.id), **_naming(wallets)) as session:
        await _insert_user(session, user, now=now)
        await claim_addresses(session, user.id, wallets, now=now)
        tokens = await open_session(session, accounts, user.id, now=now, user_agent=user_agent)
    return SignedIn(user, wallets, tokens)


def _naming(wallets: list[bytes]) -> dict[str, str]:
    return {"sign_in_wallet": wallets[0].hex()} if wallets else {}


async def _insert_user(session: AsyncSession, user: User, *, now: datetime) -> None:
    session.add(user)
    try:
        await session.flush()
    except IntegrityError as error:
        if queries.violated(error) == "users_email_key":
            raise EmailTaken from error
        raise
    await auditlog.record(session, "user.registered", now=now, user_id=user.id, subject=("user", user.id))
    await outbox.add(session, UserRegistered(audience=user.id))


async def sign_in_with_password(
    db: Database, accounts: Accounts, *, email: str, password: str, now: datetime, user_agent: str | None = None
) -> SignedIn:
    """A session for e-mail and password; an unknown e-mail takes as long as a wrong password.

    Raises WrongCredentials.
    """
    async with db.begin(sign_in_email=email) as session:
        user = await queries.find_by_email(session, email)
    known_hash = user.password_hash if user is not None else None
    fits = await passwords.verify_password(known_hash, password)
    if user is None or known_hash is None or not fits:
        raise WrongCredentials
    fresh = await passwords.hash_password(password) if passwords.needs_rehash(known_hash) else None
    async with db.begin(Actor(user_id=user.id)) as session:
        current = await queries.get_user(session, user.id, lock=True)
        if current.password_hash != known_hash:  # changed meanwhile: the old password must not open a session
            raise WrongCredentials
        if fresh is not None:
            current.password_hash = fresh
        tokens = await open_session(session, accounts, user.id, now=now, user_agent=user_agent)
        wallets = await queries.wallets_of(session, [user.id])
    return SignedIn(current, wallets[user.id], tokens)


async def sign_in_with_wallet(
    db: Database,
    accounts: Accounts,
    proof: WalletProof,
    *,
    call_contract: CallContract | None,
    now: datetime,
    user_agent: str | None = None,
) -> SignedIn:
    """A session for the wallet's user; a wallet's first sign-in creates the user. Raises what `prove_wallet` raises."""
    address = await prove_wallet(db, accounts, proof, call_contract=call_contract, now=now)
    try:
        return await _enter(db, accounts, address, now=now, user_agent=user_agent)
    except WalletTaken:  # the same wallet signed in for the first time in another request a moment ago
        return await _enter(db, accounts, address, now=now, user_agent=user_agent)


async def _enter(
    db: Database, accounts: Accounts, address: bytes, *, now: datetime, user_agent: str | None
) -> SignedIn:
    async with db.begin(sign_in_wallet=address.hex()) as session:
        wallet = await queries.open_wallet(session, address)
        if wallet is not None and wallet.user_id is not None:
            await queries.act_as(session, wallet.user_id)
            user = await queries.get_user(session, wallet.user_id)
        else:
            shown = format_address(address)
            user = User(id=uuid7(), name=f"{shown[:6]}…{shown[-4:]}", created_at=now)
            await queries.act_as(session, user.id)
            await _insert_user(session, user, now=now)
            await claim_addresses(session, user.id, [address], now=now)
        tokens = await open_session(session, accounts, user.id, now=now, user_agent=user_agent)
        wallets = await queries.wallets_of(session, [user.id])
    return SignedIn(user, wallets[user.id], tokens)

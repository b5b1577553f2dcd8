# SPDX-License-Identifier: Apache-2.0
"""Spending: documents that a wallet's owner signs, stored in the account's chain and booked in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts.service import signed_by
from backend.accounts.types import CallContract
from backend.carbon import ledger, queries
from backend.carbon.documents import (
    Document,
    Domain,
    Head,
    Retirement,
    Transference,
    account_of_recipient,
    digest,
    typed_data,
)
from backend.carbon.errors import (
    DocumentExpired,
    DocumentReplayed,
    ForeignWallet,
    NoChain,
    RecipientWrong,
    SequenceTaken,
    SignatureWrong,
)
from backend.carbon.events import CarbonRetired, CarbonTransferred
from backend.carbon.types import RETIRED, Bucket, Kind, Transfer
from backend.chain import service as chains
from backend.core import outbox
from backend.core.db import Actor, Database, raw
from backend.core.ids import uuid7

EXPIRES_AFTER_S = 3600
"""How long a prepared document may be signed and sent."""
LATEST_EXPIRY_S = 7 * 86_400
"""A signature that stays open longer than this is refused."""


Caller = CallContract | None
"""Asks a contract wallet whether it vouches for a signature; None: only wallets with a key can sign."""


@dataclass(frozen=True, slots=True)
class Booked:
    """A stored document; `body_hash` is what was signed."""

    document_id: UUID
    body_hash: bytes


async def domain_of(session: AsyncSession, chain: int | None = None) -> Domain:
    """The signing domain of the chain with key `chain`, or of the one registered last. Raises NoChain."""
    found = await chains.find_chain(session, chain)
    if found is None:
        raise NoChain
    return Domain(chain_id=found.chain_id, contract=found.contract_address, salt=found.salt)


async def prepare(db: Database, account: bytes, *, actor: Actor) -> tuple[Domain, Head]:
    """Domain and predecessor for the next document of the user's own wallet. Raises ForeignWallet, NoChain."""
    async with db.begin(actor) as session:
        await _check_own(session, account, actor)
        return await domain_of(session), await queries.head_of(session, account)


async def retire(
    db: Database, order: Retirement, signature: bytes, *, actor: Actor, call_contract: Caller, now: datetime
) -> Booked:
    """Take available carbon out of circulation for ever.

    Raises ForeignWallet, NoChain, DocumentExpired, SignatureWrong, DocumentReplayed, SequenceTaken, InsufficientCarbon.
    """
    domain = await _admit(db, order, signature, expiry=order.expiry, actor=actor, call_contract=call_contract, now=now)
    async with db.begin(actor) as session:
        await _check_own(session, order.account, actor)
        factors = await queries.factors_of(session, order.account)
        booked = await store(
            session, domain, order, signer=order.account, signature=signature, now=now, factors=factors
        )
        await _move(session, order.account, RETIRED, order.grams, Kind.RETIRED, booked.document_id, now)
        await outbox.add(session, CarbonRetired(actor.user_id, booked.document_id, order.account, order.grams))
    return booked


async def transfer(
    db: Database, order: Transference, signature: bytes, *, actor: Actor, call_contract: Caller, now: datetime
) -> Booked:
    """Give available carbon to another wallet or to a community's reserve; nobody's rank changes.

    Raises RecipientWrong and what `retire` raises.
    """
    recipient = account_of_recipient(order.recipient)
    if order.recipient in (order.account, bytes(20)):
        raise RecipientWrong
    domain = await _admit(db, order, signature, expiry=order.expiry, actor=actor, call_contract=call_contract, now=now)
    async with db.begin(actor) as session:
        await _check_own(session, order.account, actor)
        if len(recipient) != 20 and not await queries.is_community(session, int.from_bytes(recipient[1:], "big")):
            raise RecipientWrong("There is no such community")
        booked = await store(session, domain, order, signer=order.account, signature=signature, now=now)
        await _move(session, order.account, recipient, order.grams, Kind.TRANSFERRED, booked.document_id, now)
        await outbox.add(
            session, CarbonTransferred(actor.user_id, booked.document_id, order.account, recipient, order.grams)
        )
    return booked


async def store(
    session: AsyncSession,
    domain: Domain,
    document: Document,
    *,
    signer: bytes,
    signature: bytes,
    now: datetime,
    factors: Sequence[dict[str, int]] = (),
) -> Booked:
    """Append a signed document to its account's chain; `factors` stand beside the signed message.

    Raises DocumentReplayed, SequenceTaken.
    """
    body_hash = digest(domain, document)
    document_id = uuid7()
    body = typed_data(domain, document)
    if factors:
        body["factors"] = list(factors)
    stored = await queries.append_document(
        session, document_id, document, body=body, body_hash=body_hash, signer=signer, signature=signature, now=now
    )
    if not stored:
        earlier = await queries.document_by_hash(session, body_hash)
        if earlier is not None:
            raise DocumentReplayed(document_id=earlier)
        head = await queries.head_of(session, document.account)
        raise SequenceTaken(expected_sequence=head.sequence + 1, given_sequence=document.sequence)
    return Booked(document_id, body_hash)


async def _admit(
    db: Database,
    order: Retirement | Transference,
    signature: bytes,
    *,
    expiry: int,
    actor: Actor,
    call_contract: Caller,
    now: datetime,
) -> Domain:
    """Check owner, expiry and signature; a contract wallet is asked outside of any transaction.

    Raises ForeignWallet, NoChain, DocumentExpired, SignatureWrong, Unavailable without a node.
    """
    async with db.begin(actor) as session:
        await _check_own(session, order.account, actor)
        domain = await domain_of(session)
    if not now.timestamp() < expiry <= now.timestamp() + LATEST_EXPIRY_S:
        raise DocumentExpired(expiry=expiry)
    if not await signed_by(order.account, digest(domain, order), signature, call_contract):
        raise SignatureWrong
    return domain


async def _check_own(session: AsyncSession, account: bytes, actor: Actor) -> None:
    if actor.user_id is None or not await queries.owns(session, actor.user_id, account):
        raise ForeignWallet


async def _move(
    session: AsyncSession, source: bytes, target: bytes, grams: int, kind: Kind, document_id: UUID, now: datetime
) -> None:
    moved = Transfer(
        kind, source, Bucket.AVAILABLE, target, Bucket.AVAILABLE, grams, booked_at=now, document_id=document_id
    )
    await ledger.insert(await raw(session), [moved])

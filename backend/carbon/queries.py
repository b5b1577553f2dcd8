# SPDX-License-Identifier: Apache-2.0
"""Reads of the ledger, and the few writes beside it: documents and claims on reserves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.carbon.documents import NO_PREDECESSOR, Document, Head
from backend.core.paging import counted

MOST_FACTORS = 20
_HEAD = text("SELECT sequence, body_hash FROM carbon_documents WHERE account = :account ORDER BY sequence DESC LIMIT 1")
_APPEND = text("""
INSERT INTO carbon_documents
    (id, account, sequence, previous_hash, kind, body, body_hash, signer, signature, created_at)
SELECT n.* FROM (SELECT CAST(:id AS uuid), CAST(:account AS bytea), CAST(:sequence AS int), CAST(:previous AS bytea),
    CAST(:kind AS text), CAST(:body AS jsonb), CAST(:hash AS bytea), CAST(:signer AS bytea), CAST(:signature AS bytea),
    CAST(:now AS timestamptz)) AS n (id, account, sequence, previous_hash)
WHERE CASE WHEN n.sequence = 1 THEN n.previous_hash = CAST(:none AS bytea) ELSE EXISTS (
    SELECT FROM carbon_documents AS d
    WHERE d.account = n.account AND d.sequence = n.sequence - 1 AND d.body_hash = n.previous_hash) END
ON CONFLICT DO NOTHING RETURNING id
""")
_OWNS = text("SELECT EXISTS (SELECT FROM wallets WHERE address = :address AND user_id = :user AND valid_to IS NULL)")
_BALANCES = text("""
SELECT w.address AS account, c.pending_g, c.available_g, c.earned_g, c.received_g, c.spent_g, c.reversed_g
FROM (SELECT DISTINCT address FROM wallets WHERE user_id = :user) AS w
LEFT JOIN carbon_wallet AS c ON c.account = w.address ORDER BY w.address
""")
_SIDES = """
SELECT id, kind, credit_account AS account, debit_account AS other, grams, chain, trade_id, document_id, community,
    delivery_start, booked_at, CASE kind WHEN 'transferred' THEN 'received' ELSE kind::text END AS type
FROM carbon_transactions WHERE octet_length(credit_account) = 20 AND credit_account = ANY(:accounts)
UNION ALL
SELECT id, kind, debit_account, credit_account, grams, chain, trade_id, document_id, community, delivery_start,
    booked_at, CASE WHEN kind IN ('retired', 'transferred') THEN 'spent' ELSE 'reversed' END
FROM carbon_transactions WHERE octet_length(debit_account) = 20 AND debit_account <> credit_account
    AND debit_account = ANY(:accounts)
"""
_WANTED = """
WHERE (CAST(:type AS text) IS NULL OR type = :type) AND (CAST(:since AS timestamptz) IS NULL OR booked_at >= :since)
    AND (CAST(:until AS timestamptz) IS NULL OR booked_at < :until)
"""
_PAGE = text(f"SELECT * FROM ({_SIDES}) AS s {_WANTED} ORDER BY id DESC, type LIMIT :limit OFFSET :offset")  # noqa: S608
_COUNT = text(f"SELECT count(*) FROM ({_SIDES}) AS s {_WANTED}")  # noqa: S608 constants of this file
_CREDITED = text("""
SELECT sum(grams)::bigint FROM (
    SELECT grams, holder_id, community, delivery_start FROM carbon_transactions
    WHERE octet_length(credit_account) = 20 AND credit_account = ANY(:accounts) AND kind = 'earned'
    UNION ALL
    SELECT -grams, holder_id, community, delivery_start FROM carbon_transactions
    WHERE octet_length(debit_account) = 20 AND debit_account <> credit_account AND debit_account = ANY(:accounts)
        AND kind IN ('reversed', 'reduced')
) AS moved
WHERE community = :community AND holder_id = ANY(:holders) AND delivery_start >= :since AND delivery_start < :until
""")
_DOCUMENTS = text("""
SELECT id, account, sequence, previous_hash, kind, body, body_hash, signer, signature, created_at,
    count(*) OVER () AS total
FROM carbon_documents WHERE account = ANY(:accounts) AND kind = :kind ORDER BY id DESC LIMIT :limit OFFSET :offset
""")
_DOCUMENT = text("""
SELECT id, account, sequence, previous_hash, kind, body, body_hash, signer, signature, created_at
FROM carbon_documents WHERE id = :id
""")
_PAY = text("""
WITH open AS (
    SELECT id, grams - settled_g AS owed_g,
        sum(grams - settled_g) OVER (ORDER BY id) - (grams - settled_g) AS before_g
    FROM carbon_reserve_claims WHERE community = :community AND settled_g < grams
), paid AS (
    UPDATE carbon_reserve_claims AS c SET settled_g = c.settled_g + least(o.owed_g, :free - o.before_g)
    FROM open AS o WHERE c.id = o.id AND o.before_g < :free RETURNING least(o.owed_g, :free - o.before_g) AS grams
)
SELECT coalesce(sum(grams), 0)::bigint FROM paid
""")


@dataclass(frozen=True, slots=True)
class WalletBalance:
    """Grams of one account."""

    account: bytes
    pending_g: int = 0
    available_g: int = 0
    earned_g: int = 0
    received_g: int = 0
    spent_g: int = 0
    reversed_g: int = 0


@dataclass(frozen=True, slots=True)
class Movement:
    """One side of a transfer as its wallet sees it; `type` is earned, released, received, spent or reversed."""

    id: UUID
    kind: str
    account: bytes
    other: bytes
    grams: int
    chain: int | None
    trade_id: bytes | None
    document_id: UUID | None
    community: int | None
    delivery_start: datetime | None
    booked_at: datetime
    type: str


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A signed document as stored."""

    id: UUID
    account: bytes
    sequence: int
    previous_hash: bytes
    kind: str
    body: dict[str, Any]
    body_hash: bytes
    signer: bytes
    signature: bytes
    created_at: datetime


@dataclass(frozen=True, slots=True)
class MovementFilter:
    """Which movements are wanted: booked in [since, until), of one type; None: any."""

    type: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def head_of(session: AsyncSession, account: bytes) -> Head:
    """The last document of an account."""
    row = (await session.execute(_HEAD, {"account": account})).first()
    return Head(row.sequence, row.body_hash) if row else Head()


async def append_document(
    session: AsyncSession,
    document_id: UUID,
    document: Document,
    *,
    body: dict[str, Any],
    body_hash: bytes,
    signer: bytes,
    signature: bytes,
    now: datetime,
) -> bool:
    """Store a document if it continues its account's chain; False when it does not, or is stored already."""
    row = await session.execute(
        _APPEND,
        {
            "id": document_id, "account": document.account, "sequence": document.sequence,
            "previous": document.previous_hash, "kind": document.KIND, "body": orjson.dumps(body).decode(),
            "hash": body_hash, "signer": signer, "signature": signature, "now": now, "none": NO_PREDECESSOR,
        },
    )  # fmt: skip
    return row.first() is not None


async def document_by_hash(session: AsyncSession, body_hash: bytes) -> UUID | None:
    """The id of the document with this hash, if it is stored and visible."""
    found = await session.scalar(text("SELECT id FROM carbon_documents WHERE body_hash = :hash"), {"hash": body_hash})
    return UUID(str(found)) if found else None


async def get_document(session: AsyncSession, document_id: UUID) -> StoredDocument | None:
    """A document by id, if the actor may see it (or named it as `gridx.document_id`)."""
    row = (await session.execute(_DOCUMENT, {"id": document_id})).first()
    return StoredDocument(**row._mapping) if row else None


async def list_documents(
    session: AsyncSession, accounts: Sequence[bytes], kind: str, *, limit: int, offset: int
) -> tuple[list[StoredDocument], int]:
    """A page of documents of these accounts, newest first, and how many there are."""
    asked = {"accounts": list(accounts), "kind": kind}

    async def read(most: int, after: int) -> Sequence[Any]:
        return (await session.execute(_DOCUMENTS, asked | {"limit": most, "offset": after})).mappings().all()

    rows, total = await counted(read, limit=limit, offset=offset)
    return [StoredDocument(**{name: row[name] for name in row if name != "total"}) for row in rows], total


async def owns(session: AsyncSession, user_id: UUID, address: bytes) -> bool:
    """Whether the address is a present wallet of the user."""
    return bool(await session.scalar(_OWNS, {"address": address, "user": user_id}))


async def is_community(session: AsyncSession, number: int) -> bool:
    """Whether a community with this number is registered on some chain."""
    found = text("SELECT EXISTS (SELECT FROM chain_communities WHERE community = :number)")
    return bool(await session.scalar(found, {"number": number}))


async def balances(session: AsyncSession, user_id: UUID) -> list[WalletBalance]:
    """Balances of the user's wallets that the actor may see, former ones too; zeros where nothing was booked."""
    rows = (await session.execute(_BALANCES, {"user": user_id})).mappings().all()
    return [WalletBalance(**{name: row[name] for name in row if row[name] is not None}) for row in rows]


async def movements(
    session: AsyncSession, accounts: Sequence[bytes], wanted: MovementFilter, *, limit: int, offset: int
) -> tuple[list[Movement], int]:
    """A page of movements of these accounts, newest first, and how many match."""
    asked = {"accounts": list(accounts), "type": wanted.type, "since": wanted.since, "until": wanted.until}
    total = int(await session.scalar(_COUNT, asked) or 0)
    rows = (await session.execute(_PAGE, asked | {"limit": limit, "offset": offset})).all()
    return [Movement(**row._mapping) for row in rows], total


async def credited(
    session: AsyncSession,
    accounts: Sequence[bytes],
    holders: Sequence[UUID],
    *,
    community: int,
    since: datetime,
    until: datetime,
) -> int:
    """Grams that deliveries of a community in `[since, until)` earned these accounts while these holders had them."""
    asked = {"accounts": list(accounts), "holders": list(holders), "community": community}
    return int(await session.scalar(_CREDITED, asked | {"since": since, "until": until}) or 0)


async def factors_of(session: AsyncSession, account: bytes) -> list[dict[str, int]]:
    """`chain` and `factorId` of the claims that the account has earned; a certificate names them."""
    rows = await session.execute(
        text(
            "SELECT DISTINCT chain, factor_id FROM carbon_transactions WHERE octet_length(credit_account) = 20 "
            "AND credit_account = :account AND kind = 'earned' AND factor_id IS NOT NULL ORDER BY 1, 2 LIMIT :most"
        ),
        {"account": account, "most": MOST_FACTORS},
    )
    return [{"chain": row.chain, "factorId": row.factor_id} for row in rows]


async def retired_by(session: AsyncSession, document_id: UUID) -> int:
    """Grams that the ledger retired by this document."""
    found = text("SELECT sum(grams)::bigint FROM carbon_transactions WHERE document_id = :id AND kind = 'retired'")
    return int(await session.scalar(found, {"id": document_id}) or 0)


async def available(session: AsyncSession, account: bytes) -> int:
    """Available grams of an account."""
    found = text("SELECT available_g FROM carbon_wallet WHERE account = :account")
    return int(await session.scalar(found, {"account": account}) or 0)


async def open_claim(
    session: AsyncSession, claim_id: UUID, community: int, document_id: UUID, grams: int, now: datetime
) -> None:
    """Store what a correction took beyond the reserve's limit."""
    await session.execute(
        text(
            "INSERT INTO carbon_reserve_claims (id, community, document_id, grams, opened_at) "
            "VALUES (:id, :community, :document, :grams, :now)"
        ),
        {"id": claim_id, "community": community, "document": document_id, "grams": grams, "now": now},
    )


async def pay_claims(session: AsyncSession, community: int, free_g: int) -> int:
    """Mark open claims as paid, oldest first, up to `free_g`; returns the grams marked."""
    if free_g <= 0:
        return 0
    return int(await session.scalar(_PAY, {"community": community, "free": free_g}) or 0)


async def leaderboard_name(session: AsyncSession, user_id: UUID) -> str | None:
    """The name that a user chose for public boards."""
    found = text("SELECT leaderboard_name FROM users WHERE id = :id AND deleted_at IS NULL")
    name: str | None = await session.scalar(found, {"id": user_id})
    return name


async def issued(session: AsyncSession) -> int:
    """Grams that left the issuance account for good."""
    found = text(r"SELECT -(pending_g + available_g) FROM carbon_wallet WHERE account = '\x00'")
    return int(await session.scalar(found) or 0)

# SPDX-License-Identifier: Apache-2.0
"""The ledger of money: an interval's lines are brought in step with what is right now, by linked entries only."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.ids import uuid7_batch
from backend.market import sql
from backend.market.settlement.imbalance import CommunityAccounts, Kind, Line
from backend.market.settlement.queries import Interval

_GRID, _FEES = b"\x03", b"\x04"
_STANDING = """
SELECT id, kind, debit_account, credit_account, amount_micro, energy_wh, trade_id, meter FROM money_entries AS e
WHERE community = $1 AND chain = $2 AND delivery_start = $3 AND reverses IS NULL
    AND NOT EXISTS (SELECT FROM money_entries AS r WHERE r.reverses = e.id) ORDER BY id
"""
_BOOK = """
INSERT INTO money_entries (id, community, chain, delivery_start, org_id, version, kind, debit_account, credit_account,
    amount_micro, energy_wh, trade_id, meter, reverses, booked_at)
SELECT id, $1, $2, $3, $4, $5, kind, debit_account, credit_account, amount_micro, energy_wh, trade_id, meter, reverses,
    $6
FROM unnest($7::uuid[], $8::text[], $9::bytea[], $10::bytea[], $11::bigint[], $12::bigint[], $13::bytea[],
    $14::bigint[], $15::uuid[])
    AS l (id, kind, debit_account, credit_account, amount_micro, energy_wh, trade_id, meter, reverses)
"""


def accounts_of(community: int) -> CommunityAccounts:
    """A community's grid account (0x03 and its number, 32 bits, big endian) and its fee account (0x04 and that)."""
    number = community.to_bytes(4, "big")
    return CommunityAccounts(grid=_GRID + number, fees=_FEES + number)


def account_of(user_id: UUID | None, address: bytes) -> bytes:
    """A party's account: the user's who owned the wallet when it traded, else the wallet's own."""
    return address if user_id is None else user_id.bytes


def changes(standing: Sequence[tuple[UUID, Line]], right: Sequence[Line]) -> tuple[list[tuple[UUID, Line]], list[Line]]:
    """What has to be reversed of `standing`, and what has to be booked, so that `right` stands. Pure."""
    missing = Counter(right)
    wrong = []
    for entry_id, line in standing:
        if missing[line] > 0:
            missing[line] -= 1
        else:
            wrong.append((entry_id, line))
    booked: list[Line] = []
    for line in right:
        if missing[line] > 0:
            missing[line] -= 1
            booked.append(line)
    return wrong, booked


async def standing_lines(session: AsyncSession, interval: Interval) -> list[tuple[UUID, Line]]:
    """Entries of the interval that are not reversed, with their ids."""
    rows = await sql.fetch(session, _STANDING, interval.community, interval.chain, interval.start)
    return [(row["id"], _line(row)) for row in rows]


async def book(
    session: AsyncSession,
    interval: Interval,
    *,
    wrong: Sequence[tuple[UUID, Line]],
    lines: Sequence[Line],
    org_id: UUID | None,
    version: int,
    now: datetime,
) -> None:
    """Append reversals of `wrong`, each linked to what it takes back, then `lines`."""
    entries: list[tuple[Kind, bytes, bytes, Line, UUID | None]] = [
        *((line.kind, line.credit, line.debit, line, entry_id) for entry_id, line in wrong),
        *((line.kind, line.debit, line.credit, line, None) for line in lines),
    ]
    if not entries:
        return
    rows = [
        (key, kind, debit, credit, line.amount_micro, line.energy_wh, line.trade_id, line.meter, reverses)
        for key, (kind, debit, credit, line, reverses) in zip(uuid7_batch(len(entries)), entries, strict=True)
    ]
    columns = map(list, zip(*rows, strict=True))
    place = (interval.community, interval.chain, interval.start)
    await sql.fetch(session, _BOOK, *place, org_id, version, now, *columns)


def _line(row: Any) -> Line:
    return Line(
        Kind(row["kind"]),
        row["debit_account"],
        row["credit_account"],
        row["amount_micro"],
        row["energy_wh"],
        row["trade_id"],
        row["meter"],
    )

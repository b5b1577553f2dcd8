# SPDX-License-Identifier: Apache-2.0
"""Reads statements and their entries from the ledger. Row-level security decides what the acting user sees."""

from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any
from uuid import UUID

from backend.accounts import service as accounts
from backend.carbon import service as carbon
from backend.core.db import Actor, Database
from backend.core.envelope import PageParams
from backend.core.paging import counted
from backend.market import sql
from backend.market.settlement.imbalance import Kind
from backend.market.settlement.statements import Month, Statement, Sum, savings_of, totals_of
from backend.sites.errors import NotACommunity

MOST_ENTRIES = 200_000
"""Entries in one file; a month of 15-minute intervals has at most 2,980 of them."""
_SINCE_EVER = datetime.fromisoformat("1970-01-01T00:00:00+00:00")

# An entry and the side of it that is the user's. A reversal pays the other way, so its sides and sign are turned round.
_MINE = """
FROM (
    SELECT e.*, true AS debits FROM money_entries e WHERE e.debit_account = ANY($1::bytea[])
    UNION ALL SELECT e.*, false FROM money_entries e WHERE e.credit_account = ANY($1::bytea[])
) AS e
JOIN settled_intervals AS i
    ON i.community = e.community AND i.chain = e.chain AND i.delivery_start = e.delivery_start
CROSS JOIN LATERAL (
    SELECT e.debits <> (e.reverses IS NOT NULL) AS is_payer, CASE WHEN e.reverses IS NULL THEN 1 ELSE -1 END AS sign
) AS s
WHERE e.community = $2
"""
_OF_MONTH = _MINE + " AND e.delivery_start >= $3 AND e.delivery_start < $4 "
_SUMS = (
    """
SELECT (e.delivery_start AT TIME ZONE $5)::date AS day, e.kind, s.is_payer,
    sum(s.sign * e.energy_wh)::bigint AS energy_wh, sum(s.sign * e.amount_micro)::text AS amount_micro,
    sum(s.sign * div(e.energy_wh::numeric * CASE WHEN s.is_payer THEN i.retail_price_micro_per_kwh
        ELSE i.feed_in_price_micro_per_kwh END, 1000))::text AS tariff_micro,
    count(*) AS entries, count(e.reverses) AS reversals, bool_and(i.retail_price_micro_per_kwh > 0) AS priced
"""
    + _OF_MONTH
    + "GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
)
_ENTRIES = (
    """
SELECT e.id, e.delivery_start, i.delivery_minutes, e.kind, s.is_payer, e.debits,
    CASE WHEN e.debits THEN e.credit_account ELSE e.debit_account END AS other, e.energy_wh,
    e.amount_micro, e.trade_id, e.meter, e.reverses, e.version, e.booked_at
"""
    + _OF_MONTH
    + "ORDER BY e.delivery_start, e.version, e.id LIMIT $5 OFFSET $6"
)
_COUNT = "SELECT count(*) AS total " + _OF_MONTH
_MONTHS = (
    """
SELECT to_char(e.delivery_start AT TIME ZONE $3, 'YYYY-MM') AS month, count(*) AS entries,
    sum(CASE WHEN e.debits THEN -e.amount_micro ELSE e.amount_micro END)::text AS net_micro,
    count(*) OVER () AS total
"""
    + _MINE
    + "GROUP BY 1 ORDER BY 1 DESC LIMIT $4 OFFSET $5"
)

_DELIVERIES = """
SELECT revision, delivered_wh, supplied_wh, shortfall, settled_at, count(*) OVER () AS total
FROM trade_settlements WHERE trade_id = $1 AND chain = (SELECT max(chain) FROM energy_trades WHERE trade_id = $1)
ORDER BY revision LIMIT $2 OFFSET $3
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as the user's side of it: `amount_micro` above 0 is received, below 0 is paid.

    `is_payer` tells the role (who the kind charges), `reverses` the entry that this correction takes back.
    """

    id: UUID
    delivery_start: datetime
    delivery_minutes: int
    kind: Kind
    is_payer: bool
    other: bytes
    energy_wh: int
    amount_micro: int
    trade_id: bytes | None
    meter: int | None
    reverses: UUID | None
    version: int
    booked_at: datetime


@dataclass(frozen=True, slots=True)
class MonthFigures:
    """A month in the list of statements."""

    month: str
    entries: int
    net_micro: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """What was delivered of a trade from a settlement on."""

    revision: int
    delivered_wh: int
    supplied_wh: int
    shortfall: str | None
    settled_at: datetime


@dataclass(frozen=True, slots=True)
class _Holder:
    """Whose statement it is, in which community, and the accounts that are theirs."""

    user_id: UUID
    user_name: str
    community: str
    number: int
    currency: str
    time_zone: str
    wallets: tuple[bytes, ...]
    first_wallets: tuple[bytes, ...]

    @property
    def accounts(self) -> list[bytes]:
        """The user, and wallets whose first owner this is: entries from before they were known are the user's."""
        return [self.user_id.bytes, *self.first_wallets]


async def statement(db: Database, actor: Actor, month: Month, *, user_id: UUID | None = None) -> Statement:
    """The month of the acting user or, for who may see them, of another member of the acting community.

    Raises UserNotFound for somebody whom the actor may not see, NotACommunity.
    """
    holder = await _holder(db, actor, user_id)
    since, until = month.bounds(holder.time_zone)
    async with db.begin(actor) as session:
        rows = await sql.fetch(session, _SUMS, holder.accounts, holder.number, since, until, holder.time_zone)
        carbon_g = await carbon.credited(
            session, holder.user_id, holder.wallets, community=holder.number, since=since, until=until
        )
    sums = [_sum(row) for row in rows]
    total, days = totals_of(sums)
    return Statement(
        user_id=holder.user_id,
        user_name=holder.user_name,
        community=holder.community,
        community_number=holder.number,
        currency=holder.currency,
        time_zone=holder.time_zone,
        month=month,
        since=since,
        until=until,
        total=total,
        days=days,
        savings_micro=savings_of(sums),
        carbon_g=carbon_g,
    )


async def entries(
    db: Database, actor: Actor, month: Month, *, user_id: UUID | None = None, page: PageParams
) -> tuple[list[Entry], int]:
    """A page of the month's entries by delivery time, and how many there are. Raises as `statement` does."""
    holder = await _holder(db, actor, user_id)
    asked = (holder.accounts, holder.number, *month.bounds(holder.time_zone))
    async with db.begin(actor) as session:
        total = (await sql.fetch(session, _COUNT, *asked))[0]["total"]
        rows = await sql.fetch(session, _ENTRIES, *asked, page.limit, page.offset)
    return [_entry(row) for row in rows], int(total)


async def months(
    db: Database, actor: Actor, *, user_id: UUID | None = None, page: PageParams
) -> tuple[list[MonthFigures], int]:
    """Months with entries, newest first, and how many there are. Raises as `statement` does."""
    holder = await _holder(db, actor, user_id)
    async with db.begin(actor) as session:
        read = partial(sql.fetch, session, _MONTHS, holder.accounts, holder.number, holder.time_zone)
        rows, total = await counted(read, limit=page.limit, offset=page.offset)
    found = [MonthFigures(row["month"], row["entries"], int(row["net_micro"])) for row in rows]
    return found, total


async def deliveries(db: Database, trade_id: bytes, page: PageParams) -> tuple[list[Delivery], int]:
    """What was delivered of a trade, from its first settlement on, and how often that was settled."""
    async with db.begin() as session:
        read = partial(sql.fetch, session, _DELIVERIES, trade_id)
        rows, total = await counted(read, limit=page.limit, offset=page.offset)
    found = [
        Delivery(row["revision"], row["delivered_wh"], row["supplied_wh"], row["shortfall"], row["settled_at"])
        for row in rows
    ]
    return found, total


async def _holder(db: Database, actor: Actor, user_id: UUID | None) -> _Holder:
    assert actor.user_id is not None
    assert actor.org_id is not None
    wanted = user_id or actor.user_id
    organization = await accounts.get_organization(db, actor.org_id, actor=actor)
    if organization.community_number is None or organization.time_zone is None:
        raise NotACommunity(org_id=actor.org_id)
    user, _ = await accounts.get_user(db, wanted, actor=actor)
    async with db.begin(actor) as session:
        history = (await accounts.wallet_history(session, [wanted])).get(wanted, ())
    return _Holder(
        user_id=wanted,
        user_name=user.name,
        community=organization.name,
        number=organization.community_number,
        currency=organization.currency,
        time_zone=organization.time_zone,
        wallets=tuple(address for address, _, _ in history),
        first_wallets=tuple(address for address, since, _ in history if since == _SINCE_EVER),
    )


def _sum(row: Any) -> Sum:
    day: date = row["day"]
    return Sum(
        day=day,
        kind=Kind(row["kind"]),
        is_payer=row["is_payer"],
        energy_wh=row["energy_wh"],
        amount_micro=int(row["amount_micro"]),
        tariff_micro=int(row["tariff_micro"]),
        entries=row["entries"],
        reversals=row["reversals"],
        priced=row["priced"],
    )


def _entry(row: Any) -> Entry:
    sign = 1 if row["reverses"] is None else -1
    return Entry(
        id=row["id"],
        delivery_start=row["delivery_start"],
        delivery_minutes=row["delivery_minutes"],
        kind=Kind(row["kind"]),
        is_payer=row["is_payer"],
        other=row["other"],
        energy_wh=sign * row["energy_wh"],
        amount_micro=-row["amount_micro"] if row["debits"] else row["amount_micro"],
        trade_id=row["trade_id"],
        meter=row["meter"],
        reverses=row["reverses"],
        version=row["version"],
        booked_at=row["booked_at"],
    )

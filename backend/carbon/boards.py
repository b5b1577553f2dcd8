# SPDX-License-Identifier: Apache-2.0
"""The leaderboard: pages, totals and one's own rank by index and histogram, and the upkeep of week and month.

A board is a period, its first day and a community (0: everybody). Holders with nothing left are not ranked.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.carbon.aliases import alias_of
from backend.carbon.errors import CommunityNotFound
from backend.carbon.events import LeaderboardMoved
from backend.carbon.types import ALL_COMMUNITIES, Period, holder_of
from backend.core import outbox
from backend.core.db import Database

REFRESH_ROWS = 20_000
ALL_TIME = date(1970, 1, 1)
_BOARD = "period = CAST(CAST(:period AS text) AS board_period) AND period_start = :start AND community = :community"
_TOTAL = text(f"SELECT coalesce(sum(holders), 0)::bigint FROM leaderboard_histogram WHERE {_BOARD}")  # noqa: S608
# Everybody in a higher bucket comes before, so only one bucket of the histogram is walked through.
_PAGE = text(f"""
WITH buckets AS (
    SELECT bucket, holders, sum(holders) OVER (ORDER BY bucket DESC) - holders AS above, sum(holders) OVER () AS total
    FROM leaderboard_histogram WHERE {_BOARD} AND holders > 0
), begin AS (
    SELECT (board_thresholds())[bucket + 1] AS below_g, above, total FROM buckets
    WHERE above <= :offset AND :offset < above + holders
)
SELECT b.holder_id, b.net_g, u.leaderboard_name AS name, begin.total::bigint AS total FROM begin CROSS JOIN LATERAL (
    SELECT holder_id, net_g FROM leaderboard
    WHERE {_BOARD} AND net_g > 0 AND net_g < coalesce(begin.below_g, 9223372036854775807)
    ORDER BY net_g DESC, holder_id OFFSET :offset - begin.above LIMIT :limit
) AS b LEFT JOIN users AS u ON u.id = b.holder_id ORDER BY b.net_g DESC, b.holder_id
""")  # noqa: S608 constants of this file
_MINE = text(f"SELECT net_g FROM leaderboard WHERE {_BOARD} AND holder_id = :holder AND net_g > 0")  # noqa: S608
_AHEAD = text(f"""
SELECT (SELECT coalesce(sum(holders), 0)::bigint FROM leaderboard_histogram
        WHERE {_BOARD} AND bucket > board_bucket(CAST(:net AS bigint)))
    + (SELECT count(*) FROM leaderboard WHERE {_BOARD} AND net_g > 0 AND net_g > :net
        AND net_g < coalesce((board_thresholds())[board_bucket(CAST(:net AS bigint)) + 1], 9223372036854775807))
    + (SELECT count(*) FROM leaderboard WHERE {_BOARD} AND net_g > 0 AND net_g = :net AND holder_id < :holder) AS ahead
""")  # noqa: S608 constants of this file
_ZONE = text("SELECT time_zone FROM organizations WHERE community_number = :community")


@dataclass(frozen=True, slots=True)
class Board:
    """Which board: `start` is the period's first day in the community's calendar."""

    period: Period
    start: date
    community: int = ALL_COMMUNITIES

    def key(self) -> dict[str, object]:
        """The board's columns."""
        return {"period": self.period.value, "start": self.start, "community": self.community}


@dataclass(frozen=True, slots=True)
class Place:
    """One line of a board. `name` is the user's own choice, else an alias (`is_alias`)."""

    rank: int
    holder_id: UUID
    name: str
    is_alias: bool
    net_g: int


def start_of(period: Period, day: date) -> date:
    """First day of the period that holds `day`; weeks start on Monday."""
    if period is Period.ALL:
        return ALL_TIME
    if period is Period.MONTH:
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if period is Period.WEEK else day


async def current_board(
    session: AsyncSession, period: Period, community: int, *, day: date | None, now: datetime
) -> Board:
    """The board of `day`, or of today in the community's time zone (UTC for everybody). Raises CommunityNotFound."""
    zone = "UTC"
    if community != ALL_COMMUNITIES:
        found = await session.scalar(_ZONE, {"community": community})
        if found is None:
            raise CommunityNotFound(community=community)
        zone = str(found)
    return Board(period, start_of(period, day or now.astimezone(ZoneInfo(zone)).date()), community)


async def total(session: AsyncSession, board: Board) -> int:
    """How many holders are ranked."""
    return int(await session.scalar(_TOTAL, board.key()) or 0)


async def page(session: AsyncSession, board: Board, *, limit: int, offset: int) -> tuple[list[Place], int]:
    """Places `offset + 1` and on (by net grams, then by holder id; none behind the end), and how many are ranked."""
    rows = (await session.execute(_PAGE, board.key() | {"offset": offset, "limit": limit})).all()
    if not rows:
        return [], await total(session, board)
    places = [
        Place(offset + place, row.holder_id, row.name or alias_of(row.holder_id), row.name is None, row.net_g)
        for place, row in enumerate(rows, start=1)
    ]
    return places, rows[0].total


async def place_of(session: AsyncSession, board: Board, holder_id: UUID) -> tuple[int, int] | None:
    """(rank, net grams) of a holder, or None when not ranked."""
    net_g = await session.scalar(_MINE, board.key() | {"holder": holder_id})
    if net_g is None:
        return None
    ahead = await session.scalar(_AHEAD, board.key() | {"holder": holder_id, "net": net_g})
    return int(ahead or 0) + 1, int(net_g)


async def refresh_boards(db: Database, now: datetime) -> int:
    """Bring the week and month boards up to every transfer committed before the call; returns movements counted.

    The relay calls it every 500 ms as gridx_service, and announces LeaderboardMoved when something was counted.
    """
    counted = 0
    while True:
        async with db.begin() as session:
            asked = {"n": REFRESH_ROWS}
            taken = int(await session.scalar(text("SELECT carbon_refresh_boards(:n)"), asked) or 0)
            if taken:
                await outbox.add(session, LeaderboardMoved(at=now, movements=taken))
        counted += taken
        if taken < REFRESH_ROWS:
            return counted


async def claim(session: AsyncSession, address: bytes, user_id: UUID) -> bool:
    """Move what a wallet earned before it was known to its user's board rows; False when it was claimed before."""
    asked = {"holder": holder_of(address), "user": user_id}
    return bool(await session.scalar(text("SELECT carbon_claim(:holder, :user)"), asked))

# SPDX-License-Identifier: Apache-2.0
"""The leaderboard: pages, totals and one's own rank by index and histogram, and the upkeep of week and month.

A board is a period, its first day and a community (0: everybody). Holders with nothing left are not ranked.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.carbon.errors import CommunityNotFound
from backend.carbon.types import ALL_COMMUNITIES, Period, holder_of
from backend.core.db import Database

REFRESH_ROWS = 20_000
ALL_TIME = date(1970, 1, 1)
_BOARD = "period = $1::text::board_period AND period_start = $2 AND community = $3"
_TOTAL = f"SELECT coalesce(sum(holders), 0)::bigint AS total FROM leaderboard_histogram WHERE {_BOARD}"  # noqa: S608
# Everybody in a higher bucket comes before, so only one bucket of the histogram is walked through.
_PAGE = f"""
WITH buckets AS (
    SELECT bucket, holders, sum(holders) OVER (ORDER BY bucket DESC) - holders AS above, sum(holders) OVER () AS total
    FROM leaderboard_histogram WHERE {_BOARD} AND holders > 0
), begin AS (
    SELECT (board_thresholds())[bucket + 1] AS below_g, above, total FROM buckets
    WHERE above <= $4::bigint AND $4::bigint < above + holders
)
SELECT b.holder_id, b.net_g, u.leaderboard_name AS name, begin.total::bigint AS total FROM begin CROSS JOIN LATERAL (
    SELECT holder_id, net_g FROM leaderboard
    WHERE {_BOARD} AND net_g > 0 AND net_g < coalesce(begin.below_g, 9223372036854775807)
    ORDER BY net_g DESC, holder_id OFFSET $4::bigint - begin.above LIMIT $5::bigint
) AS b LEFT JOIN users AS u ON u.id = b.holder_id ORDER BY b.net_g DESC, b.holder_id
"""  # noqa: S608 constants of this file
_MINE = f"SELECT net_g FROM leaderboard WHERE {_BOARD} AND holder_id = $4 AND net_g > 0"  # noqa: S608
_AHEAD = f"""
SELECT (SELECT coalesce(sum(holders), 0)::bigint FROM leaderboard_histogram
        WHERE {_BOARD} AND bucket > board_bucket($5::bigint))
    + (SELECT count(*) FROM leaderboard WHERE {_BOARD} AND net_g > 0 AND net_g > $5
        AND net_g < coalesce((board_thresholds())[board_bucket($5::bigint) + 1], 9223372036854775807))
    + (SELECT count(*) FROM leaderboard WHERE {_BOARD} AND net_g > 0 AND net_g = $5 AND holder_id < $4) AS ahead
"""  # noqa: S608 constants of this file
_ZONE = "SELECT time_zone FROM organizations WHERE community_number = $1"
Fetch = Callable[..., Awaitable[list[Any]]]
"""Runs one statement with its arguments: `Database.read`, or a connection's `fetch` to stay in one transaction."""


@dataclass(frozen=True, slots=True)
class Board:
    """Which board: `start` is the period's first day in the community's calendar."""

    period: Period
    start: date
    community: int = ALL_COMMUNITIES

    def key(self) -> tuple[str, date, int]:
        """The board's columns, as its statements take them."""
        return self.period.value, self.start, self.community


@dataclass(frozen=True, slots=True)
class Place:
    """One line of a board. `name` is the user's own choice, None: an alias is shown instead."""

    rank: int
    holder_id: UUID
    name: str | None
    net_g: int


def start_of(period: Period, day: date) -> date:
    """First day of the period that holds `day`; weeks start on Monday."""
    if period is Period.ALL:
        return ALL_TIME
    if period is Period.MONTH:
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if period is Period.WEEK else day


async def current_board(fetch: Fetch, period: Period, community: int, *, day: date | None, now: datetime) -> Board:
    """The board of `day`, or of today in the community's time zone (UTC for everybody). Raises CommunityNotFound."""
    zone = "UTC"
    if community != ALL_COMMUNITIES:
        found = await fetch(_ZONE, community)
        if not found:
            raise CommunityNotFound(community=community)
        zone = found[0]["time_zone"]
    return Board(period, start_of(period, day or now.astimezone(ZoneInfo(zone)).date()), community)


async def page(fetch: Fetch, board: Board, *, limit: int, offset: int) -> tuple[list[Place], int]:
    """Places `offset + 1` and on (by net grams, then by holder id; none behind the end), and how many are ranked."""
    rows = await fetch(_PAGE, *board.key(), offset, limit)
    if not rows:
        return [], int((await fetch(_TOTAL, *board.key()))[0]["total"])
    places = [
        Place(offset + place, row["holder_id"], row["name"] or None, row["net_g"])
        for place, row in enumerate(rows, start=1)
    ]
    return places, rows[0]["total"]


async def place_of(fetch: Fetch, board: Board, holder_id: UUID) -> tuple[int, int] | None:
    """(rank, net grams) of a holder, or None when not ranked."""
    mine = await fetch(_MINE, *board.key(), holder_id)
    if not mine:
        return None
    net_g = int(mine[0]["net_g"])
    ahead = await fetch(_AHEAD, *board.key(), holder_id, net_g)
    return int(ahead[0]["ahead"] or 0) + 1, net_g


async def refresh_boards(db: Database) -> int:
    """Bring the week and month boards up to every transfer committed before the call; returns movements counted.

    The relay calls it every 500 ms as gridx_service.
    """
    counted = 0
    while True:
        async with db.begin() as session:
            asked = {"n": REFRESH_ROWS}
            taken = int(await session.scalar(text("SELECT carbon_refresh_boards(:n)"), asked) or 0)
        counted += taken
        if taken < REFRESH_ROWS:
            return counted


async def claim(session: AsyncSession, address: bytes, user_id: UUID) -> bool:
    """Move what a wallet earned before it was known to its user's board rows; False when it was claimed before."""
    asked = {"holder": holder_of(address), "user": user_id}
    return bool(await session.scalar(text("SELECT carbon_claim(:holder, :user)"), asked))

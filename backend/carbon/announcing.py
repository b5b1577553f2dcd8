# SPDX-License-Identifier: Apache-2.0
"""Tells live viewers which first places of the boards changed: compared with what was told before, never all of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from backend.carbon.boards import Board, start_of
from backend.carbon.events import BoardMoved, LeaderboardMoved, PlaceNow
from backend.carbon.types import ALL_COMMUNITIES, Period
from backend.core import outbox
from backend.core.db import Database, raw

PLACES = 10
COMMUNITIES_AT_ONCE = 50
MOST_PLACES = 200
_COMMUNITIES = "SELECT community_number, time_zone FROM organizations WHERE community_number IS NOT NULL ORDER BY 1"
_FIRST = """
SELECT b.n, t.holder_id, t.net_g
FROM unnest($1::text[], $2::date[], $3::bigint[]) WITH ORDINALITY AS b (period, period_start, community, n)
CROSS JOIN LATERAL (
    SELECT l.holder_id, l.net_g FROM leaderboard AS l WHERE l.period = b.period::board_period
        AND l.period_start = b.period_start AND l.community = b.community AND l.net_g > 0
    ORDER BY l.net_g DESC, l.holder_id LIMIT $4) AS t
ORDER BY b.n, t.net_g DESC, t.holder_id
"""
Places = tuple[tuple[UUID, int], ...]


@dataclass(slots=True)
class _Told:
    start: date
    places: Places = ()


class Announcer:
    """Remembers what was told; one process, the relay, has one. After a restart it tells everything once more."""

    def __init__(self) -> None:
        self._told: dict[tuple[Period, int], _Told] = {}
        self._due: list[int] | None = None  # None: every community

    async def announce(self, db: Database, now: datetime, *, moved: bool) -> int:
        """Store at most one LeaderboardMoved; returns how many places it tells.

        `moved` says that something was counted since the last call: every community is looked at again, some at a time.
        """
        if moved:
            self._due = None
        if self._due == []:
            return 0
        async with db.begin() as session:
            connection = await raw(session)
            zones = {row["community_number"]: row["time_zone"] for row in await connection.fetch(_COMMUNITIES)}
            zones[ALL_COMMUNITIES] = "UTC"
            due = sorted(zones) if self._due is None else [one for one in self._due if one in zones]
            boards = [_board(period, community, zones[community], now)
                      for community in due[:COMMUNITIES_AT_ONCE] for period in Period]  # fmt: skip
            keys = [board.key() for board in boards]
            rows = await connection.fetch(_FIRST, *map(list, zip(*keys, strict=True)), PLACES)
            found: dict[Board, list[tuple[UUID, int]]] = {board: [] for board in boards}
            for row in rows:
                found[boards[row["n"] - 1]].append((row["holder_id"], row["net_g"]))
            changes, left = self._changes(found)
            if changes:
                await outbox.add(session, LeaderboardMoved(now, tuple(changes)))
        for change in changes:
            board = Board(change.period, change.period_start, change.community)
            self._told[change.period, change.community] = _Told(board.start, tuple(found[board]))
        self._due = [*left, *due[COMMUNITIES_AT_ONCE:]]
        return sum(len(change.places) for change in changes)

    def _changes(self, found: dict[Board, list[tuple[UUID, int]]]) -> tuple[list[BoardMoved], list[int]]:
        """Boards that differ from what was told, up to MOST_PLACES, and the communities left for the next call."""
        changes: list[BoardMoved] = []
        count = 0
        for board, places in found.items():
            told = self._told.get((board.period, board.community))
            before = told.places if told is not None and told.start == board.start else ()
            changed = _differences(before, places)
            if count + len(changed) > MOST_PLACES:
                return changes, [one for one in dict.fromkeys(b.community for b in found) if one >= board.community]
            if changed:
                changes.append(BoardMoved(board.period, board.start, board.community, changed))
                count += len(changed)
        return changes, []


def _board(period: Period, community: int, zone: str, now: datetime) -> Board:
    return Board(period, start_of(period, now.astimezone(ZoneInfo(zone)).date()), community)


def _differences(before: Places, now: Sequence[tuple[UUID, int]]) -> tuple[PlaceNow, ...]:
    """Places that are held otherwise than before, also by somebody else with as much."""
    changed = []
    for place in range(max(len(before), len(now))):
        held = now[place] if place < len(now) else None
        if place >= len(before) or held != before[place]:
            changed.append(PlaceNow(place + 1, held[1] if held else 0))
    return tuple(changed)

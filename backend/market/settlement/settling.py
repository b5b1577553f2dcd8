# SPDX-License-Identifier: Apache-2.0
"""Closes delivery intervals on readings, and closes them again when readings change.

Only final trades are settled, in the order of their blocks, so nothing here is ever rolled back. An interval waits
until every meter that traded in it has attested readings, or until the deadline; then what is unknown backs nothing.
What was delivered becomes available carbon, the rest is taken back, and money is booked by the rule of `imbalance`.
Once settled, other readings are corrections: entries that are linked to what they correct, and carbon of the
community's reserve. One transaction a settlement; repeating it changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts import service as accounts
from backend.carbon import service as carbon
from backend.carbon.signing import OperatorKey
from backend.carbon.types import Correction, Reduction, TradeCycle
from backend.chain.types import Chain
from backend.core import outbox
from backend.core.db import Database
from backend.core.failpoints import failpoint
from backend.market.events import IntervalSettled
from backend.market.settlement import money, queries
from backend.market.settlement.delivery import Delivered
from backend.market.settlement.events import IntervalCorrected
from backend.market.settlement.outcome import (
    Candidate,
    Outcome,
    candidate_of,
    is_closed,
    meters_of,
    outcome_of,
    undeliverable,
)
from backend.market.settlement.queries import Held, Interval
from backend.sites import service as sites
from backend.sites.types import IntervalReading

log = structlog.get_logger()
FAILPOINTS = ("settling.after_deliver", "settling.after_carbon", "settling.before_commit")
CORRECTABLE = timedelta(days=700)
"""Older intervals stay as they are: their readings may have been deleted (kept for 731 days or more)."""
_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class _Work:
    """An interval with its trades: `waiting` are settled now, `settled` were before and are held against readings."""

    interval: Interval
    held: Held | None
    settled: tuple[Candidate, ...]
    waiting: tuple[Candidate, ...]

    @property
    def trades(self) -> tuple[Candidate, ...]:
        return self.settled + self.waiting


async def settle_due(db: Database, chain: Chain, operator: OperatorKey, *, now: datetime, deadline: timedelta) -> int:
    """Settle every interval that can be closed at `now`, and again those whose readings changed.

    Returns how many trades were settled or corrected. An interval that cannot be settled keeps no other from it; the
    first error is raised after them.
    """
    async with db.begin() as session:
        due = await queries.due(session, chain.id, now=now, deadline=deadline, most=_AT_ONCE)
    settled = 0
    failed: Exception | None = None
    for interval in due:
        try:
            settled += await _settle(db, operator, interval, now=now, deadline=deadline)
        except Exception as error:
            start = interval.start.isoformat()
            log.error("interval.not_settled", community=interval.community, start=start, error=repr(error))
            failed = failed or error
    if failed is not None:
        raise failed
    return settled


async def readings_changed(
    db: Database, meters: Sequence[int], *, start: datetime, end: datetime, now: datetime
) -> int:
    """Mark settled intervals in which readings of these meters changed; `settle_due` settles them again.

    Returns how many were marked. A settlement that is under way, and may have read before the change, is waited for.
    """
    marked = 0
    async with db.begin() as session:
        for chain in await queries.chains_of(session, meters):
            await queries.lock(session, chain)
            marked += await queries.mark(session, chain, meters, start=start, end=end, now=now, after=now - CORRECTABLE)
    return marked


async def _settle(
    db: Database, operator: OperatorKey, interval: Interval, *, now: datetime, deadline: timedelta
) -> int:
    async with db.begin() as session:
        await queries.lock(session, interval.chain)
        work = await _read(session, interval)
        readings = await _readings(session, interval, work.trades)
        if not (now >= interval.end + deadline or is_closed(work.waiting, readings)):
            work = replace(work, waiting=())
        if not work.waiting and not (work.held and work.held.readings_changed):
            return 0
        if work.held and interval.start <= now - CORRECTABLE:
            changed = await _pass_over(session, operator, work, now)
        else:
            changed = await _book(session, operator, work, readings, now)
        await failpoint("settling.before_commit")
    log.info("interval.settled", community=interval.community, start=interval.start.isoformat(), trades=changed)
    return changed


async def _read(session: AsyncSession, interval: Interval) -> _Work:
    waiting = await queries.waiting_trades(session, interval)
    held = await queries.held(session, interval)
    settled = await queries.settled_trades(session, interval) if held else []
    return _Work(interval, held, tuple(map(candidate_of, settled)), tuple(map(candidate_of, waiting)))


async def _readings(
    session: AsyncSession, interval: Interval, trades: Sequence[Candidate]
) -> dict[int, IntervalReading]:
    meters = meters_of(trades)
    found = await sites.interval_readings(session, meters, [interval.start] * len(meters), interval.minutes)
    return {meter: found[meter, interval.start] for meter in meters}


async def _pass_over(session: AsyncSession, operator: OperatorKey, work: _Work, now: datetime) -> int:
    deliveries = undeliverable(work.waiting)
    await queries.store_deliveries(session, work.interval.chain, deliveries, now)
    await _settle_carbon(session, operator, work, deliveries, now)
    await queries.unmark(session, work.interval)
    return len(work.waiting)


async def _book(
    session: AsyncSession, operator: OperatorKey, work: _Work, readings: dict[int, IntervalReading], now: datetime
) -> int:
    """Bring deliveries, carbon and money of the interval in step with the readings; returns the trades that moved."""
    interval, held = work.interval, work.held
    number = interval.community or 0
    prices = held.prices if held else await queries.tariffs(session, number)
    outcome = outcome_of(work.trades, readings, prices, money.accounts_of(number))
    corrected = {revision.trade_id for revision in outcome.revisions if revision.number > 0}
    new = outcome.delivered[len(work.settled) :]
    moved = [item for item in outcome.delivered[: len(work.settled)] if item.trade_id in corrected]
    await queries.store_deliveries(session, interval.chain, [*moved, *new], now)
    await queries.store_credits(session, interval, outcome.limits, sold_wh=outcome.sold_wh, bought_wh=outcome.bought_wh)
    await failpoint("settling.after_deliver")
    await _settle_carbon(session, operator, work, new, now)
    await _correct_carbon(session, operator, work, outcome, now)
    await failpoint("settling.after_carbon")
    if interval.community is not None:
        await _close(session, work, outcome, now)
    await _announce(session, work, outcome, corrected)
    return len(new) + len(corrected)


async def _settle_carbon(
    session: AsyncSession, operator: OperatorKey, work: _Work, deliveries: Sequence[Delivered], now: datetime
) -> None:
    """Pending carbon of the waiting trades: what was not delivered is taken back, the rest becomes available."""
    earning = [
        (item, delivery)
        for item, delivery in zip(work.waiting, deliveries, strict=True)
        if item.claim_g > 0 and item.is_eligible
    ]
    reductions = [
        Reduction(item.trade_id, item.cycle, item.claim_g - item.carbon_g(delivery.delivered_wh))
        for item, delivery in earning
        if delivery.delivered_wh < item.traded.energy_wh
    ]
    chain = work.interval.chain
    await carbon.reduce(session, chain, reductions, operator=operator, now=now)
    await carbon.release(session, chain, [TradeCycle(item.trade_id, item.cycle) for item, _ in earning], now)


async def _correct_carbon(
    session: AsyncSession, operator: OperatorKey, work: _Work, outcome: Outcome, now: datetime
) -> None:
    """Carbon that was released may be gone: what readings changed of it is the reserve's."""
    grams = sum(
        item.carbon_g(delivery.delivered_wh) - item.carbon_g(item.last.delivered_wh)
        for item, delivery in zip(work.settled, outcome.delivered, strict=False)
        if item.last is not None
    )
    corrections = [Correction(work.interval.community or 0, grams)]
    await carbon.correct(session, corrections, operator=operator, chain=work.interval.chain, now=now)


async def _close(session: AsyncSession, work: _Work, outcome: Outcome, now: datetime) -> None:
    """Append revisions and entries as a new version of the interval, if there are any."""
    interval, held = work.interval, work.held
    wrong, lines = money.changes(await money.standing_lines(session, interval), outcome.lines)
    if not (outcome.revisions or wrong or lines):
        await queries.unmark(session, interval)
        return
    assert interval.community is not None
    version = held.version + 1 if held else 1
    prices = held.prices if held else await queries.tariffs(session, interval.community)
    org_id = held.org_id if held else None
    if org_id is None:
        community = (await accounts.communities(session)).get(interval.community)
        org_id = community.org_id if community else None
    await queries.store_revisions(session, interval, version, outcome.revisions, now)
    await money.book(session, interval, wrong=wrong, lines=lines, org_id=org_id, version=version, now=now)
    await queries.close(session, interval, org_id=org_id, prices=prices, version=version, now=now)


async def _announce(session: AsyncSession, work: _Work, outcome: Outcome, corrected: set[bytes]) -> None:
    interval = work.interval
    if work.waiting:
        new = outcome.delivered[len(work.settled) :]
        traded_wh = sum(item.traded.energy_wh for item in work.waiting)
        delivered_wh = sum(item.delivered_wh for item in new)
        await outbox.add(session, IntervalSettled(interval.community or 0, interval.start, traded_wh, delivered_wh))
    if corrected:
        before_wh = sum(item.last.delivered_wh for item in work.settled if item.last is not None)
        after_wh = sum(item.delivered_wh for item in outcome.delivered[: len(work.settled)])
        version = work.held.version + 1 if work.held else 1
        await outbox.add(
            session,
            IntervalCorrected(interval.community or 0, interval.start, version, len(corrected), before_wh, after_wh),
        )

# SPDX-License-Identifier: Apache-2.0
"""Gathers what trades are judged by: meters, factors, users at the trade's time, calendars. One query each."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts import service as accounts
from backend.chain.types import Chain
from backend.emissions import service as emissions
from backend.market.eligibility import Facts, MeterFacts
from backend.market.types import Terms, TradeLogged
from backend.sites import service as sites


async def for_trades(session: AsyncSession, chain: Chain, trades: Sequence[TradeLogged]) -> Facts:
    """Facts for trades of one batch; a wallet belongs to whoever held it at its trade's block time."""
    wallets = {(address, trade.block_time) for trade in trades for address in (trade.seller, trade.buyer)}
    return await gather(session, chain, [trade.terms for trade in trades if trade.terms], wallets)


async def gather(
    session: AsyncSession, chain: Chain, terms: Sequence[Terms], wallets: Iterable[tuple[bytes, datetime]]
) -> Facts:
    """Facts for `terms` and for wallets at their times. What is not known is missing, never guessed."""
    meters = await sites.meters(
        session, chain.id, sorted({ref for term in terms for ref in (term.seller_meter, term.buyer_meter)})
    )
    factors = await emissions.factors(session, chain.id, {term.factor_id for term in terms})
    held = sorted(set(wallets))
    owners = await accounts.owners_at(session, [address for address, _ in held], [at for _, at in held])
    calendars = {
        number: ZoneInfo(community.time_zone) for number, community in (await accounts.communities(session)).items()
    }
    return Facts(
        meters={ref: MeterFacts(meter.owner_address, meter.community) for ref, meter in meters.items()},
        factors=factors,
        users={wallet: owner for wallet, owner in zip(held, owners, strict=True) if owner is not None},
        time_zones=calendars,
    )

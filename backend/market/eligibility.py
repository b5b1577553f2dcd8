# SPDX-License-Identifier: Apache-2.0
"""What earns carbon (DESIGN section 6), judged from facts that are handed in. Pure: no database, no clock."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from backend.emissions.carbon import carbon_g
from backend.emissions.types import Basis, Factor
from backend.market.types import Ineligible, Judgement, Terms


@dataclass(frozen=True, slots=True)
class MeterFacts:
    """Owner and community of an enrolled meter, as the chain told them."""

    owner: bytes
    community: int


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known about registers and people when trades are judged.

    `users` maps a wallet and a trade's time to its user then; unknown wallets are missing. `time_zones` maps a
    community's number to its calendar; an unknown community is counted in UTC.
    """

    meters: dict[int, MeterFacts]
    factors: dict[int, Factor]
    users: dict[tuple[bytes, datetime], UUID]
    time_zones: dict[int, ZoneInfo]


def judge(terms: Terms, *, seller: bytes, buyer: bytes, energy_wh: int, at: datetime, facts: Facts) -> Judgement:
    """The claim of a trade of time `at` to which both parties consented, or why it earns nothing.

    The claim is floor(Wh × mg/kWh / 10^6) grams. A trade with oneself has a claim and a reason: it is credited and
    taken back by a document.
    """
    seller_meter = facts.meters.get(terms.seller_meter)
    buyer_meter = facts.meters.get(terms.buyer_meter)
    if seller_meter is None or buyer_meter is None:
        return Judgement(0, Ineligible.UNKNOWN_METER)
    community = seller_meter.community
    day = delivery_date(terms.delivery_start, facts.time_zones.get(community))
    if seller_meter.owner != seller or buyer_meter.owner != buyer:
        return Judgement(0, Ineligible.METER_OF_ANOTHER, community, day)
    if buyer_meter.community != community:
        return Judgement(0, Ineligible.ANOTHER_COMMUNITY, community, day)
    factor = facts.factors.get(terms.factor_id)
    if factor is None or not factor.covers(terms.delivery_start):
        return Judgement(0, Ineligible.UNKNOWN_FACTOR, community, day)
    if factor.basis != Basis.NON_BASELOAD:
        return Judgement(0, Ineligible.AVERAGE_FACTOR, community, day)
    claim_g = carbon_g(energy_wh, factor.mg_per_kwh)
    user = facts.users.get((seller, at))
    if user is not None and user == facts.users.get((buyer, at)):
        return Judgement(claim_g, Ineligible.SAME_USER, community, day)
    return Judgement(claim_g, None, community, day)


def delivery_date(delivery_start: datetime, zone: ZoneInfo | None) -> date:
    """The calendar day of a delivery in its community's time zone (UTC when the community is unknown)."""
    return delivery_start.astimezone(zone).date() if zone is not None else delivery_start.date()

# SPDX-License-Identifier: Apache-2.0
"""Which of the planned deals play a part of their own in the story. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from scripts.demo.community import MIN_DEAL_WH, Community, DataProblem, Deal


@dataclass(frozen=True, slots=True)
class Cast:
    """The deals of the demonstration. `refused` is one of `ordinary`.

    `oversold` sells `missing_wh` more than its seller exports, to a buyer who could take it. `logged` is put on chain
    by its seller alone and confirmed by its buyer; `orphaned` vanishes in a reorganisation and is mined again.
    """

    ordinary: tuple[Deal, ...]
    refused: Deal
    oversold: Deal
    missing_wh: int
    logged: Deal
    orphaned: Deal

    @property
    def filled(self) -> list[Deal]:
        """Everything that is bought from a signed offer."""
        return [*self.ordinary, self.oversold, self.orphaned]

    @property
    def everything(self) -> list[Deal]:
        """All deals."""
        return [*self.filled, self.logged]


def cast(community: Community, deals: Sequence[Deal]) -> Cast:
    """Give out the parts; raises DataProblem when the data are too quiet for the story."""
    oversold, missing_wh = _oversold(community, deals)
    original = next(d for d in deals if (d.interval, d.seller, d.buyer) == _place(oversold))
    others = [deal for deal in deals if deal.interval != oversold.interval]
    if len(others) < 3:
        raise DataProblem(
            f"the homes could make only {len(deals)} deals; the demonstration needs more intervals "
            "in which one home exports while another imports"
        )
    orphaned, logged = others[-1], others[len(others) // 2]
    ordinary = tuple(deal for deal in deals if deal not in (original, orphaned, logged))
    refused = next(deal for deal in ordinary if deal.interval != oversold.interval)
    return Cast(ordinary, refused, oversold, missing_wh, logged, orphaned)


def _place(deal: Deal) -> tuple[int, int, int]:
    return deal.interval, deal.seller, deal.buyer


def _oversold(community: Community, deals: Sequence[Deal]) -> tuple[Deal, int]:
    """The deal that can be enlarged most: its seller's export is sold out, its buyer's import is not covered."""
    sold: Counter[tuple[int, int]] = Counter()
    bought: Counter[tuple[int, int]] = Counter()
    last: dict[tuple[int, int], Deal] = {}
    for deal in deals:
        sold[deal.interval, deal.seller] += deal.energy_wh
        bought[deal.interval, deal.buyer] += deal.energy_wh
        last[deal.interval, deal.seller] = deal
    best: tuple[int, Deal] | None = None
    for (interval, seller), deal in last.items():
        unsold_wh = community.homes[seller].readings[interval].export_wh - sold[interval, seller]
        open_wh = community.homes[deal.buyer].readings[interval].import_wh - bought[interval, deal.buyer]
        extra_wh = min(open_wh, deal.energy_wh // 2)
        if unsold_wh == 0 and extra_wh >= MIN_DEAL_WH and (best is None or extra_wh > best[0]):
            best = extra_wh, deal
    if best is None:
        raise DataProblem("in no interval do the homes import more than their neighbours export: nothing to over-sell")
    extra_wh, deal = best
    return replace(deal, energy_wh=deal.energy_wh + extra_wh), extra_wh


def offered(deals: Sequence[Deal]) -> dict[tuple[int, int], int]:
    """Energy that each seller offers in each interval, by (interval, seller): one offer, one or more buyers."""
    energy: dict[tuple[int, int], int] = defaultdict(int)
    for deal in deals:
        energy[deal.interval, deal.seller] += deal.energy_wh
    return dict(energy)

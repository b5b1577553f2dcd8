# SPDX-License-Identifier: Apache-2.0
"""Which deals play the special parts."""

import pytest

from scripts.demo.cast import cast, offered
from scripts.demo.community import Community, DataProblem, Deal, plan
from tests.backend.demo.helpers import make_community


def _community() -> Community:
    exporter = [(0, 1_000), (0, 400), (0, 400), (0, 400), (0, 400)]
    importer = [(1_500, 0), (300, 0), (300, 0), (300, 0), (300, 0)]
    return make_community(exporter, importer)


def test_cast__scarce_interval__is_oversold_within_its_buyers_import() -> None:
    community = _community()

    parts = cast(community, plan(community))

    assert (parts.oversold.interval, parts.oversold.seller, parts.oversold.buyer) == (0, 0, 1)
    assert (parts.oversold.energy_wh, parts.missing_wh) == (1_500, 500)


def test_cast__all_parts__are_different_deals_and_nothing_is_lost() -> None:
    community = _community()
    deals = plan(community)

    parts = cast(community, deals)

    assert len({parts.refused, parts.oversold, parts.logged, parts.orphaned}) == 4
    assert len(parts.everything) == len(deals)
    assert parts.refused in parts.ordinary
    assert parts.logged not in parts.filled


def test_cast__every_import_covered__says_that_nothing_can_be_oversold() -> None:
    community = make_community([(0, 1_000)] * 5, [(300, 0)] * 5)

    with pytest.raises(DataProblem, match="nothing to over-sell"):
        cast(community, plan(community))


def test_cast__too_few_deals__says_so() -> None:
    community = make_community([(0, 1_000), (0, 500)], [(1_500, 0), (500, 0)])

    with pytest.raises(DataProblem, match="only 2 deals"):
        cast(community, plan(community))


def test_offered__several_buyers__one_offer_holds_their_sum() -> None:
    deals = [Deal(3, 0, 1, 200, 5), Deal(3, 0, 2, 300, 5), Deal(4, 0, 1, 50, 5)]

    assert offered(deals) == {(3, 0): 500, (4, 0): 50}

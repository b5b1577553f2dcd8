# SPDX-License-Identifier: Apache-2.0
"""The evening street: which hours it takes, where it puts them, what the homes want."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.demo.community import FEED_IN_MICRO, RETAIL_MICRO
from scripts.demo.street import LATEST_GATE, evening, street_of, wishes
from tests.backend.demo.helpers import make_community

NOW = datetime(2026, 11, 21, 15, 7, 30, tzinfo=UTC)
EXPORT, IMPORT, NOTHING = (0, 400), (400, 0), (100, 100)


def test_evening__busy_noon_and_empty_night__takes_the_last_hours_that_are_half_as_busy() -> None:
    sunny = [EXPORT, EXPORT, EXPORT, NOTHING, NOTHING]
    cloudy = [EXPORT, EXPORT, NOTHING, EXPORT, NOTHING]
    poor = [IMPORT, IMPORT, IMPORT, IMPORT, IMPORT]

    assert evening(make_community(sunny, cloudy, poor, poor)) == (2, 3)


def test_evening__one_busy_hour__joins_the_last_of_the_quiet_ones() -> None:
    seller = [EXPORT, EXPORT, EXPORT, EXPORT, NOTHING]
    others = [[EXPORT, *([NOTHING] * 4)]] * 3 + [[IMPORT, *([NOTHING] * 4)]] * 3

    assert evening(make_community(seller, [IMPORT] * 5, *others)) == (0, 3)


def test_street__hours__become_the_last_two_quarters_that_are_over() -> None:
    street = street_of(make_community([EXPORT] * 3, [IMPORT] * 3), NOW)

    assert street.starts == [datetime(2026, 11, 21, 14, 30, tzinfo=UTC), datetime(2026, 11, 21, 14, 45, tzinfo=UTC)]
    assert [reading.export_wh for reading in street.homes[0].readings] == [100, 100]
    assert [reading.import_wh for reading in street.homes[1].readings] == [100, 100]


@given(st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)))
def test_street__any_moment__both_intervals_are_over_and_still_open_for_a_quarter(now: datetime) -> None:
    street = street_of(make_community([EXPORT] * 2, [IMPORT] * 2), now)

    for start in street.starts:
        assert (now - start).total_seconds() >= street.minutes * 60
        assert (LATEST_GATE - (now - start)).total_seconds() > 14 * 60


@pytest.mark.parametrize("homes", [1, 40])
def test_wishes__any_number_of_homes__first_orders_cross_and_limits_stay_within_the_tariffs(homes: int) -> None:
    street = street_of(make_community(*[[EXPORT] * 2] * homes, *[[IMPORT] * 2] * homes), NOW)

    found = wishes(street)

    assert len(found) == 4 * homes
    assert {wish.energy_wh for wish in found} == {100}
    assert all(FEED_IN_MICRO <= wish.price_micro <= RETAIL_MICRO for wish in found)
    offers = [wish.price_micro for wish in found if not wish.is_bid and wish.interval == 0]
    bids = [wish.price_micro for wish in found if wish.is_bid and wish.interval == 0]
    assert min(offers) < max(bids)

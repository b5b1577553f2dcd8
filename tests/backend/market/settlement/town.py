# SPDX-License-Identifier: Apache-2.0
"""The town with tariffs, for tests of money."""

import pytest
from sqlalchemy import text

from tests.backend.audit.stage import COMMUNITY
from tests.backend.market.conftest import Town

RETAIL, FEED_IN = 300_000, 80_000


@pytest.fixture
async def priced(town: Town) -> Town:
    """A town that has published its tariffs."""
    async with town.db.begin() as session:
        await session.execute(
            text("""INSERT INTO community_markets (org_id, community, retail_price_micro_per_kwh,
                        feed_in_price_micro_per_kwh, updated_at) VALUES (:org, :number, :retail, :feed_in, now())"""),
            {"org": town.org_id, "number": COMMUNITY, "retail": RETAIL, "feed_in": FEED_IN},
        )
    return town

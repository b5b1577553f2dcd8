# SPDX-License-Identifier: Apache-2.0
"""What is asked again and again is found by index, however much has been traded."""

from uuid import uuid4

import pytest
from sqlalchemy import text

from backend.core.db import Actor


async def plan(db, actor, query):
    """PostgreSQL's plan of `query` by `actor`, as text, where an index is taken if one can be."""
    async with db.begin(actor) as session:
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        return "\n".join((await session.execute(text(f"EXPLAIN {query}"))).scalars())


@pytest.mark.parametrize("role", ["member", "operator"])
@pytest.mark.parametrize(
    ("table", "indexes"),
    [("orders", {"orders_user", "orders_org"}), ("matches", {"matches_seller", "matches_buyer", "matches_org"})],
)
async def test_lists__of_a_person__are_found_by_index(db, role, table, indexes):
    actor = Actor(user_id=uuid4(), org_id=uuid4(), org_role=role)

    found = await plan(db, actor, f"SELECT count(*) FROM {table}")

    assert "Seq Scan" not in found
    assert {name for name in indexes if f"on {name} " in found} == indexes


async def test_failed_claims__of_everybody__are_found_by_index(service_db):
    found = await plan(
        service_db, None, "SELECT FROM trade_submissions WHERE state IN ('REVERTED', 'DROPPED', 'REPLACED')"
        " AND updated_at < now()",
    )  # fmt: skip

    assert "trade_submissions_failed" in found


async def test_next_nonce__of_a_relayer__is_found_by_index(service_db):
    found = await plan(
        service_db, None, "SELECT max(nonce) FROM relay_transactions WHERE chain = 1 AND signer = '\\xab'"
        " AND state <> 'LOST'",
    )  # fmt: skip

    assert "using relay_transactions_used" in found

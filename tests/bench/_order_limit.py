# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL's own limit for the book's writes: the engine's statements over prepared rows, one order a transaction.

Every other order meets one that rests. Only the source of the rows is exchanged for tables, so indexes, constraints,
row security and fsync are the same as in the service.
"""

from __future__ import annotations

from backend.core.db import Database, raw
from backend.market.book import writing

ROWS = 40_000
_BOOK = "chain = 1 AND community = :book::bigint AND delivery_start = '2100-01-01 UTC'"
_NEW = """(SELECT o.*, CASE WHEN :matches::bigint = 1 THEN 'FILLED' ELSE 'OPEN' END AS state, NULL::text AS reason,
    :matches::bigint * o.energy_wh AS matched_wh, :n::bigint AS placed_version, :n::bigint AS changed_version
    FROM bench_orders o WHERE o.n = :n::bigint) AS incoming"""
_MET = """(SELECT id, 'FILLED' AS state, NULL::text AS reason, energy_wh AS matched_wh, :n::bigint AS version,
    0::bigint AS was_matched_wh FROM bench_orders WHERE n = :met::bigint)"""
_RECEIPT = """(SELECT md5('r' || :n::bigint)::uuid AS id, 1::smallint AS chain, org_id, community, delivery_start,
    :n::bigint AS version, 'continuous' AS rule, order_hash AS book_hash, r.receipt::text AS receipt
    FROM bench_orders, bench_receipt r WHERE n = :n::bigint) AS incoming"""
_PAIR = """(SELECT md5('m' || :n::bigint)::uuid AS id, 1::smallint AS chain, b.org_id, b.community, b.delivery_start,
    md5('r' || :n::bigint)::uuid AS receipt_id, o.id AS offer_id, b.id AS bid_id, o.user_id AS seller_id,
    b.user_id AS buyer_id, b.energy_wh, b.price_micro_per_kwh, 0::bigint AS seller_fee_micro,
    0::bigint AS buyer_fee_micro
    FROM bench_orders b, bench_orders o WHERE b.n = :n::bigint AND o.n = :met::bigint) AS incoming"""
_VERSION = f"""(SELECT chain, community, delivery_start, version + 1 AS version, version AS was, factor_id, closed_at,
    240000::bigint AS price FROM books WHERE {_BOOK})"""
_EVENTS = """INSERT INTO outbox (id, topic, name, payload, audience)
SELECT uuidv7(), topic, 'market.' || topic || '_changed.v1', payload, audience
FROM bench_orders o, bench_events e WHERE o.n = :n::bigint"""


def _now(statement: str, rows: str) -> str:
    contract = "decode(repeat('cc', 20), 'hex')"
    return statement.replace("$1", "now()").replace("$2::bytea", contract).format(rows=rows).strip()


SCRIPT = f"""SELECT nextval('bench_orders_n') AS n \\gset
SELECT :n % 2 AS matches, {ROWS} + :n AS met, 90000 + :n % 8 AS book \\gset
BEGIN;
SELECT version FROM books WHERE {_BOOK} FOR UPDATE;
{_now(writing._INSERT_ORDERS, _NEW)};
\\if :matches
{_now(writing._UPDATE_ORDERS, _MET)};
{_now(writing._INSERT_RECEIPTS, _RECEIPT)};
{_now(writing._INSERT_MATCHES, _PAIR)};
\\endif
{_now(writing._UPDATE_BOOKS, _VERSION)};
{_EVENTS};
COMMIT;
"""

_ORDERS = f"""
CREATE TABLE bench_orders AS
SELECT n, uuidv7() AS id, 1::smallint AS chain, o.org_id, 90000 + n % 8 AS community,
    '2100-01-01 UTC'::timestamptz AS delivery_start, o.delivery_minutes,
    CASE WHEN n < {ROWS} THEN md5('buyer' || n % 50)::uuid ELSE md5('seller' || n % 50)::uuid END AS user_id,
    o.house_id, o.zone, substr(sha256(('maker' || n)::bytea), 1, 20) AS maker, o.taker,
    n < {ROWS} AND n % 2 = 1 AS is_bid, o.kind, o.venue, o.meter, o.energy_wh, o.min_fill_wh, o.price_micro_per_kwh,
    o.factor_id, o.slot, o.expiry, sha256(('order' || n)::bytea) AS order_hash, o.signature, o.placed_at
FROM generate_series(0, {2 * ROWS}) AS n, (SELECT * FROM orders LIMIT 1) AS o
"""
_RESTING = f"""
INSERT INTO orders ({{names}}, state, placed_version, changed_version)
SELECT {{names}}, 'OPEN', 1, 1 FROM bench_orders WHERE n >= {ROWS}
"""


async def prepare(db: Database) -> None:
    """Make the tables that the script reads, from orders that the run has left: eight books, and offers that rest."""
    names = ", ".join(name for name, _ in writing._NEW_ORDER)
    async with db.begin() as session:
        connection = await raw(session)
        await connection.execute("CREATE SEQUENCE bench_orders_n")
        await connection.execute(_ORDERS)
        await connection.execute("CREATE UNIQUE INDEX ON bench_orders (n)")
        await connection.execute("CREATE TABLE bench_receipt AS SELECT receipt FROM match_receipts LIMIT 1")
        await connection.execute(
            "CREATE TABLE bench_events AS SELECT DISTINCT ON (topic) topic, payload, audience FROM outbox "
            "WHERE topic IN ('book', 'orders') ORDER BY topic, id"
        )
        await connection.execute(
            """INSERT INTO books (chain, community, delivery_start, delivery_minutes, rule, community_fee_micro_per_kwh,
                   grid_fee_micro_per_kwh, closes_at)
               SELECT 1, 90000 + n, '2100-01-01 UTC', 60, 'continuous', 0, '{}', '2100-01-01 UTC'
               FROM generate_series(0, 7) AS n"""
        )
        await connection.execute(_RESTING.format(names=names))
        await connection.execute("GRANT ALL ON bench_orders, bench_receipt, bench_events TO gridx_service")
        await connection.execute("GRANT ALL ON SEQUENCE bench_orders_n TO gridx_service")
    connection = await db.connect_direct()
    await connection.execute("VACUUM ANALYZE bench_orders, orders")
    await connection.close()

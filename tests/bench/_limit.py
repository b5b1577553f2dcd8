# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL's own limit for the recorder's writes: the recorder's statements over prepared rows, run by pgbench.

`recorder_limit.sql` is made from the product's SQL: only the source of the rows (`unnest` of arrays) is exchanged for
a table, so indexes, constraints, triggers and fsync are the same. `python -m tests.bench._limit` writes it anew.
"""

from __future__ import annotations

import re
from pathlib import Path

from backend.carbon.ledger import _POST as POST_TRANSFERS
from backend.chain.queries import STORE_EVENTS
from backend.core.db import Database, raw
from backend.market import sql

FILE = Path(__file__).with_name("recorder_limit.sql")
HEADER = """-- PostgreSQL's limit for the recorder's writes, :size trades a transaction; made by tests/bench/_limit.py
SELECT nextval('bench_batches') AS batch \\gset
BEGIN;
"""
FOOTER = """INSERT INTO outbox (id, topic, name, payload) SELECT uuidv7(), 'trades', 'market.trades_recorded.v1',
    jsonb_build_object('trades', jsonb_agg(encode(trade_id, 'hex'))) FROM ROWS;
UPDATE chain_cursor SET next_block = next_block + 1, updated_at = now() WHERE chain = 1;
COMMIT;
"""
ROWS = """(SELECT * FROM bench_rows
    WHERE n >= (:batch::bigint - 1) * :size::bigint AND n < :batch::bigint * :size::bigint)"""
_UNNEST = re.compile(r"FROM unnest\(.*?\)\s+AS (\w+) \((.*?)\)", re.DOTALL)
_TRANSFER = """SELECT 'earned'::carbon_kind, '\\x00'::bytea, 1::smallint, buyer_address, 0::smallint, claim_g, now(),
    1::smallint, trade_id, 1, NULL::uuid, NULL::uuid, holder_id, community, delivery_date, delivery_start, factor_id
FROM ROWS AS transfer"""


def render() -> str:
    """The text of `recorder_limit.sql` for the product's SQL of today."""
    events = _exchanged(STORE_EVENTS).replace("$1", "1").replace("to_timestamp(block_time)", "block_time")
    trades = (
        sql.RECORD_TRADES.replace("FROM {rows}", "FROM ROWS AS incoming")
        .replace("SELECT id, $1,", "SELECT uuidv7(), 1,")
        .replace("$2", "now()")
    )
    statistics = _exchanged(sql.ADD_STATISTICS)
    transfers = re.sub(
        r"SELECT kind, .*?FROM \{rows\}\n", _TRANSFER.replace("\\", "\\\\") + "\n", POST_TRANSFERS, flags=re.DOTALL
    )
    body = ";\n".join(part.strip() for part in (events, trades, statistics, transfers))
    return (HEADER + body + ";\n" + FOOTER).replace("ROWS", ROWS)


def _exchanged(statement: str) -> str:
    return _UNNEST.sub(lambda found: f"FROM ROWS AS {found.group(1)}", statement)


def script() -> str:
    """The committed script. Raises RuntimeError when the product's SQL has changed since."""
    if FILE.read_text() != render():
        raise RuntimeError(f"{FILE.name} is not what the recorder does: run python -m tests.bench._limit")
    return FILE.read_text()


async def prepare(db: Database, *, rows: int, parties: int) -> None:
    """Fill the table that the script reads with `rows` trades between `parties` sellers and buyers."""
    async with db.begin() as session:
        connection = await raw(session)
        await connection.execute("CREATE SEQUENCE bench_batches")
        await connection.execute(
            """CREATE TABLE bench_rows AS SELECT n, uuidv7() AS id, sha256(('trade' || n)::bytea) AS trade_id,
                   2::smallint AS kind, substr(sha256(('s' || n % $2)::bytea), 1, 20) AS seller_address,
                   substr(sha256(('b' || (n * 7 + n / $2) % $2)::bytea), 1, 20) AS buyer_address,
                   md5('s' || n % $2)::uuid AS seller_id, md5('b' || (n * 7 + n / $2) % $2)::uuid AS buyer_id,
                   md5('b' || (n * 7 + n / $2) % $2)::uuid AS holder_id, 1000::bigint AS energy_wh,
                   240000::bigint AS price_micro_per_kwh, 470::bigint AS carbon_logged_g, 1::bigint AS factor_id,
                   (n % $2)::bigint AS seller_meter, ($2 + n % $2)::bigint AS buyer_meter, 1::bigint AS community,
                   date_trunc('hour', now()) AS delivery_start, 60::smallint AS delivery_minutes,
                   current_date AS delivery_date, true AS consented, NULL::text AS ineligible_reason,
                   470::bigint AS claim_g,
                   n / 500 AS block_number, sha256(('block' || n / 500)::bytea) AS block_hash,
                   sha256(('tx' || n)::bytea) AS tx_hash, (n % 500)::integer AS log_index, 0 AS tx_index,
                   now() AS block_time, substr(sha256(('s' || n % $2)::bytea), 1, 20) AS address, 1::bigint AS trades,
                   240000::numeric AS revenue_micro, decode(repeat('ab', 128), 'hex') AS topics,
                   decode(repeat('cd', 160), 'hex') AS data
               FROM generate_series(0, $1::bigint - 1) AS n""".replace("$1", str(rows)).replace("$2", str(parties))
        )
        await connection.execute("CREATE UNIQUE INDEX ON bench_rows (n)")
        await connection.execute("GRANT ALL ON bench_rows, bench_batches TO gridx_service")
        await connection.execute("GRANT ALL ON SEQUENCE bench_batches TO gridx_service")
    connection = await db.connect_direct()
    await connection.execute("VACUUM ANALYZE bench_rows")
    await connection.close()


if __name__ == "__main__":
    FILE.write_text(render())

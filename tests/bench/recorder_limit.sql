-- PostgreSQL's limit for the recorder's writes, :size trades a transaction; made by tests/bench/_limit.py
SELECT nextval('bench_batches') AS batch \gset
BEGIN;
INSERT INTO chain_events (chain, block_hash, log_index, block_number, block_time, tx_hash, tx_index, topics, data)
SELECT 1, block_hash, log_index, block_number, block_time, tx_hash, tx_index, topics, data
FROM (SELECT * FROM bench_rows
    WHERE n >= (:batch::bigint - 1) * :size::bigint AND n < :batch::bigint * :size::bigint) AS log
ON CONFLICT (chain, block_hash, log_index) DO UPDATE SET orphaned_at = NULL, rejected_reason = NULL
   WHERE chain_events.orphaned_at IS NOT NULL OR chain_events.rejected_reason IS NOT NULL
RETURNING block_hash, log_index;
INSERT INTO energy_trades AS held (
    id, chain, trade_id, kind, seller_address, buyer_address, seller_id, buyer_id, energy_wh, price_micro_per_kwh,
    carbon_logged_g, factor_id, seller_meter, buyer_meter, community, delivery_start, delivery_minutes,
    delivery_date, consented, ineligible_reason, claim_g, block_number, block_hash, tx_hash, log_index, block_time,
    status, recorded_at)
SELECT uuidv7(), 1, trade_id, kind, seller_address, buyer_address, seller_id, buyer_id, energy_wh, price_micro_per_kwh,
    carbon_logged_g, factor_id, seller_meter, buyer_meter, community, delivery_start, delivery_minutes,
    delivery_date,
    consented, ineligible_reason, claim_g, block_number, block_hash, tx_hash, log_index, block_time, 'CONFIRMED', now()
FROM (SELECT * FROM bench_rows
    WHERE n >= (:batch::bigint - 1) * :size::bigint AND n < :batch::bigint * :size::bigint) AS incoming
ON CONFLICT (chain, trade_id) DO UPDATE SET
    kind = excluded.kind, seller_address = excluded.seller_address, buyer_address = excluded.buyer_address,
    seller_id = excluded.seller_id, buyer_id = excluded.buyer_id, energy_wh = excluded.energy_wh,
    price_micro_per_kwh = excluded.price_micro_per_kwh, carbon_logged_g = excluded.carbon_logged_g,
    factor_id = excluded.factor_id, logged_factor_id = NULL,
    seller_meter = excluded.seller_meter, buyer_meter = excluded.buyer_meter,
    community = excluded.community, delivery_start = excluded.delivery_start,
    delivery_minutes = excluded.delivery_minutes, delivery_date = excluded.delivery_date,
    consented = excluded.consented, ineligible_reason = excluded.ineligible_reason, claim_g = excluded.claim_g,
    block_number = excluded.block_number, block_hash = excluded.block_hash, tx_hash = excluded.tx_hash,
    log_index = excluded.log_index, block_time = excluded.block_time, status = 'CONFIRMED',
    recorded_at = excluded.recorded_at, orphaned_at = NULL, cycle = held.cycle + 1,
    consent_block_number = NULL, consent_block_hash = NULL, consent_tx_hash = NULL
WHERE held.status = 'ORPHANED'
RETURNING trade_id, cycle;
INSERT INTO seller_statistics AS held (address, trades, energy_wh, revenue_micro)
SELECT address, sum(trades), sum(energy_wh), sum(revenue_micro)
FROM (SELECT * FROM bench_rows
    WHERE n >= (:batch::bigint - 1) * :size::bigint AND n < :batch::bigint * :size::bigint) AS t
GROUP BY address ORDER BY address
ON CONFLICT (address) DO UPDATE SET trades = held.trades + excluded.trades,
    energy_wh = held.energy_wh + excluded.energy_wh, revenue_micro = held.revenue_micro + excluded.revenue_micro;
INSERT INTO carbon_transactions (kind, debit_account, debit_bucket, credit_account, credit_bucket, grams, booked_at,
    chain, trade_id, cycle, document_id, reverses, holder_id, community, delivery_date, delivery_start, factor_id)
SELECT 'earned'::carbon_kind, '\x00'::bytea, 1::smallint, buyer_address, 0::smallint, claim_g, now(),
    1::smallint, trade_id, 1, NULL::uuid, NULL::uuid, holder_id, community, delivery_date, delivery_start, factor_id
FROM (SELECT * FROM bench_rows
    WHERE n >= (:batch::bigint - 1) * :size::bigint AND n < :batch::bigint * :size::bigint) AS transfer
ON CONFLICT (chain, trade_id, kind, cycle, document_id) WHERE trade_id IS NOT NULL DO NOTHING;
INSERT INTO outbox (id, topic, name, payload) SELECT uuidv7(), 'trades', 'market.trades_recorded.v1',
    jsonb_build_object('trades', jsonb_agg(encode(trade_id, 'hex'))) FROM (SELECT * FROM bench_rows
    WHERE n >= (:batch::bigint - 1) * :size::bigint AND n < :batch::bigint * :size::bigint);
UPDATE chain_cursor SET next_block = next_block + 1, updated_at = now() WHERE chain = 1;
COMMIT;

# SPDX-License-Identifier: Apache-2.0
"""Database, ledger, streams and chain against each other, when everything is final: each difference in words.

The audit rebuilds the books from the chain alone. The rest is counted here, from the node's own logs and plain sums.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from redis.asyncio import Redis

from backend.audit.compare import Request, audit
from backend.audit.differences import Code
from backend.audit.fetch import Options
from tests.faults.ground import CONFIRMATIONS, FINALITY_DEPTH
from tests.faults.market_compare import MARKET_SUMS, compare_market
from tests.faults.trading import FOREIGN_NONCES
from tests.faults.world import World

_SUMS: tuple[tuple[str, str], ...] = (
    ("the ledger does not sum to zero", "SELECT sum(pending_g + available_g) AS sum_g FROM carbon_wallet"),
    (
        "balances are not the sums of transfers",
        """SELECT encode(coalesce(w.account, s.account), 'hex') AS account, w.pending_g, w.available_g,
               s.pending_g AS sum_pending_g, s.available_g AS sum_available_g
           FROM carbon_wallet w FULL JOIN (
               SELECT account, sum(grams) FILTER (WHERE bucket = 0) AS pending_g,
                   sum(grams) FILTER (WHERE bucket = 1) AS available_g
               FROM (SELECT debit_account, debit_bucket, -grams FROM carbon_transactions
                     UNION ALL SELECT credit_account, credit_bucket, grams FROM carbon_transactions)
                   AS side (account, bucket, grams) GROUP BY account) s ON s.account = w.account
           WHERE (coalesce(w.pending_g, 0), coalesce(w.available_g, 0))
               <> (coalesce(s.pending_g, 0), coalesce(s.available_g, 0))""",
    ),
    (
        "seller statistics are not the sums of eligible trades",
        """SELECT encode(coalesce(s.address, t.address), 'hex') AS address, s.trades, t.trades AS sum_trades,
               s.energy_wh, t.energy_wh AS sum_wh, s.revenue_micro, t.revenue_micro AS sum_micro
           FROM seller_statistics s FULL JOIN (
               SELECT seller_address AS address, count(*) AS trades, sum(energy_wh) AS energy_wh,
                   sum(div(energy_wh::numeric * price_micro_per_kwh, 1000)) AS revenue_micro
               FROM energy_trades WHERE status <> 'ORPHANED' AND consented AND ineligible_reason IS NULL
               GROUP BY seller_address) t ON t.address = s.address
           WHERE (coalesce(s.trades, 0), coalesce(s.energy_wh, 0), coalesce(s.revenue_micro, 0))
               <> (coalesce(t.trades, 0), coalesce(t.energy_wh, 0), coalesce(t.revenue_micro, 0))""",
    ),
    (
        "boards are not the sums of movements",
        """WITH moved AS (
               SELECT coalesce(l.user_id, c.holder_id) AS holder_id, c.community, c.delivery_date,
                   CASE c.kind WHEN 'earned' THEN c.grams ELSE -c.grams END AS net_g
               FROM carbon_transactions c LEFT JOIN leaderboard_holders l ON l.holder_id = c.holder_id
               WHERE c.kind IN ('earned', 'reversed', 'reduced')
           ), summed AS (
               SELECT period::board_period AS period, start, board, holder_id, sum(net_g) AS net_g FROM moved
               CROSS JOIN LATERAL (VALUES ('day', delivery_date), ('all', date '1970-01-01'),
                   ('week', date_trunc('week', delivery_date::timestamp)::date),
                   ('month', date_trunc('month', delivery_date::timestamp)::date)) AS p (period, start)
               CROSS JOIN LATERAL (VALUES (community), (0)) AS c (board) GROUP BY 1, 2, 3, 4
           )
           SELECT coalesce(b.period, s.period) AS period, coalesce(b.holder_id, s.holder_id) AS holder_id, b.net_g,
               s.net_g AS sum_g
           FROM leaderboard b FULL JOIN summed s ON s.period = b.period AND s.start = b.period_start
               AND s.board = b.community AND s.holder_id = b.holder_id
           WHERE coalesce(b.net_g, 0) <> coalesce(s.net_g, 0)""",
    ),
    (
        "an orphaned trade keeps carbon",
        """SELECT encode(t.trade_id, 'hex') AS trade, sum(CASE c.kind WHEN 'earned' THEN c.grams ELSE -c.grams END)
           FROM energy_trades t JOIN carbon_transactions c USING (chain, trade_id)
           WHERE c.kind IN ('earned', 'reversed', 'reduced') AND (t.status = 'ORPHANED' OR c.cycle < t.cycle)
           GROUP BY t.trade_id HAVING sum(CASE c.kind WHEN 'earned' THEN c.grams ELSE -c.grams END) <> 0""",
    ),
    (
        "a trade did not earn its claim",
        """SELECT encode(t.trade_id, 'hex') AS trade, t.claim_g, c.grams, t.cycle FROM energy_trades t
           LEFT JOIN carbon_transactions c ON c.chain = t.chain AND c.trade_id = t.trade_id AND c.cycle = t.cycle
               AND c.kind = 'earned'
           WHERE t.status <> 'ORPHANED' AND t.claim_g <> coalesce(c.grams, 0)""",
    ),
    (
        "a trade with oneself counts",
        """SELECT encode(t.trade_id, 'hex') AS trade, t.ineligible_reason, t.claim_g, r.grams AS reduced_g
           FROM energy_trades t LEFT JOIN carbon_transactions r ON r.chain = t.chain AND r.trade_id = t.trade_id
               AND r.cycle = t.cycle AND r.kind = 'reduced'
           WHERE t.status <> 'ORPHANED' AND t.consented AND t.seller_id = t.buyer_id
               AND (t.ineligible_reason IS NULL OR coalesce(r.grams, 0) <> t.claim_g)""",
    ),
    (
        "a meter was credited with more than it measured",
        """SELECT d.meter, d.delivery_start, d.sold_wh, d.bought_wh, p.production_wh, p.export_wh, p.import_wh
           FROM meter_deliveries d LEFT JOIN houses h ON h.meter = d.meter
           LEFT JOIN energy_production p ON p.house_id = h.id AND p.start_at = d.delivery_start
           WHERE d.sold_wh > coalesce(least(p.production_wh, p.export_wh), 0)
               OR d.bought_wh > coalesce(p.import_wh, 0)""",
    ),
    (
        "deliveries are not the sums of what trades delivered",
        """SELECT d.meter, d.delivery_start, d.sold_wh, d.bought_wh, s.sold_wh AS sum_sold, b.bought_wh AS sum_bought
           FROM meter_deliveries d
           LEFT JOIN (SELECT chain, seller_meter AS meter, delivery_start, sum(delivered_wh) AS sold_wh
                      FROM energy_trades WHERE settled_at IS NOT NULL GROUP BY 1, 2, 3) s
               USING (chain, meter, delivery_start)
           LEFT JOIN (SELECT chain, buyer_meter AS meter, delivery_start, sum(delivered_wh) AS bought_wh
                      FROM energy_trades WHERE settled_at IS NOT NULL GROUP BY 1, 2, 3) b
               USING (chain, meter, delivery_start)
           WHERE d.sold_wh <> coalesce(s.sold_wh, 0) OR d.bought_wh <> coalesce(b.bought_wh, 0)""",
    ),
    (
        "changed readings wait for ever",
        "SELECT community, delivery_start FROM settled_intervals WHERE readings_changed_at IS NOT NULL",
    ),
    ("a log was rejected", "SELECT block_number, rejected_reason FROM chain_events WHERE rejected_reason IS NOT NULL"),
    ("the chain is halted", "SELECT halted_reason FROM chains WHERE halted_reason IS NOT NULL"),
)

_EVENTS = (
    (
        "events are numbered with gaps or twice",
        """SELECT o.topic, count(*) AS events, count(DISTINCT sequence) AS numbers, max(sequence) AS last,
               t.last_sequence
           FROM outbox o LEFT JOIN outbox_topics t USING (topic) GROUP BY o.topic, t.last_sequence
           HAVING count(*) <> count(DISTINCT sequence) OR max(sequence) <> count(*) OR min(sequence) <> 1
               OR t.last_sequence IS DISTINCT FROM max(sequence)""",
    ),
    ("an event was never published", "SELECT topic, name FROM outbox WHERE published_at IS NULL"),
)


async def compare(world: World) -> list[str]:
    """Every difference between what is stored and what must be; empty when all is well."""
    found: list[str] = []
    found += await _sums(world, (*_SUMS, *MARKET_SUMS))
    logs = _logs(world)
    found += await _observations(world, logs)
    found += await _trades(world, logs)
    found += await compare_market(world, _decoded(world, logs))
    found += await _claims(world, logs)
    found += await _promises(world)
    found += await _events(world)
    found += await _audit(world, _decoded(world, logs))
    return found


def _logs(world: World) -> list[Any]:
    """Every log of the contract up to the last confirmed block, decoded by web3."""
    last = world.chain.head() - CONFIRMATIONS + 1
    contract = world.chain.stage.contract
    raw = world.chain.rpc("eth_getLogs", {"address": contract.address, "fromBlock": "0x0", "toBlock": hex(last)})
    return list(raw)


async def _observations(world: World, logs: Sequence[Any]) -> list[str]:
    true = {
        (_raw(log["blockHash"]), int(log["logIndex"], 16)): (_raw(log["transactionHash"]), _raw(log["data"]))
        for log in logs
    }
    rows = await world.rows(
        "SELECT block_hash, log_index, tx_hash, data FROM chain_events WHERE orphaned_at IS NULL AND chain = :c",
        c=world.base.chain_key,
    )
    held = {(row.block_hash, row.log_index): (row.tx_hash, row.data) for row in rows}
    deployed = world.base.deployment.block_number
    true_numbers = {(_raw(log["blockHash"]), int(log["logIndex"], 16)): int(log["blockNumber"], 16) for log in logs}
    missing = [key for key in true if key not in held and true_numbers[key] >= deployed]
    extra = [key for key in held if key not in true]
    wrong = [key for key in true if key in held and held[key] != true[key]]
    found = []
    for what, keys in (("missing", missing), ("extra", extra), ("wrong", wrong)):
        if keys:
            found.append(f"{len(keys)} observations are {what}: {[(key[0].hex()[:12], key[1]) for key in keys[:5]]}")
    return found


def _raw(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def _decoded(world: World, logs: Sequence[Any]) -> list[dict[str, Any]]:
    """`EnergyTradeLogged` among the logs, by web3."""
    event = world.chain.stage.contract.events.EnergyTradeLogged()
    topic = "0x" + bytes(event.topic if isinstance(event.topic, bytes) else _raw(event.topic)).hex()
    trades = []
    for log in logs:
        if log["topics"][0] == topic:
            data = _raw(log["data"])
            words = [int.from_bytes(data[start : start + 32], "big") for start in range(0, 160, 32)]
            trades.append(
                {
                    "trade_id": _raw(log["topics"][1]), "seller": _raw(log["topics"][2])[12:],
                    "buyer": _raw(log["topics"][3])[12:], "energy_wh": words[0], "price": words[1],
                    "tx_hash": _raw(log["transactionHash"]), "block_hash": _raw(log["blockHash"]),
                    "block": int(log["blockNumber"], 16), "log_index": int(log["logIndex"], 16),
                }
            )  # fmt: skip
    return trades


async def _trades(world: World, logs: Sequence[Any]) -> list[str]:
    final = world.chain.head() - FINALITY_DEPTH + 1
    true = {
        trade["trade_id"]: (
            trade["seller"], trade["buyer"], trade["energy_wh"], trade["price"], trade["tx_hash"],
            trade["block_hash"], trade["log_index"], "FINAL" if trade["block"] <= final else "CONFIRMED",
        )
        for trade in _decoded(world, logs)
    }  # fmt: skip
    held = {
        row.trade_id: tuple(row)[1:]
        for row in await world.rows(
            """SELECT trade_id, seller_address, buyer_address, energy_wh, price_micro_per_kwh, tx_hash, block_hash,
                   log_index, status FROM energy_trades WHERE status <> 'ORPHANED' AND chain = :c""",
            c=world.base.chain_key,
        )
    }
    found = [f"trade 0x{key.hex()} of the chain is not recorded" for key in true if key not in held]
    found += [f"trade 0x{key.hex()} is recorded and not on the chain" for key in held if key not in true]
    found += [
        f"trade 0x{key.hex()} is recorded as {held[key]}, the chain says {true[key]}"
        for key in true
        if key in held and held[key] != true[key]
    ]
    return found[:10]


async def _claims(world: World, logs: Sequence[Any]) -> list[str]:
    by_tx: dict[bytes, list[dict[str, Any]]] = defaultdict(list)
    for trade in _decoded(world, logs):
        by_tx[trade["tx_hash"]].append(trade)
    persons = {user: person for person, user in world.town.people.items()}
    accounts = {world.chain.stage.address(number): number for number in range(60)}
    times: dict[int, int] = {}
    found = []
    for row in await world.rows(
        """SELECT id, tx_hash, event_id, seller_id, buyer_id, energy_wh, price_micro_per_kwh, state, reason, trade_id,
               sender FROM trade_submissions"""
    ):
        fitting = []
        for trade in by_tx.get(row.tx_hash, []):
            at = times.setdefault(trade["block"], int(world.chain.block(trade["block"])["timestamp"], 16))
            owners = [world.town.owner(accounts[trade[side]], at) for side in ("seller", "buyer")]
            fits = row.event_id in (None, trade["trade_id"])
            fits = fits and owners == [persons[row.seller_id], persons[row.buyer_id]]
            if fits and (trade["energy_wh"], trade["price"]) == (row.energy_wh, row.price_micro_per_kwh):
                fitting.append(trade["trade_id"])
        allowed = _allowed(world, row, fitting)
        if (row.state, row.trade_id if row.state == "RECORDED" else None) not in allowed:
            wanted = [(state, key.hex() if key else None) for state, key in allowed]
            found.append(
                f"claim {row.id} of 0x{row.tx_hash.hex()} is {row.state} ({row.reason},"
                f" {row.trade_id.hex() if row.trade_id else None}), it must be one of {wanted}"
            )
    return found[:10]


def _allowed(world: World, row: Any, fitting: Sequence[bytes]) -> list[tuple[str, bytes | None]]:
    """States in which a claim may end. What contradicted the chain once may stay refused."""
    if len(fitting) == 1:
        return [("RECORDED", fitting[0])]
    receipt = world.chain.receipt(row.tx_hash)
    if receipt is None:
        replaced: list[tuple[str, bytes | None]] = [("REPLACED" if row.sender else "DROPPED", None)]
        return [*replaced, ("MISMATCHED", None)] if row.reason not in (None, "trade.dropped") else replaced
    if receipt["status"] == "0x0":
        return [("REVERTED", None), ("MISMATCHED", None)]
    return [("MISMATCHED", None)]


async def _promises(world: World) -> list[str]:
    """What the api acknowledged is there: claims, trades, retirements."""
    claims = {str(row.id) for row in await world.rows("SELECT id FROM trade_submissions")}
    trades = {str(row.id) for row in await world.rows("SELECT id FROM energy_trades")}
    found = [
        f"what was acknowledged is lost: {what}" for key, what in world.promised.items() if key not in claims | trades
    ]
    documents = {str(row.id) for row in await world.rows("SELECT id FROM carbon_documents WHERE kind = 'retirement'")}
    found += [f"a retirement of {grams} g is lost" for key, grams in world.retired.items() if key not in documents]
    return found


async def _sums(world: World, sums: Sequence[tuple[str, str]]) -> list[str]:
    """What statements find that must find nothing."""
    found = []
    for what, statement in sums:
        rows = await world.rows(statement)
        if rows and not (len(rows) == 1 and rows[0]._fields == ("sum_g",) and rows[0].sum_g == 0):
            found.append(f"{what}: {[dict(row._mapping) for row in rows[:3]]}")
    return found


async def _events(world: World) -> list[str]:
    """Events in the outbox and in their streams. The relay tells of moved boards a moment after they moved, when all
    else is at rest: what is under way is looked at again, what stays wrong is found."""
    found: list[str] = []
    for _ in range(50):
        found = await _sums(world, _EVENTS) + await _streams(world)
        if not found:
            break
        await asyncio.sleep(0.1)
    return found


async def _streams(world: World) -> list[str]:
    """Every event stands in its stream under its number, at least once; no number stands for two events."""
    rows = await world.rows("SELECT topic, sequence, name, payload FROM outbox ORDER BY topic, sequence")
    stored: dict[str, dict[int, tuple[str, Any]]] = defaultdict(dict)
    for row in rows:
        stored[row.topic][row.sequence] = (row.name, row.payload)
    found = []
    async with Redis.from_url(world.base.redis.url) as redis:
        for topic, events in stored.items():
            streamed: dict[int, tuple[str, Any]] = {}
            for _, fields in await redis.xrange(f"gridx:events:{topic}"):
                event = json.loads(fields[b"event"])
                said = (event["name"], event["data"])
                if streamed.setdefault(event["sequence"], said) != said:
                    found.append(f"number {event['sequence']} of {topic} was given to two events")
            if streamed != events:
                missing = sorted(set(events) - set(streamed))[:5]
                found.append(f"stream {topic} differs from the outbox; missing {missing}")
    return found


async def _audit(world: World, trades: Sequence[dict[str, Any]]) -> list[str]:
    """The audit finds nothing but the pairs that another settler logged behind the book's back, and those it finds."""
    request = Request(
        rpc_urls=[world.base.anvil.rpc_url],
        database_url=world.base.postgres.url("audit"),
        deployment=world.base.deployment,
        options=Options(finality_depth=FINALITY_DEPTH),
        wait_s=5,
    )
    report = await audit(request, clock=lambda: datetime.now(UTC))
    world.audited = report.totals.trades
    world.orphaned = await world.value("SELECT count(*) FROM carbon_transactions WHERE kind = 'reversed'")
    contract, final = world.base.deployment.address, world.chain.head() - FINALITY_DEPTH + 1
    foreign = {
        "0x" + trade["trade_id"].hex()
        for trade in trades
        if trade["trade_id"][:20] == contract and int.from_bytes(trade["trade_id"][20:30], "big") >= FOREIGN_NONCES
        and trade["block"] <= final
    }  # fmt: skip
    unknown = {found.subject for found in report.findings.listed if found.code is Code.MATCH_UNKNOWN}
    found = [f"audit: {one.row()}" for one in report.findings.listed if one.code is not Code.MATCH_UNKNOWN]
    found += [f"the audit takes {one} for a pair of no book" for one in sorted(unknown - foreign)]
    found += [f"the audit has nothing against {one}, which no book has matched" for one in sorted(foreign - unknown)]
    return found[:10]

# SPDX-License-Identifier: Apache-2.0
"""Compares the database's mirrors of what the contract registers, and its observations, against the chain's logs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.audit.blocks import ChainLog
from backend.audit.database import Row, Snapshot
from backend.audit.differences import Code, Difference, Findings
from backend.audit.encoding import hex_of
from backend.audit.merging import merged
from backend.audit.rebuild import Community, Factor, History, Meter
from backend.audit.spool import Spool

_METERS = """
SELECT meter, owner_address, community, region, delivery_minutes, device_key, block_number, log_index
FROM chain_meters WHERE chain = $1 AND block_number <= $2
"""
_COMMUNITIES = """
SELECT community, region, delivery_minutes, block_number, log_index
FROM chain_communities WHERE chain = $1 AND block_number <= $2
"""
_FACTORS = """
SELECT factor_id, region, basis, mg_per_kwh,
    extract(epoch FROM least(valid_from, timestamptz '9999-12-31 23:59:59+00'))::bigint AS valid_from,
    extract(epoch FROM least(valid_to, timestamptz '9999-12-31 23:59:59+00'))::bigint AS valid_to,
    extract(epoch FROM least(effective_at, timestamptz '9999-12-31 23:59:59+00'))::bigint AS effective_at,
    source, vintage, document_hash, block_number, log_index
FROM emission_factors WHERE chain = $1 AND block_number <= $2
"""
_OBSERVATIONS = """
SELECT block_number, log_index, block_hash, tx_hash, topics, data, rejected_reason
FROM chain_events WHERE chain = $1 AND block_number <= $2 AND orphaned_at IS NULL
ORDER BY block_number, log_index, block_hash
"""
_LAST_MOMENT = 253_402_300_799


async def compare_registers(
    snapshot: Snapshot, chain: int, history: History, findings: Findings, last_block: int
) -> None:
    """Meters, communities and factors of the database up to `last_block` against those of the chain."""
    tables: tuple[tuple[str, str, str, Mapping[int, Any], Any], ...] = (
        ("meter", "meter", _METERS, history.meters, meter_row),
        ("community", "community", _COMMUNITIES, history.communities, community_row),
        ("factor", "factor_id", _FACTORS, history.factors, factor_row),
    )
    for noun, key, query, held, expect in tables:
        seen = set()
        async for row in snapshot.stream(query, chain, last_block):
            seen.add(row[key])
            entry = held.get(row[key])
            if entry is None:
                findings.add(Difference(Code.REGISTER_EXTRA, f"{noun} {row[key]}"))
                continue
            for name, expected in expect(entry).items():
                if not _same(name, expected, row[name]):
                    findings.add(Difference(Code.REGISTER_TAMPERED, f"{noun} {row[key]}", name, expected, row[name]))
        for number in held.keys() - seen:
            findings.add(Difference(Code.REGISTER_MISSING, f"{noun} {number}"))


def _same(name: str, expected: Any, found: Any) -> bool:
    """Times beyond what a calendar can hold are stored as its last second."""
    if name in ("valid_from", "valid_to", "effective_at") and expected > _LAST_MOMENT:
        return bool(found >= _LAST_MOMENT)
    return bool(expected == found)


def meter_row(meter: Meter) -> dict[str, Any]:
    """The columns of `chain_meters` that the chain decides."""
    return {
        "owner_address": meter.owner,
        "community": meter.community,
        "region": region_name(meter.region),
        "delivery_minutes": meter.delivery_minutes,
        "device_key": meter.device_key if any(meter.device_key) else None,
        "block_number": meter.position[0],
        "log_index": meter.position[1],
    }


def community_row(community: Community) -> dict[str, Any]:
    """The columns of `chain_communities` that the chain decides."""
    return {
        "region": region_name(community.region),
        "delivery_minutes": community.delivery_minutes,
        "block_number": community.position[0],
        "log_index": community.position[1],
    }


def factor_row(factor: Factor) -> dict[str, Any]:
    """The columns of `emission_factors` that the chain decides."""
    return {
        "region": region_name(factor.region),
        "basis": factor.basis,
        "mg_per_kwh": factor.mg_per_kwh,
        "valid_from": factor.valid_from,
        "valid_to": factor.valid_to,
        "effective_at": factor.effective_at,
        "source": factor.source,
        "vintage": factor.vintage,
        "document_hash": factor.document_hash,
        "block_number": factor.position[0],
        "log_index": factor.position[1],
    }


def region_name(region: bytes) -> str:
    """A region as text: its ASCII without padding, else 0x-hex of its 4 bytes."""
    name = region.rstrip(b"\0")
    readable = bool(name) and all(0x21 <= byte <= 0x7E for byte in name)
    return name.decode("ascii") if readable else hex_of(region)


async def compare_observations(
    snapshot: Snapshot, chain: int, spool: Spool, findings: Findings, last_block: int
) -> None:
    """Every standing observation is a log of the canonical chain, and every such log was observed."""
    rows = snapshot.stream(_OBSERVATIONS, chain, last_block)
    async for log, row in merged(iter(spool), _log_place, rows, _row_place):
        if log is not None and row is not None:
            _compare_observation(log, row, findings)
        elif log is not None:
            findings.add(Difference(Code.OBSERVATION_MISSING, f"block {log.block_number} log {log.log_index}"))
        elif row is not None:
            subject = f"block {row['block_number']} log {row['log_index']}"
            note = "stands in the database, not on the canonical chain"
            findings.add(Difference(Code.OBSERVATION_EXTRA, subject, "block_hash", None, row["block_hash"], note))


def _log_place(log: ChainLog) -> tuple[int, int]:
    return log.block_number, log.log_index


def _row_place(row: Row) -> tuple[int, int]:
    return row["block_number"], row["log_index"]


def _compare_observation(log: ChainLog, row: Row, findings: Findings) -> None:
    subject = f"block {log.block_number} log {log.log_index}"
    expected = {
        "block_hash": log.block_hash,
        "tx_hash": log.tx_hash,
        "topics": b"".join(log.topics),
        "data": log.data,
    }
    for name, value in expected.items():
        if row[name] != value:
            findings.add(Difference(Code.OBSERVATION_TAMPERED, subject, name, value, row[name]))

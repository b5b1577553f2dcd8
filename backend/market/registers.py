# SPDX-License-Identifier: Apache-2.0
"""Mirrors of what the contract registers: communities, meters, factors. Decoded here, kept by their domains."""

from collections.abc import Sequence

from eth_abi.abi import decode
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.chain.types import Chain, Log
from backend.core.crypto import keccak
from backend.emissions import service as emissions
from backend.emissions.types import FactorRow, region_text
from backend.sites import service as sites
from backend.sites.types import CommunityRow, MeterRow

COMMUNITY_REGISTERED = keccak(b"CommunityRegistered(uint32,bytes4,uint16)")
METER_ENROLLED = keccak(b"MeterEnrolled(uint64,address,uint32,bytes4,uint16,address)")
FACTOR_REGISTERED = keccak(
    b"EmissionFactorRegistered(uint32,bytes4,uint8,uint32,uint64,uint64,uint64,string,string,bytes32)"
)
TOPICS = frozenset({COMMUNITY_REGISTERED, METER_ENROLLED, FACTOR_REGISTERED})


async def apply(session: AsyncSession, chain: Chain, logs: Sequence[Log]) -> None:
    """Mirror the register events among `logs`; other logs are passed over."""
    communities = [_community(log) for log in logs if log.topics[0] == COMMUNITY_REGISTERED]
    meters = [_meter(log) for log in logs if log.topics[0] == METER_ENROLLED]
    factors = [_factor(log) for log in logs if log.topics[0] == FACTOR_REGISTERED]
    await sites.record_communities(session, chain.id, communities)
    await sites.record_meters(session, chain.id, meters)
    await emissions.record_factors(session, chain.id, factors)


async def forget(session: AsyncSession, chain: Chain, logs: Sequence[Log]) -> None:
    """Take back what orphaned register events among `logs` had said."""
    blocks = [log.block_number for log in logs if log.topics[0] in TOPICS]
    if blocks:
        await sites.forget_above(session, chain.id, min(blocks) - 1)
        await emissions.forget_above(session, chain.id, min(blocks) - 1)


def _community(log: Log) -> CommunityRow:
    (minutes,) = decode(["uint16"], log.data)
    return CommunityRow(
        community=_number(log.topics[1]),
        region=region_text(log.topics[2][:4]),
        delivery_minutes=minutes,
        block_number=log.block_number,
        log_index=log.log_index,
    )


def _meter(log: Log) -> MeterRow:
    region, minutes, device_key = decode(["bytes4", "uint16", "address"], log.data)
    key = bytes.fromhex(device_key[2:])
    return MeterRow(
        meter=_number(log.topics[1]),
        owner_address=log.topics[2][12:],
        community=_number(log.topics[3]),
        region=region_text(region),
        delivery_minutes=minutes,
        device_key=key if any(key) else None,
        block_number=log.block_number,
        log_index=log.log_index,
    )


def _factor(log: Log) -> FactorRow:
    mg_per_kwh, valid_from, valid_to, effective_at, source, vintage, document_hash = decode(
        ["uint32", "uint64", "uint64", "uint64", "string", "string", "bytes32"], log.data
    )
    return FactorRow(
        factor_id=_number(log.topics[1]),
        region=region_text(log.topics[2][:4]),
        basis=_number(log.topics[3]),
        mg_per_kwh=mg_per_kwh,
        valid_from=valid_from,
        valid_to=valid_to,
        effective_at=effective_at,
        source=source,
        vintage=vintage,
        document_hash=document_hash,
        block_number=log.block_number,
        log_index=log.log_index,
    )


def _number(topic: bytes) -> int:
    return int.from_bytes(topic, "big")

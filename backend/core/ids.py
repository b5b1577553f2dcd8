# SPDX-License-Identifier: Apache-2.0
"""UUIDv7 keys (RFC 9562): ordered by time, so that indexes grow at one end."""

import os
import time
from uuid import UUID

_RANDOM_BITS = 74


def uuid7() -> UUID:
    """A new UUIDv7: 48 bits of Unix milliseconds, then 74 random bits around version and variant."""
    return _assemble(time.time_ns() // 1_000_000, int.from_bytes(os.urandom(10), "big") & ((1 << _RANDOM_BITS) - 1))


def uuid7_batch(count: int) -> list[UUID]:
    """`count` new keys from one clock reading and one draw of randomness, for bulk inserts."""
    millis = time.time_ns() // 1_000_000
    noise = os.urandom(10 * count)
    mask = (1 << _RANDOM_BITS) - 1
    return [_assemble(millis, int.from_bytes(noise[i : i + 10], "big") & mask) for i in range(0, 10 * count, 10)]


def _assemble(millis: int, random: int) -> UUID:
    high = (millis & ((1 << 48) - 1)) << 16 | 0x7 << 12 | random >> 62
    low = 0b10 << 62 | random & ((1 << 62) - 1)
    return UUID(int=high << 64 | low)

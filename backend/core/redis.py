# SPDX-License-Identifier: Apache-2.0
"""Redis: fast and forgetful. Whatever must not be lost is in PostgreSQL."""

from redis.asyncio import Redis


def connect(url: str) -> "Redis[bytes]":
    """A client that gives up quickly, so that a missing Redis slows nobody down."""
    return Redis.from_url(url, socket_connect_timeout=0.5, socket_timeout=2.0, health_check_interval=30)

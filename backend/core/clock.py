# SPDX-License-Identifier: Apache-2.0
"""The one place that reads the clock; everything else receives `now` as an argument."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


def from_unix(seconds: int) -> datetime:
    """An aware UTC time from whole seconds since 1970 (block times, delivery starts)."""
    return datetime.fromtimestamp(seconds, UTC)

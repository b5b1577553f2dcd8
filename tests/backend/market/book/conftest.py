# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the book: `square`, people with houses in a community without a chain behind it."""

from __future__ import annotations

import pytest

from backend.core.db import Database
from tests.support.square import Square, open_square


@pytest.fixture
async def square(service_db: Database) -> Square:
    """The community, with no order yet."""
    return await open_square(service_db)

# SPDX-License-Identifier: Apache-2.0
"""Bulk statements of the ledger belong to the caller's transaction, even as its very first statement."""

import os

import pytest

from backend.carbon import service
from tests.backend.carbon.helpers import balance, claim_of


async def test_post__as_the_first_statement_of_a_transaction_that_fails__is_rolled_back(service_db):
    buyer = os.urandom(20)

    async def post_and_fail() -> None:
        async with service_db.begin() as session:
            await service.post(session, [claim_of(buyer, 100)])
            raise RuntimeError("later step")

    with pytest.raises(RuntimeError, match="later step"):
        await post_and_fail()

    assert await balance(service_db, buyer) == (0, 0)

# SPDX-License-Identifier: Apache-2.0
"""Celery edge: what the ledger does when something happened elsewhere. Every task may be repeated."""

from datetime import datetime
from uuid import UUID

import orjson
from celery import shared_task

from backend.carbon import service
from backend.core.clock import utc_now
from backend.core.db import Database
from backend.core.tasks import PATIENT, run


async def on_wallet_linked(db: Database, payload: str) -> bool:
    """Claim what a wallet earned before it was known; False when that happened before.

    `payload` is the JSON text of accounts.wallet_linked.v1: `audience` is the user, `address` the wallet.
    """
    linked = orjson.loads(payload)
    async with db.begin() as session:
        return await service.claim(session, bytes.fromhex(linked["address"][2:]), UUID(linked["audience"]))


async def on_transferred(db: Database, payload: str, now: datetime) -> int:
    """Pay claims on a community's reserve out of a transfer that refilled it; returns the grams paid.

    `payload` is the JSON text of carbon.transferred.v1.
    """
    moved = orjson.loads(payload)
    recipient = bytes.fromhex(moved["recipient"][2:])
    if len(recipient) != 5:
        return 0
    async with db.begin() as session:
        community = int.from_bytes(recipient[1:], "big")
        return await service.settle_claims(session, community, document_id=UUID(moved["document_id"]), now=now)


@shared_task(name="carbon.claim_wallet", **PATIENT)  # type: ignore[untyped-decorator]
def claim_wallet(payload: str) -> None:
    """Celery edge of `on_wallet_linked`."""
    run(lambda db, settings: on_wallet_linked(db, payload))


@shared_task(name="carbon.settle_claims", **PATIENT)  # type: ignore[untyped-decorator]
def settle_claims(payload: str) -> None:
    """Celery edge of `on_transferred`."""
    run(lambda db, settings: on_transferred(db, payload, utc_now()))

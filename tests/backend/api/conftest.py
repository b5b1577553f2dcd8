# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the HTTP edge: `town` (see the market's tests) behind the running application, and signed-in clients."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from backend.accounts.tokens import TokenSigner
from backend.api.app import create_app
from backend.core.clock import utc_now
from backend.core.ids import uuid7
from backend.core.settings import Settings
from tests.backend.market.conftest import PRICE, Town, town

__all__ = ["town"]
BASE = "http://127.0.0.1:3001"


@dataclass
class Site:
    """The application over a town; `client` is nobody, `headers(person)` signs a person in."""

    app: FastAPI
    client: httpx.AsyncClient
    town: Town
    signer: TokenSigner

    def headers(self, person: int, **more: str) -> dict[str, str]:
        """Headers of a signed-in person."""
        token, _ = self.signer.issue(user_id=self.town.people[person], session_id=uuid7(), now=utc_now())
        return {"Authorization": f"Bearer {token}", **{name.replace("_", "-"): value for name, value in more.items()}}

    def claim(self, seller: int, buyer: int, tx_hash: bytes, **changes: Any) -> dict[str, Any]:
        """A posted trade's body."""
        body = {
            "sellerId": str(self.town.people[seller]),
            "buyerId": str(self.town.people[buyer]),
            "energyKwh": "2",
            "pricePerKwh": f"{PRICE / 1_000_000}",
            "txHash": "0x" + tx_hash.hex(),
        }
        return body | changes

    async def fill(self, seller: int, buyer: int) -> tuple[bytes, bytes]:
        """Trade id and transaction hash of a filled offer of 2 kWh."""
        trade_id = self.town.stage.fill(seller, buyer, 2000)
        return trade_id, bytes(self.town.stage.web3.eth.get_block("latest")["transactions"][-1])


@pytest.fixture
async def site(town: Town, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    """The application on the town's database and chain."""
    place = town.stage.deployment
    record = {
        "network": "local", "chainId": place.chain_id, "genesisHash": "0x" + place.genesis_hash.hex(),
        "address": "0x" + place.address.hex(), "blockNumber": place.block_number,
        "blockHash": "0x" + place.block_hash.hex(), "parentHash": "0x" + place.parent_hash.hex(),
    }  # fmt: skip
    settings.deployment_file.write_text(json.dumps(record))
    monkeypatch.setenv("GRIDX_LIMIT_ANONYMOUS", "1000/second")
    monkeypatch.setenv("GRIDX_LIMIT_USER", "1000/second")
    ready = Settings()
    app = create_app(ready)
    signer = TokenSigner(
        base64.b64decode(ready.signing_key.get_secret_value()), issuer=ready.public_url, lifetime=timedelta(hours=1)
    )
    async with app.router.lifespan_context(app):
        for _ in range(200):
            if app.state.poster is not None:
                break
            await asyncio.sleep(0.02)
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
            yield Site(app, client, town, signer)

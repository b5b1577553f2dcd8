# SPDX-License-Identifier: Apache-2.0
"""The public routes, over HTTP, on the domain's router alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from starlette.middleware.base import RequestResponseEndpoint

from backend.api import errors
from backend.chain.router import router
from backend.core.db import Database
from tests.backend.chain.support import Stage


@pytest.fixture
async def http(stage: Stage, db: Database) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the domain's routes on the stage's chain."""
    app = FastAPI()
    errors.install(app)

    @app.middleware("http")
    async def name_request(request: Request, call_next: RequestResponseEndpoint) -> Response:
        request.state.request_id = "test"
        return await call_next(request)

    app.include_router(router)
    app.state.db = db
    app.state.rpc = stage.rpc
    app.state.chain = stage.chain
    app.state.explorer_url = "https://explorer.example"
    app.state.settings = SimpleNamespace(finality_depth=8, second_node=False)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as session:
        yield session


async def test_get_status__followed_chain__says_where_it_stands(stage: Stage, http: httpx.AsyncClient) -> None:
    stage.anvil.mine(3)
    await stage.follow()

    answer = await http.get("/api/blockchain/status")

    assert answer.status_code == 200
    data = answer.json()["data"]
    assert (data["chainId"], data["headBlock"], data["indexedBlock"], data["lagBlocks"]) == (31337, 4, 3, 0)
    assert data["state"] == "following"


async def test_get_contract__deployed__has_address_and_abi(stage: Stage, http: httpx.AsyncClient) -> None:
    data = (await http.get("/api/blockchain/contract")).json()["data"]

    assert data["address"].lower() == "0x" + stage.log.address.hex()
    assert "EnergyTradeLogged" in {entry.get("name") for entry in data["abi"]}
    assert data["explorerUrl"] == f"https://explorer.example/address/{data['address']}"


async def test_get_transaction__recorded__shows_its_logs(stage: Stage, http: httpx.AsyncClient) -> None:
    tx = stage.log.trades(2)
    stage.anvil.mine(1)
    await stage.follow()

    data = (await http.get(f"/api/blockchain/tx/{tx}")).json()["data"]

    assert (data["state"], data["depth"], data["isConfirmed"], data["isFinal"]) == ("mined", 2, True, False)
    assert [log["logIndex"] for log in data["logs"]] == [0, 1]


async def test_get_transaction__orphaned__stays_visible(stage: Stage, http: httpx.AsyncClient) -> None:
    tx = stage.log.trades(1)
    stage.anvil.mine(1)
    await stage.follow()
    stage.anvil.rpc("anvil_reorg", 3, [])
    stage.anvil.mine(1)
    await stage.follow()

    data = (await http.get(f"/api/blockchain/tx/{tx}")).json()["data"]

    assert data["state"] == "not_found"
    assert data["logs"][0]["orphanedAt"] is not None


@pytest.mark.parametrize(("tx", "status"), [("0x" + "00" * 32, 404), ("0x12", 422), ("nonsense", 422)])
async def test_get_transaction__unknown_or_malformed__is_said(
    stage: Stage, http: httpx.AsyncClient, tx: str, status: int
) -> None:
    answer = await http.get(f"/api/blockchain/tx/{tx}")

    assert answer.status_code == status
    assert answer.json()["error"]["code"]

# SPDX-License-Identifier: Apache-2.0
"""The web app as the backend serves it: files, pages, caching, policy; and what the app is told of the installation."""

import gzip
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from backend.api import web
from backend.core.settings import Settings
from tests.backend.api.conftest import Site

SCRIPT = "document.title = 'x'"
PAGE = f"<!doctype html><script>{SCRIPT}</script>"


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """A built web app: a page, a script with a hash in its name and its compressed copy."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text(PAGE)
    script = tmp_path / "assets" / "index-a1b2.js"
    script.write_text("1" * 2000)
    Path(f"{script}.gz").write_bytes(gzip.compress(script.read_bytes()))
    return tmp_path


@pytest.fixture
def client(build: Path, settings: Settings) -> httpx.AsyncClient:
    """A client of an application that serves nothing but the build."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    outside = {
        "web_folder": build,
        "public_url": "https://gridx.example",
        "public_rpc_url": "https://node.example/key",
        "explorer_url": "https://scan.example",
        "sentry_dsn": "https://public@sentry.example/1",
    }
    web.install(app, settings.model_copy(update=outside))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://web")


@pytest.mark.parametrize("path", ["/", "/index.html", "/market", "/trades/0xab", "/apiary"])
async def test_get__page__is_the_index(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)

    assert (answer.status_code, answer.text) == (200, PAGE)
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["/api", "/api/nothing", "/assets/gone-c3d4.js", "/%2e%2e/settings.py"])
async def test_get__neither_file_nor_page__is_not_found(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)

    assert answer.status_code == 404
    assert PAGE not in answer.text


async def test_get__asset__is_compressed_and_kept_for_ever(client: httpx.AsyncClient) -> None:
    answer = await client.get("/assets/index-a1b2.js", headers={"Accept-Encoding": "gzip"})

    assert answer.text == "1" * 2000
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]


async def test_get__unchanged__is_not_sent_again(client: httpx.AsyncClient) -> None:
    first = await client.get("/")

    again = await client.get("/", headers={"If-None-Match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")


async def test_get__page__its_policy_names_the_addresses_of_the_settings(client: httpx.AsyncClient) -> None:
    policy = (await client.get("/market")).headers["content-security-policy"]

    rules = dict(rule.strip().partition(" ")[::2] for rule in policy.split(";"))
    assert rules["connect-src"].split() == [
        "'self'", "wss://gridx.example", "https://node.example", "https://scan.example", "https://sentry.example",
    ]  # fmt: skip
    assert rules["script-src"].startswith("'self' 'sha256-")
    assert "unsafe" not in rules["script-src"]


async def test_get__page_that_asks_ones_own_node__may_reach_it(client: httpx.AsyncClient) -> None:
    narrow, wide = [(await client.get(path)).headers["content-security-policy"] for path in ("/market", "/verify")]

    assert "http://localhost:*" in wide
    assert "http://localhost:*" not in narrow


async def test_get__after_another_build__is_the_new_page(client: httpx.AsyncClient, build: Path) -> None:
    await client.get("/")
    (build / "index.html").write_text("<p>new</p>")

    assert (await client.get("/")).text == "<p>new</p>"


async def test_get__without_a_build__is_not_found(settings: Settings, tmp_path: Path) -> None:
    app = FastAPI()
    web.install(app, settings.model_copy(update={"web_folder": tmp_path / "none"}))

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://web") as client:
        assert (await client.get("/")).status_code == 404


async def test_config__deployed__tells_chain_and_contract(site: Site) -> None:
    config = (await site.client.get("/api/config")).json()["data"]

    assert config["chainId"] == site.town.stage.deployment.chain_id
    assert config["contractAddress"].lower() == "0x" + site.town.stage.deployment.address.hex()
    assert config["rpcUrl"] is None

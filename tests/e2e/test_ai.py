# SPDX-License-Identifier: Apache-2.0
"""The AI service as a process of the stack, asked through the api."""

from __future__ import annotations

import httpx

from scripts.stack import PROCESSES, Stack

PERSON = {"email": "asha@example.org", "password": "correct horse battery", "name": "Asha", "role": "both"}


async def test_stack__ai_service__answers_through_the_api_and_is_stale_once_it_is_away(folder):
    async with Stack(folder, ("api", "ai")) as stack:
        await stack.wait_ready("ai")
        async with httpx.AsyncClient(base_url=stack.api_url, timeout=10) as http:
            entered = (await http.post("/api/auth/register", json=PERSON)).json()["data"]
            http.headers["Authorization"] = f"Bearer {entered['accessToken']}"
            fresh = await http.post("/api/ai/price", json={"demandKwh": "4.5"})
            key = (await http.post("/api/api-keys", json={"name": "k", "scopes": ["read"]})).json()["data"]["key"]
            by_key = await http.post(
                "/api/ai/price", json={"demandKwh": "1"}, headers={"Authorization": f"Bearer {key}"}
            )
            stack.kill("ai")
            stale = await http.post("/api/ai/price", json={"demandKwh": "4.5"})

    assert "ai" in PROCESSES
    assert (fresh.json()["data"]["price"], fresh.json()["data"]["stale"]) == ("5.50", False)
    assert by_key.json()["data"]["price"] == "4.50"
    assert (stale.json()["data"]["price"], stale.json()["data"]["stale"]) == ("5.50", True)

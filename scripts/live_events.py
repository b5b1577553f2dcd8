# SPDX-License-Identifier: Apache-2.0
"""Follows /api/events as a program does: resumes after a drop by the last id, fetches a ticket when signed in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

PATIENCE_S = 45.0  # two signs of life are 20 s apart
_LONGEST_PAUSE_S = 10.0


class Refused(Exception):
    """The server will not serve this; `said` is its last message."""

    def __init__(self, said: dict[str, Any]) -> None:
        super().__init__(f"{said.get('code')}: {said.get('message')}")
        self.said = said


async def follow(
    api_url: str, topics: str, *, since: str | None = None, token: str | None = None
) -> AsyncIterator[dict[str, Any]]:
    """Every message of these topics, each event once, for as long as it is asked.

    `token` is an access token or API key. Raises Refused when trying again would not help.
    """
    pause_s = 0.0
    while True:
        await asyncio.sleep(pause_s)
        pause_s = min(_LONGEST_PAUSE_S, pause_s * 2 or 0.2)
        try:
            address = await _address(api_url, topics, since=since, token=token)
            async with connect(address, max_size=1 << 24) as socket:
                said: dict[str, Any] = {}
                try:
                    while True:
                        said = json.loads(await asyncio.wait_for(socket.recv(), PATIENCE_S))
                        since = said.get("id", since)
                        pause_s = 0.0 if said["type"] == "event" else pause_s
                        yield said
                except ConnectionClosed:
                    if said.get("type") == "refused" and _is_final(socket.close_code, signed_in=token is not None):
                        raise Refused(said) from None
        except (OSError, TimeoutError, InvalidHandshake, httpx.TransportError):
            continue


async def _address(api_url: str, topics: str, *, since: str | None, token: str | None) -> str:
    query = {"topics": topics}
    if since is not None:
        query["since"] = since
    if token is not None:
        async with httpx.AsyncClient(base_url=api_url, timeout=10) as client:
            answer = await client.post("/api/events/ticket", headers={"Authorization": f"Bearer {token}"})
        if answer.status_code in (401, 403):
            raise Refused(answer.json()["error"])
        if answer.status_code != 201:
            raise httpx.TransportError(answer.text[:200])
        query["ticket"] = answer.json()["data"]["ticket"]
    return f"{api_url.replace('http', 'ws', 1)}/api/events?{urlencode(query)}"


def _is_final(close_code: int | None, *, signed_in: bool) -> bool:
    """Whether the same question would be refused again; another ticket may be all that is needed."""
    return close_code in (4403, 4422) or (close_code == 4401 and not signed_in)

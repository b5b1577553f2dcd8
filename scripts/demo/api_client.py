# SPDX-License-Identifier: Apache-2.0
"""What a program does over HTTP: sign in with its wallet, then call the API; the envelope is taken off."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import httpx

from scripts.demo.chain_client import Wallet

TIMEOUT_S = 60.0
RETRIES = 10
LONGEST_WAIT_S = 5


class ApiRefused(Exception):
    """The API refused; `status` and `code` say what, the message is for people."""

    def __init__(self, status: int, code: str, message: str, details: Mapping[str, Any]) -> None:
        super().__init__(f"{message} ({status} {code}{f' {dict(details)}' if details else ''})")
        self.status, self.code, self.details = status, code, details


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer: its status, its data, and how many items the whole list has."""

    status: int
    data: Any
    total: int | None = None


class Api:
    """One person's session; cookies and `token` are its own, connections are shared through `transport`."""

    def __init__(self, base_url: str, transport: httpx.AsyncBaseTransport) -> None:
        self._base_url = base_url
        self._http = httpx.AsyncClient(base_url=base_url, transport=_Shared(transport), timeout=TIMEOUT_S)
        self.user_id = ""
        self.token = ""

    async def __aenter__(self) -> Api:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the session's client; the shared connections stay."""
        await self._http.aclose()

    async def sign_in(self, wallet: Wallet, *, chain_id: int) -> None:
        """Sign-In with Ethereum (EIP-4361); a wallet's first sign-in makes its user."""
        nonce = (await self.get("/api/auth/siwe/nonce")).data["nonce"]
        message = siwe_message(self._base_url, wallet.address, chain_id=chain_id, nonce=nonce, now=datetime.now(UTC))
        body = {"message": message, "signature": wallet.sign_message(message)}
        self._enter((await self.post("/api/auth/siwe/verify", body)).data)

    async def sign_in_with_password(self, email: str, password: str) -> None:
        """Sign in with e-mail and password."""
        self._enter((await self.post("/api/auth/login", {"email": email, "password": password})).data)

    def _enter(self, tokens: Mapping[str, Any]) -> None:
        self.token = tokens["accessToken"]
        self._http.headers["Authorization"] = f"Bearer {self.token}"
        self.user_id = tokens["user"]["id"]

    def act_for(self, organization: str) -> None:
        """Name the organisation that this person acts in."""
        self._http.headers["X-Org-Id"] = organization

    async def get(self, path: str, **query: Any) -> Answer:
        """GET; raises ApiRefused."""
        return await self._ask("GET", path, params=query)

    async def post(self, path: str, body: Any = None) -> Answer:
        """POST JSON; raises ApiRefused."""
        return await self._ask("POST", path, json=body)

    async def put(self, path: str, body: Any) -> Answer:
        """PUT JSON; raises ApiRefused."""
        return await self._ask("PUT", path, json=body)

    async def upload(self, path: str, content: str, content_type: str) -> Answer:
        """POST a file; raises ApiRefused."""
        return await self._ask("POST", path, content=content.encode(), headers={"Content-Type": content_type})

    async def _ask(self, method: str, path: str, **request: Any) -> Answer:
        """Send and take the envelope off; told to come back later (429, 503 with Retry-After), come back."""
        for _ in range(RETRIES):
            response = await self._http.request(method, path, **request)
            wait_s = response.headers.get("Retry-After", "")
            if response.status_code not in (429, 503) or not wait_s.isdecimal():
                break
            await asyncio.sleep(min(int(wait_s), LONGEST_WAIT_S))
        return _answer(response)

    async def all_pages(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """Every item of a list."""
        items: list[dict[str, Any]] = []
        page = 1
        while True:
            answer = await self.get(path, **query, page=page, limit=100)
            items += answer.data
            if not answer.data or len(items) >= (answer.total or 0):
                return items
            page += 1


class _Shared(httpx.AsyncBaseTransport):
    """Lends a transport to a client, which may be closed without closing the transport."""

    def __init__(self, lent: httpx.AsyncBaseTransport) -> None:
        self._lent = lent

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._lent.handle_async_request(request)


def siwe_message(url: str, address: str, *, chain_id: int, nonce: str, now: datetime) -> str:
    """The EIP-4361 text for signing in at `url`."""
    domain = url.partition("://")[2]
    issued = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return (
        f"{domain} wants you to sign in with your Ethereum account:\n{address}\n\nSign in to GridX.\n\n"
        f"URI: {url}\nVersion: 1\nChain ID: {chain_id}\nNonce: {nonce}\nIssued At: {issued}"
    )


def _answer(response: httpx.Response) -> Answer:
    try:
        content = response.json() if response.content else {}
    except ValueError:
        content = {}
    if response.is_success:
        pagination = (content.get("meta") or {}).get("pagination") or {}
        return Answer(response.status_code, content.get("data"), pagination.get("total"))
    error = content.get("error") or {}
    raise ApiRefused(
        response.status_code,
        error.get("code", "http"),
        error.get("message", response.reason_phrase),
        error.get("details") or {},
    )

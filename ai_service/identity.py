# SPDX-License-Identifier: Apache-2.0
"""Who asks: access tokens by the backend's public key set, API keys by its introspection, each remembered a while.

While the backend is away, keys and tokens that are remembered still hold; others answer 503, never 401.
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic, time
from typing import Annotated, Any

import httpx
import jwt
import orjson
from fastapi import Depends, Request
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from ai_service.errors import Forbidden, Unauthenticated, Unavailable

ALGORITHM = "EdDSA"
AUDIENCE = "gridx"
API_KEY_PREFIX = "gxk_"
SCHEME = "Credential"
KEY_SET_S = 300.0
KEY_SET_STALE_S = 86_400.0
KEY_SET_PAUSE_S = 5.0  # between looks for a key that is not known
INTROSPECTION_S = 60.0
REMEMBERED = 10_000
READING = frozenset({"read", "write", "ai:read", "ai:write"})  # nothing here changes anything
_PASSED_ON = ("authorization", "x-api-key", "x-org-id")
_REQUIRED = ["iss", "aud", "sub", "iat", "exp", "sid", "jti"]


class TokenInvalid(Unauthenticated):
    """The access token does not hold."""

    code = "auth.token_invalid"
    title = "The access token does not hold; sign in again"


class TokenExpired(Unauthenticated):
    """The access token is over."""

    code = "auth.token_expired"
    title = "The access token has expired; refresh it"


class ApiKeyInvalid(Unauthenticated):
    """The API key is unknown, revoked, expired or used from elsewhere."""

    code = "auth.api_key_invalid"
    title = "The API key does not hold"


class ScopeMissing(Forbidden):
    """The API key does not allow this."""

    code = "auth.scope_missing"
    title = "The API key does not allow this"


class AccountsAway(Unavailable):
    """The backend, which knows users and keys, does not answer."""

    code = "auth.unavailable"
    title = "The accounts cannot be asked at the moment; try again"


@dataclass(frozen=True, slots=True)
class Asker:
    """A caller's own headers, passed on where the backend is asked what they may see."""

    headers: Mapping[str, str]

    @property
    def mark(self) -> str:
        """Names the asker without keeping the credential."""
        return hashlib.sha256(orjson.dumps(dict(self.headers), option=orjson.OPT_SORT_KEYS)).hexdigest()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks; `scopes` only of API keys."""

    user_id: str
    org_id: str | None = None
    scopes: frozenset[str] | None = None


class Identities:
    """Asks the backend who a credential stands for."""

    def __init__(self, http: httpx.AsyncClient, *, issuer: str, service_key: str | None) -> None:
        self._http = http
        self._issuer = issuer
        self._service_key = service_key
        self._keys: dict[str, jwt.PyJWK] = {}
        self._read_at = -KEY_SET_STALE_S
        self._tried_at = -KEY_SET_STALE_S
        self._reading = asyncio.Lock()
        self._verified: dict[str, tuple[float, Caller]] = {}  # token: when it ends
        self._known: dict[str, tuple[float, Caller | None]] = {}

    async def of_token(self, token: str) -> Caller:
        """Whom an access token stands for; raises TokenExpired, TokenInvalid, AccountsAway."""
        held = self._verified.get(token)
        if held is not None and held[0] > time() and monotonic() - self._read_at <= KEY_SET_S:
            return held[1]
        try:
            key_id = str(jwt.get_unverified_header(token).get("kid"))
        except jwt.InvalidTokenError as error:
            raise TokenInvalid from error
        key = await self._key(key_id)
        try:
            said: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=self._issuer,
                options={"require": _REQUIRED},
            )
        except jwt.ExpiredSignatureError as error:
            raise TokenExpired from error
        except (jwt.InvalidTokenError, ValueError, TypeError) as error:
            raise TokenInvalid from error
        caller = Caller(user_id=str(said["sub"]))
        if len(self._verified) >= REMEMBERED:
            self._verified.clear()
        self._verified[token] = (float(said["exp"]), caller)
        return caller

    async def of_api_key(self, key: str, *, client_ip: str) -> Caller:
        """Whom an API key stands for; raises ApiKeyInvalid, AccountsAway. An answer counts for 60 s."""
        mark = hashlib.sha256(f"{client_ip} {key}".encode()).hexdigest()
        known = self._known.get(mark)
        if known is None or monotonic() - known[0] > INTROSPECTION_S:
            known = (monotonic(), await self._introspect(key, client_ip))
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[mark] = known
        if known[1] is None:
            raise ApiKeyInvalid
        return known[1]

    async def _key(self, key_id: str) -> jwt.PyJWK:
        if key_id not in self._keys or monotonic() - self._read_at > KEY_SET_S:
            async with self._reading:
                if monotonic() - self._tried_at > KEY_SET_PAUSE_S:
                    await self._read_keys()
        if monotonic() - self._read_at > KEY_SET_STALE_S:
            raise AccountsAway(asked="key set")
        if key_id not in self._keys:
            raise TokenInvalid
        return self._keys[key_id]

    async def _read_keys(self) -> None:
        self._tried_at = monotonic()
        try:
            answer = await self._http.get("/.well-known/jwks.json")
            answer.raise_for_status()
            found = [jwt.PyJWK(one, algorithm=ALGORITHM) for one in answer.json()["keys"]]
        except (httpx.HTTPError, jwt.PyJWTError, ValueError, KeyError, TypeError):
            return  # the keys at hand go on for a day
        self._verified.clear()  # a key that was withdrawn signs no longer
        self._keys = {str(one.key_id): one for one in found}
        self._read_at = monotonic()

    async def _introspect(self, key: str, client_ip: str) -> Caller | None:
        if self._service_key is None:
            raise AccountsAway(
                "This service has no key of its own to ask about API keys", setting="GRIDX_AI_SERVICE_KEY"
            )
        try:
            answer = await self._http.post(
                "/api/api-keys/introspection",
                json={"key": key, "clientIp": client_ip},
                headers={"Authorization": f"Bearer {self._service_key}"},
            )
            answer.raise_for_status()
            said = answer.json()["data"]
            if not said["active"]:
                return None
            return Caller(str(said["userId"]), said.get("orgId"), frozenset(said["scopes"]))
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise AccountsAway(asked="API key") from error


class _MustBeSignedIn(SecurityBase):
    """The caller of a request; raises Unauthenticated, ScopeMissing, TooMany and what `Identities` raises."""

    scheme_name = SCHEME

    def __init__(self) -> None:
        self.model = HTTPBearer(description="Access token (JWT) or API key")

    async def __call__(self, request: Request) -> Caller:
        identities: Identities = request.app.state.identities
        limiter = request.app.state.limiter
        kind, _, value = request.headers.get("authorization", "").partition(" ")
        credential = value.strip() if kind.lower() == "bearer" else request.headers.get("x-api-key", "")
        ip = client_ip(request)
        try:
            if not credential:
                raise Unauthenticated
            if credential.startswith(API_KEY_PREFIX):
                caller = await identities.of_api_key(credential, client_ip=ip)
            else:
                caller = await identities.of_token(credential)
        except Unauthenticated:
            await limiter.hit("anonymous", counted_as(ip))
            raise
        if caller.scopes is not None and not READING & caller.scopes:
            raise ScopeMissing(needed=sorted(READING))
        await limiter.hit("user", caller.user_id)
        return caller


def client_ip(request: Request) -> str:
    """The client's address; X-Forwarded-For counts only from configured proxies, nearest untrusted hop wins."""
    peer = request.client.host if request.client else "unknown"
    trusted: frozenset[str] = request.app.state.trusted_proxies
    hops = [hop.strip() for hop in request.headers.get("x-forwarded-for", "").split(",") if hop.strip()]
    while peer in trusted and hops:
        peer = hops.pop()
    return peer


def counted_as(ip: str) -> str:
    """Whom a limit counts an address as: of IPv6 the /64, which is one customer's."""
    if ":" not in ip or "." in ip:  # IPv4, also written as IPv6
        return ip
    try:
        return str(ipaddress.ip_network((int(ipaddress.IPv6Address(ip)), 64), strict=False))
    except ValueError:
        return ip


def asker_of(request: Request) -> Asker:
    """What of a request is passed on where the backend is asked what the caller may see."""
    headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
    return Asker(headers | {"x-forwarded-for": client_ip(request)})


SignedIn = Annotated[Caller, Depends(_MustBeSignedIn())]
SIGNED_IN = (Unauthenticated, TokenInvalid, TokenExpired, ApiKeyInvalid, ScopeMissing, AccountsAway)

# SPDX-License-Identifier: Apache-2.0
"""Access tokens (JWT, EdDSA only), the public key set, and random secrets with their hashes. No database, no clock."""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from backend.accounts.errors import TokenExpired, TokenInvalid

ALGORITHM = "EdDSA"
AUDIENCE = "gridx"
MAX_LIFETIME = timedelta(hours=1)
API_KEY_PREFIX = "gxk_"
_REQUIRED = ["iss", "aud", "sub", "iat", "exp", "sid", "jti"]

_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Claims:
    """What an access token says."""

    user_id: UUID
    session_id: UUID
    expires_at: datetime


class TokenSigner:
    """Signs and checks access tokens with one Ed25519 key; the algorithm is pinned, never read from the token."""

    def __init__(self, seed: bytes, *, issuer: str, lifetime: timedelta) -> None:
        if lifetime > MAX_LIFETIME:
            raise ValueError("an access token lives at most one hour")
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._public = self._key.public_key()
        self._issuer = issuer
        self._lifetime = lifetime
        self._verified: dict[str, Claims] = {}
        raw = self._public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        self._x = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
        thumbprint = hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{self._x}"}}'.encode()).digest()
        self.key_id = base64.urlsafe_b64encode(thumbprint).rstrip(b"=").decode()  # RFC 7638

    def jwks(self) -> dict[str, Any]:
        """The public key set (RFC 7517) by which other services check our tokens."""
        key = {"kty": "OKP", "crv": "Ed25519", "x": self._x, "kid": self.key_id, "use": "sig", "alg": ALGORITHM}
        return {"keys": [key]}

    def issue(self, *, user_id: UUID, session_id: UUID, now: datetime) -> tuple[str, datetime]:
        """A token for one user and session, and when it expires."""
        expires_at = now + self._lifetime
        claims = {
            "iss": self._issuer,
            "aud": AUDIENCE,
            "sub": str(user_id),
            "sid": str(session_id),
            "jti": secrets.token_hex(8),
            "iat": int(now.timestamp()),
            "exp": int(expires_at.timestamp()),
        }
        return jwt.encode(claims, self._key, algorithm=ALGORITHM, headers={"kid": self.key_id}), expires_at

    def verify(self, token: str, *, now: datetime) -> Claims:
        """What `token` says; raises TokenExpired or TokenInvalid.

        A signature that held is remembered by the whole token, so that it is checked once; the time is checked always.
        """
        said = self._verified.get(token)
        if said is None:
            said = self._read(token)
            if len(self._verified) >= _REMEMBERED:
                self._verified.clear()
            self._verified[token] = said
        if said.expires_at <= now:
            raise TokenExpired(expired_at=said.expires_at.isoformat())
        return said

    def _read(self, token: str) -> Claims:
        try:
            claims = jwt.decode(
                token,
                self._public,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=self._issuer,
                options={"require": _REQUIRED, "verify_exp": False, "verify_iat": False},
            )
            return Claims(UUID(claims["sub"]), UUID(claims["sid"]), datetime.fromtimestamp(int(claims["exp"]), UTC))
        except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError, AttributeError) as error:
            raise TokenInvalid from error


def new_secret() -> str:
    """256 random bits as URL-safe text."""
    return secrets.token_urlsafe(32)


def new_api_key() -> str:
    """A new API key; its prefix tells scanners and people what it is."""
    return API_KEY_PREFIX + new_secret()


def new_siwe_nonce() -> str:
    """128 random bits as letters and digits, as EIP-4361 wants."""
    return secrets.token_hex(16)


def hash_secret(secret: str) -> bytes:
    """SHA-256 of a random secret: enough, because 256 random bits cannot be guessed."""
    return hashlib.sha256(secret.encode()).digest()


def csrf_of(refresh_token: str) -> str:
    """The value that a page must send as X-CSRF-Token beside its refresh cookie; tells nothing about the cookie."""
    return hmac.new(refresh_token.encode(), b"gridx csrf", hashlib.sha256).hexdigest()


def same(given: str, expected: str) -> bool:
    """Equality in constant time."""
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())

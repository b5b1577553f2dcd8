# SPDX-License-Identifier: Apache-2.0
"""How this installation signs people in: plain values made once from the settings."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from backend.accounts.tokens import TokenSigner, hash_secret

NONCE_LIFETIME = timedelta(minutes=5)
REPLACEMENT_HOLD = timedelta(hours=24)
_KEY_MEMORY = timedelta(minutes=1)
_MAX_RECENT_KEYS = 10_000


class RecentKeys:
    """Owners of API keys that held within the last minute; used for counting requests only, never for access."""

    def __init__(self) -> None:
        self._owners: dict[bytes, tuple[UUID, datetime]] = {}

    def remember(self, key: str, owner: UUID, now: datetime) -> None:
        """Note that `key` held."""
        if len(self._owners) >= _MAX_RECENT_KEYS:
            self._owners.clear()
        self._owners[hash_secret(key)] = (owner, now + _KEY_MEMORY)

    def owner_of(self, key: str, now: datetime) -> UUID | None:
        """Whose `key` it was, if it held within the last minute."""
        owner, until = self._owners.get(hash_secret(key), (None, now))
        return owner if now < until else None


@dataclass(frozen=True, slots=True)
class Accounts:
    """`origins` are the sites (scheme://host[:port]) whose sign-in messages we accept; `chain_id` is EIP-155's."""

    signer: TokenSigner
    refresh_lifetime: timedelta
    origins: tuple[str, ...]
    chain_id: int
    secure_cookies: bool
    recent_keys: RecentKeys = field(default_factory=RecentKeys, compare=False)

    def link_domain(self) -> dict[str, Any]:
        """The EIP-712 domain of messages that are signed for GridX but not for its contract."""
        return {"name": "GridX", "version": "1", "chainId": self.chain_id}


def make_accounts(
    *,
    signing_seed: bytes,
    public_url: str,
    other_origins: tuple[str, ...],
    chain_id: int,
    access_lifetime: timedelta,
    refresh_lifetime: timedelta,
) -> Accounts:
    """From the settings: the site's own origin and the allowed others (`cors_origins`) may ask for signatures.

    127.0.0.1 and localhost are the same site.
    """
    named = [origin.rstrip("/") for origin in (public_url, *other_origins) if origin != "*"]
    loopback = [origin.replace("://127.0.0.1", "://localhost") for origin in named]
    origins = tuple(dict.fromkeys([*named, *loopback]))
    return Accounts(
        signer=TokenSigner(signing_seed, issuer=origins[0], lifetime=access_lifetime),
        refresh_lifetime=refresh_lifetime,
        origins=origins,
        chain_id=chain_id,
        secure_cookies=origins[0].startswith("https://"),
    )

# SPDX-License-Identifier: Apache-2.0
"""Tickets: a browser cannot send its access token with a WebSocket, so it fetches a random word that works once.

Redis keeps only the word's hash, for 30 seconds, so that any instance can take it.
"""

from dataclasses import dataclass
from uuid import UUID

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from backend.accounts.tokens import hash_secret, new_secret
from backend.accounts.types import Principal
from backend.live.errors import TicketInvalid, TicketsAway

LIFETIME_S = 30
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class Ticket:
    """Whose connection it opens. `only_org` narrows the rights of an API key that is bound to one organisation."""

    user_id: UUID
    session_id: UUID | None
    is_key: bool = False
    only_org: UUID | None = None


class Tickets:
    """Hands out tickets and takes them back, once."""

    def __init__(self, redis: "Redis[bytes]") -> None:
        self._redis = redis

    async def issue(self, principal: Principal) -> str:
        """A ticket for the signed-in user. Raises TicketsAway."""
        word = new_secret()
        held = {
            "user": str(principal.user_id),
            "session": _text(principal.session_id),
            "key": principal.api_key_id is not None,
            "org": _text(principal.bound_org),
        }
        try:
            await self._redis.set(_place(word), orjson.dumps(held), ex=LIFETIME_S)
        except (RedisError, OSError) as error:
            raise TicketsAway from error
        return word

    async def redeem(self, word: str) -> Ticket:
        """Whose ticket it is; it never works again. Raises TicketInvalid, TicketsAway."""
        if len(word) > _LONGEST:
            raise TicketInvalid
        try:
            held = await self._redis.getdel(_place(word))
        except (RedisError, OSError) as error:
            raise TicketsAway from error
        if held is None:
            raise TicketInvalid
        said = orjson.loads(held)
        return Ticket(UUID(said["user"]), _id(said["session"]), said["key"], _id(said["org"]))


def _place(word: str) -> str:
    return "gridx:ticket:" + hash_secret(word).hex()


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)


def _id(value: str | None) -> UUID | None:
    return None if value is None else UUID(value)

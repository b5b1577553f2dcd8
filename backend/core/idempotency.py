# SPDX-License-Identifier: Apache-2.0
"""`Idempotency-Key` on POSTs of signed-in users: the same request twice has one effect and one answer.

The answer is kept for 24 h under (user, route, key), without secrets: sign-in, API keys and tickets are left out.
While the first request runs a second one is told to wait; the same key with another body, other parameters or another
acting organisation is refused. A crash between effect and stored answer is covered by the natural keys of the effects
themselves, which hold for ever.
"""

from collections.abc import Awaitable, Callable
from hashlib import sha256

import orjson
from fastapi import Request, Response
from sqlalchemy import text

from backend.core.db import Database
from backend.core.errors import Invalid, StillRunning

HEADER = "idempotency-key"
_LONGEST_KEY = 200
_SECRET = ("/api/auth/", "/api/api-keys", "/api/events/ticket")
_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:scope, 7))")
_FIND = text(
    "SELECT body_hash, status, answer FROM idempotency_keys WHERE user_id = CAST(:user AS uuid) "
    "AND route = :route AND key = :key AND created_at > now() - interval '24 hours'"
)
_STORE = text(
    "INSERT INTO idempotency_keys (user_id, route, key, body_hash, status, answer) "
    "VALUES (CAST(:user AS uuid), :route, :key, :body_hash, :status, CAST(:answer AS jsonb)) "
    "ON CONFLICT (user_id, route, key) DO UPDATE SET body_hash = excluded.body_hash, status = excluded.status, "
    "answer = excluded.answer, created_at = now()"
)

Handler = Callable[[Request], Awaitable[Response]]


class KeyReused(Invalid):
    """The key came with another body, other parameters or another acting organisation before."""

    code = "idempotency.key_reused"
    title = "This Idempotency-Key was used for another request; choose a new one"


class KeyInvalid(Invalid):
    """The key is empty or too long."""

    code = "idempotency.key_invalid"
    title = "An Idempotency-Key has 1 to 200 characters"


def applies(request: Request) -> bool:
    """Whether `request` is one that carries a key and may be replayed."""
    return (
        request.method == "POST"
        and HEADER in request.headers
        and getattr(request.state, "user", None) is not None
        and not request.url.path.startswith(_SECRET)
    )


async def once(request: Request, handle: Handler) -> Response:
    """Run `handle` at most once for this user, route and key; a repetition gets the stored answer.

    A stored answer is only for a credential that still holds: `app.state.require_user` raises the refusal.
    """
    key = request.headers[HEADER]
    if not 1 <= len(key) <= _LONGEST_KEY:
        raise KeyInvalid(length=len(key))
    scope = {"user": str(request.state.user), "route": request.url.path, "key": key}
    body_hash = await _hash_of(request)
    db: Database = request.app.state.service_db
    async with db.holding, db.begin() as session:
        if not await session.scalar(_LOCK, {"scope": "\n".join(scope.values())}):
            raise StillRunning
        found = (await session.execute(_FIND, scope)).one_or_none()
        if found is not None:
            if found.body_hash != body_hash:
                raise KeyReused
            await request.app.state.require_user(request)
            headers = {"Idempotency-Replayed": "true"}
            return Response(orjson.dumps(found.answer), found.status, headers, media_type="application/json")
        response = await handle(request)
        if response.media_type == "application/json" and response.status_code < 500:
            values = {**scope, "body_hash": body_hash, "status": response.status_code}
            await session.execute(_STORE, {**values, "answer": bytes(response.body).decode()})
        return response


async def _hash_of(request: Request) -> bytes:
    """Covers all that says what is asked for, beside user and path."""
    acting = request.headers.get("x-org-id", "")
    return sha256(f"{request.url.query}\n{acting}\n".encode() + await request.body()).digest()

# SPDX-License-Identifier: Apache-2.0
"""Reads who a request comes from, per request, in few queries: requests that arrive together share one."""

import asyncio
from dataclasses import dataclass
from uuid import UUID

from backend.accounts.types import MembershipOf, Principal
from backend.core.db import Database

MAX_BATCH = 500

# One row per asked (user, session): unknown, deleted, and ended sessions give none.
_READ = """
SELECT q.n, u.id, u.role, u.is_super_admin,
       ARRAY(SELECT m.org_id FROM memberships AS m WHERE m.user_id = u.id ORDER BY m.org_id) AS orgs,
       ARRAY(SELECT m.role FROM memberships AS m WHERE m.user_id = u.id ORDER BY m.org_id) AS roles
FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS q (user_id, session_id, n)
JOIN users AS u ON u.id = q.user_id AND u.deleted_at IS NULL
WHERE NOT EXISTS (
    SELECT FROM refresh_tokens AS t WHERE t.family_id = q.session_id AND t.revoked_at IS NOT NULL)
"""


@dataclass(frozen=True, slots=True)
class _Question:
    user_id: UUID
    session_id: UUID | None
    answer: asyncio.Future[Principal | None]


class PrincipalReader:
    """Answers `read` from the database as it is after the call was made; nothing is kept between queries.

    Reads as gridx_service, because who is asking is exactly what is not known yet.
    """

    def __init__(self, service_db: Database) -> None:
        self._db = service_db
        self._waiting: list[_Question] = []
        self._task: asyncio.Task[None] | None = None

    async def read(self, user_id: UUID, session_id: UUID | None = None) -> Principal | None:
        """The user with roles as of now; None if unknown or deleted, or if the session was ended."""
        question = _Question(user_id, session_id, asyncio.get_running_loop().create_future())
        self._waiting.append(question)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._answer_all())
        return await question.answer

    async def _answer_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
            try:
                found = await self._query(batch)
            except Exception as error:  # every asker gets the database's refusal
                for question in batch:
                    if not question.answer.done():
                        question.answer.set_exception(error)
                continue
            for place, question in enumerate(batch):
                if not question.answer.done():
                    question.answer.set_result(found.get(place))

    async def _query(self, batch: list[_Question]) -> dict[int, Principal]:
        rows = await self._db.read(
            _READ, [question.user_id for question in batch], [question.session_id for question in batch]
        )
        return {
            row["n"] - 1: Principal(
                user_id=row["id"],
                role=row["role"],
                is_super_admin=row["is_super_admin"],
                memberships=tuple(MembershipOf(*pair) for pair in zip(row["orgs"], row["roles"], strict=True)),
                session_id=batch[row["n"] - 1].session_id,
            )
            for row in rows
        }

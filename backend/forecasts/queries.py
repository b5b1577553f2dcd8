# SPDX-License-Identifier: Apache-2.0
"""SQL of forecasts: last good answers by user and question. Works inside the caller's transaction."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

KEPT = 200  # answers of one user

_STORE = text("""
INSERT INTO forecast_answers (user_id, question, route, answer, answered_at)
VALUES (:user, :question, :route, :answer, :now)
ON CONFLICT (user_id, question) DO UPDATE SET answer = excluded.answer, answered_at = excluded.answered_at
WHERE forecast_answers.answered_at < excluded.answered_at
""")
_FORGET = text("""
DELETE FROM forecast_answers WHERE user_id = :user AND question IN (
    SELECT question FROM forecast_answers WHERE user_id = :user ORDER BY answered_at DESC OFFSET :kept)
""")
_FIND = text("SELECT answer, answered_at FROM forecast_answers WHERE user_id = :user AND question = :question")


async def store(
    session: AsyncSession, *, user_id: UUID, question: bytes, route: str, answer: bytes, now: datetime
) -> None:
    """Keep an answer unless a newer one is there; the user's oldest beyond KEPT go."""
    values = {"user": user_id, "question": question, "route": route, "answer": answer, "now": now}
    await session.execute(_STORE, values)
    await session.execute(_FORGET, {"user": user_id, "kept": KEPT})


async def forget_all(session: AsyncSession, *, user_id: UUID) -> None:
    """Delete every answer that was kept for a user."""
    await session.execute(text("DELETE FROM forecast_answers WHERE user_id = :user"), {"user": user_id})


async def find(session: AsyncSession, *, user_id: UUID, question: bytes) -> tuple[bytes, datetime] | None:
    """The kept answer and its time."""
    row = (await session.execute(_FIND, {"user": user_id, "question": question})).one_or_none()
    return None if row is None else (bytes(row.answer), row.answered_at)

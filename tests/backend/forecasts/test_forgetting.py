# SPDX-License-Identifier: Apache-2.0
"""What was answered to a deleted user is forgotten."""

import orjson
from sqlalchemy import text

from backend.core.ids import uuid7
from backend.forecasts.tasks import on_user_deleted

_USER = "INSERT INTO users (id, name, created_at) VALUES (:user, 'Asha', now())"
_ANSWER = """
INSERT INTO forecast_answers (user_id, question, route, answer, answered_at)
VALUES (:user, decode(repeat('00', 32), 'hex'), 'price', '{}', now())
"""


async def test_forget_user__with_answers__keeps_those_of_others(service_db):
    gone, kept = uuid7(), uuid7()
    async with service_db.begin() as session:
        for statement in (_USER, _ANSWER):
            await session.execute(text(statement), [{"user": gone}, {"user": kept}])

    await on_user_deleted(service_db, orjson.dumps({"audience": str(gone)}).decode())

    async with service_db.begin() as session:
        left = (await session.execute(text("SELECT user_id FROM forecast_answers"))).scalars().all()
    assert left == [kept]

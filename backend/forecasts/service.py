# SPDX-License-Identifier: Apache-2.0
"""The verb of forecasts: the AI service's answer, else the last good one with its age, else a refusal."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import orjson

from backend.core.db import Actor, Database
from backend.forecasts import queries
from backend.forecasts.client import AiClient, Away, Question
from backend.forecasts.errors import AiAway

STORED_EVERY = timedelta(minutes=1)
LARGEST = 1 << 20
REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Answer:
    """Data of an answer as JSON, when the AI service gave it, and whether it is an earlier one."""

    data: bytes
    answered_at: datetime
    stale: bool

    def marked(self, now: datetime) -> bytes:
        """The data with `stale`, `ageSeconds` and `answeredAt` in front."""
        age_s = max(0, int((now - self.answered_at).total_seconds()))
        at = self.answered_at.isoformat().replace("+00:00", "Z")
        marks = orjson.dumps({"stale": self.stale, "ageSeconds": age_s, "answeredAt": at})
        return marks[:-1] + b"," + self.data[1:] if self.data != b"{}" else marks


class Forecasts:
    """The client with what this process has stored lately, so that a question asked often is not written often."""

    def __init__(self, client: AiClient) -> None:
        self.client = client
        self._stored: dict[tuple[UUID, bytes], datetime] = {}

    async def ask(
        self,
        db: Database,
        question: Question,
        *,
        user_id: UUID,
        standing: str,
        headers: Mapping[str, str],
        now: datetime,
    ) -> Answer:
        """Raises PassedOn for the AI service's own refusals, AiAway when it is away and nothing was kept.

        `standing` says with what rights the user asks: an answer is kept for these rights alone.
        """
        key = digest(question, standing)
        actor = Actor(user_id=user_id)
        try:
            found = await self.client.ask(question, headers)
        except Away:
            async with db.begin(actor) as session:
                kept = await queries.find(session, user_id=user_id, question=key)
            if kept is None:
                raise AiAway(retry_after_s=self.client.retry_after_s(question.route)) from None
            return Answer(kept[0], kept[1], stale=True)
        last = self._stored.get((user_id, key))
        if len(found) <= LARGEST and (last is None or now - last >= STORED_EVERY):
            async with db.begin(actor) as session:
                await queries.store(session, user_id=user_id, question=key, route=question.route, answer=found, now=now)
            if len(self._stored) >= REMEMBERED:
                self._stored.clear()
            self._stored[(user_id, key)] = now
        return Answer(found, now, stale=False)


def digest(question: Question, standing: str) -> bytes:
    """32 bytes that name a question asked with certain rights, whatever the order of its parameters and fields."""
    try:
        body = None if question.body is None else orjson.dumps(orjson.loads(question.body), option=orjson.OPT_SORT_KEYS)
    except orjson.JSONDecodeError:
        body = question.body
    parts = [standing.encode(), question.route.encode(), orjson.dumps(sorted(question.params)), body or b""]
    return hashlib.sha256(b"\n".join(parts)).digest()

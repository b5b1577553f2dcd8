# SPDX-License-Identifier: Apache-2.0
"""How far the events of each topic have come, and the last of them: each number once and in its order. Pure."""

from collections import deque
from collections.abc import Mapping

from backend.live.types import LiveEvent

REMEMBERED = 1_000


class Memory:
    """`cursor` holds the last number of each topic."""

    def __init__(self, cursor: Mapping[str, int]) -> None:
        self.cursor = dict(cursor)
        self._recent: dict[str, deque[LiveEvent]] = {topic: deque(maxlen=REMEMBERED) for topic in cursor}

    def following(self, incoming: deque[LiveEvent], *, most: int) -> tuple[list[LiveEvent], bool]:
        """Take events that continue their topics, in order, and whether others are missing; what was seen is dropped.

        The cursor stays: `remember` moves it. An event behind a gap is dropped too, as it comes with what is missing.
        """
        batch: list[LiveEvent] = []
        is_missing = False
        reached = dict(self.cursor)
        while incoming and len(batch) < most:
            event = incoming.popleft()
            if event.sequence == reached[event.topic] + 1:
                reached[event.topic] = event.sequence
                batch.append(event)
            elif event.sequence > reached[event.topic]:
                is_missing = True
        return batch, is_missing

    def remember(self, event: LiveEvent) -> bool:
        """Move the cursor to `event`; False when events before it are gone for good."""
        is_next = event.sequence == self.cursor[event.topic] + 1
        if not is_next:
            self._recent[event.topic].clear()
        self._recent[event.topic].append(event)
        self.cursor[event.topic] = event.sequence
        return is_next

    def skip_to(self, cursor: Mapping[str, int]) -> None:
        """Move the cursor on to `cursor`; what lies between is gone for good."""
        for topic, number in cursor.items():
            if number > self.cursor[topic]:
                self._recent[topic].clear()
                self.cursor[topic] = number

    def missed(self, topic: str, seen: int) -> list[LiveEvent] | None:
        """Events of a topic behind the number `seen`; None when memory does not reach back so far."""
        recent = self._recent[topic]
        count = self.cursor[topic] - seen
        if count > len(recent):
            return None
        return [recent[place] for place in range(len(recent) - count, len(recent))]

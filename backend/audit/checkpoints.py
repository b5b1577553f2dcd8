# SPDX-License-Identifier: Apache-2.0
"""What an audit leaves behind for the next one: a prefix of history and of documents that must be found again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from backend.audit.differences import Code, Difference
from backend.audit.encoding import bytes_of, hex_of, keccak

EMPTY_DIGEST = bytes(32)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """History up to a final block, and the documents created up to `documents_until` (their hashes, chained)."""

    final_block: int
    final_hash: bytes
    count: int
    head: bytes
    documents_until: datetime
    documents_count: int
    documents_digest: bytes

    def to_json(self) -> dict[str, Any]:
        """As it stands in a report."""
        return {
            "finalBlock": self.final_block,
            "finalHash": hex_of(self.final_hash),
            "count": self.count,
            "head": hex_of(self.head),
            "documentsUntil": self.documents_until.isoformat(),
            "documentsCount": self.documents_count,
            "documentsDigest": hex_of(self.documents_digest),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Checkpoint:
        """From a report. Raises KeyError, ValueError."""
        return cls(
            int(value["finalBlock"]),
            bytes_of(value["finalHash"], 32),
            int(value["count"]),
            bytes_of(value["head"], 32),
            datetime.fromisoformat(value["documentsUntil"]),
            int(value["documentsCount"]),
            bytes_of(value["documentsDigest"], 32),
        )


class HistoryWatch:
    """Compares count and head with earlier checkpoints while the logs are folded."""

    def __init__(self, checkpoints: Iterable[Checkpoint]) -> None:
        self._due = sorted(checkpoints, key=lambda checkpoint: checkpoint.final_block)

    def reach(self, block: int, count: int, head: bytes) -> Iterator[Difference]:
        """Before the first log of `block`: what history was up to `block - 1` is known now."""
        while self._due and self._due[0].final_block < block:
            checkpoint = self._due.pop(0)
            subject = f"checkpoint at block {checkpoint.final_block}"
            if checkpoint.count != count:
                yield Difference(Code.CHECKPOINT_CONTRADICTED, subject, "count", checkpoint.count, count)
            elif checkpoint.head != head:
                yield Difference(Code.CHECKPOINT_CONTRADICTED, subject, "head", checkpoint.head, head)

    def finish(self, final_block: int) -> Iterator[Difference]:
        """After the last log: checkpoints beyond the chain's end mean that the chain was cut."""
        for checkpoint in self._due:
            note = "an earlier report saw a longer history"
            yield Difference(Code.HISTORY_TRUNCATED, "node", "finalBlock", checkpoint.final_block, final_block, note)
        self._due.clear()


async def documents_prefixes(
    rows: AsyncIterator[tuple[datetime, bytes]], moments: Sequence[datetime]
) -> dict[datetime, tuple[int, bytes]]:
    """For each moment, how many documents were created up to it and their chained digest.

    `rows` are (created_at, body_hash) in the order of creation.
    """
    pending = sorted(set(moments))
    found: dict[datetime, tuple[int, bytes]] = {}
    count, digest = 0, EMPTY_DIGEST
    async for created_at, body_hash in rows:
        while pending and pending[0] < created_at:
            found[pending.pop(0)] = (count, digest)
        count, digest = count + 1, keccak(digest + body_hash)
    for moment in pending:
        found[moment] = (count, digest)
    return found


def compare_documents(
    checkpoints: Iterable[Checkpoint], prefixes: dict[datetime, tuple[int, bytes]]
) -> Iterator[Difference]:
    """Checkpoints whose documents are not found again: some were removed, altered or slipped in."""
    for checkpoint in checkpoints:
        count, digest = prefixes[checkpoint.documents_until]
        subject = f"checkpoint at block {checkpoint.final_block}"
        if (count, digest) != (checkpoint.documents_count, checkpoint.documents_digest):
            yield Difference(
                Code.CHECKPOINT_CONTRADICTED, subject, "documents", checkpoint.documents_count, count,
                "documents that an earlier report saw are gone or changed",
            )  # fmt: skip

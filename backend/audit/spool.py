# SPDX-License-Identifier: Apache-2.0
"""A temporary file of logs in chain order: written once, read many times, so that memory does not grow with trades."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator
from types import TracebackType

from backend.audit.blocks import ChainLog

_HEAD = struct.Struct(">QIQ32s32sIIBI")


class Spool:
    """Logs on disk; the file vanishes when the spool is closed."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="gridx-audit-")  # noqa: SIM115 closed by __exit__
        self.count = 0

    def add(self, log: ChainLog) -> None:
        """Append one log."""
        head = _HEAD.pack(
            log.block_number, log.log_index, log.block_time, log.block_hash, log.tx_hash, log.tx_index, log.place,
            len(log.topics), len(log.data),
        )  # fmt: skip
        self._file.write(b"".join((head, *log.topics, log.data)))
        self.count += 1

    def __iter__(self) -> Iterator[ChainLog]:
        """All logs in the order in which they were added. One reader at a time."""
        self._file.seek(0)
        while head := self._file.read(_HEAD.size):
            number, index, time, block_hash, tx_hash, tx_index, place, topics, size = _HEAD.unpack(head)
            words = self._file.read(32 * topics)
            yield ChainLog(
                number, block_hash, time, tx_hash, tx_index, index,
                tuple(words[32 * at : 32 * at + 32] for at in range(topics)), self._file.read(size), place,
            )  # fmt: skip

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

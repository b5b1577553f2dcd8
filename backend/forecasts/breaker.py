# SPDX-License-Identifier: Apache-2.0
"""A circuit breaker. Pure: the time comes in as an argument."""

from dataclasses import dataclass


@dataclass
class Breaker:
    """Opens after `failures` in a row; `open_s` later one attempt may try, and its outcome decides."""

    failures: int = 5
    open_s: float = 10.0
    _failed: int = 0
    _opened_at: float | None = None
    _trying_since: float | None = None

    def may_try(self, now: float) -> bool:
        """Whether to ask at all. An attempt that never reports is forgotten after `open_s`."""
        if self._opened_at is None:
            return True
        if now - self._opened_at < self.open_s:
            return False
        if self._trying_since is not None and now - self._trying_since < self.open_s:
            return False
        self._trying_since = now
        return True

    def succeeded(self) -> None:
        """An attempt was answered."""
        self._failed, self._opened_at, self._trying_since = 0, None, None

    def failed(self, now: float) -> None:
        """An attempt was not answered."""
        self._failed += 1
        self._trying_since = None
        if self._failed >= self.failures:
            self._opened_at = now

    def retry_after_s(self, now: float) -> int:
        """Whole seconds after which asking makes sense; at least 1."""
        left = 0.0 if self._opened_at is None else self._opened_at + self.open_s - now
        return max(1, int(left + 0.999))
